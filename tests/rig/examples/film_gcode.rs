//! Serves the virtual camera filming a scripted machine that prints a G-code file; with `--still`, writes one picture.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use moonlapse_rig::camera::{Camera, CameraConfig, Look, ScriptedMachine, monotonic};
use moonlapse_rig::machine::{Machine, TruePosition};

#[derive(Parser)]
struct Args {
    /// The G-code file to print.
    gcode: PathBuf,
    /// Write one picture of the finished part to this file instead of serving.
    #[arg(long)]
    still: Option<PathBuf>,
    /// Where the head stands in the still: X,Y,Z.
    #[arg(long, value_delimiter = ',', default_values_t = [20.0, 180.0, 20.0])]
    head: Vec<f64>,
    /// Print this much faster than the file says.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Stretch the part in Z, to judge the picture of tall parts.
    #[arg(long, default_value_t = 1)]
    storeys: usize,
    /// The port to serve on.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let gcode = std::fs::read_to_string(&args.gcode)?;
    let start = if args.still.is_some() { 0.0 } else { monotonic() };
    let mut machine = ScriptedMachine::new(start, TruePosition::default());
    machine.run_gcode(&gcode, if args.still.is_some() { 1e6 } else { args.speed });
    if let Some(file) = args.still {
        let before = std::time::Instant::now();
        let mut scene = moonlapse_rig::camera::Scene::new(Look::default());
        println!("empty printer: {:?}", before.elapsed());
        let path = machine.path(0);
        let top = path.iter().filter(|p| p.x > 1.0 && p.e > 0.0).map(|p| p.z).fold(0.0, f64::max);
        let all = path.last().copied().unwrap_or_default().e;
        let before = std::time::Instant::now();
        for storey in 0..args.storeys {
            let storey = storey as f64;
            let lifted: Vec<_> =
                path.iter().map(|p| TruePosition { z: p.z + top * storey, e: p.e + all * storey, ..*p }).collect();
            scene.print(&lifted);
        }
        scene.settle_shadow();
        println!("part: {:?}, {} points", before.elapsed(), path.len());
        let head = TruePosition { x: args.head[0], y: args.head[1], z: args.head[2], e: 0.0 };
        let mut jpeg = scene.jpeg(head, 84);
        let (before, busy) = (std::time::Instant::now(), cpu());
        for _ in 0..100 {
            scene.draw(head);
        }
        println!("draw: {:?}, {:.2} ms of CPU", before.elapsed() / 100, (cpu() - busy) * 10.0);
        let (before, busy) = (std::time::Instant::now(), cpu());
        for _ in 0..100 {
            jpeg = scene.jpeg(head, 84);
        }
        let each = before.elapsed() / 100;
        println!("draw and encode: {each:?}, {:.2} ms of CPU, {} bytes", (cpu() - busy) * 10.0, jpeg.len());
        std::fs::write(file, jpeg)?;
        return Ok(());
    }
    let camera = Camera::start(CameraConfig { port: args.port, ..CameraConfig::default() }, Arc::new(machine)).await?;
    println!("{}", camera.stream_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Seconds of CPU that this process used.
fn cpu() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9
}
