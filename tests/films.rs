//! The film workers: what is asked for is made once, in its turn, whatever happens in between.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use moonlapse::clock::Clock;
use moonlapse::conductor::Event;
use moonlapse::conductor::films::{Films, Job, Shooting};
use moonlapse::config::{FilmWhilePrinting, Settings};
use moonlapse::session::{FrameMeta, NewSession, Outcome, Queue, Session, SessionId, Store};
use moonlapse_rig::barcode;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

struct Bench {
    dir: tempfile::TempDir,
    settings: Settings,
}

/// One run of the agent's film workers.
struct Run {
    store: Arc<Mutex<Store>>,
    films: Films,
    events: mpsc::Receiver<Event>,
    shutdown: CancellationToken,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            output_path: dir.path().join("films").display().to_string(),
            duplicatelastframe: 0,
            previewimage: false,
            disk_reserve: 0,
            ..Settings::default()
        };
        Self { dir, settings }
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn queue(&self) -> Queue {
        Queue::of(&self.store())
    }

    fn start(&self) -> Run {
        let store = Arc::new(Mutex::new(Store::open(self.store()).unwrap()));
        let (events_in, events) = mpsc::channel(256);
        let shutdown = CancellationToken::new();
        let films = Films::start(Arc::clone(&store), events_in, Clock::real(), shutdown.clone());
        films.configure(&self.settings);
        Run { store, films, events, shutdown }
    }

    fn job(&self, session: &SessionId) -> Job {
        let settings = self.settings.clone();
        Job { session: session.clone(), film: true, archive: false, asked: false, settings }
    }

    fn films(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("films")).into_iter().flatten().flatten();
        let films = entries.map(|entry| entry.path());
        // Beside each stand its notes.
        films.filter(|path| path.extension().is_none_or(|ending| ending != "json")).collect()
    }

    /// A program that stands in for ffmpeg.
    fn ffmpeg(&self, script: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.dir.path().join("ffmpeg");
        fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", self.dir.path().display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }
}

impl Run {
    fn session(&self, frames: u16) -> Session {
        let mut store = self.store.lock().unwrap();
        let session = store.start(NewSession { print_file: "a.gcode".into(), ..NewSession::default() }).unwrap();
        for number in 1..=frames {
            store.append(&session.id, &barcode::jpeg(number).unwrap(), FrameMeta::default()).unwrap();
        }
        session
    }

    fn end(&self, session: &Session, outcome: Outcome) {
        self.store.lock().unwrap().end(&session.id, outcome, Timestamp::now()).unwrap();
    }

    /// The next render event of this status.
    async fn until(&mut self, status: &str) -> Json {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(120), self.events.recv()).await.unwrap();
            if let Some(Event::Ui(event)) = event
                && event["status"] == status
            {
                return event;
            }
        }
    }

    /// The line that is said next.
    async fn said(&mut self) -> String {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(120), self.events.recv()).await.unwrap();
            if let Some(Event::Say(line)) = event {
                return line;
            }
        }
    }
}

/// Waits for something on disk that no event tells of.
async fn until(what: &str, is: impl Fn() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(120), wait).await.is_ok(), "{what}");
}

fn segments(store: &Path, session: &Session) -> usize {
    let folder = store.join(session.id.as_str()).join("segments/0-default");
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| !name.to_string_lossy().starts_with('.')).count()
}

#[tokio::test]
async fn a_film_is_prepared_while_printing_and_made_of_all_frames() {
    let bench = Bench::new();
    let mut run = bench.start();
    let session = run.session(40);
    run.films.set_printing(true);
    let (id, settings) = (session.id.clone(), bench.settings.clone());
    run.films.set_shooting(Some(Shooting { session: id, settings, film_wanted: true, closing: false }));
    until("two segments", || segments(&bench.store(), &session) == 2).await;
    run.end(&session, Outcome::Complete);
    run.films.set_shooting(None);
    run.films.set_printing(false);
    run.films.make(bench.job(&session.id)).unwrap();
    let event = run.until("success").await;
    assert_eq!(event["framecount"], "40");
    assert_eq!(barcode::read(&bench.films()[0]).unwrap(), Vec::from_iter(1..=40));
    until("the job is done", || bench.queue().list().unwrap().is_empty()).await;
    assert!(!bench.store().join(session.id.as_str()).join("segments").exists(), "they are of no more use");
    assert_eq!(run.store.lock().unwrap().summary(&session.id).unwrap().films.len(), 1);
}

#[tokio::test]
async fn nothing_is_prepared_where_no_film_is_wanted_or_none_beside_a_print() {
    for (film_wanted, film_while_printing) in [(false, FilmWhilePrinting::Segments), (true, FilmWhilePrinting::Nothing)]
    {
        let mut bench = Bench::new();
        bench.settings.film_while_printing = film_while_printing;
        let mut run = bench.start();
        let session = run.session(20);
        run.films.set_printing(true);
        let (id, settings) = (session.id.clone(), bench.settings.clone());
        run.films.set_shooting(Some(Shooting { session: id, settings, film_wanted, closing: false }));
        // What is asked for comes after, and is done: so the worker has looked.
        run.films.make(Job { asked: true, ..bench.job(&session.id) }).unwrap();
        run.until("success").await;
        assert_eq!(segments(&bench.store(), &session), 0);
    }
}

#[tokio::test]
async fn films_wait_for_the_end_of_a_print_unless_somebody_asks() {
    let bench = Bench::new();
    let mut run = bench.start();
    run.films.set_printing(true);
    let (waiting, asked) = (run.session(3), run.session(5));
    run.end(&waiting, Outcome::Complete);
    run.films.make(bench.job(&waiting.id)).unwrap();
    run.films.make(Job { asked: true, ..bench.job(&asked.id) }).unwrap();
    assert_eq!(run.until("success").await["framecount"], "5");
    until("one job is left", || bench.queue().list().unwrap().len() == 1).await;
    run.films.set_printing(false);
    assert_eq!(run.until("success").await["framecount"], "3");
}

#[tokio::test]
async fn what_was_queued_is_made_by_the_next_run() {
    let bench = Bench::new();
    let run = bench.start();
    run.films.set_printing(true);
    let session = run.session(4);
    run.end(&session, Outcome::Complete);
    run.films.make(bench.job(&session.id)).unwrap();
    until("the job is on disk", || bench.queue().list().unwrap().len() == 1).await;
    run.shutdown.cancel();
    until("the store is free", || run.events.is_closed()).await;
    drop(run);
    let mut run = bench.start();
    assert_eq!(run.until("success").await["framecount"], "4");
    assert_eq!(bench.films().len(), 1);
}

#[tokio::test]
async fn a_film_that_was_finished_and_not_noted_is_not_made_twice() {
    let bench = Bench::new();
    let mut run = bench.start();
    let session = run.session(4);
    run.end(&session, Outcome::Complete);
    run.films.make(bench.job(&session.id)).unwrap();
    run.until("success").await;
    until("the job is done", || bench.queue().list().unwrap().is_empty()).await;
    let film = bench.films().remove(0);
    run.shutdown.cancel();
    until("the store is free", || run.events.is_closed()).await;
    drop(run);

    // As if the agent had been killed right after the film got its name.
    let known = fs::metadata(&film).unwrap();
    use std::os::unix::fs::MetadataExt;
    let mut store = Store::open(bench.store()).unwrap();
    store.delete(&session.id).unwrap();
    let session = store.start(NewSession { print_file: "a.gcode".into(), ..NewSession::default() }).unwrap();
    store.append(&session.id, &barcode::jpeg(1).unwrap(), FrameMeta::default()).unwrap();
    store.end(&session.id, Outcome::Complete, Timestamp::now()).unwrap();
    drop(store);
    let new = moonlapse::session::NewJob {
        session: session.id.clone(),
        film: true,
        archive: false,
        asked: false,
        settings: serde_json::to_value(&bench.settings).unwrap(),
        created_at: Timestamp::now(),
    };
    let job = bench.queue().add(new).unwrap();
    bench.queue().begin(job.id).unwrap();
    let claim = moonlapse::session::Claim {
        film: "0-default".into(),
        device: known.dev(),
        inode: known.ino(),
        bytes: known.len(),
        frames: 4,
        duration_s: 0.1,
    };
    bench.queue().claim(job.id, claim).unwrap();
    let run = bench.start();
    until("the job is done", || bench.queue().list().unwrap().is_empty()).await;
    assert_eq!(bench.films(), std::slice::from_ref(&film));
    let noted = run.store.lock().unwrap().summary(&session.id).unwrap().films;
    assert_eq!((noted.len(), &noted[0].file, noted[0].frames), (1, &film, 4));
}

#[tokio::test]
async fn a_cancelled_film_is_gone_and_its_frames_are_kept() {
    let mut bench = Bench::new();
    bench.settings.ffmpeg_binary_path = bench.ffmpeg("echo started > started; sleep 600");
    // Through the handle, and by another process that takes the job away.
    for by_handle in [true, false] {
        let mut run = bench.start();
        let session = run.session(4);
        run.films.make(bench.job(&session.id)).unwrap();
        until("ffmpeg runs", || bench.dir.path().join("started").exists()).await;
        fs::remove_file(bench.dir.path().join("started")).unwrap();
        if by_handle {
            run.films.cancel(None).unwrap();
        } else {
            assert!(bench.queue().remove(bench.queue().list().unwrap()[0].id));
        }
        let event = run.until("error").await;
        assert!(event["msg"].as_str().unwrap().contains("cancelled"), "{event}");
        until("the queue is empty", || bench.queue().list().unwrap().is_empty()).await;
        assert!(bench.films().is_empty(), "{:?}", bench.films());
        assert_eq!(run.store.lock().unwrap().frames(&session.id).unwrap().len(), 4);
        run.shutdown.cancel();
        until("the store is free", || run.events.is_closed()).await;
    }
}

#[tokio::test]
async fn a_film_that_cannot_be_made_stays_in_the_queue_with_its_reason() {
    let mut bench = Bench::new();
    let mut run = bench.start();
    let session = run.session(4);
    bench.settings.extraoutputparams = "-c:v nonsense".into();
    run.films.make(bench.job(&session.id)).unwrap();
    assert!(run.said().await.contains("no encoder nonsense"));
    until("it failed", || bench.queue().list().unwrap().first().is_some_and(|job| job.failed)).await;
    // What may pass is tried again: at once by the next run.
    bench.settings.extraoutputparams = String::new();
    bench.settings.disk_reserve = 100_000_000;
    run.films.make(Job { asked: true, ..bench.job(&session.id) }).unwrap();
    assert!(run.said().await.contains("is full"));
    let waits = |job: &moonlapse::session::Job| !job.failed && job.attempts == 0 && job.problem.is_some();
    until("it waits", || bench.queue().list().unwrap().iter().any(waits)).await;
    assert_eq!(bench.queue().list().unwrap().len(), 1, "asking again replaces the failed one");
    assert!(bench.films().is_empty());
}

#[tokio::test]
async fn frames_that_are_not_wanted_are_deleted() {
    let bench = Bench::new();
    let run = bench.start();
    let session = run.session(4);
    run.end(&session, Outcome::Cancelled);
    run.films.discard(session.id.clone()).unwrap();
    until("the session is gone", || run.store.lock().unwrap().list().unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_print_that_begins_on_a_nearly_full_disk_is_told_how_many_frames_fit() {
    let mut bench = Bench::new();
    bench.settings.disk_reserve = 100_000_000;
    let mut run = bench.start();
    let session = run.session(0);
    until("the reserve is known", || run.store.lock().unwrap().reserve() > 0).await;
    let shooting =
        Shooting { session: session.id.clone(), settings: bench.settings.clone(), film_wanted: true, closing: false };
    run.films.set_shooting(Some(shooting));
    assert_eq!(run.said().await, "Timelapse: the disk has room for about 0 frames");
    let refused = run.store.lock().unwrap().append(&session.id, &barcode::jpeg(1).unwrap(), FrameMeta::default());
    let sentence = refused.unwrap_err().to_string();
    assert!(sentence.contains("kept free for the printer (disk_reserve)"), "{sentence}");
}

#[tokio::test]
async fn the_webhook_is_told_and_asked_again_when_the_server_is_in_trouble() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bench = Bench::new();
    bench.settings.webhook_url = format!("http://{}/hook?key=secret", server.local_addr().unwrap());
    let bodies = std::thread::spawn(move || {
        ["500 Internal Server Error", "204 No Content"].map(|status| {
            let (mut stream, _) = server.accept().unwrap();
            let body = read_request(&mut stream);
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
            body
        })
    });
    let mut run = bench.start();
    let session = run.session(4);
    run.films.make(bench.job(&session.id)).unwrap();
    run.until("success").await;
    let bodies = tokio::task::spawn_blocking(|| bodies.join().unwrap()).await.unwrap();
    assert_eq!(bodies[0], bodies[1]);
    let news: Json = serde_json::from_str(&bodies[1]).unwrap();
    assert_eq!((news["event"].as_str(), news["status"].as_str()), (Some("film"), Some("success")));
    assert_eq!((news["print_file"].as_str(), news["film"]["frames"].as_u64()), (Some("a.gcode"), Some(4)));
    assert_eq!(Path::new(news["film"]["path"].as_str().unwrap()), bench.films()[0]);
}

fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        bytes.extend(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.unwrap().trim().parse().unwrap() {
                return body.to_owned();
            }
        }
    }
}
