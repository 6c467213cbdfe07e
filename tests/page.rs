//! The page during a print on the simulated printer.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::camera::{FrameTruth, Look};
use moonlapse_rig::host::gcode::first_layers;
use moonlapse_rig::host::repository;
use moonlapse_rig::studio::{Studio, StudioOptions};
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);

struct Page {
    studio: Studio,
    base: String,
    client: reqwest::Client,
}

impl Page {
    async fn start(more: &str) -> Self {
        let port = moonlapse_rig::host::ports::free_port().unwrap();
        let mut options = StudioOptions::new(AGENT);
        options.camera.look = Look { width: 320, height: 192, ..Look::default() };
        options.timelapse = format!("web_port: {port}\n{more}");
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
        let file = std::fs::read_to_string(repository().join("tests/data/gcode/towers_relative_zhop.gcode")).unwrap();
        self.studio.rig.print("towers.gcode", first_layers(&file, layers).to_owned()).await.unwrap();
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
