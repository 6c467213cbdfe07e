//! Listens, and serves each connection within limits.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::access::Caller;
use super::board::Board;
use crate::moonraker::Backoff;

/// Connections at a time. A browser opens six for each page.
const MOST: usize = 128;
/// Of one address, so that one cannot shut out the others.
const MOST_OF_ONE: usize = 48;
/// A request's head must be there within this; so long a connection may be idle, too.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// A client that takes nothing for this long is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);

/// Listens where the settings want it, and anew when they change.
pub(super) async fn listen(router: Router, board: &Board, shutdown: &CancellationToken) {
    let mut setup = board.follow_setup();
    let mut backoff = Backoff::default();
    let mut told = String::new();
    loop {
        let wanted = wanted(&setup.borrow_and_update().settings);
        let changed = async {
            // Most changes are none to us.
            while setup.changed().await.is_ok() {
                if self::wanted(&setup.borrow_and_update().settings) != wanted {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        let Some((host, port)) = &wanted else {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = changed => continue,
            }
        };
        let serving = async {
            match bind(host, *port).await {
                Ok(listener) => {
                    if let Ok(address) = listener.local_addr() {
                        info!(%address, "the page is served");
                    }
                    backoff.reset();
                    told.clear();
                    accept(listener, router.clone()).await;
                }
                Err(problem) => {
                    let problem = problem.to_string();
                    if problem != told {
                        warn!(
                            host,
                            port,
                            error = problem,
                            "the page cannot be served; trying again. Is web_port taken?"
                        );
                        told = problem;
                    }
                }
            }
            tokio::time::sleep(backoff.next_wait()).await;
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = changed => {}
            () = serving => {}
        }
    }
}

/// Host and port; `None` where the page is switched off.
fn wanted(settings: &crate::config::Settings) -> Option<(String, u16)> {
    let (host, port) = (settings.web_host.trim(), u16::try_from(settings.web_port).ok()?);
    (!host.is_empty() && port != 0).then(|| (host.to_owned(), port))
}

async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let host = if host == "all" { "0.0.0.0" } else { host };
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => TcpListener::bind(SocketAddr::new(address, port)).await,
        Err(_) => TcpListener::bind((host, port)).await,
    }
}

/// Serves connections until it is dropped, and then no more.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let open = Open::default();
    let stop = CancellationToken::new();
    let _stop_with_us = stop.clone().drop_guard();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(problem) => {
                // Out of descriptors, most likely; a pause lets some close.
                debug!(error = %problem, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = open.enter(peer.ip()) else {
            debug!(%peer, "too many connections");
            continue;
        };
        let service = TowerToHyperService::new(router.clone().layer(Extension(Caller(peer.ip()))));
        let stop = stop.clone();
        tokio::spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_PATIENCE)
                .max_buf_size(64 << 10)
                .serve_connection(TokioIo::new(Patient::new(stream)), service);
            if let Some(Err(problem)) = stop.run_until_cancelled(serving).await {
                debug!(%peer, error = %problem, "a connection ended");
            }
            drop(place);
        });
    }
}

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
struct Open(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them; given back when dropped.
struct Place {
    open: Open,
    address: IpAddr,
}

impl Open {
    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= MOST || open.get(&address).is_some_and(|count| *count >= MOST_OF_ONE) {
            return None;
        }
        *open.entry(address).or_default() += 1;
        drop(open);
        Some(Place { open: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// A connection whose other end must take what is sent to it.
struct Patient {
    stream: TcpStream,
    /// Set while something waits to be taken.
    until: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        // Events are small and shall not wait for more.
        stream.set_nodelay(true).ok();
        Self { stream, until: None }
    }

    fn taken<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.until = None;
            return outcome;
        }
        let until =
            self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + WRITE_PATIENCE)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.taken(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.taken(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let open = Open::default();
        let [a, b] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse::<IpAddr>().unwrap());
        let mut places: Vec<Place> = (0..MOST_OF_ONE).map(|_| open.enter(a).unwrap()).collect();
        assert!(open.enter(a).is_none());
        assert!(open.enter(b).is_some());
        places.pop();
        assert!(open.enter(a).is_some());
        drop(places);
        assert!(open.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_page_can_be_switched_off() {
        let settings = |host: &str, port| crate::config::Settings {
            web_host: host.to_owned(),
            web_port: port,
            ..crate::config::Settings::default()
        };
        assert_eq!(wanted(&settings("127.0.0.1", 7190)), Some(("127.0.0.1".to_owned(), 7190)));
        assert_eq!(wanted(&settings(" ", 7190)), None);
        assert_eq!(wanted(&settings("127.0.0.1", 0)), None);
    }
}
