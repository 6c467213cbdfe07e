//! What the documentation says exists: links lead somewhere, and settings, macros and commands are those that there are.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Words in code that are not ours: of Klipper, Moonraker, cameras and moonraker-timelapse.
const FOREIGN: [&str; 8] = [
    "check_time",
    "event_message",
    "exposure_time_absolute",
    "position_min",
    "position_max",
    "post_settings",
    "SET_SERVO",
    "TEST_STREAM_DELAY",
];

/// Beginnings of names that are put together: facts for commands, and the places of overlays.
const COMPOSED: [&str; 2] = ["MOONLAPSE_", "overlay_"];

/// What moonraker-timelapse can be set to, and what it adds to Klipper: all of it must be told of.
const MOONRAKER_TIMELAPSE: [&str; 44] = [
    "enabled",
    "mode",
    "camera",
    "stream_delay_compensation",
    "gcode_verbose",
    "parkhead",
    "parkpos",
    "park_custom_pos_x",
    "park_custom_pos_y",
    "park_custom_pos_dz",
    "park_travel_speed",
    "park_retract_speed",
    "park_extrude_speed",
    "park_retract_distance",
    "park_extrude_distance",
    "park_time",
    "fw_retract",
    "hyperlapse_cycle",
    "autorender",
    "constant_rate_factor",
    "output_framerate",
    "pixelformat",
    "time_format_code",
    "extraoutputparams",
    "variable_fps",
    "targetlength",
    "variable_fps_min",
    "variable_fps_max",
    "rotation",
    "flip_x",
    "flip_y",
    "snapshoturl",
    "duplicatelastframe",
    "previewimage",
    "saveframes",
    "output_path",
    "frame_path",
    "ffmpeg_binary_path",
    "wget_skip_cert_check",
    "TIMELAPSE_TAKE_FRAME",
    "TIMELAPSE_RENDER",
    "HYPERLAPSE",
    "GET_TIMELAPSE_SETUP",
    "TEST_STREAM_DELAY",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README, changelog and docs, by their paths in the repository.
fn documents() -> BTreeMap<PathBuf, String> {
    let docs = std::fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let roots = ["README.md", "CHANGELOG.md"].map(|name| repository().join(name));
    docs.chain(roots)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.strip_prefix(repository()).unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// A document taken apart.
#[derive(Default)]
struct Parts {
    /// The text without its code.
    text: String,
    /// Code within lines.
    spans: Vec<String>,
    /// Blocks of code: fenced, or indented by four spaces or more behind an empty line.
    blocks: Vec<String>,
}

fn parts(document: &str) -> Parts {
    let mut parts = Parts::default();
    let (mut fenced, mut indented, mut empty_before) = (false, false, true);
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            if fenced {
                parts.blocks.push(String::new());
            }
            continue;
        }
        let is_indented = line.starts_with("    ") && (empty_before || indented);
        if fenced || is_indented {
            if !fenced && !indented {
                parts.blocks.push(String::new());
            }
            let block = parts.blocks.last_mut().unwrap();
            block.push_str(line.trim_end());
            block.push('\n');
        } else {
            for (index, piece) in line.split('`').enumerate() {
                if index % 2 == 1 {
                    parts.spans.push(piece.to_owned());
                    parts.text.push_str("code");
                } else {
                    parts.text.push_str(piece);
                }
            }
            parts.text.push('\n');
        }
        indented = !fenced && is_indented;
        empty_before = line.trim().is_empty();
    }
    parts
}

/// As code hosts make them of headings.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Whole words of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Every word in what is not documentation.
fn words_of_the_sources() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders =
        ["src", "klipper-macros", "moonraker-component", "installer", "scripts"].map(PathBuf::from).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(repository().join(&folder)).into_iter().flatten() {
            let path = folder.join(entry.unwrap().file_name());
            match std::fs::read_to_string(repository().join(&path)) {
                Ok(text) => found.extend(words(&text).map(str::to_owned)),
                Err(_) => folders.push(path),
            }
        }
    }
    found
}

fn options() -> BTreeSet<String> {
    let schema = repository().join("moonraker-component/timelapse/settings.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn macros() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("klipper-macros/timelapse.cfg")).unwrap();
    let sections = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
    let named = |(section, _): (&str, &str)| match section.split_once(' ') {
        Some(("gcode_macro" | "delayed_gcode", name)) => Some(name.to_owned()),
        _ => None,
    };
    sections.filter_map(named).collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut dead = Vec::new();
    for (path, document) in documents() {
        for link in parts(&document).text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let found = repository().join(&target).exists();
            let lands = heading.is_none_or(|heading| {
                std::fs::read_to_string(repository().join(&target)).is_ok_and(|text| anchors(&text).contains(heading))
            });
            if !found || !lands {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn names_in_code_are_names_of_ours() {
    let known = words_of_the_sources();
    let (options, macros) = (options(), macros());
    let is_known = |word: &str| {
        let composed = COMPOSED.iter().filter_map(|begin| word.strip_prefix(begin)).map(str::to_lowercase);
        known.contains(word) || FOREIGN.contains(&word) || composed.into_iter().any(|rest| known.contains(&rest))
    };
    let mut wrong = Vec::new();
    for (path, document) in documents() {
        let Parts { spans, blocks, .. } = parts(&document);
        for span in &spans {
            // A name alone, such as a setting or a field.
            let is_name = span.contains('_') && words(span).eq([span.as_str()]);
            if is_name && !is_known(span) {
                wrong.push(format!(
                    "{}: `{span}` is nothing of ours; if it is of others, add it to FOREIGN",
                    path.display()
                ));
            }
        }
        for word in spans.iter().chain(&blocks).flat_map(|code| words(code)) {
            let is_macro = ["TIMELAPSE_", "_TIMELAPSE_", "GET_TIMELAPSE", "_SET_TIMELAPSE"];
            if is_macro.iter().any(|begin| word.starts_with(begin)) && !word.ends_with('_') && !macros.contains(word) {
                wrong.push(format!("{}: there is no macro {word}", path.display()));
            }
        }
        for block in blocks.iter().filter(|block| block.contains("[timelapse]")) {
            let mut lines = block.lines().skip_while(|line| line.trim() != "[timelapse]");
            let indent = lines.next().map_or(0, |section| section.len() - section.trim_start().len());
            for line in lines.take_while(|line| !line.trim_start().starts_with('[')) {
                // What is indented further goes on with a value.
                let option = line.get(indent..).unwrap_or_default().split_once(':').map(|(name, _)| name);
                if let Some(option) = option.filter(|name| words(name).eq([*name]) && !options.contains(*name)) {
                    wrong.push(format!("{}: [timelapse] has no option {option}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn commands_and_their_options_are_those_of_the_program() {
    let help = |words: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_moonlapse")).args(words).arg("--help").output().unwrap();
        done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
    };
    let installer = std::fs::read_to_string(repository().join("install.sh")).unwrap();
    let mut wrong = Vec::new();
    for (path, document) in documents() {
        let Parts { spans, blocks, .. } = parts(&document);
        let lines: Vec<String> = spans.into_iter().chain(blocks).map(|code| code.replace("\\\n", " ")).collect();
        for line in lines.iter().flat_map(|code| code.lines()) {
            let line = line.split(" #").next().unwrap_or_default().trim();
            let program = line.strip_prefix("sudo ").unwrap_or(line).split(' ').next().unwrap_or_default();
            let flags = words_of_a_command(line).filter(|word| word.starts_with("--")).map(|word| {
                let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(word.len());
                &word[..end]
            });
            let text = if program.ends_with("install.sh") {
                installer.clone()
            } else if program == "moonlapse" || program.ends_with("/moonlapse") {
                let mut words = words_of_a_command(line).skip_while(|word| !word.ends_with("moonlapse")).skip(1);
                let Some(command) = words.next().filter(|word| word.chars().all(|c| c.is_ascii_lowercase())) else {
                    continue;
                };
                let inner = words.next().and_then(|word| help(&[command, word]));
                match inner.filter(|_| command == "sessions").or_else(|| help(&[command])) {
                    Some(text) => text,
                    None => {
                        wrong.push(format!("{}: {line}: no such command", path.display()));
                        continue;
                    }
                }
            } else {
                continue;
            };
            for flag in flags.filter(|flag| !text.contains(*flag)) {
                wrong.push(format!("{}: {line}: no such option: {flag}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What stands in quotes is one word, and none of interest.
fn words_of_a_command(line: &str) -> impl Iterator<Item = &str> {
    line.split(['\'', '"']).step_by(2).flat_map(|outside| outside.split_whitespace())
}

#[test]
fn every_macro_for_people_is_explained() {
    let page = std::fs::read_to_string(repository().join("docs/macros.md")).unwrap();
    let spans = parts(&page).spans;
    let named: BTreeSet<&str> = spans.iter().flat_map(|span| words(span)).collect();
    let macros = macros();
    let missing: Vec<_> =
        macros.iter().filter(|name| !name.starts_with('_') && !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn whoever_comes_from_moonraker_timelapse_finds_each_of_its_settings_and_macros() {
    let page = std::fs::read_to_string(repository().join("docs/from-moonraker-timelapse.md")).unwrap();
    let spans = parts(&page).spans;
    let named: BTreeSet<&str> = spans.iter().flat_map(|span| words(span)).collect();
    let missing: Vec<_> = MOONRAKER_TIMELAPSE.iter().filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
