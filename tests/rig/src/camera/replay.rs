//! A camera that sends the same JPEG again and again, as ustreamer would: for measurements, where drawing pictures would
//! cost more than what is measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::monotonic;

const HEAD: &str = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=boundarydonotcross\r\n\r\n\
                    --boundarydonotcross\r\n";

/// A running server; it ends when dropped.
#[derive(Debug)]
pub struct Replay {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Replay {
    /// Serves `jpeg` to everybody, `fps` times a second.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(jpeg: Vec<u8>, fps: f64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("opening a camera's port")?;
        let address = listener.local_addr()?;
        let jpeg = Arc::new(jpeg);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(send(socket, Arc::clone(&jpeg), fps));
            }
        });
        Ok(Self { address, server })
    }

    /// The URL of its stream; it has no snapshots.
    #[must_use]
    pub fn stream_url(&self) -> String {
        format!("http://{}/?action=stream", self.address)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A picture of this size that takes as many bytes as a webcam's picture of a printer; drawn by ffmpeg.
///
/// # Errors
/// When ffmpeg is missing.
pub async fn webcam_picture(width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let source = format!("testsrc2=s={width}x{height},noise=alls=12");
    let args = ["-v", "error", "-f", "lavfi", "-i", &source, "-frames:v", "1", "-q:v", "5", "-f", "mjpeg", "-"];
    let drawn = Command::new("ffmpeg").args(args).output().await.context("running ffmpeg")?;
    ensure!(drawn.status.success(), "ffmpeg drew no picture: {}", String::from_utf8_lossy(&drawn.stderr));
    Ok(drawn.stdout)
}

async fn send(mut socket: TcpStream, jpeg: Arc<Vec<u8>>, fps: f64) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _request = socket.read(&mut request).await?;
    socket.write_all(HEAD.as_bytes()).await?;
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / fps));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        beat.tick().await;
        let now = monotonic();
        // No two pictures are alike: a number goes behind the end, where it disturbs nobody.
        let number = number.to_be_bytes();
        let part = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-UStreamer-Online: true\r\n\
             X-UStreamer-Grab-Begin-Time: {:.6}\r\nX-UStreamer-Grab-End-Time: {:.6}\r\n\
             X-UStreamer-Send-Time: {now:.6}\r\n\r\n",
            jpeg.len() + number.len(),
            now - 0.03,
            now - 0.02,
        );
        socket.write_all(part.as_bytes()).await?;
        socket.write_all(&jpeg).await?;
        socket.write_all(&number).await?;
        socket.write_all(b"\r\n--boundarydonotcross\r\n").await?;
    }
    Ok(())
}
