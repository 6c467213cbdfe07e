//! The stream of events, and viewers that do not keep up.

use std::sync::Arc;
use std::time::Duration;

use moonlapse::conductor::{ShotView, View};
use moonlapse::printer::Printer;
use moonlapse::web::{Live, Shots, Sources};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::house::House;

const LIMIT: Duration = Duration::from_secs(20);

struct Viewer {
    answer: reqwest::Response,
    text: String,
}

impl Viewer {
    async fn new(house: &House) -> Self {
        let answer = house.get("/api/events").await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next event of a kind.
    async fn next(&mut self, kind: &str) -> Value {
        let found = async {
            loop {
                while let Some(end) = self.text.find("\n\n") {
                    let event: String = self.text.drain(..end + 2).collect();
                    if let Some(data) = event.strip_prefix(&format!("event: {kind}\ndata: ")) {
                        return serde_json::from_str(data.trim_end()).unwrap();
                    }
                }
                let chunk = self.answer.chunk().await.unwrap().unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(LIMIT, found).await.unwrap_or_else(|_| panic!("no event {kind}"))
    }
}

fn show(house: &House, frames: u32) {
    let view = View { frames, ..View::default() };
    let shot =
        |number| ShotView { number, layer: number, state: if number <= frames { 'c' } else { 'p' }, reason: None };
    let shots = Shots { print: 1, shots: Arc::new((1..=20).map(shot).collect()) };
    let live = Live::of(&Sources {
        moonraker: true,
        klipper: true,
        enabled: true,
        view: &view,
        printer: &Printer::default(),
        cameras: &[],
        newest: &Arc::default(),
    });
    house.board.show(live, shots);
}

#[tokio::test]
async fn a_viewer_is_told_everything_at_first_and_then_what_changes() {
    let house = House::open().await;
    show(&house, 3);
    let mut viewer = Viewer::new(&house).await;
    let state = viewer.next("state").await;
    assert_eq!((&state["frames"], &state["moonraker"]), (&3.into(), &"connected".into()));
    let mut viewer = Viewer::new(&house).await;
    assert_eq!(viewer.next("shots").await["shots"].as_array().unwrap().len(), 20);
    show(&house, 4);
    assert_eq!(viewer.next("shots").await["shots"], serde_json::json!([[4, 4, "c"]]));
    house.board.sessions_changed();
    viewer.next("sessions").await;
}

#[tokio::test]
async fn what_is_said_reaches_the_viewers_and_is_kept() {
    use tracing_subscriber::layer::SubscriberExt;
    let house = House::open().await;
    let mut viewer = Viewer::new(&house).await;
    viewer.next("state").await;
    let said = tracing_subscriber::registry().with(house.log.clone());
    tracing::subscriber::with_default(said, || tracing::warn!(target: "moonlapse::test", "the camera is gone"));
    assert_eq!(viewer.next("log").await["text"], "the camera is gone");
    assert_eq!(house.json("/api/log").await["lines"][0]["level"], "warn");
}

#[tokio::test]
async fn a_viewer_that_takes_nothing_holds_up_nobody() {
    let house = House::open().await;
    let mut idle = tokio::net::TcpStream::connect(house.at).await.unwrap();
    idle.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut viewer = Viewer::new(&house).await;
    viewer.next("state").await;
    // More than any buffer on the way holds, if it were kept for the idle one.
    for frames in 1..=20_000 {
        show(&house, frames % 20 + 1);
    }
    show(&house, 20);
    loop {
        if viewer.next("state").await["frames"] == 20 {
            break;
        }
    }
}

#[tokio::test]
async fn only_so_many_pages_are_open_and_a_closed_one_makes_room() {
    let house = House::open().await;
    let mut viewers = Vec::new();
    for _ in 0..16 {
        viewers.push(Viewer::new(&house).await);
    }
    assert_eq!(house.get("/api/events").await.status(), reqwest::StatusCode::TOO_MANY_REQUESTS);
    viewers.pop();
    let reopened = async {
        // The server notices when it next has something to say.
        while !house.get("/api/events").await.status().is_success() {
            house.board.sessions_changed();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, reopened).await.unwrap();
}
