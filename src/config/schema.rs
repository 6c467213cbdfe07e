//! The settings' schema: generated from [`Settings`], read by the Moonraker component, the documentation and our own checks.

use std::fmt::Write as _;
use std::sync::LazyLock;

use figment::value::Value;
use serde_json::{Map, Value as Json};

use super::settings::Settings;

/// One option, as the schema describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSpec {
    /// Its name in `moonraker.conf` and in the UIs' calls.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// The value without any configuration.
    pub default: Json,
    /// Unit of a number, such as `mm/s`.
    pub unit: Option<String>,
    /// What it does, in a sentence or two.
    pub description: String,
    /// Who may set it.
    pub scope: Scope,
}

/// The values that an option takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `True`, `yes`, `on`, `1` and their opposites.
    Boolean,
    /// A whole number.
    Integer {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A number.
    Number {
        /// Smallest allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// Any text.
    Text,
}

/// Who may set an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Mainsail and Fluidd, or `moonraker.conf`, which then fixes it.
    Ui,
    /// `moonraker.conf`; the UIs are told.
    ReadOnly,
    /// `moonraker.conf` only.
    Conf,
}

static SPECS: LazyLock<Vec<OptionSpec>> = LazyLock::new(|| {
    let schema = json_schema();
    let properties = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    // Properties come sorted by name; people read them by subject, as the struct has them.
    let order = serde_json::to_value(Settings::default()).ok();
    let mut specs: Vec<OptionSpec> = properties.iter().map(|(name, p)| spec(name, p)).collect();
    if let Some(Json::Object(order)) = order {
        specs.sort_by_key(|s| order.keys().position(|k| *k == s.name));
    }
    specs
});

/// All options, in the order of [`Settings`].
#[must_use]
pub fn specs() -> &'static [OptionSpec] {
    &SPECS
}

/// The spec of one option.
#[must_use]
pub fn spec_of(name: &str) -> Option<&'static OptionSpec> {
    SPECS.iter().find(|s| s.name == name)
}

/// The schema as JSON Schema (draft 2020-12), with `x-scope` and `x-unit`.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = schemars::schema_for!(Settings).to_value();
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        for property in properties.values_mut().filter_map(Json::as_object_mut) {
            tidy(property);
        }
    }
    schema
}

/// Leaves out what only tells how Rust stores a number, and folds the line breaks of doc comments.
fn tidy(property: &mut Map<String, Json>) {
    property.remove("format");
    if let Some(Json::String(text)) = property.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

fn spec(name: &str, property: &Json) -> OptionSpec {
    let text = |key: &str| property.get(key).and_then(Json::as_str);
    let kind = match (property.get("enum").and_then(Json::as_array), text("type")) {
        (Some(words), _) => Kind::Choice(words.iter().filter_map(Json::as_str).map(str::to_owned).collect()),
        (None, Some("boolean")) => Kind::Boolean,
        (None, Some("integer")) => Kind::Integer {
            min: property.get("minimum").and_then(Json::as_i64).unwrap_or(i64::MIN),
            max: property.get("maximum").and_then(Json::as_i64).unwrap_or(i64::MAX),
        },
        (None, Some("number")) => Kind::Number {
            min: property.get("minimum").and_then(Json::as_f64).unwrap_or(f64::MIN),
            max: property.get("maximum").and_then(Json::as_f64).unwrap_or(f64::MAX),
        },
        _ => Kind::Text,
    };
    OptionSpec {
        name: name.to_owned(),
        kind,
        default: property.get("default").cloned().unwrap_or(Json::Null),
        unit: text("x-unit").map(str::to_owned),
        description: text("description").unwrap_or_default().to_owned(),
        scope: match text("x-scope") {
            Some("ui") => Scope::Ui,
            Some("readonly") => Scope::ReadOnly,
            _ => Scope::Conf,
        },
    }
}

impl OptionSpec {
    /// Reads `raw` as `moonraker.conf`, an environment variable or a text field of a UI gives it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is allowed.
    pub fn parse(&self, raw: &str) -> Result<Value, String> {
        let text = raw.trim();
        match &self.kind {
            Kind::Boolean => match text.to_lowercase().as_str() {
                "1" | "yes" | "true" | "on" => Ok(Value::from(true)),
                "0" | "no" | "false" | "off" => Ok(Value::from(false)),
                _ => Err(self.expected()),
            },
            Kind::Integer { min, max } => match text.parse::<i64>() {
                Ok(number) if (*min..=*max).contains(&number) => Ok(Value::from(number)),
                _ => Err(self.expected()),
            },
            Kind::Number { min, max } => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && (*min..=*max).contains(&number) => Ok(Value::from(number)),
                _ => Err(self.expected()),
            },
            Kind::Choice(words) => {
                let word = text.to_lowercase();
                if words.contains(&word) { Ok(Value::from(word)) } else { Err(self.expected()) }
            }
            Kind::Text => Ok(Value::from(text)),
        }
    }

    /// Reads a value as the database holds it: typed, or as text.
    ///
    /// # Errors
    ///
    /// A sentence that says what is allowed.
    pub fn parse_json(&self, value: &Json) -> Result<Value, String> {
        match value {
            Json::String(text) => self.parse(text),
            Json::Number(number) if matches!(self.kind, Kind::Integer { .. }) => {
                // Python writes 30 as 30.0 after some arithmetic; the value is what counts.
                match number.as_f64() {
                    Some(float) if float.fract() == 0.0 => self.parse(&format!("{float:.0}")),
                    _ => Err(self.expected()),
                }
            }
            Json::Bool(_) | Json::Number(_) => self.parse(&value.to_string()),
            _ => Err(self.expected()),
        }
    }

    fn expected(&self) -> String {
        format!("expected {}", self.allowed())
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        let unit = self.unit.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        match &self.kind {
            Kind::Boolean => "True or False".to_owned(),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}{unit}"),
            Kind::Number { min, max } => format!("a number from {min} to {max}{unit}"),
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Text => "text".to_owned(),
        }
    }

    /// The default as one would write it in `moonraker.conf`.
    #[must_use]
    pub fn default_text(&self) -> String {
        match &self.default {
            Json::Bool(true) => "True".to_owned(),
            Json::Bool(false) => "False".to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// The options as a Markdown table, for `docs/configuration.md`.
#[must_use]
pub fn markdown_table() -> String {
    let mut table = "| option | default | allowed | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for spec in specs() {
        let default = spec.default_text();
        let default = if default.is_empty() { "(empty)".to_owned() } else { format!("`{default}`") };
        let place = match spec.scope {
            Scope::Ui => "",
            Scope::ReadOnly | Scope::Conf => " Only in moonraker.conf.",
        };
        let _ = writeln!(
            table,
            "| `{}` | {default} | {} | {}{place} |",
            spec.name,
            spec.allowed(),
            spec.description.replace('|', "\\|"),
        );
    }
    table
}

/// The options as commented lines, for `moonraker.conf.example`.
#[must_use]
pub fn conf_example() -> String {
    let mut example = String::new();
    for spec in specs() {
        for line in wrap(&format!("{} Allowed: {}.", spec.description, spec.allowed()), 98) {
            let _ = writeln!(example, "#   {line}");
        }
        let _ = writeln!(example, "{}", format!("#{}: {}", spec.name, spec.default_text()).trim_end());
    }
    example
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|l| !l.is_empty() && l.len() + 1 + word.len() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_a_scope_a_default_and_an_explanation() {
        let schema = json_schema();
        for spec in specs() {
            assert!(!spec.description.is_empty(), "{} lacks a doc comment", spec.name);
            assert!(!spec.default.is_null(), "{} lacks a default", spec.name);
            let scope = &schema["properties"][&spec.name]["x-scope"];
            assert!(["ui", "readonly", "conf"].contains(&scope.as_str().unwrap_or_default()), "{}: {scope}", spec.name);
        }
        assert_eq!(specs().first().map(|s| s.name.as_str()), Some("enabled"));
    }

    #[test]
    fn defaults_are_inside_their_own_ranges() {
        for spec in specs() {
            assert!(spec.parse_json(&spec.default).is_ok(), "{}: {}", spec.name, spec.default);
        }
    }

    #[test]
    fn values_are_read_as_moonraker_reads_them() {
        let parse = |name: &str, raw: &str| spec_of(name).unwrap().parse(raw);
        assert_eq!(parse("enabled", "Yes"), Ok(Value::from(true)));
        assert_eq!(parse("enabled", "maybe"), Err("expected True or False".to_owned()));
        assert_eq!(parse("constant_rate_factor", "52"), Err("expected a whole number from 0 to 51".to_owned()));
        assert_eq!(parse("targetlength", "29.97"), Err("expected a whole number from 1 to 86400 s".to_owned()));
        assert_eq!(parse("park_time", "nan"), Err("expected a number from 0 to 5 s".to_owned()));
        assert_eq!(parse("parkpos", "Back_Left"), Ok(Value::from("back_left")));
    }

    #[test]
    fn whole_floats_of_the_database_are_whole_numbers() {
        let spec = spec_of("targetlength").unwrap();
        assert_eq!(spec.parse_json(&serde_json::json!(30.0)), Ok(Value::from(30_i64)));
        assert!(spec.parse_json(&serde_json::json!(29.5)).is_err());
        assert!(spec.parse_json(&Json::Null).is_err());
    }
}
