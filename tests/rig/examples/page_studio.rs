//! A whole studio for whoever looks at the page: printer, camera, Moonraker, and the agent serving its page.
//!
//! Writes one line of JSON with the addresses, then does what the lines on its standard input say and answers each with a
//! line of JSON. Ends, with all that it started, when its input does.
//!
//! | line | answer |
//! | --- | --- |
//! | `gcode SCRIPT` | `{}` when Klipper has done it |
//! | `upload NAME FILE LAYERS` | `{}`; so many layers of a sliced file, 0 for all |
//! | `print NAME SPEED` | `{}` when the print of an uploaded file has begun, warm, at so many percent |
//! | `end` | `{"state": "complete"}` when the print has ended |
//! | `truth` | `{"off_mm": [0.0, ...]}`: how far the head truly was from its place in each frame of the newest print |
//! | `film NAME` | `{"frames": 12, "duration": 0.4, "width": 640, "height": 360}`: what ffprobe counts |
//! | `log` | `{"text": "..."}`: what the agent has logged |

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use moonlapse_rig::camera::{Look, Manner};
use moonlapse_rig::host::gcode::first_layers;
use moonlapse_rig::host::ports::free_port;
use moonlapse_rig::studio::{Studio, StudioOptions, film_facts};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How long a print may take.
const LIMIT: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Args {
    /// The agent's program.
    #[arg(long)]
    agent: PathBuf,
    /// The port of the page; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Width of the camera's pictures; they are 16:9.
    #[arg(long, default_value_t = 640)]
    width: u32,
    /// How late the camera's pictures are, ms; of a server that tells no times.
    #[arg(long)]
    late: Option<u64>,
    /// Gives the printer a lamp, `[output_pin caselight]`, and leaves the room dim.
    #[arg(long)]
    lamp: bool,
    /// More options of `[timelapse]`, as `NAME=VALUE`.
    #[arg(long)]
    set: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let port = if args.port == 0 { free_port()? } else { args.port };
    let mut options = StudioOptions::new(args.agent.canonicalize().context("finding the agent")?);
    options.camera.look = Look { width: args.width, height: args.width / 16 * 9, ..Look::default() };
    if let Some(late) = args.late {
        options.camera.manner = Manner::Plain;
        options.camera.latency = Duration::from_millis(late);
    }
    options.timelapse = format!("web_port: {port}\n");
    if args.lamp {
        options.rig = options.rig.printer_section("[output_pin caselight]\npin: led\n");
        options.timelapse.push_str("light_pin: caselight\n");
    }
    for set in &args.set {
        let (name, value) = set.split_once('=').context("--set wants NAME=VALUE")?;
        options.timelapse.push_str(&format!("{name}: {value}\n"));
    }
    let studio = options.start().await?;
    let page = format!("http://127.0.0.1:{port}/");
    say(&json!({"page": page, "moonraker": studio.rig.url(), "data": studio.rig.data(), "films": studio.films()}));

    let (sender, mut lines) = mpsc::channel::<String>(16);
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.blocking_send(line))
    });
    while let Some(line) = lines.recv().await {
        let answer = obey(&studio, &line).await.unwrap_or_else(|error| json!({"error": format!("{error:#}")}));
        say(&answer);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answers")]
fn say(answer: &Value) {
    println!("{answer}");
}

async fn obey(studio: &Studio, line: &str) -> anyhow::Result<Value> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split(' ').collect();
    match (word, words.as_slice()) {
        ("gcode", _) => studio.rig.gcode(rest).await?,
        ("upload", [name, file, layers]) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
            let layers: usize = layers.parse()?;
            let text = if layers == 0 { text } else { first_layers(&text, layers).to_owned() };
            studio.rig.upload(name, text).await?;
        }
        ("print", [name, speed]) => {
            studio.rig.preheat(200.0, 0.0).await?;
            studio.rig.speed(speed.parse()?).await?;
            studio.rig.start_print(name).await?;
        }
        ("end", _) => return Ok(json!({"state": studio.rig.wait_print_end(LIMIT).await?})),
        ("truth", _) => {
            let off: Vec<f64> = studio.frames()?.iter().map(|frame| frame.distance_from_park()).collect();
            return Ok(json!({"off_mm": off}));
        }
        ("film", [name]) => {
            let facts = film_facts(&studio.films().join(name))?;
            let (width, height) = (facts.width, facts.height);
            return Ok(json!({"frames": facts.frames, "duration": facts.duration, "width": width, "height": height}));
        }
        ("log", _) => return Ok(json!({"text": studio.agent_log()})),
        _ => bail!("'{line}' is nothing that can be done here"),
    }
    Ok(json!({}))
}
