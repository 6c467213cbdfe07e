//! ffmpeg beside a print on a busy host: it is stopped and goes on, and what it makes is whole.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moonlapse::render::{
    FilmSettings, NextSegment, PrintWatch, Profile, RenderError, SegmentRequest, Segments, Tools, next_segment,
};
use moonlapse::session::{Frame, FrameMeta, NewSession, Store, View};
use moonlapse_rig::barcode;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(120);

/// What the kernel tells of the host.
struct Meters {
    folder: PathBuf,
    /// Ticks of others, and of all.
    ticks: (u64, u64),
}

impl Meters {
    fn new(folder: PathBuf) -> Self {
        fs::create_dir(&folder).unwrap();
        let mut meters = Self { folder, ticks: (0, 0) };
        meters.memory(1 << 20);
        meters.pass(0);
        meters
    }

    /// Some time passes, in which others use this share of the processors, percent.
    fn pass(&mut self, load: u64) {
        self.ticks = (self.ticks.0 + load, self.ticks.1 + 100);
        self.write("stat", &format!("cpu  {} 0 0 {} 0 0 0 0 0 0\n", self.ticks.0, self.ticks.1 - self.ticks.0));
    }

    fn memory(&self, kilobytes: u64) {
        self.write("meminfo", &format!("MemTotal: 9999999 kB\nMemAvailable: {kilobytes} kB\n"));
    }

    /// As a whole, as the kernel does.
    fn write(&self, name: &str, text: &str) {
        let new = self.folder.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.join(name)).unwrap();
    }
}

struct Bench {
    dir: tempfile::TempDir,
    meters: Meters,
    _printing: watch::Sender<bool>,
    tools: Tools,
    frames: Vec<Frame>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path().join("store")).unwrap();
        let session = store.start(NewSession::default()).unwrap();
        for number in 1..=15 {
            store.append(&session.id, &barcode::jpeg(number).unwrap(), FrameMeta::default()).unwrap();
        }
        let frames = store.frames(&session.id).unwrap();
        let meters = Meters::new(dir.path().join("meters"));
        let (printing, watch) = watch::channel(true);
        // The real one, which takes five seconds for half a second of film.
        let ffmpeg = dir.path().join("ffmpeg");
        fs::write(&ffmpeg, "#!/bin/sh\nexec ffmpeg -readrate 0.1 \"$@\"\n").unwrap();
        fs::set_permissions(&ffmpeg, fs::Permissions::from_mode(0o755)).unwrap();
        let print_watch = PrintWatch::following(watch).with_meters(&meters.folder);
        let tools = Tools { ffmpeg, print_watch, ..Tools::default() };
        Self { dir, meters, _printing: printing, tools, frames }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("segments")
    }

    fn start(&self) -> JoinHandle<Result<NextSegment, RenderError>> {
        let request = SegmentRequest {
            segments: Segments { folder: self.folder(), frames: self.frames.clone() },
            reel: 0,
            view: View::default(),
            profile: Profile::of_settings(&FilmSettings::default()).unwrap(),
            tools: self.tools.clone(),
            closing: false,
        };
        tokio::spawn(async move { next_segment(request, &CancellationToken::new()).await })
    }

    /// Lets time pass until ffmpeg is in this state or in none of it.
    async fn until(&mut self, load: u64, stopped: bool) {
        let wait = async {
            while is_stopped(self.dir.path()) != Some(stopped) {
                self.meters.pass(load);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, wait).await.is_ok(), "it never was stopped: {stopped}");
    }
}

/// Whether the ffmpeg that works in this folder is stopped; `None` when there is none.
fn is_stopped(folder: &Path) -> Option<bool> {
    let folder = folder.display().to_string();
    let is_ours = |process: &PathBuf| {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        words.starts_with(b"ffmpeg\0") && String::from_utf8_lossy(&words).contains(&folder)
    };
    let process = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(is_ours)?;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.starts_with('T'))
}

#[tokio::test]
async fn it_is_stopped_while_the_host_is_busy_and_goes_on_afterwards() {
    let mut bench = Bench::new();
    let segment = bench.start();
    bench.until(0, false).await;
    bench.until(100, true).await;
    // Not for a wobble: that is no calm.
    for _ in 0..30 {
        bench.meters.pass(70);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(is_stopped(bench.dir.path()), Some(true));
    }
    bench.until(10, false).await;
    let made = tokio::time::timeout(LIMIT, segment).await.unwrap().unwrap();
    assert!(matches!(made, Ok(NextSegment::Made { first: 1, last: 15, .. })), "{made:?}");
    let segment = fs::read_dir(bench.folder()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(barcode::read(&segment).unwrap(), Vec::from_iter(1..=15));
}

#[tokio::test]
async fn it_gives_its_memory_back_when_that_gets_short_and_does_not_begin_with_too_little() {
    let mut bench = Bench::new();
    let segment = bench.start();
    bench.until(0, false).await;
    bench.meters.memory(50_000);
    let ended = tokio::time::timeout(LIMIT, segment).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RenderError::NoMemory)), "{ended:?}");
    assert_eq!(is_stopped(bench.dir.path()), None, "it still runs");
    assert!(matches!(bench.start().await.unwrap(), Err(RenderError::NoMemory)));
    assert_eq!(fs::read_dir(bench.folder()).unwrap().count(), 0, "nothing is left");
}
