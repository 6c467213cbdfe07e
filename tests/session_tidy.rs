//! What is deleted by itself: what is beyond the limits, and only what Moonlapse made.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use moonlapse::session::{FilmRecord, FrameMeta, Limits, NewSession, Outcome, SessionId, Store, Tidied};
use moonlapse_rig::barcode;

const NONE: Limits = Limits { days: 0, count: 0, bytes: 0 };

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { store: Store::open(dir.path().join("store")).unwrap(), dir }
    }

    fn session(&mut self, days_ago: i64, frames: u16) -> SessionId {
        let at = now() - SignedDuration::from_hours(24 * days_ago);
        let new = NewSession { print_file: "a.gcode".into(), started_at: at, ..NewSession::default() };
        let id = self.store.start(new).unwrap().id;
        for number in 1..=frames {
            self.store.append(&id, &barcode::jpeg(number).unwrap(), FrameMeta::default()).unwrap();
        }
        self.store.end(&id, Outcome::Complete, at).unwrap();
        id
    }

    fn film(&mut self, id: &SessionId, name: &str, days_ago: i64) -> PathBuf {
        let file = self.dir.path().join(name);
        fs::write(&file, "film").unwrap();
        fs::write(file.with_extension("jpg"), "picture").unwrap();
        let made_at = now() - SignedDuration::from_hours(24 * days_ago);
        let record = FilmRecord { file: file.clone(), made_at, frames: 1, duration_s: 1.0, bytes: 4 };
        self.store.add_film(id, &record).unwrap();
        file
    }

    fn sessions(&self) -> Vec<SessionId> {
        self.store.list().unwrap().into_iter().map(|summary| summary.session.id).collect()
    }
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn with_preview(film: &Path) -> bool {
    film.with_extension("jpg").exists()
}

#[test]
fn without_limits_everything_stays() {
    let mut bench = Bench::new();
    let ids = [bench.session(400, 2), bench.session(300, 2)];
    let film = bench.film(&ids[0], "a.mp4", 400);
    assert_eq!(bench.store.tidy(NONE, NONE, &[], now()).unwrap(), Tidied::default());
    assert!(film.exists());
    assert_eq!(bench.sessions().len(), 2);
}

#[test]
fn old_frames_go_and_their_films_stay_known_until_they_go_too() {
    let mut bench = Bench::new();
    let (old, new) = (bench.session(20, 3), bench.session(1, 3));
    let film = bench.film(&old, "a.mp4", 20);
    bench.film(&new, "b.mp4", 1);
    let tidied = bench.store.tidy(Limits { days: 7, ..NONE }, NONE, &[], now()).unwrap();
    assert_eq!((tidied.sessions, tidied.films), (1, 0));
    assert!(!bench.dir.path().join("store").join(old.as_str()).exists());
    let summary = bench.store.summary(&old).unwrap();
    assert_eq!((summary.frames, summary.lost, summary.films.len()), (0, 0, 1));
    let tidied = bench.store.tidy(NONE, Limits { days: 7, ..NONE }, &[], now()).unwrap();
    assert_eq!((tidied.sessions, tidied.films), (0, 1));
    assert!(!film.exists() && !with_preview(&film));
    assert_eq!(bench.sessions(), [new], "nothing is left of the old one");
    drop(bench.store);
    assert_eq!(Store::open(bench.dir.path().join("store")).unwrap().recovery(), Default::default());
}

#[test]
fn sessions_in_use_and_the_newest_stay() {
    let mut bench = Bench::new();
    let (queued, old, new) = (bench.session(30, 1), bench.session(20, 1), bench.session(10, 1));
    let printing = bench.store.start(NewSession::default()).unwrap().id;
    bench.store.append(&printing, &barcode::jpeg(1).unwrap(), FrameMeta::default()).unwrap();
    let limits = Limits { days: 1, count: 1, bytes: 1 };
    bench.store.tidy(limits, NONE, std::slice::from_ref(&queued), now()).unwrap();
    assert_eq!(bench.sessions(), [printing, queued]);
    let _ = (old, new);
}

#[test]
fn what_somebody_else_put_there_is_not_touched() {
    let mut bench = Bench::new();
    let id = bench.session(30, 1);
    let [changed, linked, other] = ["changed.mp4", "linked.mp4", "other.mp4"].map(|name| bench.film(&id, name, 30));
    fs::write(&changed, "somebody else's film").unwrap();
    fs::rename(&linked, bench.dir.path().join("elsewhere.mp4")).unwrap();
    symlink(bench.dir.path().join("elsewhere.mp4"), &linked).unwrap();
    let unknown = bench.dir.path().join("unknown.mp4");
    fs::write(&unknown, "film").unwrap();
    let newest = bench.film(&id, "newest.mp4", 1);
    let tidied = bench.store.tidy(NONE, Limits { days: 7, ..NONE }, &[], now()).unwrap();
    assert_eq!(tidied.films, 1);
    assert!(!other.exists());
    assert!(changed.exists() && linked.exists() && unknown.exists() && newest.exists());
}

#[test]
fn deleting_frames_that_was_cut_short_is_finished_at_the_next_start() {
    let mut bench = Bench::new();
    let id = bench.session(30, 3);
    bench.film(&id, "a.mp4", 30);
    let store = bench.dir.path().join("store");
    drop(bench.store);
    fs::rename(store.join(id.as_str()), store.join(format!(".emptied-{id}"))).unwrap();
    let opened = Store::open(&store).unwrap();
    let summary = opened.summary(&id).unwrap();
    assert_eq!((summary.frames, summary.lost, summary.films.len()), (0, 0, 1));
    assert_eq!(fs::read_dir(&store).unwrap().flatten().filter(|e| e.path().is_dir()).count(), 0);
}
