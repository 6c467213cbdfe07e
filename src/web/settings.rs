//! Settings: shown by subject, checked before they are saved, and saved through Moonraker's component, so that Mainsail and
//! Fluidd have them too.

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::catalog::{ADVANCED, GROUPS, MULTILINE, OTHERS};
use super::error::{Answer, Problem};
use super::{App, Setup, SharedApp, presets};
use crate::config::Settings;
use crate::config::schema::{Kind, OptionSpec, Scope, spec_of, specs};
use crate::moonraker::{LinkError, REQUEST_TIMEOUT};

/// How long the agent may take to use what was saved.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// Values by name.
#[derive(Deserialize)]
pub(super) struct Values {
    values: Map<String, Value>,
}

/// `GET /api/settings`
pub(super) async fn show(State(app): State<SharedApp>) -> Json<Value> {
    Json(all(&app))
}

fn all(app: &App) -> Value {
    let setup = app.board.setup();
    let values = serde_json::to_value(&setup.settings).unwrap_or_default();
    let mut placed = HashSet::new();
    let mut groups = Vec::new();
    for group in GROUPS {
        let rows = group.settings.iter().filter_map(|(name, title)| {
            placed.insert(*name);
            Some(row(spec_of(name)?, title, &values[*name], &setup))
        });
        let rows: Vec<Value> = rows.collect();
        groups.push(json!({"id": group.id, "title": group.title, "text": group.text, "settings": rows}));
    }
    let others = specs().iter().filter(|spec| !placed.contains(spec.name.as_str()));
    let others: Vec<Value> = others.map(|spec| row(spec, &spec.name, &values[&spec.name], &setup)).collect();
    if !others.is_empty() {
        let (id, title, text) = OTHERS;
        groups.push(json!({"id": id, "title": title, "text": text, "settings": others}));
    }
    json!({"revision": app.board.settings_revision(), "groups": groups})
}

fn row(spec: &OptionSpec, title: &str, value: &Value, setup: &Setup) -> Value {
    let OptionSpec { name, kind, default, unit, description, .. } = spec;
    let (kind, min, max, choices) = match kind {
        Kind::Boolean => ("boolean", None, None, None),
        Kind::Integer { min, max } => ("integer", Some(json!(min)), Some(json!(max)), None),
        Kind::Number { min, max } => ("number", Some(json!(min)), Some(json!(max)), None),
        Kind::Choice(words) => ("choice", None, None, Some(words.iter().map(|word| choice(word)).collect::<Vec<_>>())),
        Kind::Text => ("text", None, None, None),
    };
    let fixed_by = fixed(spec, setup);
    // An address may hold a password.
    let value = if matches!(spec.scope, Scope::Ui) || !is_secret(name) { value.clone() } else { Value::Null };
    json!({
        "name": name, "title": title, "text": description, "type": kind, "min": min, "max": max, "step": null,
        "unit": unit, "choices": choices, "multiline": MULTILINE.contains(&name.as_str()), "default": default,
        "value": value, "editable": fixed_by.is_none(), "fixed_by": fixed_by,
        "advanced": ADVANCED.contains(&name.as_str()),
    })
}

/// Values that are not shown.
fn is_secret(name: &str) -> bool {
    name == "webhook_url"
}

fn choice(word: &str) -> Value {
    let mut title = word.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    json!({"value": word, "title": title})
}

/// Why an option cannot be set here.
fn fixed(spec: &OptionSpec, setup: &Setup) -> Option<&'static str> {
    let blocked = |component: &Map<String, Value>| {
        let list = component.get("blockedsettings").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|name| *name == spec.name))
    };
    if setup.overridden.contains(&spec.name) {
        return Some("flags");
    }
    if spec.scope != Scope::Ui {
        return Some("conf_only");
    }
    match &setup.component {
        None => Some("away"),
        Some(component) if blocked(component) => Some("moonraker.conf"),
        Some(_) => None,
    }
}

fn in_words(fixed_by: &str) -> &'static str {
    match fixed_by {
        "moonraker.conf" => "moonraker.conf fixes it: remove it there to set it here",
        "conf_only" => "it can be set in [timelapse] of moonraker.conf only",
        "flags" => "the agent's command line or environment fixes it",
        _ => "Moonraker, which keeps the settings, is away",
    }
}

/// What is wrong with each value; empty when all is well.
fn problems(values: &Map<String, Value>) -> Map<String, Value> {
    let wrong = values.iter().filter_map(|(name, value)| {
        let problem = match spec_of(name) {
            None => "there is no such setting".to_owned(),
            Some(spec) => spec.parse_json(value).err().or_else(|| meaning(name, value))?,
        };
        Some((name.clone(), problem.into()))
    });
    wrong.collect()
}

/// What a text means must be understood, too.
fn meaning(name: &str, value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let trouble = |problem: &dyn std::fmt::Display| Some(problem.to_string());
    match name {
        "park" if !text.trim().is_empty() => {
            text.parse::<crate::stabilize::Park>().err().and_then(|problem| trouble(&problem))
        }
        "placement" => text.parse::<crate::planner::Mode>().err().and_then(|problem| trouble(&problem)),
        "restrictions" => text.parse::<crate::planner::Restrictions>().err().and_then(|problem| trouble(&problem)),
        _ => None,
    }
}

/// `POST /api/settings/check`
pub(super) async fn check(Body(Values { values }): Body<Values>) -> Json<Value> {
    Json(json!({"problems": problems(&values)}))
}

/// `PATCH /api/settings`
pub(super) async fn change(State(app): State<SharedApp>, Body(Values { values }): Body<Values>) -> Answer<Json<Value>> {
    let setup = app.board.setup();
    let wrong = problems(&values);
    if let Some((name, problem)) = wrong.iter().next() {
        let sentence = format!("{name}: {}", problem.as_str().unwrap_or_default());
        return Err(Problem::invalid(sentence).field(name).problems(wrong.clone()));
    }
    for name in values.keys() {
        if let Some(fixed_by) = spec_of(name).and_then(|spec| fixed(spec, &setup)) {
            let sentence = format!("{name}: {}", in_words(fixed_by));
            return Err(if fixed_by == "away" { Problem::unavailable(sentence) } else { Problem::conflict(sentence) }
                .field(name));
        }
    }
    save(&app, values).await?;
    Ok(Json(all(&app)))
}

/// Has Moonraker save what is right and free, and waits until the agent uses it.
async fn save(app: &App, values: Map<String, Value>) -> Answer<()> {
    if values.is_empty() {
        return Ok(());
    }
    let link = app.board.setup().link.clone();
    let link = link.ok_or_else(|| Problem::unavailable("Moonraker, which keeps the settings, is away"))?;
    let mut setup = app.board.follow_setup();
    let saved = link.request("machine.timelapse.post_settings", json!(values), REQUEST_TIMEOUT).await;
    saved.map_err(|problem| match problem {
        LinkError::Refused { message, .. } => Problem::invalid(message),
        other => Problem::unavailable(other),
    })?;
    let wanted = values.iter().filter_map(|(name, value)| Some((name, spec_of(name)?.parse_json(value).ok()?)));
    let wanted: Vec<_> = wanted.map(|(name, value)| (name, json!(value))).collect();
    let uses = |setup: &std::sync::Arc<Setup>| {
        let now = serde_json::to_value(&setup.settings).unwrap_or_default();
        wanted.iter().all(|(name, value)| same(&now[name.as_str()], value))
    };
    // What was set already brings no news.
    match tokio::time::timeout(TAKE_OVER, setup.wait_for(uses)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::timeout("The settings are saved, but the agent has not heard of them yet")),
    }
}

/// Numbers are equal whatever their form.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= f64::EPSILON * a.abs().max(1.0),
        _ => a == b,
    }
}

/// `GET /api/settings/export`
pub(super) async fn export(State(app): State<SharedApp>) -> Response {
    let setup = app.board.setup();
    let Ok(Value::Object(mut values)) = serde_json::to_value(&setup.settings) else {
        return Problem::failed("The settings cannot be written").into_response();
    };
    values.retain(|name, _| spec_of(name).is_some_and(|spec| spec.scope == Scope::Ui));
    let headers = [(CONTENT_DISPOSITION, "attachment; filename=\"moonlapse-settings.json\"")];
    (headers, Json(json!({"moonlapse": env!("CARGO_PKG_VERSION"), "values": values}))).into_response()
}

/// `POST /api/settings/import`: takes what can be taken.
pub(super) async fn import(
    State(app): State<SharedApp>,
    Body(Values { mut values }): Body<Values>,
) -> Answer<Json<Value>> {
    let setup = app.board.setup();
    let mut passed_over = problems(&values);
    for name in values.keys() {
        if let Some(fixed_by) = spec_of(name).and_then(|spec| fixed(spec, &setup)) {
            if fixed_by == "away" {
                return Err(Problem::unavailable(in_words(fixed_by)));
            }
            passed_over.entry(name.clone()).or_insert(in_words(fixed_by).into());
        }
    }
    values.retain(|name, _| !passed_over.contains_key(name));
    let saved: Vec<String> = values.keys().cloned().collect();
    save(&app, values).await?;
    Ok(Json(json!({"saved": saved, "passed_over": passed_over})))
}

/// `GET /api/presets`
pub(super) async fn presets() -> Json<Value> {
    Json(json!({"presets": presets::all()}))
}

/// The settings in force with `changes` laid over them.
pub(super) fn changed(settings: &Settings, changes: &Map<String, Value>) -> Answer<Settings> {
    let wrong = problems(changes);
    if let Some((name, problem)) = wrong.iter().next() {
        let sentence = format!("{name}: {}", problem.as_str().unwrap_or_default());
        return Err(Problem::invalid(sentence).field(name).problems(wrong.clone()));
    }
    let mut all = serde_json::to_value(settings).map_err(Problem::failed)?;
    for (name, value) in changes {
        let value = spec_of(name).and_then(|spec| spec.parse_json(value).ok());
        all[name.as_str()] = serde_json::to_value(value).map_err(Problem::failed)?;
    }
    serde_json::from_value(all).map_err(Problem::invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: Value) -> Map<String, Value> {
        values.as_object().unwrap().clone()
    }

    #[test]
    fn values_are_checked_before_anything_is_saved() {
        let wrong = problems(&values(json!({
            "park_time": 9, "mode": "auto", "park": "shelf", "placement": "fast", "nonsense": 1, "enabled": [1]
        })));
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["park_time", "park", "nonsense", "enabled"]);
        assert_eq!(wrong["park_time"], "expected a number from 0 to 5 s");
    }

    #[test]
    fn changes_are_laid_over_the_settings() {
        let settings = changed(&Settings::default(), &values(json!({"every_layers": "3", "parkhead": false}))).unwrap();
        assert_eq!((settings.every_layers, settings.parkhead), (3, false));
        assert!(changed(&settings, &values(json!({"every_layers": "many"}))).is_err());
    }

    #[test]
    fn it_is_said_why_a_setting_is_fixed() {
        let fixed = |name: &str, setup: &Setup| super::fixed(spec_of(name).unwrap(), setup);
        let away = Setup::default();
        assert_eq!(fixed("park_time", &away), Some("away"));
        assert_eq!(fixed("hook_after_film", &away), Some("conf_only"));
        let there = Setup {
            component: Some(values(json!({"blockedsettings": ["park_time"]}))),
            overridden: vec!["mode".to_owned()],
            ..Setup::default()
        };
        assert_eq!(fixed("park_time", &there), Some("moonraker.conf"));
        assert_eq!(fixed("mode", &there), Some("flags"));
        assert_eq!(fixed("every_layers", &there), None);
    }

    #[test]
    fn numbers_are_the_same_in_any_form() {
        assert!(same(&json!(30.0), &json!(30)) && same(&json!(0.1), &json!(0.1)) && same(&json!("a"), &json!("a")));
        assert!(!same(&json!(1), &json!(2)) && !same(&json!(true), &json!(1)));
    }
}
