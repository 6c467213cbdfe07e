//! How well the moments that the agent chooses itself are met: whole files as slicers write them, printed side by side.
//! `scripts/live` runs it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use moonlapse_rig::camera::Look;
use moonlapse_rig::host::{Part, Process};
use moonlapse_rig::machine::TruePosition;
use moonlapse_rig::studio::{Studio, StudioOptions, film_facts};

/// Prints files without any call of ours, with and without timelapse, and counts the frames.
#[derive(Parser)]
struct Args {
    /// The agent's program.
    #[arg(long)]
    agent: PathBuf,
    /// Speed of the prints, percent.
    #[arg(long, default_value_t = 100.0)]
    speed: f64,
    /// Also prints each file with the timelapse switched off, for what filming costs.
    #[arg(long)]
    compare: bool,
    /// Options of `[timelapse]`, as `option: value`.
    #[arg(long = "set")]
    set: Vec<String>,
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

struct Outcome {
    studio: Studio,
    took: f64,
    /// Part of a core that Klipper's host took.
    klippy: f64,
    end: TruePosition,
}

async fn print(args: &Args, file: &PathBuf, filmed: bool) -> anyhow::Result<Outcome> {
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let mut options = StudioOptions::new(args.agent.canonicalize().context("finding the agent")?);
    // Several cameras run side by side; the picture is not what is measured here.
    options.camera.look = Look { width: 320, height: 180, ..Look::default() };
    options.rig = options.rig.firmware_retraction();
    options.timelapse = args.set.join("\n");
    let studio = options.start().await?;
    studio.rig.preheat(200.0, 60.0).await?;
    studio.rig.speed(args.speed).await?;
    if !filmed {
        studio.rig.gcode("TIMELAPSE_STOP").await?;
    }
    let name = file.file_name().context("the file has no name")?.to_string_lossy().into_owned();
    let cpu = |studio: &Studio| {
        anyhow::Ok(studio.rig.part(Part::Klippy).map(Process::usage).transpose()?.map_or(0.0, |u| u.cpu_seconds))
    };
    let (start, before) = (Instant::now(), cpu(&studio)?);
    studio.rig.print(&name, text).await?;
    let end = studio.rig.wait_print_end(Duration::from_secs(3600)).await?;
    studio.rig.settle().await?;
    ensure!(end == "complete", "{name} ended as {end}\n{}", studio.agent_log());
    let took = start.elapsed().as_secs_f64();
    let end = studio.rig.position();
    let klippy = (cpu(&studio)? - before) / took;
    Ok(Outcome { studio, took, klippy, end })
}

/// A number that a line of the agent's report gives.
fn reported(log: &str, line: &str, field: &str) -> String {
    let line = log.lines().rev().find(|told| told.contains(line)).unwrap_or_default();
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    value.unwrap_or("-").to_owned()
}

async fn film(args: &Args, file: &PathBuf) -> anyhow::Result<String> {
    let filmed = print(args, file, true).await?;
    let film = filmed.studio.wait_for_film(0, Duration::from_secs(300)).await?;
    let frames = filmed.studio.frames()?;
    let worst = frames.iter().map(|frame| frame.distance_from_park()).fold(0.0, f64::max);
    let log = filmed.studio.agent_log();
    let [planned, captured, window, fallback] = ["planned", "captured", "by_window", "by_fallback"]
        .map(|field| reported(&log, "planned frames planned=", field));
    let [checked, off, added] =
        ["checked", "worst_off_mm", "added_s"].map(|field| reported(&log, "the head's way checked=", field));
    let mut row = format!(
        "{:<32} {planned:>7} {captured:>8} {window:>7} {fallback:>8} {worst:>9.4} {:>6} {:>7.1} {:>7.1} % {checked:>7} {off:>8} {added:>7}",
        file.file_name().unwrap_or_default().to_string_lossy(),
        film_facts(&film)?.frames,
        filmed.took,
        filmed.klippy * 100.0,
    );
    if args.compare {
        let bare = print(args, file, false).await?;
        let (a, b) = (filmed.end, bare.end);
        row += &format!(
            " {:>7.1} {:>7.1} % {:>7.3}  {:.4} {:.4} {:.4} {:.4}",
            bare.took,
            bare.klippy * 100.0,
            (filmed.took - bare.took) / frames.len().max(1) as f64,
            a.x - b.x,
            a.y - b.y,
            a.z - b.z,
            a.e - b.e
        );
    }
    for line in log.lines().filter(|line| line.contains("missed") || line.contains("skipped")) {
        row += &format!("\n    {line}");
    }
    Ok(row)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let compared = if args.compare { " without    load  a frame  off at the end: x y z e" } else { "" };
    // The last three before the comparison are the agent's own findings.
    println!(
        "file                             planned captured windows fallback  off by mm  film  took s    load checked   off mm added s{compared}"
    );
    let rows = futures_util::future::join_all(args.files.iter().map(|file| film(&args, file))).await;
    for row in rows {
        println!("{}", row?);
    }
    Ok(())
}
