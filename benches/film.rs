//! How long after the last frame the film is there, with what was prepared while printing and without, and what both cost.
//!
//! `scripts/film-bench` takes 1000 noisy frames of 1920x1080 through the frame store and the film workers, as the agent
//! does, and measures from the moment the last frame is stored until the verified film has its name. Of 1000 frames the
//! longest tail is left to encode. CPU time is our own and that of all ffmpeg and ffprobe processes; the memory is the peak of
//! the largest of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::Event;
use moonlapse::conductor::films::{Films, Job, Shooting};
use moonlapse::config::{FilmWhilePrinting, Settings};
use moonlapse::render::{PART_FRAMES, SEGMENT_FRAMES};
use moonlapse::session::{FrameMeta, NewSession, Outcome, SessionId, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Pictures that are made; they are taken in turn.
const PICTURES: u32 = 250;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let frames = arguments.iter().position(|a| a == "--frames").and_then(|at| arguments.get(at + 1));
    let frames: u32 = frames.map_or(Ok(1000), |text| text.parse().map_err(io::Error::other))?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("film-bench");
    let pictures = pictures(&folder.join("pictures"))?;
    let bytes: u64 = pictures.iter().map(|jpeg| jpeg.len() as u64).sum();
    println!("{frames} frames of 1920x1080, {} kB each on average", bytes / u64::from(PICTURES) / 1000);

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut measured = Vec::new();
    for (name, while_printing) in
        [("prepared while printing", FilmWhilePrinting::Segments), ("all at the end", FilmWhilePrinting::Nothing)]
    {
        let work = folder.join("work");
        fs::remove_dir_all(&work).ok();
        let run = runtime.block_on(run(&work, &pictures, frames, while_printing))?;
        println!(
            "{name:<25}{:>7.2} s to the film   CPU while printing {:>6.1} s, at the end {:>6.1} s   peak memory while \
             printing {:>4} MB, at the end {:>4} MB   film {:.1} MB",
            run.to_film.as_secs_f64(),
            run.cpu_before,
            run.cpu_after,
            run.memory_before / 1000,
            run.memory_after / 1000,
            run.bytes as f64 / 1e6,
        );
        measured.push(run.to_film.as_secs_f64());
        fs::remove_dir_all(&work)?;
    }
    if let [prepared, at_end] = measured[..] {
        println!("ratio {:.1}", at_end / prepared);
    }
    Ok(())
}

struct Measured {
    to_film: Duration,
    /// s.
    cpu_before: f64,
    cpu_after: f64,
    /// kB.
    memory_before: u64,
    memory_after: u64,
    bytes: u64,
}

async fn run(
    work: &Path,
    pictures: &[Vec<u8>],
    frames: u32,
    film_while_printing: FilmWhilePrinting,
) -> io::Result<Measured> {
    let settings = Settings {
        output_path: work.join("films").display().to_string(),
        film_while_printing,
        disk_reserve: 0,
        ..Settings::default()
    };
    let watch = Watch::start();
    let mut store = Store::open(work.join("store")).map_err(io::Error::other)?;
    let session = store.start(NewSession::default()).map_err(io::Error::other)?.id;
    let segments = store.segments_dir(&session).join("0-default");
    let store = Arc::new(Mutex::new(store));
    let (events_in, mut events) = mpsc::channel(256);
    let shutdown = CancellationToken::new();
    let films = Films::start(Arc::clone(&store), events_in, Clock::real(), shutdown.clone());
    films.configure(&settings);
    films.set_printing(true);
    // The last part of a print begins where a whole segment ends.
    let closing = (frames - 1) * 95 / 100 / SEGMENT_FRAMES * SEGMENT_FRAMES;
    let shooting = |closing| {
        let (session, settings) = (session.clone(), settings.clone());
        Some(Shooting { session, settings, film_wanted: true, closing })
    };
    films.set_shooting(shooting(false));
    let with_segments = film_while_printing == FilmWhilePrinting::Segments;
    for number in 0..frames - 1 {
        if number == closing && with_segments {
            wait_for(&segments, closing / SEGMENT_FRAMES).await;
            films.set_shooting(shooting(true));
        }
        append(&store, &session, pictures, number)?;
        films.frame_stored();
    }
    if with_segments {
        wait_for(&segments, closing / SEGMENT_FRAMES + (frames - 1 - closing) / PART_FRAMES).await;
    }
    let (cpu_before, memory_before) = watch.take()?;

    append(&store, &session, pictures, frames - 1)?;
    let last_frame = Instant::now();
    films.frame_stored();
    if let Ok(mut store) = store.lock() {
        store.end(&session, Outcome::Complete, Timestamp::now()).map_err(io::Error::other)?;
    }
    films.set_shooting(None);
    films.set_printing(false);
    let job = Job { session, film: true, archive: false, asked: false, settings };
    films.make(job).map_err(io::Error::other)?;
    loop {
        match events.recv().await {
            Some(Event::Ui(event)) if event["status"] == "success" => break,
            Some(Event::Ui(event)) if event["status"] == "error" => {
                return Err(io::Error::other(event["msg"].to_string()));
            }
            Some(_) => {}
            None => return Err(io::Error::other("the workers have stopped")),
        }
    }
    let to_film = last_frame.elapsed();
    let (cpu_after, memory_after) = watch.take()?;
    shutdown.cancel();
    let film =
        fs::read_dir(work.join("films"))?.flatten().find(|file| file.path().extension().is_some_and(|e| e == "mp4"));
    let bytes = film.ok_or_else(|| io::Error::other("there is no film"))?.metadata()?.len();
    Ok(Measured { to_film, cpu_before, cpu_after, memory_before, memory_after, bytes })
}

/// A print takes hours for as many frames; here they come at once, and the segments follow.
async fn wait_for(segments: &Path, count_of_them: u32) {
    while count(segments) < count_of_them {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn append(store: &Mutex<Store>, session: &SessionId, pictures: &[Vec<u8>], number: u32) -> io::Result<()> {
    let jpeg = &pictures[number as usize % pictures.len()];
    let mut store = store.lock().map_err(|_| io::Error::other("a worker panicked"))?;
    store.append(session, jpeg, FrameMeta::default()).map(|_| ()).map_err(io::Error::other)
}

/// Segments that are ready.
fn count(folder: &Path) -> u32 {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| !name.to_string_lossy().starts_with('.')).count().try_into().unwrap_or(u32::MAX)
}

/// Test pictures that move and have the noise of a small camera; made once.
fn pictures(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let path = |number: u32| folder.join(format!("{number:06}.jpg"));
    if !path(PICTURES).exists() {
        fs::create_dir_all(folder)?;
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30,noise=alls=7:allf=t"])
            .args(["-frames:v", &PICTURES.to_string(), "-pix_fmt", "yuvj422p", "-q:v", "5"])
            .arg(folder.join("%06d.jpg"))
            .status()?;
        if !made.success() {
            return Err(io::Error::other("ffmpeg made no pictures"));
        }
    }
    (1..=PICTURES).map(|number| fs::read(path(number))).collect()
}

/// What we and our child processes use.
struct Watch {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    cpu: Mutex<f64>,
}

impl Watch {
    fn start() -> Self {
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (their_peak, their_stop) = (Arc::clone(&peak), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !their_stop.load(Ordering::Relaxed) {
                for kilobytes in children().iter().filter_map(|pid| peak_of(pid)) {
                    their_peak.fetch_max(kilobytes, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { peak, stop, cpu: Mutex::new(cpu().unwrap_or_default()) }
    }

    /// CPU seconds and peak memory in kB since the last call.
    fn take(&self) -> io::Result<(f64, u64)> {
        let now = cpu().ok_or_else(|| io::Error::other("/proc/self/stat cannot be read"))?;
        let mut before = self.cpu.lock().map_err(|_| io::Error::other("poisoned"))?;
        Ok((now - std::mem::replace(&mut *before, now), self.peak.swap(0, Ordering::Relaxed)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn children() -> Vec<PathBuf> {
    let me = std::process::id().to_string();
    let is_mine = |folder: &PathBuf| {
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|pid| pid.trim() == me))
    };
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    folders.filter(is_mine).collect()
}

fn peak_of(process: &std::path::Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Ours and of children that have ended, s. The clock of `/proc` ticks 100 times a second.
fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?) / 100.0)
}
