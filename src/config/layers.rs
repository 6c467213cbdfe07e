//! The layers of the configuration, each a figment provider: defaults < settings saved by the UIs < `moonraker.conf` <
//! environment < flags.
//!
//! `moonraker.conf` stands above the saved settings, as in moonraker-timelapse: what it says is fixed, and the UIs show
//! the option as blocked.

use std::collections::BTreeMap;
use std::path::Path;

use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde_json::{Map, Value as Json};

use super::conf_file::{ConfFile, Section};
use super::error::{ConfigError, OptionError};
use super::schema::{OptionSpec, Scope, spec_of, specs};
use super::settings::Settings;

/// The section of `moonraker.conf`.
pub const SECTION: &str = "timelapse";
/// Prefix of the environment variables: `MOONLAPSE_PARKHEAD=True`.
pub const ENV_PREFIX: &str = "MOONLAPSE_SET_";

/// One source of settings, checked against the schema.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// What to call the source in a message, such as `/home/pi/printer_data/config/moonraker.conf [timelapse]`.
    name: String,
    values: Dict,
    faults: Vec<OptionError>,
}

impl Layer {
    fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn add(&mut self, origin: String, key: &str, raw: &str, value: impl FnOnce(&OptionSpec) -> Result<Value, String>) {
        let fault = |value, problem| OptionError { origin: origin.clone(), key: key.to_owned(), value, problem };
        match spec_of(key) {
            None => self.faults.push(fault(None, unknown(key))),
            Some(spec) => match value(spec) {
                Ok(value) => {
                    self.values.insert(key.to_owned(), value);
                }
                Err(problem) => self.faults.push(fault(Some(raw.to_owned()), problem)),
            },
        }
    }

    /// The `[timelapse]` section of a `moonraker.conf` that was read from disk.
    #[must_use]
    pub fn moonraker_conf(section: &Section, path: &Path) -> Self {
        let mut layer = Self::named(format!("{} [{SECTION}]", path.display()));
        for option in &section.options {
            let origin = format!("{}, line {}, [{SECTION}]", option.path.display(), option.line);
            layer.add(origin, &option.key, &option.value, |spec| spec.parse(&option.value));
        }
        layer
    }

    /// The section as Moonraker's `server.config` reports it (`orig.timelapse`), for an agent on another host.
    #[must_use]
    pub fn moonraker_reported(section: &Map<String, Json>) -> Self {
        let mut layer = Self::named(format!("Moonraker's [{SECTION}]"));
        for (key, value) in section {
            layer.add(format!("moonraker.conf, [{SECTION}]"), key, &plain(value), |spec| spec.parse_json(value));
        }
        layer
    }

    /// The settings that the UIs saved in Moonraker's database. Entries that are not theirs to set are passed over:
    /// moonraker-timelapse stored its whole state there.
    #[must_use]
    pub fn saved(database: &Map<String, Json>) -> Self {
        let mut layer = Self::named("saved settings");
        for (key, value) in database.iter().filter(|(key, _)| spec_of(key).is_some_and(|s| s.scope == Scope::Ui)) {
            layer.add("saved settings".to_owned(), key, &plain(value), |spec| spec.parse_json(value));
        }
        layer
    }

    /// The settings in force as the Moonraker component reports them: `moonraker.conf` over the saved ones. What it
    /// reports beside settings (`blockedsettings`) is passed over.
    #[must_use]
    pub fn component(settings: &Map<String, Json>) -> Self {
        let mut layer = Self::named("Moonraker's component");
        for (key, value) in settings.iter().filter(|(key, _)| spec_of(key).is_some()) {
            layer.add("Moonraker's component".to_owned(), key, &plain(value), |spec| spec.parse_json(value));
        }
        layer
    }

    /// Environment variables such as `MOONLAPSE_SET_PARKHEAD=True`.
    #[must_use]
    pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut layer = Self::named("environment");
        for (name, raw) in variables {
            if let Some(key) = name.strip_prefix(ENV_PREFIX) {
                layer.add(format!("environment variable {name}"), &key.to_lowercase(), &raw, |spec| spec.parse(&raw));
            }
        }
        layer
    }

    /// Flags of the form `--set key=value`.
    #[must_use]
    pub fn flags(pairs: &[(String, String)]) -> Self {
        let mut layer = Self::named("flags");
        for (key, raw) in pairs {
            layer.add(format!("flag --set {key}"), key, raw, |spec| spec.parse(raw));
        }
        layer
    }

    /// The options that this source sets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// What of this source can't be used.
    #[must_use]
    pub fn faults(&self) -> &[OptionError] {
        &self.faults
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<BTreeMap<Profile, Dict>, figment::Error> {
        Ok(BTreeMap::from([(Profile::Default, self.values.clone())]))
    }
}

/// The `[timelapse]` section of the `moonraker.conf` at `path`; an empty layer where it has none.
///
/// # Errors
///
/// What [`ConfFile::read`] finds. Faulty options are kept in the layer, see [`Layer::faults`].
pub fn read_moonraker_conf(path: &Path) -> Result<Layer, ConfigError> {
    let conf = ConfFile::read(path)?;
    Ok(match conf.section(SECTION) {
        Some(section) => Layer::moonraker_conf(section, path),
        None => Layer::named(format!("{} (no [{SECTION}] section)", path.display())),
    })
}

/// The settings in force and what was wrong with their sources.
#[derive(Clone, Debug)]
pub struct Merged {
    /// Every option has a usable value here: a faulty one falls back to the layer below it.
    pub settings: Settings,
    /// To be shown to the user.
    pub faults: Vec<OptionError>,
}

/// Puts `layers` on top of the defaults, the last one highest.
///
/// # Errors
///
/// Only if the schema and [`Settings`] disagree, which a test rules out.
pub fn merge<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Merged, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    let mut faults = Vec::new();
    for layer in layers {
        faults.extend_from_slice(&layer.faults);
        figment = figment.merge(layer);
    }
    let settings = figment.extract().map_err(|e| ConfigError::Extract(Box::new(e)))?;
    Ok(Merged { settings, faults })
}

fn unknown(key: &str) -> String {
    let near = specs().iter().map(|s| (distance(key, &s.name), &s.name)).min();
    match near {
        Some((steps, name)) if steps <= 3 => format!("is unknown; did you mean `{name}`?"),
        _ => "is unknown; docs/configuration.md lists all options".to_owned(),
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Levenshtein's edit distance.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::ParkPosition;

    fn conf(text: &str) -> Layer {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("moonraker.conf");
        std::fs::write(&path, text).unwrap();
        read_moonraker_conf(&path).unwrap()
    }

    fn saved(json: Json) -> Layer {
        Layer::saved(json.as_object().unwrap())
    }

    #[test]
    fn nothing_configured_gives_the_defaults() {
        assert_eq!(merge([]).unwrap().settings, Settings::default());
    }

    #[test]
    fn moonraker_conf_fixes_what_the_uis_saved_and_flags_win_over_both() {
        let conf = conf("[timelapse]\nparkhead: True\nparkpos: center\n");
        let saved = saved(serde_json::json!({"parkhead": false, "parkpos": "x_only", "output_framerate": "25"}));
        let flags = Layer::flags(&[("parkpos".to_owned(), "custom".to_owned())]);
        let merged = merge([&saved, &conf, &flags]).unwrap();
        assert!(merged.settings.parkhead);
        assert_eq!(merged.settings.output_framerate, 25.0);
        assert_eq!(merged.settings.parkpos, ParkPosition::Custom);
        assert!(merged.faults.is_empty());
    }

    #[test]
    fn faults_name_place_value_and_what_is_allowed_and_the_layer_below_holds() {
        let merged = merge([&conf("[timelapse]\nparkhaed: True\n\nconstant_rate_factor: sharp\n")]).unwrap();
        let faults: Vec<String> = merged.faults.iter().map(ToString::to_string).collect();
        assert!(
            faults[0].ends_with("line 2, [timelapse]: option `parkhaed`: is unknown; did you mean `parkhead`?"),
            "{faults:?}"
        );
        assert!(
            faults[1].ends_with(
                "line 4, [timelapse]: option `constant_rate_factor` has the value `sharp`: \
                 expected a whole number from 0 to 51"
            ),
            "{faults:?}"
        );
        assert_eq!(merged.settings, Settings::default());
    }

    #[test]
    fn the_database_of_moonraker_timelapse_is_taken_over() {
        let saved = saved(serde_json::json!({
            "enabled": true, "camera": "front", "parkhead": true, "park_time": 0.2, "fw_retract": false,
            "blockedsettings": [], "snapshoturl": "http://elsewhere/", "wget_skip_cert_check": true, "hyperlapse_cycle": 30
        }));
        let merged = merge([&saved]).unwrap();
        assert!(merged.faults.is_empty(), "{:?}", merged.faults);
        assert_eq!(merged.settings.camera, "front");
        assert_eq!(merged.settings.snapshoturl, Settings::default().snapshoturl);
    }

    #[test]
    fn environment_variables_are_read_by_their_prefix_only() {
        let vars = [("MOONLAPSE_SET_PARK_TIME", "0.3"), ("PARK_TIME", "9"), ("MOONLAPSE_LOG", "debug")];
        let layer = Layer::environment(vars.map(|(k, v)| (k.to_owned(), v.to_owned())));
        let merged = merge([&layer]).unwrap();
        assert!(merged.faults.is_empty());
        assert!((merged.settings.park_time - 0.3).abs() < 1e-9);
    }

    #[test]
    fn every_value_that_the_schema_allows_fits_the_settings() {
        for spec in specs() {
            let samples: Vec<String> = match &spec.kind {
                super::super::schema::Kind::Boolean => vec!["on".into(), "off".into()],
                super::super::schema::Kind::Integer { min, max } => vec![min.to_string(), max.to_string()],
                super::super::schema::Kind::Number { min, max } => vec![min.to_string(), max.to_string()],
                super::super::schema::Kind::Choice(words) => words.clone(),
                super::super::schema::Kind::Text => vec![String::new(), "0012".into()],
            };
            for sample in samples {
                let merged = merge([&Layer::flags(&[(spec.name.clone(), sample.clone())])]).unwrap();
                assert!(merged.faults.is_empty(), "{} = {sample}: {:?}", spec.name, merged.faults);
            }
        }
    }
}
