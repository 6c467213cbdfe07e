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
use super::manner::{Ask, Which};
use super::shutter::{Shot, Shutter};
use super::{CameraConfig, monotonic};

/// ustreamer answers with its last frame, however old, when no new one came for this long.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(3);

/// How late snapshots come with [`Fault::Slow`].
const SLOW: Duration = Duration::from_secs(1);

/// Listens on `address`, also when the port was just in use.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(64)
}

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, config: CameraConfig, shutter: Arc<Shutter>, faults: Faults) {
    let Ok(address) = listener.local_addr() else { return };
    let _always = config.always_on.then(|| shutter.watch());
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
            let fault = self.faults.get();
            if self.config.login.is_some_and(|login| request.authorization != login) {
                self.reply(&mut socket, &request, Fault::Unauthorized).await?;
                continue;
            }
            if fault == Fault::Hang {
                std::future::pending::<()>().await;
            }
            if fault == Fault::Gibberish {
                socket.write_all(b"220 mail.local ESMTP\r\n").await?;
                return socket.shutdown().await;
            }
            if self.reply(&mut socket, &request, fault).await? {
                continue;
            }
            match manner.ask(&request.target) {
                Ask::Stream(extra) if request.method == "GET" => return self.stream(socket, extra).await,
                Ask::Snapshot(which) if request.method == "GET" => {
                    self.snapshot(&mut socket, &request, which).await?;
                    if manner.hangs_up() {
                        return socket.shutdown().await;
                    }
                }
                Ask::State => {
                    let body = self.state();
                    self.answer(&mut socket, &request, "200 OK", "Content-Type: application/json\r\n", body.as_bytes())
                        .await?;
                }
                Ask::Stream(_) | Ask::Snapshot(_) => self.answer(&mut socket, &request, "200 OK", "", b"").await?,
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

    /// Whether the fault had an answer to everything.
    async fn reply(&self, socket: &mut TcpStream, request: &Request, fault: Fault) -> std::io::Result<bool> {
        let Some((status, headers, body)) = fault.reply() else { return Ok(false) };
        self.answer(socket, request, status, headers, body).await?;
        Ok(true)
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
        let head = if request.http11 && !self.config.manner.old_http() {
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
        let broken = match self.faults.get() {
            Fault::Truncated => true,
            Fault::HalfBroken => shot.number.is_multiple_of(2),
            _ => false,
        };
        if broken { &shot.jpeg[..shot.jpeg.len() / 2] } else { &shot.jpeg }
    }

    async fn stream(&self, mut socket: TcpStream, extra: bool) -> std::io::Result<()> {
        let manner = self.config.manner;
        let (_watching, mut frames) = self.shutter.watch();
        frames.mark_unchanged();
        socket.write_all(manner.stream_head().as_bytes()).await?;
        let (mut second, mut count, mut fps, mut sent) = (0_u64, 0, 0, 0);
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
            sent += 1;
            let part = self.part(&shot, extra, fps, now);
            let part = match self.faults.get() {
                Fault::Ends if sent > 3 => return socket.shutdown().await,
                Fault::Cut if sent == 3 => {
                    socket.write_all(&part[..part.len() / 2]).await?;
                    return socket.shutdown().await;
                }
                Fault::Huge => b"Content-Type: image/jpeg\r\nContent-Length: 1073741824\r\n\r\n".to_vec(),
                Fault::BadParts => b"\x01\x02 no header\r\n\r\nbody\r\n--boundarydonotcross\r\n".to_vec(),
                _ => part,
            };
            if manner.chunked() {
                socket.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
            }
            socket.write_all(&part).await?;
            if manner.chunked() {
                socket.write_all(b"\r\n").await?;
            }
        }
    }

    fn part(&self, shot: &Shot, extra: bool, fps: u32, now: f64) -> Vec<u8> {
        let (manner, jpeg) = (self.config.manner, self.bytes(shot));
        let (shot, now) = &self.said(shot, now);
        let mut bytes = manner.before_part().as_bytes().to_vec();
        bytes.extend_from_slice(manner.part_head(shot, jpeg.len(), extra, fps, *now).as_bytes());
        bytes.extend_from_slice(jpeg);
        bytes.extend_from_slice(manner.after_part().as_bytes());
        bytes
    }

    /// With the times that the server tells.
    fn said(&self, shot: &Shot, now: f64) -> (Shot, f64) {
        let (grab, now) = self.faults.get().stamps(shot.number, shot.grab, now);
        (Shot { grab, ..shot.clone() }, now)
    }

    async fn snapshot(&self, socket: &mut TcpStream, request: &Request, which: Which) -> std::io::Result<()> {
        let asked = monotonic();
        let (_watching, mut frames) = self.shutter.watch();
        let last = frames.borrow_and_update().clone();
        let recent = last.clone().filter(|shot| asked - shot.exposed < 2.0 / self.config.fps);
        let shot = match which {
            Which::Last if recent.is_some() => recent,
            Which::Last | Which::Next => next(&mut frames).await,
            Which::Queued => self.queued(&mut frames).await.or(last),
            Which::CapturedWithin(ms) => {
                let oldest = asked - f64::from(ms) * 1e-3;
                let good = |shot: &Arc<Shot>| shot.grab.0 >= oldest;
                match last.filter(good) {
                    Some(shot) => Some(shot),
                    None => loop {
                        let Some(shot) = next(&mut frames).await else { break None };
                        if good(&shot) {
                            break Some(shot);
                        }
                    },
                }
            }
        };
        let Some(shot) = shot else {
            return self.answer(socket, request, "503 Service Unavailable", "", b"").await;
        };
        if self.faults.get() == Fault::Slow {
            tokio::time::sleep(SLOW).await;
        }
        let (said, now) = self.said(&shot, monotonic());
        let head = self.config.manner.snapshot_head(&said, now);
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
        if self.config.manner == super::Manner::CameraStreamer {
            let output = serde_json::json!({"enabled": true, "source": "CAMERA:capture:0"});
            let outputs = serde_json::json!({"snapshot": output, "stream": output, "video": output});
            return serde_json::json!({"version": "0.4", "outputs": outputs, "endpoints": {}}).to_string();
        }
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
    /// Empty without one.
    authorization: String,
}

impl Request {
    /// Reads one request; bytes after it stay in `buffer`. `None` when the client closed.
    async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Self>> {
        let end = loop {
            // Somebody tries TLS.
            if buffer.first() == Some(&0x16) {
                socket.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await?;
                return Ok(None);
            }
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
        let authorization = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default();
        Ok(Some(Self { method: word(), target: word(), http11: word() == "HTTP/1.1", authorization }))
    }
}
