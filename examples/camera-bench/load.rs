//! What open cameras cost: the filming runs in a process of its own, so that the servers' work is not counted.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera::monotonic;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::MissedTickBehavior;
use url::Url;

/// A frame is taken this often, as in a fast print.
const EVERY: f64 = 2.0;

pub(super) async fn run(seconds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.jpg");
    // As many bytes as a webcam's picture of a printer.
    let drawn = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1920x1080,noise=alls=12", "-frames:v", "1", "-q:v", "5"])
        .arg(&picture)
        .status()
        .await
        .unwrap();
    assert!(drawn.success());
    let bytes = std::fs::metadata(&picture).unwrap().len();
    println!("1920x1080, 30 fps, {} kB a picture, a frame every {EVERY} s, {seconds} s each", bytes / 1000);
    println!("| cameras open | CPU, % of one core | RSS, MB | frames |");
    println!("| ---: | ---: | ---: | ---: |");
    let me = std::env::current_exe().unwrap();
    for cameras in [0, 1, 4] {
        let mut servers = Vec::new();
        let mut urls = Vec::new();
        for _ in 0..cameras {
            let mut server =
                Command::new(&me).arg("serve").arg(&picture).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
            urls.push(line.trim().to_owned());
            servers.push(server);
        }
        let out = Command::new(&me).arg("film").arg(seconds.to_string()).args(&urls).output().await.unwrap();
        print!("| {cameras} {}", String::from_utf8_lossy(&out.stdout));
    }
}

pub(super) async fn film(seconds: u64, urls: Vec<Url>) {
    let open = |url: Url| Camera::open(CameraSpec::web("load", Some(url), None), Clock::real());
    let cameras: Vec<Camera> = urls.into_iter().map(open).collect();
    for camera in &cameras {
        assert!(camera.ready(Duration::from_secs(10)).await, "{:?}", camera.facts());
    }
    let (before, start) = (cpu_seconds(), monotonic());
    let mut frames = 0;
    while monotonic() < start + seconds as f64 {
        let from = monotonic() + 0.1;
        let at = |t| MonoTime::from_secs_f64(t).unwrap();
        for camera in &cameras {
            let hold = camera.required_hold().as_secs_f64() + 0.02;
            frames += u32::from(camera.capture(Span { from: at(from), until: at(from + hold) }).await.is_ok());
        }
        Clock::real().sleep_until(at(from + EVERY)).await;
    }
    let share = (cpu_seconds() - before) / (monotonic() - start) * 100.0;
    println!("| {share:.1} | {:.1} | {frames} |", rss_mb());
}

/// User and system time of this process, s.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1e3
}

pub(super) async fn serve(picture: &Path) {
    let jpeg = std::fs::read(picture).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("http://{}/?action=stream", listener.local_addr().unwrap());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(send(socket, jpeg.clone()));
    }
}

async fn send(mut socket: TcpStream, mut jpeg: Vec<u8>) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _request = socket.read(&mut request).await?;
    let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=boundarydonotcross\r\n\r\n\
                --boundarydonotcross\r\n";
    socket.write_all(head.as_bytes()).await?;
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / 30.0));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        beat.tick().await;
        let now = monotonic();
        // No two pictures are alike: a number goes behind the end, where it disturbs nobody.
        let whole = jpeg.len();
        jpeg.extend(number.to_be_bytes());
        let part = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-UStreamer-Online: true\r\n\
             X-UStreamer-Grab-Begin-Time: {:.6}\r\nX-UStreamer-Grab-End-Time: {:.6}\r\n\
             X-UStreamer-Send-Time: {now:.6}\r\n\r\n",
            jpeg.len(),
            now - 0.03,
            now - 0.02,
        );
        socket.write_all(part.as_bytes()).await?;
        socket.write_all(&jpeg).await?;
        socket.write_all(b"\r\n--boundarydonotcross\r\n").await?;
        jpeg.truncate(whole);
    }
    Ok(())
}
