//! How fast a file is traced into state and planned, and how much memory that takes.
//!
//! `cargo bench --bench trace` makes a file of 1.5 million lines (from the sliced files in `tests/data`, repeated with
//! growing Z) in the target directory, and prints for it the best of five runs of: `wc -l`, a scan for line ends, the
//! parser, the engine, and the engine with the planner. `cargo bench --bench trace -- --file PATH` takes another file;
//! `-- --megabytes 500` makes a larger one and prints the peak of the memory besides.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use moonlapse::gcode::engine::{Engine, Options};
use moonlapse::gcode::parse::Parser;
use moonlapse::gcode::scan::read_lines;
use moonlapse::gcode::slicer::Settings;
use moonlapse::planner;
use moonlapse::stabilize::{Bed, Limits, Point};

const RUNS: usize = 5;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let file = match (value("--file"), value("--megabytes")) {
        (Some(file), _) => PathBuf::from(file),
        (None, Some(megabytes)) => {
            let bytes = 1_000_000 * megabytes.parse::<u64>().map_err(io::Error::other)?;
            make("large.gcode", |_, size| size >= bytes)?
        }
        (None, None) => make("bench.gcode", |lines, _| lines >= 1_500_000)?,
    };
    let bytes = fs::metadata(&file)?.len();
    let mut lines = 0u64;
    read_lines(File::open(&file)?, |_| lines += 1)?;
    println!("{}: {lines} lines, {bytes} bytes", file.display());

    let wc = best(|| wc(&file))?;
    let report = |name: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        println!(
            "{name:<8} {seconds:7.3} s  {:6.2} million lines/s  {:7.1} MB/s  {:5.2} x wc -l",
            lines as f64 / seconds / 1e6,
            bytes as f64 / seconds / 1e6,
            seconds / wc.as_secs_f64(),
        );
    };
    report("wc -l", wc);
    report("scan", best(|| scan(&file))?);
    report("parse", best(|| parse(&file))?);
    report("engine", best(|| trace(&file))?);
    print_peak();
    report("plan", best(|| plan(&file))?);
    print_peak();
    Ok(())
}

/// The most memory that this process has had so far. Planning needs some for each layer.
fn print_peak() {
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("peak of the memory: {}", peak.unwrap_or("unknown"));
    }
}

/// The shortest of some runs: what the code takes when nobody disturbs it.
fn best(mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        shortest = shortest.min(start.elapsed());
    }
    Ok(shortest)
}

fn wc(file: &Path) -> io::Result<()> {
    let output = Command::new("wc").arg("-l").arg(file).output()?;
    black_box(output);
    Ok(())
}

fn scan(file: &Path) -> io::Result<()> {
    let mut end = 0;
    read_lines(File::open(file)?, |raw| end ^= raw.end)?;
    black_box(end);
    Ok(())
}

fn parse(file: &Path) -> io::Result<()> {
    let mut parser = Parser::default();
    read_lines(File::open(file)?, |raw| {
        black_box(parser.parse(raw.text));
    })
}

fn trace(file: &Path) -> io::Result<()> {
    let mut file = File::open(file)?;
    let settings = Settings::from_file(&mut file)?;
    let mut engine = Engine::new(Options::default().with_settings(&settings));
    let mut moves = 0u64;
    read_lines(file, |raw| moves += u64::from(engine.line(raw).motion.is_some()))?;
    black_box((moves, engine.state().layer));
    Ok(())
}

/// The engine and the planner, with the default choices.
fn plan(file: &Path) -> io::Result<()> {
    let bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(200.0, 200.0) };
    let limits = Limits::new(bed, 0.0, 1e6).map_err(io::Error::other)?;
    let options = planner::Options::new(limits);
    black_box(planner::plan_file(&mut File::open(file)?, Options::default(), options)?);
    Ok(())
}

/// Writes the print of `tests/data` again and again, each time lifted onto the one before, until `enough` says so.
fn make(name: &str, enough: impl Fn(u64, u64) -> bool) -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("target").join(name);
    let whole = fs::read_to_string(root.join("tests/data/gcode/towers_relative_zhop.gcode"))?;
    let first = whole.find(";LAYER_CHANGE").unwrap_or(0);
    let last = whole.rfind(";TYPE:Custom").unwrap_or(whole.len());
    let (head, body, tail) = (&whole[..first], &whole[first..last], &whole[last..]);
    let mut out = BufWriter::new(File::create(&path)?);
    out.write_all(head.as_bytes())?;
    let (mut lines, mut size) = (0, 0);
    for copy in 0.. {
        let lift = 5.0 * f64::from(copy);
        for line in body.lines() {
            let written = match line.split_once('Z') {
                Some((before, z)) if before == "G1 " || before == ";" => lifted(before, z, lift),
                _ => line.to_owned(),
            };
            writeln!(out, "{written}")?;
            lines += 1;
            size += written.len() as u64 + 1;
        }
        if enough(lines, size) {
            break;
        }
    }
    out.write_all(tail.as_bytes())?;
    out.flush()?;
    Ok(path)
}

/// `G1 Z.7 F12000` with a higher Z.
fn lifted(before: &str, z: &str, lift: f64) -> String {
    let digits = z.trim_start_matches(':');
    let colon = &z[..z.len() - digits.len()];
    let end = digits.find(' ').unwrap_or(digits.len());
    match digits[..end].parse::<f64>() {
        Ok(value) => format!("{before}Z{colon}{:.2}{}", value + lift, &digits[end..]),
        Err(_) => format!("{before}Z{z}"),
    }
}
