//! Films a real sliced model on the simulated printer, and measures the film. `scripts/demo` runs it.

mod keep;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use moonlapse_rig::studio::{FilmFacts, PARK, StudioOptions, film_facts};

/// How far the head may be from the park position in any frame, mm.
const TOLERANCE: f64 = 0.05;

/// Prints a sliced file on a simulated printer and films it with the agent.
#[derive(Parser)]
struct Args {
    /// The agent's program.
    #[arg(long)]
    agent: PathBuf,
    /// The file to print, as a slicer wrote it, with layers marked by `;LAYER_CHANGE`.
    #[arg(long)]
    gcode: PathBuf,
    /// Where to leave the film and its picture.
    #[arg(long)]
    out: PathBuf,
    /// Speed of the print, percent.
    #[arg(long, default_value_t = 100.0)]
    speed: f64,
    /// Also leave the frame store and the frames of a second camera here. The head goes away when the part is finished.
    #[arg(long)]
    keep: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut text = std::fs::read_to_string(&args.gcode).with_context(|| format!("reading {}", args.gcode.display()))?;
    if args.keep.is_some() {
        text.push_str(keep::END);
    }
    let name = args.gcode.file_name().context("the file has no name")?.to_string_lossy().into_owned();
    let layers = text.lines().filter(|line| line.trim() == ";LAYER_CHANGE").count();

    println!("Starting the printer: Klipper host, Moonraker, camera and agent ...");
    let mut options = StudioOptions::new(args.agent.canonicalize().context("finding the agent")?);
    options.timelapse = "output_framerate: 10".to_owned();
    let studio = options.start().await?;
    studio.rig.preheat(200.0, 60.0).await?;
    studio.rig.speed(args.speed).await?;

    let second = match &args.keep {
        Some(folder) => Some(keep::SecondCamera::start(&studio, &folder.join("side")).await?),
        None => None,
    };
    println!("Printing {name} at {} % speed, {layers} layers ...", args.speed);
    let since = studio.rig.record();
    let (start, before) = (Instant::now(), studio.agent_usage()?);
    studio.rig.print(&name, text).await?;
    let end = studio.rig.wait_print_end(Duration::from_secs(3600)).await?;
    let took = start.elapsed().as_secs_f64();
    let usage = studio.agent_usage()?;
    ensure!(end == "complete", "the print ended as {end}\n{}", studio.agent_log());
    let film = studio.wait_for_film(0, Duration::from_secs(300)).await?;
    if let (Some(folder), Some(second)) = (&args.keep, second) {
        println!("second camera   {} frames", second.finish().await?);
        keep::finished(&studio).await?;
        keep::store(&studio, &folder.join("moonlapse"))?;
    }

    let frames = studio.frames()?;
    let distances: Vec<f64> = frames.iter().map(|frame| frame.distance_from_park()).collect();
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let worst = distances.iter().copied().fold(0.0, f64::max);
    let FilmFacts { frames: film_frames, duration, width, height } = film_facts(&film)?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    let mut kept = PathBuf::new();
    for file in [film.with_extension("jpg"), film] {
        kept = args.out.join(file.file_name().context("the film has no name")?);
        std::fs::copy(&file, &kept).with_context(|| format!("copying {}", file.display()))?;
    }

    let states = studio.rig.print_states(&since);
    println!();
    println!("film            {}", kept.display());
    println!("frames          {} of {layers} layers; {film_frames} in the film with the last one held", frames.len());
    println!("film            {duration:.2} s, {width}x{height}");
    println!("park position   X {} Y {}", PARK[0], PARK[1]);
    println!("head off it by  {mean:.4} mm on average, {worst:.4} mm at most");
    println!("print           {took:.1} s, states {}", states.join(", "));
    println!(
        "agent           {:.1} % of a core while printing, {:.1} MiB at most",
        (usage.cpu_seconds - before.cpu_seconds) / took * 100.0,
        usage.peak_rss_kib as f64 / 1024.0,
    );
    ensure!(!states.iter().any(|state| state == "paused"), "the print was shown as paused");
    ensure!(frames.len() == layers, "only {} of {layers} frames were taken\n{}", frames.len(), studio.agent_log());
    ensure!(worst <= TOLERANCE, "a frame shows the head {worst:.3} mm off its park position");
    Ok(())
}
