//! `moonlapse status`: what the agent does now, by the API of its page.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use url::Url;

use super::failure::Failure;
use super::paths::DataPath;
use super::sessions::print;
use super::wait::wait_for;
use crate::config::{Layer, Settings, merge, read_moonraker_conf};

/// How long the agent may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Show what the agent does now: the print, its frames, the next one, the cameras.
///
/// Asks the agent by the API of its page (docs/api.md).
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    data: DataPath,
    /// The page's address, when it is not that of moonraker.conf: http://printer.local:7190.
    #[arg(long, value_name = "URL", env = "MOONLAPSE_PAGE")]
    page: Option<Url>,
    /// Moonraker's API key, where it does not trust this host.
    #[arg(long, value_name = "KEY", env = "MOONLAPSE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self) -> ExitCode {
        let done = self.ask().and_then(|state| {
            let text = if self.json {
                serde_json::to_string_pretty(&state).map_err(|error| Failure::Message(error.to_string()))?
            } else {
                describe(&state)
            };
            print(&text)
        });
        done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
    }

    fn ask(&self) -> Result<Value, Failure> {
        let url = self.address()?;
        // Fails when another part of the program has installed it before.
        rustls::crypto::ring::default_provider().install_default().ok();
        wait_for(async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
            let client = client.map_err(|error| error.to_string())?;
            let mut request = client.get(url.clone());
            if let Some(key) = &self.api_key {
                request = request.header("X-Api-Key", key);
            }
            let answer = request.send().await.map_err(|error| {
                let base = url.origin().ascii_serialization();
                format!(
                    "The agent does not answer at {base}: is it running, and is web_port as here? ({})",
                    error.without_url()
                )
            })?;
            let status = answer.status();
            let body: Value = answer.json().await.map_err(|error| format!("The answer is not understood: {error}"))?;
            if status.is_success() {
                return Ok(body);
            }
            Err(Failure::Message(body["message"].as_str().unwrap_or("The agent refuses to answer").to_owned()))
        })?
    }

    fn address(&self) -> Result<Url, Failure> {
        let base = match &self.page {
            Some(page) => page.clone(),
            None => of_settings(&self.settings()?)?,
        };
        base.join("api/state").map_err(|error| Failure::Message(error.to_string()))
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let file = read_moonraker_conf(&self.data.moonraker_conf()).ok();
        let environment = Layer::environment(std::env::vars());
        let merged = merge(file.iter().chain([&environment])).map_err(|error| error.to_string())?;
        Ok(merged.settings)
    }
}

/// Where this host reaches the page.
fn of_settings(settings: &Settings) -> Result<Url, Failure> {
    let (host, port) = (settings.web_host.trim(), settings.web_port);
    if host.is_empty() || port == 0 {
        return Err("The page is switched off (web_host, web_port in [timelapse]), and with it its API"
            .to_owned()
            .into());
    }
    let host = match host {
        "0.0.0.0" | "all" => "127.0.0.1",
        "::" | "[::]" => "[::1]",
        host => host,
    };
    Url::parse(&format!("http://{host}:{port}/")).map_err(|error| Failure::Message(format!("web_host {host}: {error}")))
}

/// The state in lines.
fn describe(state: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing into a String cannot fail.
        let _infallible = writeln!(text, "{name:<10}{value}");
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").replace('_', " ");
    let seconds = |value: &Value| value.as_f64().map_or("-".to_owned(), |s| format!("{s:.0} s"));
    line(
        "Agent",
        format!(
            "{}, Moonraker {}, Klipper {}",
            word(&state["version"]),
            word(&state["moonraker"]),
            word(&state["klipper"])
        ),
    );
    let print = &state["print"];
    match print["file"].as_str() {
        None => line("Print", "none".to_owned()),
        Some(file) => {
            let part = print["progress"].as_f64().map_or(String::new(), |part| format!(", {:.0} %", part * 100.0));
            let layer = print["layer"].as_u64().map_or(String::new(), |layer| format!(", layer {layer}"));
            line(
                "Print",
                format!("{}: {}{part}{layer}", if file.is_empty() { "streamed" } else { file }, word(&print["state"])),
            );
        }
    }
    line("Filming", word(&state["filming"]));
    let planned =
        state["planned"].as_u64().filter(|planned| *planned > 0).map_or(String::new(), |n| format!(" of {n}"));
    line("Frames", format!("{}{planned}, {} missed", state["frames"], state["misses"]));
    if state["planned"].as_u64().is_some_and(|planned| planned > 0) {
        line("Added", format!("{} of about {}", seconds(&state["added_s"]), seconds(&state["expected_s"])));
    }
    let next = &state["snapshot"];
    if next.is_object() {
        let due = next["due_in_s"].as_f64().map_or(String::new(), |due| format!(", in about {due:.0} s"));
        line("Next", format!("frame {}, layer {}: {}{due}", next["number"], next["layer"], word(&next["state"])));
    }
    for camera in state["cameras"].as_array().into_iter().flatten() {
        let newest = camera["number"].as_u64().map_or("no frame yet".to_owned(), |n| format!("newest frame {n}"));
        line("Camera", format!("{}: {newest}", word(&camera["name"])));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_state_is_told_in_a_few_lines() {
        let state = json!({
            "version": "0.1.0", "moonraker": "connected", "klipper": "ready", "filming": "in_passing", "frames": 41,
            "misses": 1, "planned": 120, "added_s": 61.2, "expected_s": 180.0,
            "print": {"file": "vase.gcode", "state": "printing", "progress": 0.42, "layer": 41},
            "snapshot": {"number": 42, "layer": 42, "state": "armed", "due_in_s": 12.3},
            "cameras": [{"name": "front", "number": 41}, {"name": "top"}],
        });
        insta::assert_snapshot!(describe(&state), @r"
        Agent     0.1.0, Moonraker connected, Klipper ready
        Print     vase.gcode: printing, 42 %, layer 41
        Filming   in passing
        Frames    41 of 120, 1 missed
        Added     61 s of about 180 s
        Next      frame 42, layer 42: armed, in about 12 s
        Camera    front: newest frame 41
        Camera    top: no frame yet
        ");
        let idle = json!({"version": "0.1.0", "moonraker": "away", "klipper": "away", "filming": "waiting", "frames": 0, "misses": 0});
        assert!(describe(&idle).contains("Print     none"), "{}", describe(&idle));
    }

    #[test]
    fn the_page_is_looked_for_where_it_is_served() {
        let of = |host: &str, port| {
            let settings = Settings { web_host: host.to_owned(), web_port: port, ..Settings::default() };
            of_settings(&settings).ok().map(|url| url.to_string())
        };
        assert_eq!(of("0.0.0.0", 7190).as_deref(), Some("http://127.0.0.1:7190/"));
        assert_eq!(of("::", 80).as_deref(), Some("http://[::1]/"));
        assert_eq!(of("printer.local", 8000).as_deref(), Some("http://printer.local:8000/"));
        assert_eq!((of("", 7190), of("127.0.0.1", 0)), (None, None));
    }
}
