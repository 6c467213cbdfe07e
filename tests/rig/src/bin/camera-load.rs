//! What open cameras cost during a print: CPU time and memory of the agent, which films whole prints with none, one and four
//! of them. `scripts/camera-load` runs it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use moonlapse_rig::camera::{Look, Replay, webcam_picture};
use moonlapse_rig::host::repository;
use moonlapse_rig::studio::StudioOptions;
use serde_json::json;

/// Prints a file with a number of cameras open.
#[derive(Parser)]
struct Args {
    /// The agent's program; a release build, or it says little.
    #[arg(long)]
    agent: PathBuf,
    /// How many cameras, one print after the other.
    #[arg(long, value_delimiter = ',', default_value = "0,1,4")]
    cameras: Vec<usize>,
    /// Their pictures' size, pixels.
    #[arg(long, default_value_t = 1920)]
    width: u32,
    /// Pixels.
    #[arg(long, default_value_t = 1080)]
    height: u32,
    /// Their pictures a second.
    #[arg(long, default_value_t = 30.0)]
    fps: f64,
    /// Speed of the print, percent.
    #[arg(long, default_value_t = 100.0)]
    speed: f64,
}

const LIMIT: Duration = Duration::from_secs(1800);

async fn measure(args: &Args, cameras: usize, jpeg: &[u8]) -> anyhow::Result<String> {
    let mut servers = Vec::new();
    let mut names = Vec::new();
    let mut timelapse = String::new();
    for number in 0..cameras {
        let server = Replay::start(jpeg.to_vec(), args.fps).await?;
        let name = format!("load{number}");
        timelapse += &format!("[webcam {name}]\nservice: ustreamer\nstream_url: {}\n", server.stream_url());
        names.push(name);
        servers.push(server);
    }
    // No film is made meanwhile: ffmpeg is not what is measured.
    let films = "autorender: False\nfilm_while_printing: nothing";
    let section = match names.split_first() {
        Some((main, more)) => format!("{films}\ncamera: {main}\ncameras: {}\n{timelapse}", more.join(",")),
        // All but the pictures: the agent follows the print and takes nothing.
        None => format!("{films}\ncamera_macro: NOBODY\nsnapshoturl: http://127.0.0.1:1/\n"),
    };
    let mut options = StudioOptions::new(args.agent.canonicalize().context("finding the agent")?);
    options.camera.look = Look { width: 320, height: 180, ..Look::default() };
    options.timelapse = section;
    let studio = options.start().await?;
    let file = std::fs::read(repository().join("tests/data/gcode/towers_relative_zhop.gcode"))?;
    studio.rig.preheat(200.0, 0.0).await?;
    studio.rig.speed(args.speed).await?;
    studio.rig.print("towers.gcode", file).await?;
    // Cameras are opened when the print begins.
    let first = |event: &serde_json::Value| event["action"] == "newframe";
    studio.wait_for_event(0, LIMIT, "the first frame", first).await?;
    let (before, start) = (studio.agent_usage()?, Instant::now());
    let end = studio.rig.wait_print_end(LIMIT).await?;
    let (after, took) = (studio.agent_usage()?, start.elapsed().as_secs_f64());
    ensure!(end == "complete", "the print ended as {end}\n{}", studio.agent_log());
    let last = studio.rig.call("machine.timelapse.lastframeinfo", json!({}), LIMIT).await?;
    Ok(format!(
        "| {cameras} | {:.1} | {:.1} | {:.1} | {} of 20 | {took:.0} |",
        (after.cpu_seconds - before.cpu_seconds) / took * 100.0,
        after.rss_kib as f64 / 1e3,
        after.peak_rss_kib as f64 / 1e3,
        last["framecount"],
    ))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let jpeg = webcam_picture(args.width, args.height).await?;
    println!(
        "{}x{}, {} fps, {} kB a picture; the agent alone:\n",
        args.width,
        args.height,
        args.fps,
        jpeg.len() / 1000
    );
    println!("| cameras open | CPU, % of one core | RSS, MB | greatest RSS, MB | frames of the main one | s |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for cameras in &args.cameras {
        println!("{}", measure(&args, *cameras, &jpeg).await?);
    }
    Ok(())
}
