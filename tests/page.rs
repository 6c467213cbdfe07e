//! The page during a print on the simulated printer.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse::calibration::Thumb;
use moonlapse_rig::camera::{FrameTruth, Look, Manner};
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{PATIENT, Studio, StudioOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
/// So many pages may be open at once.
const VIEWERS: usize = 16;
const LIMIT: Duration = Duration::from_secs(180);

struct Page {
    studio: Studio,
    base: String,
    client: reqwest::Client,
}

impl Page {
    async fn start(more: &str) -> Self {
        Self::open(StudioOptions::new(AGENT), more).await
    }

    async fn open(mut options: StudioOptions, more: &str) -> Self {
        let port = moonlapse_rig::host::ports::free_port().unwrap();
        options.camera.look = Look { width: 320, height: 192, ..Look::default() };
        let patient = if more.contains("park_time:") { "" } else { PATIENT };
        options.timelapse = format!("web_port: {port}\n{patient}{more}");
        let studio = options.start().await.unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        studio.wait_for_log(0, "the page is served").await.unwrap();
        Self { studio, base: format!("http://127.0.0.1:{port}"), client: reqwest::Client::new() }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}\n{}", self.studio.agent_log());
        serde_json::from_str(&text).unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base)).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    async fn print(&self, layers: usize) {
        self.studio.rig.preheat(200.0, 0.0).await.unwrap();
        self.studio.rig.speed(200.0).await.unwrap();
        self.studio.rig.print("towers.gcode", sliced("towers_relative_zhop.gcode", layers).unwrap()).await.unwrap();
    }

    /// The data of all events of a kind until one fits.
    async fn follow(&self, kind: &str, mut until: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut answer = self.client.get(format!("{}/api/events", self.base)).send().await.unwrap();
        let (mut text, mut seen) = (String::new(), Vec::new());
        let follow = async {
            loop {
                text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
                while let Some(end) = text.find("\n\n") {
                    let event: String = text.drain(..end + 2).collect();
                    if let Some(data) = event.strip_prefix(&format!("event: {kind}\ndata: ")) {
                        let data: Value = serde_json::from_str(data.trim_end()).unwrap();
                        let enough = until(&data);
                        seen.push(data);
                        if enough {
                            return;
                        }
                    }
                }
            }
        };
        let ended = tokio::time::timeout(LIMIT, follow).await;
        assert!(ended.is_ok(), "{kind}: last {:?}\n{}", seen.last(), self.studio.agent_log());
        seen
    }
}

#[tokio::test]
async fn a_print_is_followed_from_plan_to_film() {
    let page = Page::start("").await;
    let idle = page.json("/api/state").await;
    assert_eq!(
        (&idle["klipper"], &idle["filming"], &idle["print"]),
        (&json!("ready"), &json!("waiting"), &json!(null))
    );
    page.print(6).await;
    let states = page.follow("state", |state| state["frames"] == 3).await;
    let last = states.last().unwrap();
    assert_eq!(last["filming"], "planned", "{last}");
    assert_eq!((&last["print"]["file"], &last["planned"]), (&json!("towers.gcode"), &json!(6)));
    assert!(
        last["added_s"].as_f64().unwrap() > 0.0 && last["expected_s"].as_f64() > last["added_s"].as_f64(),
        "{last}"
    );
    let snapshots: Vec<&str> = states.iter().filter_map(|state| state["snapshot"]["state"].as_str()).collect();
    assert!(snapshots.contains(&"armed") && snapshots.contains(&"captured"), "{snapshots:?}");
    // The picture is the stored one, to the byte: it carries the truth of the rig.
    let url = last["cameras"][0]["url"].as_str().unwrap();
    let jpeg = page.client.get(format!("{}{url}", page.base)).send().await.unwrap().bytes().await.unwrap();
    FrameTruth::from_jpeg(&jpeg).unwrap();
    let shots = page.follow("shots", |_| true).await;
    assert_eq!(shots[0]["shots"].as_array().unwrap().len(), 6);
    assert_eq!(page.studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    page.studio.wait_for_film(0, LIMIT).await.unwrap();
    let sessions = page.json("/api/sessions").await;
    assert_eq!(
        (&sessions["sessions"][0]["frames"], &sessions["sessions"][0]["outcome"]),
        (&json!(6), &json!("complete"))
    );
}

#[tokio::test]
async fn a_setting_that_is_saved_is_moonrakers_and_the_agents() {
    let page = Page::start("park_time: 0.2\n").await;
    let setting = |all: &Value, name: &str| {
        let mut all = all["groups"].as_array().unwrap().iter().flat_map(|group| group["settings"].as_array().unwrap());
        all.find(|setting| setting["name"] == name).unwrap().clone()
    };
    let fixed = setting(&page.json("/api/settings").await, "park_time");
    assert_eq!((&fixed["value"], &fixed["fixed_by"]), (&json!(0.2), &json!("moonraker.conf")));
    assert_eq!(page.send("PATCH", "/api/settings", json!({"values": {"park_time": 0.3}})).await.0, 409);
    let values = json!({"values": {"every_layers": 2, "output_framerate": 12}});
    let (status, saved) = page.send("PATCH", "/api/settings", values).await;
    assert_eq!(status, 200, "{saved}\n{}", page.studio.agent_log());
    assert_eq!(setting(&saved, "every_layers")["value"], 2);
    let moonraker = format!("{}/machine/timelapse/settings", page.studio.rig.url());
    let moonraker: Value = page.client.get(moonraker).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&moonraker["result"]["every_layers"], &moonraker["result"]["output_framerate"]),
        (&json!(2), &json!(12.0))
    );
    let (_, export) = page.send("GET", "/api/settings/export", json!({})).await;
    let (status, report) = page.send("POST", "/api/settings/import", export).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(
        report["passed_over"].as_object().unwrap().keys().next().map(String::as_str),
        Some("parkhead"),
        "{report}"
    );
}

#[tokio::test]
async fn a_file_is_planned_drawn_and_planned_otherwise() {
    let page = Page::start("park: 20,200\n").await;
    page.print(6).await;
    page.follow("state", |state| state["print"]["file"] == "towers.gcode").await;
    let (status, plan) = page.send("POST", "/api/plans", json!({"file": "towers.gcode"})).await;
    assert_eq!(status, 200, "{plan}");
    assert_eq!((&plan["printer_known"], &plan["totals"]["layers"]), (&json!(true), &json!(6)));
    let columns = &plan["layers"];
    for column in ["z", "time_s", "from", "to", "points"] {
        assert_eq!(columns[column].as_array().unwrap().len(), 6, "{column}");
    }
    assert_eq!((plan["frames"].as_array().unwrap().len(), &plan["park"]), (6, &json!([20.0, 200.0])));
    let drawing = format!("{}/api/drawings/{}/layers?from=1&to=6", page.base, plan["drawing"].as_str().unwrap());
    let blocks = page.client.get(drawing).send().await.unwrap().bytes().await.unwrap();
    let number = |at: usize| u32::from_le_bytes(blocks[at..at + 4].try_into().unwrap());
    let (mut at, mut layer) = (0, 0);
    while at < blocks.len() {
        layer += 1;
        assert_eq!(
            (number(at + 4), number(at + 28)),
            (layer, columns["points"][layer as usize - 1].as_u64().unwrap() as u32)
        );
        at += number(at) as usize;
    }
    assert_eq!((at, layer), (blocks.len(), 6));
    let windows = page.json(&format!("/api/plans/{}/layers/2", plan["plan"].as_str().unwrap())).await;
    assert!(!windows["frames"][0]["windows"].as_array().unwrap().is_empty(), "{windows}");
    // The same question has the same answer; another has another, over the same drawing.
    let (_, same) = page.send("POST", "/api/plans", json!({})).await;
    assert_eq!((&same["plan"], &same["took_ms"]), (&plan["plan"], &json!(0)));
    let wish = json!({
        "file": "towers.gcode", "settings": {"park": "200,20", "every_layers": 2},
        "restrictions": [{"rule": "avoid", "shape": {"circle": {"centre": {"x": 5.0, "y": 5.0}, "radius": 2.0}}}],
    });
    let (status, other) = page.send("POST", "/api/plans", wish).await;
    assert_eq!(status, 200, "{other}");
    assert_eq!((other["frames"].as_array().unwrap().len(), &other["drawing"]), (3, &plan["drawing"]));
    assert_eq!(other["restrictions"][0]["rule"], "avoid");
    assert_ne!(other["totals"]["travel_mm"], plan["totals"]["travel_mm"]);
    assert_eq!(page.send("POST", "/api/plans", json!({"file": "../moonraker.conf"})).await.0, 404);
    assert_eq!(page.send("POST", "/api/plans", json!({"file": "gone.gcode"})).await.0, 404);
    assert_eq!(page.send("POST", "/api/plans", json!({"settings": {"park": "shelf"}})).await.0, 422);
    assert_eq!(page.json("/api/files").await["files"][0]["path"], "towers.gcode");
}

#[tokio::test]
async fn cameras_are_looked_at_and_the_doctor_comes() {
    let page = Page::start("").await;
    let (status, camera) = page.send("POST", "/api/cameras/0/probe", json!({})).await;
    assert_eq!(
        (status, &camera["probe"]["kind"], &camera["probe"]["width"]),
        (200, &json!("stream"), &json!(320)),
        "{camera}"
    );
    let picture = page.client.get(format!("{}/api/cameras/0/picture.jpg", page.base)).send().await.unwrap();
    assert!(picture.headers().contains_key("x-age-ms"));
    FrameTruth::from_jpeg(&picture.bytes().await.unwrap()).unwrap();
    assert_eq!(page.send("POST", "/api/cameras/0/light", json!({})).await.0, 409, "there is no light");
    let (status, health) = page.send("POST", "/api/health/check", json!({})).await;
    assert_eq!(status, 200, "{health}");
    assert!(health["findings"].as_array().unwrap().len() > 5, "{health}");
    assert_eq!(page.send("POST", "/api/calibration", json!({"z": 30})).await.0, 409, "it is not homed");
    assert_eq!(page.json("/api/calibration").await["state"], "failed");
}

#[tokio::test]
async fn the_light_shines_in_its_test_and_in_every_frame_and_never_stays_on() {
    let mut options = StudioOptions::new(AGENT);
    options.rig = options.rig.printer_section("[output_pin caselight]\npin: led\n");
    (options.camera.manner, options.camera.latency) = (Manner::Plain, Duration::from_millis(350));
    let settings = "light_pin: caselight\nlight_settle: 0.2\nstream_delay_compensation: 0.35\n";
    let page = Page::open(options, settings).await;
    let rig = &page.studio.rig;
    let lamp = async || {
        let asked = json!({"objects": {"output_pin caselight": ["value"]}});
        let answer = rig.call("printer.objects.query", asked, LIMIT).await.unwrap();
        answer["status"]["output_pin caselight"]["value"].as_f64().unwrap()
    };
    let (status, test) = page.send("POST", "/api/cameras/0/light", json!({})).await;
    assert_eq!(status, 200, "{test}\n{}", page.studio.agent_log());
    let [dark, bright] = [0, 1].map(|n| test["brightness"][n].as_f64().unwrap());
    assert!(bright > 2.0 * dark, "{test}");
    assert_eq!(lamp().await, 0.0);
    for picture in ["before", "after"] {
        let picture =
            page.client.get(format!("{}{}", page.base, test[picture].as_str().unwrap())).send().await.unwrap();
        FrameTruth::from_jpeg(&picture.bytes().await.unwrap()).unwrap();
    }

    let since = rig.record();
    rig.gcode("TIMELAPSE_TEST PARK=0").await.unwrap();
    page.studio.wait_for_console(&since, "test done", LIMIT).await.unwrap();
    let trial = format!("{}/server/files/timelapse_frames/test_rig.jpg", rig.url());
    let trial = page.client.get(trial).send().await.unwrap().bytes().await.unwrap();
    let trial = Thumb::decode(&trial).unwrap().brightness();
    assert!((trial - bright).abs() < 0.1 * bright, "{trial} instead of {bright}");
    assert_eq!(lamp().await, 0.0);

    // Somebody closes the page as soon as the light is on.
    let test = page.client.post(format!("{}/api/cameras/0/light", page.base)).send();
    let lit = async {
        while lamp().await == 0.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { biased; () = lit => {}, answer = test => panic!("it was never seen: {answer:?}") }
    let dark_again = async {
        while lamp().await > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, dark_again).await.unwrap();

    page.print(3).await;
    assert_eq!(rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    page.studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = page.studio.frames().unwrap();
    assert_eq!(frames.len(), 3, "{}", page.studio.agent_log());
    for frame in frames {
        let seen = Thumb::decode(&std::fs::read(&frame.path).unwrap()).unwrap().brightness();
        assert!((seen - bright).abs() < 0.1 * bright, "{}: {seen} instead of {bright}", frame.path.display());
    }
    assert_eq!(lamp().await, 0.0);
}

#[tokio::test]
async fn viewers_that_take_nothing_cost_a_print_no_frame() {
    const PICTURES: usize = 8;
    let page = Page::start("").await;
    let address = page.base.strip_prefix("http://").unwrap().to_owned();
    let ask = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let mut stuck = Vec::new();
    for _ in 0..VIEWERS {
        let mut viewer = ask("/api/events").await;
        let mut begun = [0; 12];
        viewer.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        stuck.push(viewer);
    }
    // All of them are listened to: there is no room for one more.
    assert_eq!(page.client.get(format!("{}/api/events", page.base)).send().await.unwrap().status(), 429);
    let since = page.studio.rig.with_status(|status| status.timelapse_events.len());
    page.print(4).await;
    for _ in 0..PICTURES {
        stuck.push(ask("/api/cameras/0/picture.jpg").await);
    }
    assert_eq!(page.studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    page.studio.wait_for_film(since, LIMIT).await.unwrap();
    assert_eq!(page.studio.frames().unwrap().len(), 4, "{}", page.studio.agent_log());
    drop(stuck);
}

#[tokio::test]
async fn a_calibration_is_followed_to_its_curve() {
    let page = Page::start("").await;
    page.studio.rig.gcode("G28").await.unwrap();
    let (status, begun) = page.send("POST", "/api/calibration", json!({"z": 30})).await;
    assert_eq!((status, &begun["state"]), (202, &json!("running")), "{begun}\n{}", page.studio.agent_log());
    let seen = page.follow("calibration", |seen| seen["state"] == "done" || seen["state"] == "failed").await;
    let last = seen.last().unwrap();
    assert_eq!(last["state"], "done", "{last}\n{}", page.studio.agent_log());
    let timing = &last["cameras"][0]["timing"];
    let (delays, shown) = (timing["curve"]["delay_s"].as_array().unwrap(), timing["curve"]["seen"].as_array().unwrap());
    assert!(delays.len() > 50 && delays.len() == shown.len(), "{timing}");
    // Long before the latency nothing is seen of a move, and long after it all.
    let latency = timing["latency_s"].as_f64().unwrap();
    let mean = |from: f64, to: f64| {
        let within = delays.iter().zip(shown).filter(|(at, _)| (from..to).contains(&at.as_f64().unwrap()));
        let seen: Vec<f64> = within.map(|(_, seen)| seen.as_f64().unwrap()).collect();
        seen.iter().sum::<f64>() / seen.len() as f64
    };
    assert!(mean(latency + 0.15, latency + 0.3) > 0.8, "{timing}");
    assert_eq!(page.json("/api/cameras").await["cameras"][0]["timing"]["latency_s"], timing["latency_s"]);
}

#[tokio::test]
async fn a_film_is_made_again_without_a_frame_and_with_another_profile() {
    let page =
        Page::start("output_framerate: 10\nduplicatelastframe: 0\nprofiles:\n  small: width=160 automatic=no\n").await;
    page.print(4).await;
    assert_eq!(page.studio.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    page.studio.wait_for_film(0, LIMIT).await.unwrap();
    let session = page.json("/api/sessions").await["sessions"][0].clone();
    let id = session["id"].as_str().unwrap();
    let frame = format!("/api/sessions/{id}/reels/0/frames/2");
    assert_eq!(page.send("PATCH", &frame, json!({"dropped": true})).await.0, 200);
    let preview = json!({"preview": {"reel": 0, "number": 1}});
    assert_eq!(page.send("PATCH", &format!("/api/sessions/{id}"), preview).await.0, 200);
    let before = page.studio.events(0).len();
    let (status, job) = page.send("POST", &format!("/api/sessions/{id}/films"), json!({"profile": "small"})).await;
    assert_eq!(status, 202, "{job}");
    let film = page.studio.wait_for_film(before, LIMIT).await.unwrap();
    let facts = moonlapse_rig::studio::film_facts(&film).unwrap();
    assert_eq!((facts.frames, facts.width), (3, 160));
    let films = page.json("/api/films").await["films"].clone();
    let name = film.file_name().unwrap().to_str().unwrap();
    let listed = films.as_array().unwrap().iter().find(|film| film["name"] == name).unwrap();
    assert_eq!((&listed["profile"], &listed["session"], &listed["frames"]), (&json!("small"), &json!(id), &json!(3)));
    let sent = page.client.get(format!("{}{}", page.base, listed["url"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(sent.bytes().await.unwrap(), std::fs::read(&film).unwrap());
}
