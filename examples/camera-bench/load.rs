//! What open cameras cost: the filming runs in a process of its own, so that the servers' work is not counted.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use moonlapse::camera::{Camera, CameraSpec, Span};
use moonlapse::clock::{Clock, MonoTime};
use moonlapse_rig::camera::{Replay, monotonic, webcam_picture};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use url::Url;

/// A frame is taken this often, as in a fast print.
const EVERY: f64 = 2.0;

pub(super) async fn run(seconds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.jpg");
    std::fs::write(&picture, webcam_picture(1920, 1080).await.unwrap()).unwrap();
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
    let server = Replay::start(std::fs::read(picture).unwrap(), 30.0).await.unwrap();
    println!("{}", server.stream_url());
    // Until it is killed.
    std::future::pending::<()>().await;
}
