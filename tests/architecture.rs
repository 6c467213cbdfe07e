//! What docs/ARCHITECTURE.md and src/lib.rs promise of the modules: who may know whom.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::{Path, PathBuf};

/// What a module must not mention, as the table in docs/ARCHITECTURE.md has it.
const MUST_NOT_KNOW: [(&str, &[&str]); 9] = [
    ("gcode", &["tokio", "Instant", "SystemTime", "std::net", "std::process"]),
    ("planner", &["tokio", "Instant", "SystemTime", "std::net", "std::process"]),
    ("stabilize", &["tokio", "Instant", "SystemTime", "std::net", "std::process"]),
    ("config", &["tokio", "crate::moonraker", "crate::session", "crate::render", "crate::camera"]),
    ("moonraker", &["crate::conductor", "crate::printer", "crate::session", "crate::render", "crate::camera"]),
    ("camera", &["crate::moonraker", "crate::printer", "crate::session", "crate::conductor"]),
    ("session", &["tokio", "crate::moonraker", "crate::printer", "crate::render"]),
    ("render", &["crate::moonraker", "crate::printer", "crate::camera", "crate::conductor"]),
    ("conductor", &["moonraker::Link", "moonraker::Endpoint", "moonraker::Inbox"]),
];

/// The sources of a module without their unit tests.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut places = vec![source.join(module), source.join(module).with_extension("rs")];
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        } else if place.extension().is_some_and(|extension| extension == "rs") && place.is_file() {
            let text = std::fs::read_to_string(&place).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            found.push((place, code));
        }
    }
    found
}

/// The modules in the order of the map in src/lib.rs.
fn modules() -> Vec<String> {
    let map = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let named = map.lines().filter_map(|line| line.strip_prefix("//! * ")?.split('`').nth(1));
    named.map(str::to_owned).collect()
}

#[test]
fn a_module_uses_only_modules_below_it() {
    let modules = modules();
    assert!(modules.len() > 10, "{modules:?}");
    let mut wrong = Vec::new();
    for (height, module) in modules.iter().enumerate() {
        for (path, code) in sources(module) {
            let uses = code.split("crate::").skip(1).filter_map(|rest| {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
                rest.get(..end)
            });
            for used in uses.filter(|used| modules[..height].iter().any(|above| above == used)) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_module_knows_what_it_must_not() {
    let mut wrong = Vec::new();
    for (module, unknown) in MUST_NOT_KNOW {
        let sources = sources(module);
        assert!(!sources.is_empty(), "there is no module {module}");
        for (path, code) in sources {
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<&str> = code.collect();
            for word in unknown.iter().filter(|word| code.iter().any(|line| line.contains(**word))) {
                wrong.push(format!("{} knows {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_is_on_the_map() {
    let source = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let modules = modules();
    let stems = source.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    let missing: Vec<String> =
        stems.filter(|stem| stem != "lib" && stem != "main" && !modules.contains(stem)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
