//! JSON that comes in.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::Problem;

/// No JSON is larger, bytes.
const LARGEST: usize = 256 << 10;

/// A body of JSON; an empty one is `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        let says_nothing = kind.is_empty();
        let bytes = Limited::new(request.into_body(), LARGEST).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::too_large(format_args!("The body is larger than {LARGEST} bytes"))
            } else {
                Problem::bad_request("The body did not come to its end")
            }
        })?;
        let bytes = bytes.to_bytes();
        let bytes: &[u8] = match (bytes.is_empty(), is_json) {
            (true, true) => b"{}",
            (true, false) if says_nothing => b"{}",
            (_, true) => &bytes,
            (_, false) => {
                return Err(Problem::unsupported("The body must be JSON, with Content-Type: application/json"));
            }
        };
        serde_json::from_slice(bytes).map(Body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Problem::invalid(format_args!("The body is not as wanted: {error}")),
            _ => Problem::bad_request(format_args!("The body is not JSON: {error}")),
        })
    }
}
