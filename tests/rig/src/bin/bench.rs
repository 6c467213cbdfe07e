//! What a frame costs: the same print without frames, with bare park moves, with a macro that drains the queue, and
//! filmed by the agent, side by side. `scripts/bench` runs it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use moonlapse_rig::camera::Look;
use moonlapse_rig::host::{Rig, RigOptions};
use moonlapse_rig::studio::{PARK, Studio, StudioOptions};

/// Measures the seconds that a frame adds to a print.
#[derive(Parser)]
struct Args {
    /// The agent's program.
    #[arg(long)]
    agent: PathBuf,
    /// The file to print; it brings its own TIMELAPSE_TAKE_FRAME.
    #[arg(long)]
    gcode: PathBuf,
}

/// The moves of a frame as the studio's settings have them, with something between the way there and the way back.
fn bare_macro(between: &str) -> String {
    let [x, y] = PARK;
    format!(
        "[gcode_macro TIMELAPSE_TAKE_FRAME]\ngcode:\n  SAVE_GCODE_STATE NAME=bare\n  M83\n  G1 E-1 F2400\n  G90\n  \
         G1 X{x} Y{y} F12000\n{between}  G1 X{{printer.gcode_move.gcode_position.x}} \
         Y{{printer.gcode_move.gcode_position.y}} F12000\n  G1 E1 F2400\n  RESTORE_GCODE_STATE NAME=bare\n"
    )
}

fn rig() -> RigOptions {
    Rig::builder().warm(205.0, 60.0)
}

async fn print(rig: &Rig, name: &str, text: &str) -> anyhow::Result<f64> {
    rig.preheat(200.0, 60.0).await?;
    let start = Instant::now();
    rig.print("bench.gcode", text.to_owned()).await?;
    let end = rig.wait_print_end(Duration::from_secs(3600)).await?;
    rig.settle().await?;
    ensure!(end == "complete", "{name} ended as {end}");
    Ok(start.elapsed().as_secs_f64())
}

async fn with_macro(name: &str, text: &str, section: &str) -> anyhow::Result<f64> {
    let rig = rig().printer_section(section).start().await?;
    print(&rig, name, text).await
}

async fn filmed(text: &str, agent: &Path, timelapse: &str) -> anyhow::Result<(f64, Studio)> {
    let mut options = StudioOptions::new(agent);
    options.camera.look = Look { width: 640, height: 360, ..Look::default() };
    options.timelapse = timelapse.to_owned();
    let studio = options.start().await?;
    let took = print(&studio.rig, "filmed", text).await?;
    studio.wait_for_film(0, Duration::from_secs(300)).await?;
    Ok((took, studio))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let text = std::fs::read_to_string(&args.gcode).with_context(|| format!("reading {}", args.gcode.display()))?;
    let agent = args.agent.canonicalize().context("finding the agent")?;
    let calls = text.lines().filter(|line| line.trim() == "TIMELAPSE_TAKE_FRAME").count();
    let (bare, drained) = (bare_macro(""), bare_macro("  M400\n  G4 P100\n"));
    let (none, floor, drained, called, live, passing) = tokio::try_join!(
        with_macro("no frames", &text, "[gcode_macro TIMELAPSE_TAKE_FRAME]\ngcode:\n"),
        with_macro("bare moves", &text, &bare),
        with_macro("M400", &text, &drained),
        filmed(&text, &agent, ""),
        filmed(&text, &agent, "mode: live"),
        filmed(&text, &agent, "mode: live\nplacement: zero_motion"),
    )?;
    for (name, studio) in [("calls", &called.1), ("live", &live.1), ("in passing", &passing.1)] {
        let frames = studio.frames()?.len();
        ensure!(frames == calls, "{name}: only {frames} of {calls} frames were taken\n{}", studio.agent_log());
    }
    println!("{calls} frames, one run side by side          print, s   a frame, s   beyond bare moves, s a frame");
    for (name, took) in [
        ("no frames", none),
        ("bare park moves, with retraction", floor),
        ("M400, G4 P100", drained),
        ("Moonlapse, called by the file", called.0),
        ("Moonlapse, moments of its own", live.0),
        ("Moonlapse, in passing", passing.0),
    ] {
        println!(
            "{name:<40} {took:>9.1} {:>12.3} {:>12.3}",
            (took - none) / calls as f64,
            (took - floor) / calls as f64
        );
    }
    Ok(())
}
