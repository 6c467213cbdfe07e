//! The camera's HTTP server.
//!
//! Written on the bare socket: what it tests is how a client copes with exact bytes (HTTP/1.0, no `Content-Length`,
//! boundaries), which a framework would put right.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults::{Fault, Faults};
use super::manner::Ask;
use super::shutter::{Shot, Shutter};
use super::{CameraConfig, monotonic};

/// ustreamer answers with its last frame, however old, when no new one came for this long.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(3);
const HTML: &str = "<!DOCTYPE html><html><body>Not a camera</body></html>";

/// Listens on `address`, also when the port was just in use.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(64)
}

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, config: CameraConfig, shutter: Arc<Shutter>, faults: Faults) {
    let Ok(address) = listener.local_addr() else { return };
    let shared = Arc::new(Shared { config, shutter, faults, snapshot_queue: Mutex::default() });
    let mut fault = shared.faults.subscribe();
    let mut listener = Some(listener);
    let mut clients = JoinSet::new();
    loop {
        if *fault.borrow_and_update() == Fault::Off {
            listener = None;
            clients.shutdown().await;
        } else if listener.is_none() {
            match listen(address) {
                Ok(new) => listener = Some(new),
                Err(error) => tracing::error!(%error, %address, "the camera cannot listen again"),
            }
        }
        tokio::select! {
            _ = fault.changed() => {}
            Some(_) = clients.join_next() => {}
            Ok((socket, _)) = accept(listener.as_ref()) => {
                let shared = Arc::clone(&shared);
                clients.spawn(async move {
                    if let Err(error) = shared.client(socket).await {
                        tracing::debug!(%error, "a camera client left");
                    }
                });
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// ustreamer's queue of snapshots: every request adds one, every finished frame takes one, and all wait for zero.
#[derive(Debug, Default)]
struct SnapshotQueue {
    wanted: u64,
    /// Number of the last frame that was counted.
    counted: u64,
}

impl SnapshotQueue {
    /// Counts frame `number` once; whether no snapshot is owed any more.
    fn count(&mut self, number: u64) -> bool {
        if number > self.counted {
            self.counted = number;
            self.wanted = self.wanted.saturating_sub(1);
        }
        self.wanted == 0
    }
}

struct Shared {
    config: CameraConfig,
    shutter: Arc<Shutter>,
    faults: Faults,
    snapshot_queue: Mutex<SnapshotQueue>,
}

impl Shared {
    async fn client(&self, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        let mut buffer = Vec::new();
        loop {
            let Some(request) = Request::read(&mut socket, &mut buffer).await? else { return Ok(()) };
            let manner = self.config.manner;
            match self.faults.get() {
                Fault::Unavailable => {
                    self.answer(
                        &mut socket,
                        &request,
                        "503 Service Unavailable",
                        "Content-Type: text/plain\r\n",
                        b"busy\n",
                    )
                    .await?;
                    continue;
                }
                Fault::Html => {
                    self.answer(&mut socket, &request, "200 OK", "Content-Type: text/html\r\n", HTML.as_bytes())
                        .await?;
                    continue;
                }
                _ => {}
            }
            match manner.ask(&request.target) {
                Ask::Stream(extra) if request.method == "GET" => return self.stream(socket, extra).await,
                Ask::Snapshot if request.method == "GET" => self.snapshot(&mut socket, &request).await?,
                Ask::State => {
                    let body = self.state();
                    self.answer(&mut socket, &request, "200 OK", "Content-Type: application/json\r\n", body.as_bytes())
                        .await?;
                }
                Ask::Stream(_) | Ask::Snapshot => self.answer(&mut socket, &request, "200 OK", "", b"").await?,
                Ask::Unknown => {
                    self.answer(&mut socket, &request, "404 Not Found", "Content-Type: text/html\r\n", b"<h1>404</h1>")
                        .await?;
                }
            }
            if !request.http11 {
                return socket.shutdown().await;
            }
        }
    }

    /// A whole response. libevent, under ustreamer, gives the length to HTTP/1.1 clients only.
    async fn answer(
        &self,
        socket: &mut TcpStream,
        request: &Request,
        status: &str,
        headers: &str,
        body: &[u8],
    ) -> std::io::Result<()> {
        let head = if request.http11 {
            format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())
        } else {
            format!("HTTP/1.0 {status}\r\n{headers}\r\n")
        };
        socket.write_all(head.as_bytes()).await?;
        if request.method != "HEAD" {
            socket.write_all(body).await?;
        }
        Ok(())
    }

    /// The JPEG as it is sent now.
    fn bytes<'a>(&self, shot: &'a Shot) -> &'a [u8] {
        let half = shot.jpeg.len() / 2;
        if self.faults.get() == Fault::Truncated { &shot.jpeg[..half] } else { &shot.jpeg }
    }

    async fn stream(&self, mut socket: TcpStream, extra: bool) -> std::io::Result<()> {
        let manner = self.config.manner;
        let (_watching, mut frames) = self.shutter.watch();
        frames.mark_unchanged();
        socket.write_all(manner.stream_head().as_bytes()).await?;
        let (mut second, mut count, mut fps) = (0_u64, 0, 0);
        let mut hear = [0; 64];
        loop {
            let shot = tokio::select! {
                shot = next(&mut frames) => shot,
                // A client that closes is noticed even when no frame comes.
                read = socket.read(&mut hear) => match read? {
                    0 => return Ok(()),
                    _ => continue,
                },
            };
            let Some(shot) = shot else { return Ok(()) };
            let now = monotonic();
            if now as u64 != second {
                (second, fps, count) = (now as u64, count, 0);
            }
            count += 1;
            let jpeg = self.bytes(&shot);
            let mut bytes = manner.part_head(&shot, jpeg.len(), extra, fps, now).into_bytes();
            bytes.extend_from_slice(jpeg);
            bytes.extend_from_slice(manner.boundary().as_bytes());
            socket.write_all(&bytes).await?;
        }
    }

    async fn snapshot(&self, socket: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        let (_watching, mut frames) = self.shutter.watch();
        let last = frames.borrow_and_update().clone();
        let recent = last.clone().filter(|shot| monotonic() - shot.exposed < 2.0 / self.config.fps);
        let shot = match recent {
            Some(shot) if !self.config.manner.snapshots_wait() => Some(shot),
            _ => self.queued(&mut frames).await.or(last),
        };
        let Some(shot) = shot else {
            return self.answer(socket, request, "503 Service Unavailable", "", b"").await;
        };
        let head = self.config.manner.snapshot_head(&shot, monotonic());
        self.answer(socket, request, "200 OK", &head, self.bytes(&shot)).await
    }

    /// Waits as ustreamer's snapshot queue does; `None` when its patience ended.
    async fn queued(&self, frames: &mut watch::Receiver<Option<Arc<Shot>>>) -> Option<Arc<Shot>> {
        self.queue().wanted += 1;
        let wait = async {
            loop {
                let shot = next(frames).await?;
                if self.queue().count(shot.number) || !shot.online {
                    return Some(shot);
                }
            }
        };
        let shot = tokio::time::timeout(SNAPSHOT_PATIENCE, wait).await;
        if shot.is_err() {
            self.queue().wanted = 0;
        }
        shot.ok().flatten()
    }

    fn queue(&self) -> MutexGuard<'_, SnapshotQueue> {
        self.snapshot_queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> String {
        let look = self.config.look;
        let online = self.faults.get() != Fault::Offline;
        let clients = self.shutter.watchers();
        let fps = if clients > 0 && online { self.config.fps.round() } else { 0.0 };
        serde_json::json!({"ok": true, "result": {
            "instance_id": "",
            "encoder": {"type": "CPU", "quality": self.config.quality},
            "source": {
                "resolution": {"width": look.width, "height": look.height},
                "online": online,
                "desired_fps": self.config.fps.round(),
                "captured_fps": fps,
            },
            "stream": {"queued_fps": fps, "clients": clients, "clients_stat": {}},
        }})
        .to_string()
    }
}

/// The next frame; `None` when the camera ended.
async fn next(frames: &mut watch::Receiver<Option<Arc<Shot>>>) -> Option<Arc<Shot>> {
    frames.changed().await.ok()?;
    frames.borrow_and_update().clone()
}

struct Request {
    method: String,
    target: String,
    http11: bool,
}

impl Request {
    /// Reads one request; bytes after it stay in `buffer`. `None` when the client closed.
    async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Self>> {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            if buffer.len() > 16 * 1024 || socket.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = buffer.drain(..end).collect();
        let head = String::from_utf8_lossy(&head);
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Some(Self { method: word(), target: word(), http11: word() == "HTTP/1.1" }))
    }
}
