//! What Moonraker and Klipper say of themselves, asked once.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::clock::{Clock, MonoTime};
use crate::moonraker::{Link, LinkError, REQUEST_TIMEOUT};
use crate::printer::Printer;

/// All that was said.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) link: Link,
    /// `server.info`.
    pub(super) server: Json,
    /// `server.config`: what Moonraker read, and from which files.
    pub(super) config: Json,
    pub(super) webcams: Vec<Json>,
    /// The file roots.
    pub(super) roots: Vec<Json>,
    /// Programs that are connected as agents.
    pub(super) agents: Vec<Json>,
    /// The settings that the component `timelapse` tells; `None` where it is not loaded.
    pub(super) timelapse: Option<Map<String, Json>>,
    /// How long Moonraker took to answer a question of its own.
    pub(super) round_trip: Duration,
    /// `None` while Klipper is not ready.
    pub(super) klipper: Option<Klipper>,
    /// Why Klipper is not ready, in its words.
    pub(super) klipper_says: String,
}

/// What a Klipper that is ready says.
#[derive(Debug)]
pub(super) struct Klipper {
    /// Its version.
    pub(super) version: String,
    /// Its status objects.
    pub(super) printer: Printer,
    /// The names of all of them.
    pub(super) objects: Vec<String>,
    /// printer.cfg as text, by section, names as they are written.
    pub(super) config: Map<String, Json>,
    /// printer.cfg with Klipper's defaults.
    pub(super) settings: Map<String, Json>,
}

impl Chart {
    /// Asks.
    ///
    /// # Errors
    ///
    /// Moonraker does not answer, or not us.
    pub(super) async fn read(link: Link, clock: Clock) -> Result<Self, LinkError> {
        let ask = async |method: &str, params: Json| link.request(method, params, REQUEST_TIMEOUT).await;
        let asked = clock.monotonic();
        let server = ask("server.info", Json::Null).await?;
        let round_trip = Duration::try_from_secs_f64(clock.monotonic().secs_since(asked)).unwrap_or_default();
        // Older ones lack some of these, and answers that are missing find nothing wrong.
        let list = async |method: &str, key: &str| match ask(method, Json::Null).await {
            Ok(Json::Array(list)) => list,
            Ok(answer) => answer.get(key).and_then(Json::as_array).cloned().unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let config = ask("server.config", Json::Null).await.unwrap_or_default();
        let webcams = list("server.webcams.list", "webcams").await;
        let roots = list("server.files.roots", "roots").await;
        let agents = list("server.extensions.list", "agents").await;
        let timelapse = match ask("machine.timelapse.get_settings", Json::Null).await {
            Ok(Json::Object(settings)) => Some(settings),
            _ => None,
        };
        let (klipper, klipper_says) = match server["klippy_state"].as_str() {
            Some("ready") => match Klipper::read(&link, clock.monotonic()).await {
                Ok(klipper) => (Some(klipper), String::new()),
                Err(problem) => (None, problem.to_string()),
            },
            _ => {
                let info = ask("printer.info", Json::Null).await.unwrap_or_default();
                (None, info["state_message"].as_str().unwrap_or_default().trim().to_owned())
            }
        };
        Ok(Self { server, config, webcams, roots, agents, timelapse, round_trip, klipper, klipper_says, link })
    }

    /// A section of moonraker.conf as Moonraker read it; names in lower case.
    pub(super) fn section(&self, name: &str) -> Option<&Json> {
        self.config.get("config")?.get(name)
    }

    /// The components that Moonraker has loaded, or has failed to load.
    pub(super) fn components(&self, which: &str) -> impl Iterator<Item = &str> {
        self.server.get(which).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
    }

    /// The folder of a file root.
    pub(super) fn root(&self, name: &str) -> Option<&str> {
        let root = self.roots.iter().find(|root| root.get("name").and_then(Json::as_str) == Some(name))?;
        root.get("path").and_then(Json::as_str)
    }
}

impl Klipper {
    async fn read(link: &Link, received: MonoTime) -> Result<Self, LinkError> {
        let ask = async |method: &str, params: Json| link.request(method, params, REQUEST_TIMEOUT).await;
        let version = ask("printer.info", Json::Null).await.unwrap_or_default();
        let objects = ask("printer.objects.list", Json::Null).await?;
        let objects = objects["objects"].as_array().into_iter().flatten();
        let objects: Vec<String> = objects.filter_map(Json::as_str).map(str::to_owned).collect();
        let mut wanted = Printer::subscription();
        wanted.retain(|name, _| objects.contains(name));
        wanted.insert("configfile".to_owned(), json!(["config", "settings"]));
        let mut answer = ask("printer.objects.query", json!({"objects": wanted})).await?;
        let mut status = match answer["status"].take() {
            Json::Object(status) => status,
            _ => Map::new(),
        };
        let mut part = |name: &str| match status.get_mut("configfile").map(|file| file[name].clone()) {
            Some(Json::Object(part)) => part,
            _ => Map::new(),
        };
        let (config, settings) = (part("config"), part("settings"));
        let mut printer = Printer::default();
        printer.reset(status, received);
        let version = version["software_version"].as_str().unwrap_or("of unknown version").to_owned();
        Ok(Self { version, printer, objects, config, settings })
    }

    /// Whether printer.cfg has a section of this name.
    pub(super) fn has(&self, section: &str) -> bool {
        let same = |name: &String| name.eq_ignore_ascii_case(section);
        self.config.keys().any(same) || self.settings.keys().any(same) || self.objects.iter().any(same)
    }

    /// A number of printer.cfg with Klipper's defaults.
    pub(super) fn number(&self, section: &str, option: &str) -> Option<f64> {
        self.settings.get(section)?.get(option)?.as_f64()
    }

    /// The macros of printer.cfg with their G-code, names in upper case.
    pub(super) fn macros(&self) -> impl Iterator<Item = (String, &str)> {
        self.config.iter().filter_map(|(section, options)| {
            let (kind, name) = section.split_once(' ')?;
            let gcode = options.get("gcode").and_then(Json::as_str)?;
            kind.eq_ignore_ascii_case("gcode_macro").then(|| (name.trim().to_uppercase(), gcode))
        })
    }
}
