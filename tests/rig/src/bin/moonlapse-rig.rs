//! Runs a rig by hand: starts the printer, tells where it is, and ends on Ctrl-C.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use moonlapse_rig::host::gcode::first_layers;
use moonlapse_rig::host::{Dynamics, Part, Rig, Usage, usage_of};
use serde_json::json;

/// A virtual printer with real Klipper and real Moonraker.
#[derive(Parser)]
struct Args {
    /// A file with macros to include in printer.cfg; may be given more than once.
    #[arg(long)]
    macros: Vec<PathBuf>,
    /// A Moonraker component to install, as NAME=FOLDER.
    #[arg(long)]
    component: Vec<String>,
    /// A file with sections to append to moonraker.conf.
    #[arg(long)]
    moonraker_conf: Option<PathBuf>,
    /// Adds [firmware_retraction].
    #[arg(long)]
    firmware_retraction: bool,
    /// Lets the machine move as fast as the host's computing allows.
    #[arg(long)]
    fast: bool,
    /// Heats up and prints this file, tells what that cost, and ends.
    #[arg(long)]
    print: Option<PathBuf>,
    /// Prints only this many layers.
    #[arg(long)]
    layers: Option<usize>,
    /// The speed of the print in percent.
    #[arg(long, default_value_t = 100.0)]
    speed: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let mut options = Rig::builder().warm(205.0, 60.0);
    for file in &args.macros {
        options = options.macros(file);
    }
    for component in &args.component {
        let (name, folder) = component.split_once('=').context("--component wants NAME=FOLDER")?;
        options = options.component(name, folder);
    }
    if let Some(file) = &args.moonraker_conf {
        let sections = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        options = options.moonraker_section(&sections);
    }
    if args.firmware_retraction {
        options = options.firmware_retraction();
    }
    if args.fast {
        options = options.dynamics(Dynamics::FAST);
    }
    let mut rig = options.start().await?;
    let pids = [Part::Klippy, Part::Moonraker].map(|part| rig.part(part).map(moonlapse_rig::host::Process::pid));
    let place = json!({
        "url": rig.url(), "data": rig.data(), "moonraker_socket": rig.moonraker_socket(),
        "klippy": pids[0], "moonraker": pids[1],
    });
    println!("{place}");
    match &args.print {
        Some(file) => {
            let end = print(&rig, file, &args).await;
            if !matches!(&end, Ok(end) if end == "complete") {
                rig.keep_folder();
                anyhow::bail!("the print did not end well ({end:?}); see {}", rig.data().display());
            }
            Ok(())
        }
        None => tokio::signal::ctrl_c().await.context("waiting for Ctrl-C"),
    }
}

async fn print(rig: &Rig, file: &PathBuf, args: &Args) -> anyhow::Result<String> {
    let name = file.file_name().context("the file has no name")?.to_string_lossy();
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    rig.preheat(200.0, 60.0).await?;
    rig.speed(args.speed).await?;
    let before = usages(rig)?;
    let start = Instant::now();
    rig.print(&name, args.layers.map_or(text.as_str(), |layers| first_layers(&text, layers))).await?;
    let end = rig.wait_print_end(Duration::from_secs(24 * 3_600)).await?;
    let took = start.elapsed().as_secs_f64();
    println!("{end} after {took:.1} s; the head is at {:?}; late steps {:?}", rig.position(), rig.mcu().lateness());
    for ((name, before), (_, after)) in before.iter().zip(&usages(rig)?) {
        let share = (after.cpu_seconds - before.cpu_seconds) / took * 100.0;
        println!("{name}: {share:.1} % of a core, at most {} KiB", after.peak_rss_kib);
    }
    Ok(end)
}

fn usages(rig: &Rig) -> anyhow::Result<Vec<(&'static str, Usage)>> {
    let mut usages = vec![("virtual MCU and driver", usage_of(std::process::id())?)];
    for (name, part) in [("Klipper host", Part::Klippy), ("Moonraker", Part::Moonraker)] {
        usages.extend(rig.part(part).map(|process| Ok::<_, anyhow::Error>((name, process.usage()?))).transpose()?);
    }
    Ok(usages)
}
