//! What went wrong with a request: a word for programs, a sentence for people.

use std::fmt::Display;

use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::debug;

use crate::session::StoreError;

/// An answer that says why there is none.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: &'static str,
    message: String,
    #[serde(flatten)]
    values: Option<Box<Values>>,
}

/// What is wrong with the values that were given.
#[derive(Debug, Default, Serialize)]
struct Values {
    /// Which value is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong with each of several values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    problems: Map<String, Value>,
}

pub(super) type Answer<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, message: impl Display) -> Self {
        Self { status, error: word(status), message: message.to_string(), values: None }
    }

    pub(super) fn bad_request(message: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "This address is not one of Moonraker's trusted clients: log in with Moonraker's API key",
        )
    }

    pub(super) fn forbidden(message: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found(message: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn conflict(message: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn too_large(message: impl Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn unsupported(message: impl Display) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    pub(super) fn range() -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "The file has no such part")
    }

    pub(super) fn invalid(message: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn busy(message: impl Display) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    pub(super) fn failed(message: impl Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn unavailable(message: impl Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    pub(super) fn timeout(message: impl Display) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, message)
    }

    /// Names the value that is meant.
    pub(super) fn field(mut self, name: &str) -> Self {
        self.values.get_or_insert_default().field = Some(name.to_owned());
        self
    }

    /// With what is wrong with each of several values.
    pub(super) fn problems(mut self, problems: Map<String, Value>) -> Self {
        self.values.get_or_insert_default().problems = problems;
        self
    }
}

impl From<StoreError> for Problem {
    fn from(problem: StoreError) -> Self {
        match problem {
            StoreError::NoSession { id } => Self::not_found(format_args!("There is no session {id:?}")),
            StoreError::DiskFull { .. } => Self::conflict(problem),
            other => Self::failed(other),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        debug!(status = self.status.as_u16(), error = self.message, "refused");
        (self.status, Json(self)).into_response()
    }
}

fn word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported",
        StatusCode::RANGE_NOT_SATISFIABLE => "range",
        StatusCode::UNPROCESSABLE_ENTITY => "invalid",
        StatusCode::TOO_MANY_REQUESTS => "busy",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::GATEWAY_TIMEOUT => "timeout",
        status if status.is_server_error() => "failed",
        _ => "bad_request",
    }
}

/// Gives refusals that were not ours (no such path, no such method, a path that is not UTF-8) the same form.
pub(super) async fn in_our_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !(status.is_client_error() || status.is_server_error()) || ours {
        return response;
    }
    let sentence = match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::METHOD_NOT_ALLOWED => "This cannot be done here: another method is needed",
        _ => "The request is not understood",
    };
    let mut ours = Problem::new(status, sentence).into_response();
    // What is allowed instead, and which part of a file there would be.
    for name in [header::ALLOW, header::CONTENT_RANGE] {
        if let Some(value) = response.headers().get(&name) {
            ours.headers_mut().insert(name, value.clone());
        }
    }
    ours
}
