//! Requests to webcam servers.

use std::error::Error;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::Miss;
use super::address::printable;

/// Local servers connect at once; a camera on a weak wireless link may need this long.
const CONNECT: Duration = Duration::from_secs(2);
/// Until the headers are there: ustreamer without a device takes 4 s, camera-streamer with all seats taken for ever.
const ANSWER: Duration = Duration::from_secs(6);

/// Asks one camera's server.
#[derive(Clone, Debug)]
pub(super) struct Web {
    client: reqwest::Client,
    /// The camera's name, for messages.
    camera: String,
}

impl Web {
    /// A client that follows redirects, uses no proxy, and keeps no connection for later: camera-streamer announces
    /// keep-alive and closes.
    pub(super) fn new(camera: &str, skip_cert_check: bool) -> Result<Self, Miss> {
        // Fails when another part of the agent has installed it before.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tcp_nodelay(true)
            .tls_danger_accept_invalid_certs(skip_cert_check)
            .user_agent(concat!("moonlapse/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| Miss::Unreachable {
            camera: camera.to_owned(),
            url: String::new(),
            detail: cause(&error),
        })?;
        Ok(Self { client, camera: camera.to_owned() })
    }

    /// Sends a GET request for `url` with parameters of ours added; an answer other than 200 is a [`Miss`]. HEAD is never sent: camera-streamer answers it with
    /// 404, ustreamer with 200 whether or not there is a picture.
    pub(super) async fn get(&self, url: &Url, added: &[(&str, &str)]) -> Result<reqwest::Response, Miss> {
        let mut asked = url.clone();
        if !added.is_empty() {
            asked.query_pairs_mut().extend_pairs(added);
        }
        match tokio::time::timeout(ANSWER, self.client.get(asked).send()).await {
            Err(_) => Err(self.unreachable(url, format!("no answer within {} s", ANSWER.as_secs()))),
            Ok(Err(error)) => Err(self.failed(url, &error)),
            Ok(Ok(answer)) if answer.status() != reqwest::StatusCode::OK => {
                Err(Miss::Status { camera: self.camera.clone(), url: printable(url), status: answer.status().as_u16() })
            }
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    /// The whole body, if it is no longer than `limit` bytes.
    pub(super) async fn body(&self, url: &Url, answer: reqwest::Response, limit: usize) -> Result<Bytes, Miss> {
        let mut body = BytesMut::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(|error| self.failed(url, &error))?);
            if body.len() > limit {
                return Err(self.unreachable(url, format!("its answer is larger than {limit} bytes")));
            }
        }
        Ok(body.freeze())
    }

    /// What a request that failed says to its user.
    pub(super) fn failed(&self, url: &Url, error: &reqwest::Error) -> Miss {
        let (camera, printed) = (self.camera.clone(), printable(url));
        if error.is_redirect() {
            return Miss::Redirects { camera, url: printed };
        }
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => {
                Miss::Certificate { camera, url: printed, detail: flaw(problem) }
            }
            Some(rustls::Error::InvalidMessage(_)) => Miss::NoTls { camera, url: printed },
            _ => self.unreachable(url, cause(error)),
        }
    }

    pub(super) fn unreachable(&self, url: &Url, detail: String) -> Miss {
        Miss::Unreachable { camera: self.camera.clone(), url: printable(url), detail }
    }
}

/// An answer's content type; empty where none is given.
pub(super) fn content_type(answer: &reqwest::Response) -> String {
    let value = answer.headers().get(CONTENT_TYPE);
    value.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

/// Where TLS failed; it hides in two I/O errors, which do not name it as their source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn flaw(problem: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Flaw;
    match problem {
        Flaw::Expired | Flaw::ExpiredContext { .. } => "it has expired",
        Flaw::NotValidYet | Flaw::NotValidYetContext { .. } => "it is not valid yet; is this host's clock right?",
        Flaw::NotValidForName | Flaw::NotValidForNameContext { .. } => "it is for another name",
        _ => "nobody that this host trusts has signed it",
    }
}

/// The innermost cause; the outer ones repeat the URL, with its password.
fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Whether the peer's address is one of this host's own.
pub(super) fn is_this_host(peer: Option<SocketAddr>) -> bool {
    // Only an own address can be bound to.
    peer.map(|p| p.ip()).is_some_and(|ip: IpAddr| ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok())
}
