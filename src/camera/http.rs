//! Requests to webcam servers.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use url::Url;

use super::address::printable;
use super::{Miss, Shared};

/// Local servers connect at once; a camera on a weak wireless link may need this long.
const CONNECT: Duration = Duration::from_secs(2);
/// Until the headers are there: ustreamer without a device takes 4 s, camera-streamer with all seats taken for ever.
const ANSWER: Duration = Duration::from_secs(6);

/// A client that follows redirects, uses no proxy, and keeps no connection for later: camera-streamer announces
/// keep-alive and closes.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    // Fails when another part of the agent has installed it before.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true)
        .user_agent(concat!("moonlapse/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends a GET request; an answer other than 200 is a [`Miss`].
pub(super) async fn get(shared: &Shared, client: &reqwest::Client, url: &Url) -> Result<reqwest::Response, Miss> {
    let unreachable =
        |detail: String| Miss::Unreachable { camera: shared.spec.name.clone(), url: printable(url), detail };
    match tokio::time::timeout(ANSWER, client.get(url.clone()).send()).await {
        Err(_) => Err(unreachable(format!("no answer within {} s", ANSWER.as_secs()))),
        Ok(Err(error)) => Err(unreachable(cause(&error))),
        Ok(Ok(answer)) if answer.status() != reqwest::StatusCode::OK => Err(Miss::Status {
            camera: shared.spec.name.clone(),
            url: printable(url),
            status: answer.status().as_u16(),
        }),
        Ok(Ok(answer)) => Ok(answer),
    }
}

/// The innermost cause; the outer ones repeat the URL, with its password.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
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
