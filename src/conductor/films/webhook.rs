//! Tells an address of the user's choice that a film is there, or why it is not.

use std::time::Duration;

use serde::Serialize;

use crate::render::Film;
use crate::session::Session;

/// For one attempt, the answer's headers included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Waits before the second, third and fourth attempt.
const WAITS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(180)];

/// The body of the request, as JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct News {
    event: &'static str,
    /// `success` or `error`.
    status: &'static str,
    session: String,
    print_file: String,
    job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    film: Option<Made>,
    /// In a sentence; under three names, because Discord reads `content`, Slack and Mattermost `text`, ntfy `message`.
    message: String,
    text: String,
    content: String,
}

#[derive(Clone, Debug, Serialize)]
struct Made {
    file: String,
    path: String,
    frames: u32,
    fps: f64,
    duration_s: f64,
    bytes: u64,
}

impl News {
    pub(super) fn made(session: &Session, film: &Film) -> Self {
        let path = film.path.to_string_lossy().into_owned();
        let file = film.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let message = format!("Timelapse ready: {file} ({} frames, {:.1} s)", film.frames, film.duration_s);
        let Film { frames, fps, duration_s, bytes, .. } = *film;
        let made = Made { file, path, frames, fps, duration_s, bytes };
        Self { film: Some(made), ..Self::new(session, "success", message) }
    }

    pub(super) fn failed(session: &Session, problem: &str) -> Self {
        Self::new(session, "error", format!("No timelapse of {}: {problem}", session.print_file))
    }

    fn new(session: &Session, status: &'static str, message: String) -> Self {
        Self {
            event: "film",
            status,
            session: session.id.to_string(),
            print_file: session.print_file.clone(),
            job_id: session.job_id.clone(),
            film: None,
            text: message.clone(),
            content: message.clone(),
            message,
        }
    }
}

/// Why nobody was told. The address is not repeated: it often holds a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebhookError {
    #[error("the HTTP client cannot be set up: {0}")]
    Client(reqwest::Error),
    #[error("{0}")]
    Unreachable(String),
    #[error("the server answered with status {0}")]
    Status(u16),
}

/// Posts the news; when the server cannot be reached or is in trouble, a few times more.
pub(super) async fn send(url: &str, news: &News) -> Result<(), WebhookError> {
    // Fails when another part of the agent has installed it before.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .user_agent(concat!("moonlapse/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| WebhookError::Client(error.without_url()))?;
    let mut waits = WAITS.into_iter();
    loop {
        let problem = match client.post(url).json(news).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            // Asking again would give the same answer, apart from "too many requests".
            Ok(answer) if answer.status().is_client_error() && answer.status().as_u16() != 429 => {
                return Err(WebhookError::Status(answer.status().as_u16()));
            }
            Ok(answer) => WebhookError::Status(answer.status().as_u16()),
            Err(error) => WebhookError::Unreachable(innermost(&error.without_url())),
        };
        match waits.next() {
            Some(wait) => {
                tracing::debug!(error = %problem, "webhook_url was not told; trying again");
                tokio::time::sleep(wait).await;
            }
            None => return Err(problem),
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
