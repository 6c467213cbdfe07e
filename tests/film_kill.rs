//! Kill -9 of the agent, or of its ffmpeg, at any point of a print and of its film: every acknowledged frame is in the film,
//! none twice, and there is one film.
//!
//! The agent is a process of its own: this test program, which runs the frame store and the film workers as the agent
//! does. Frames show their numbers, which are read back from the film. `scripts/film-kill` runs the same with more and
//! longer jobs, some at once: FILM_KILL_ROUNDS, FILM_KILL_FRAMES, FILM_KILL_SEED and FILM_KILL_AT_ONCE set how.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::Event;
use moonlapse::conductor::films::{Films, Job, Shooting};
use moonlapse::config::Settings;
use moonlapse::render::remove_leftovers;
use moonlapse::session::{FrameMeta, NewSession, Outcome, Session, Store};
use moonlapse_rig::barcode;
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "FILM_KILL_FOLDER";
/// From one frame to the next: segments keep up, as they do beside a print.
const CYCLE: Duration = Duration::from_millis(12);
/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(120);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn frames() -> u16 {
    number("FILM_KILL_FRAMES", 60).try_into().unwrap()
}

// The agent.

/// Not a test by itself: the process that is killed. Films a print, goes on where it was, and says what it has done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_films_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let settings = Settings {
        output_path: folder.join("films").display().to_string(),
        duplicatelastframe: 0,
        previewimage: false,
        disk_reserve: 0,
        ..Settings::default()
    };
    let mut store = Store::open(folder.join("store")).unwrap();
    remove_leftovers(&folder.join("films"));
    let ended = store.list().unwrap().into_iter().find(|summary| summary.session.outcome != Outcome::Printing);
    let session = match (&ended, store.resume("a.gcode", None).unwrap()) {
        (Some(ended), _) => ended.session.clone(),
        (None, Some(session)) => session,
        (None, None) => store.start(NewSession { print_file: "a.gcode".into(), ..NewSession::default() }).unwrap(),
    };
    let store = Arc::new(Mutex::new(store));
    let queue = moonlapse::session::Queue::of(&folder.join("store"));
    let attempts_before = queue.list().unwrap().first().map_or(0, |job| job.attempts);
    let (events_in, mut events) = tokio::sync::mpsc::channel(256);
    let films = Films::start(Arc::clone(&store), events_in, Clock::real(), CancellationToken::new());
    films.configure(&settings);
    if ended.is_none() {
        film_print(&store, &films, &session, &settings).await;
    }
    // As the agent does at its start: sessions that never got their film get it.
    if store.lock().unwrap().summary(&session.id).unwrap().films.is_empty() {
        let job = Job { session: session.id.clone(), film: true, archive: false, asked: false, settings };
        films.make(job).unwrap();
    }
    loop {
        let queued = queue.list().unwrap();
        let made = !store.lock().unwrap().summary(&session.id).unwrap().films.is_empty();
        if made && queued.is_empty() {
            return say("film");
        }
        if let Some(job) = queued.iter().find(|job| job.problem.is_some() && job.attempts > attempts_before) {
            // Nobody waits ten minutes here; a restart of the agent tries again at once.
            return say(&format!("problem {}", job.problem.clone().unwrap_or_default()));
        }
        let step = tokio::time::timeout(Duration::from_millis(50), events.recv()).await;
        if let Ok(Some(Event::Ui(event))) = step
            && event["status"] == "error"
        {
            say(&format!("error {}", event["msg"]));
        }
    }
}

async fn film_print(store: &Mutex<Store>, films: &Films, session: &Session, settings: &Settings) {
    films.set_printing(true);
    let shooting =
        Shooting { session: session.id.clone(), settings: settings.clone(), film_wanted: true, closing: false };
    films.set_shooting(Some(shooting));
    let stored = store.lock().unwrap().frames(&session.id).unwrap();
    let first = stored.last().map_or(1, |frame| frame.number as u16 + 1);
    for number in first..=frames() {
        let jpeg = barcode::jpeg(number).unwrap();
        let frame = store.lock().unwrap().append(&session.id, &jpeg, FrameMeta::default()).unwrap();
        assert_eq!(frame.number, u32::from(number));
        say(&format!("frame {number}"));
        films.frame_stored();
        tokio::time::sleep(CYCLE).await;
    }
    store.lock().unwrap().end(&session.id, Outcome::Complete, Timestamp::now()).unwrap();
    say("ended");
    films.set_shooting(None);
    films.set_printing(false);
}

fn say(line: &str) {
    // The parent may be gone.
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n> {line}").and_then(|()| out.flush()).ok();
}

// The test.

#[derive(Clone, Copy, PartialEq)]
enum Victim {
    Agent,
    Ffmpeg,
}

struct Round {
    dir: tempfile::TempDir,
    acknowledged: BTreeSet<u16>,
    said: Vec<String>,
}

/// What a process said, line by line, until it ends.
struct Agent {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Round {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), acknowledged: BTreeSet::new(), said: Vec::new() }
    }

    fn start(&self) -> Agent {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_films_until_killed", "--nocapture"])
            .env(FOLDER, self.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix("> ") {
                    send.send(said.to_owned()).ok();
                }
            }
        });
        Agent { child, lines }
    }

    /// Listens until `until`, or until the agent ends; gives whether it ended.
    fn listen(&mut self, agent: &Agent, until: Instant) -> bool {
        loop {
            match agent.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(number) = line.strip_prefix("frame ") {
                        self.acknowledged.insert(number.parse().unwrap());
                    }
                    self.said.push(line);
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn made(&self) -> bool {
        self.said.last().is_some_and(|line| line == "film")
    }

    /// Restarts the agent until it has made its film.
    fn finish(&mut self) {
        for _ in 0..5 {
            if self.made() {
                return;
            }
            let agent = self.start();
            assert!(self.listen(&agent, Instant::now() + LIMIT), "it hangs; it said {:?}", self.said);
        }
        assert!(self.made(), "there is no film; the agent said {:?}", self.said);
    }

    fn check(&self) {
        let films = self.dir.path().join("films");
        let mut names: Vec<_> = fs::read_dir(&films).unwrap().map(|entry| entry.unwrap().path()).collect();
        // Beside it stand its notes, unless the kill came in between.
        names.retain(|path| path.extension().is_none_or(|ending| ending != "json"));
        assert_eq!(names.len(), 1, "{names:?}");
        let shown = barcode::read(&names[0]).unwrap();
        assert!(shown.windows(2).all(|pair| pair[0] < pair[1]), "in order and none twice: {shown:?}");
        let missing: Vec<_> = self.acknowledged.iter().filter(|number| !shown.contains(number)).collect();
        assert!(missing.is_empty(), "not in the film: {missing:?}");
        assert_eq!(shown.len(), usize::from(frames()));
        let store = self.dir.path().join("store");
        let summary = Store::open(&store).unwrap().list().unwrap().remove(0);
        assert_eq!(summary.films.len(), 1, "{:?}", summary.films);
        assert!(!store.join(summary.session.id.as_str()).join("segments").exists());
        assert_eq!(our_processes(self.dir.path()), [0; 0], "left running");
    }
}

/// Processes that work in the folder: what ffmpeg was given as arguments tells.
fn our_processes(folder: &Path) -> Vec<i32> {
    let folder = folder.to_string_lossy().into_owned();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let works_there = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&folder)
    };
    pids.filter(works_there).collect()
}

/// A small generator, so that a round can be repeated by its seed.
struct Chance(u64);

impl Chance {
    /// 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One round: a job that is struck at `at`, and what came of it. Gives whether the kill came in time.
fn strike(victim: Victim, at: Duration) -> (Round, bool, String) {
    let mut round = Round::new();
    let mut agent = round.start();
    let mut ended = round.listen(&agent, Instant::now() + at);
    let stage = round.said.last().cloned().unwrap_or_default();
    let struck = match victim {
        _ if ended => false,
        Victim::Agent => {
            agent.child.kill().unwrap();
            agent.child.wait().unwrap();
            // What it said before counts.
            round.listen(&agent, Instant::now() + LIMIT);
            true
        }
        Victim::Ffmpeg => {
            let mut struck = false;
            while !ended && !struck {
                for pid in our_processes(round.dir.path()) {
                    struck |= kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).is_ok();
                }
                if !struck {
                    ended = round.listen(&agent, Instant::now() + Duration::from_millis(1));
                }
            }
            if !ended {
                round.listen(&agent, Instant::now() + LIMIT);
            }
            struck
        }
    };
    drop(agent);
    round.finish();
    round.check();
    (round, struck, stage)
}

fn kill_at_random_points(victim: Victim) {
    let (rounds, seed) = (number("FILM_KILL_ROUNDS", 4), number("FILM_KILL_SEED", 1));
    let at_once = number("FILM_KILL_AT_ONCE", 1);
    // How long a job takes that nobody disturbs, beside others.
    let whole = std::thread::scope(|scope| {
        let undisturbed = || {
            let (mut round, start) = (Round::new(), Instant::now());
            round.finish();
            round.check();
            start.elapsed()
        };
        let jobs: Vec<_> = (0..at_once).map(|_| scope.spawn(undisturbed)).collect();
        jobs.into_iter().map(|job| job.join().unwrap()).max().unwrap()
    });
    let mut chance = Chance(seed.wrapping_mul(2).wrapping_add(u64::from(victim == Victim::Agent)));
    chance.next();
    let points: Vec<Duration> = (0..rounds).map(|_| whole.mul_f64(chance.next())).collect();
    let (next, hit) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&at) = points.get(turn) else { return };
                    let (round, struck, stage) = strike(victim, at);
                    hit.fetch_add(usize::from(struck), Ordering::Relaxed);
                    if std::env::var_os("FILM_KILL_ROUNDS").is_some() {
                        let (ms, frames) = (at.as_millis(), round.acknowledged.len());
                        println!("round {}: at {ms} ms ({stage}), struck: {struck}, {frames} frames", turn + 1);
                    }
                }
            });
        }
    });
    let hit = hit.into_inner();
    println!("{hit} of {rounds} rounds struck, of {} frames each; whole job {:.1} s", frames(), whole.as_secs_f64());
    assert!(hit > 0, "no kill came in time");
}

#[test]
fn killing_the_agent_loses_no_frame_and_doubles_none() {
    if std::env::var_os(FOLDER).is_none() {
        kill_at_random_points(Victim::Agent);
    }
}

#[test]
fn killing_ffmpeg_loses_no_frame_and_doubles_none() {
    if std::env::var_os(FOLDER).is_none() {
        kill_at_random_points(Victim::Ffmpeg);
    }
}
