//! `moonlapse trace`: what the engine knows after each line of a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use thiserror::Error;

use crate::gcode::engine::{Engine, Event, Options};
use crate::gcode::extruder::ExtruderStates;
use crate::gcode::line::{At, Command, Extended, Words, unquote};
use crate::gcode::number;
use crate::gcode::scan::read_lines;
use crate::gcode::slicer::Settings;
use crate::gcode::state::{Mode, Units};

/// Show what Moonlapse understands of a G-code file.
#[derive(Debug, Args)]
pub(super) struct Trace {
    /// The G-code file.
    file: PathBuf,
    /// Print one JSON object per line of the file instead of a summary.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What the file does not say, or says wrongly.
#[derive(Debug, Args)]
pub(super) struct EngineArgs {
    /// Length of a full retraction in mm [default: by the slicer's settings, else observed].
    #[arg(long, value_name = "MM")]
    retraction_length: Option<f64>,
    /// No layer counts before filament came out below this height in mm; 0 turns it off.
    #[arg(long, value_name = "MM", default_value_t = 0.75)]
    priming_height: f64,
    /// A layer is at least this much higher than the one before, in mm.
    #[arg(long, value_name = "MM", default_value_t = 0.05)]
    min_layer_height: f64,
    /// Height of a z-hop in mm [default: by the slicer's settings, else any lift].
    #[arg(long, value_name = "MM")]
    z_lift: Option<f64>,
    /// Where the head is after G28, in mm: `10,20,0`; leave a place empty when unknown.
    #[arg(long, value_name = "X,Y,Z", value_parser = parse_home)]
    home: Option<Home>,
    /// Before the first M82 or M83.
    #[arg(long, value_enum, default_value_t = ModeArg::Absolute)]
    e_mode: ModeArg,
    /// Before the first G90 or G91.
    #[arg(long, value_enum, default_value_t = ModeArg::Absolute)]
    xyz_mode: ModeArg,
    /// G90 and G91 set the extruder's mode, too (not in Klipper).
    #[arg(long)]
    g90_influences_extruder: bool,
    /// Before the first G20 or G21.
    #[arg(long, value_enum, default_value_t = UnitsArg::Millimeters)]
    units: UnitsArg,
}

/// Where the head is after homing.
#[derive(Clone, Copy, Debug)]
struct Home([Option<f64>; 3]);

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    Absolute,
    Relative,
    RequireExplicit,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UnitsArg {
    Millimeters,
    Inches,
    RequireExplicit,
}

#[derive(Debug, Error)]
enum TraceError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("cannot write the trace: {0}")]
    Write(#[from] io::Error),
}

fn parse_home(text: &str) -> Result<Home, String> {
    let mut home = [None; 3];
    let mut parts = text.split(',');
    for axis in &mut home {
        let part = parts.next().ok_or("three numbers are needed, X,Y,Z")?.trim();
        if !part.is_empty() {
            *axis = Some(number::parse(part.as_bytes()).ok_or_else(|| format!("`{part}` is not a number"))?);
        }
    }
    if parts.next().is_some() {
        return Err("three numbers are needed, X,Y,Z".to_owned());
    }
    Ok(Home(home))
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Absolute => Self::Absolute,
            ModeArg::Relative => Self::Relative,
            ModeArg::RequireExplicit => Self::Unknown,
        }
    }
}

impl From<UnitsArg> for Units {
    fn from(units: UnitsArg) -> Self {
        match units {
            UnitsArg::Millimeters => Self::Millimeters,
            UnitsArg::Inches => Self::Inches,
            UnitsArg::RequireExplicit => Self::Unknown,
        }
    }
}

impl EngineArgs {
    /// The engine's options: what was given, else what the slicer says.
    #[must_use]
    pub(super) fn options(&self, settings: &Settings) -> Options {
        Options {
            retraction_length: self.retraction_length,
            priming_height: self.priming_height,
            min_layer_height: self.min_layer_height,
            z_lift: self.z_lift,
            home: self.home.map_or([None; 3], |home| home.0),
            e_mode: self.e_mode.into(),
            xyz_mode: self.xyz_mode.into(),
            g90_influences_extruder: self.g90_influences_extruder,
            units: self.units.into(),
            ..Options::default()
        }
        .with_settings(settings)
    }
}

impl Trace {
    /// Prints the trace.
    #[must_use]
    pub(super) fn run(&self) -> ExitCode {
        match self.print(&mut BufWriter::new(io::stdout().lock())) {
            Ok(()) => ExitCode::SUCCESS,
            // The reader has seen enough (`| head`).
            Err(TraceError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("moonlapse: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self, out: &mut impl Write) -> Result<(), TraceError> {
        let unreadable = |source| TraceError::Read { file: self.file.clone(), source };
        let mut file = File::open(&self.file).map_err(unreadable)?;
        let settings = Settings::from_file(&mut file).map_err(unreadable)?;
        let mut engine = Engine::new(self.engine.options(&settings));
        let mut written = Ok(());
        let mut summary = Summary::default();
        read_lines(file, |raw| {
            let event = engine.line(raw);
            summary.add(&event);
            if self.json && written.is_ok() {
                written = write_line(&event, out);
            }
        })
        .map_err(unreadable)?;
        written?;
        if !self.json {
            summary.write(&settings, &engine, out)?;
        }
        Ok(out.flush()?)
    }
}

fn write_line(event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &TraceLine::from(event))?;
    out.write_all(b"\n")
}

/// One line of the trace. The names are a contract: scripts read them.
#[derive(Debug, Serialize)]
struct TraceLine<'e> {
    line: u64,
    end_offset: u64,
    cmd: String,
    params: Option<Params<'e>>,
    x: Option<f64>,
    y: Option<f64>,
    z: Option<f64>,
    e: Option<f64>,
    f: Option<f64>,
    homed: &'static str,
    layer: u32,
    height: f64,
    layer_change: bool,
    zhop: bool,
    tool: usize,
    feature: Option<&'static str>,
    extruder: StateNames,
}

impl<'e> From<&Event<'e>> for TraceLine<'e> {
    fn from(event: &Event<'e>) -> Self {
        let state = event.state;
        Self {
            line: event.line,
            end_offset: event.end,
            cmd: command_name(&event.command),
            params: Params::of(event.command),
            x: state.position.x(),
            y: state.position.y(),
            z: state.position.z(),
            e: state.e,
            f: state.coordinates.feedrate,
            homed: state.homed.name(),
            layer: state.layer.number,
            height: state.layer.height,
            layer_change: state.layer.change,
            zhop: state.layer.zhop,
            tool: state.tool,
            feature: state.feature.map(crate::gcode::feature::Feature::name),
            extruder: StateNames(state.extruder().states()),
        }
    }
}

/// The states as a list of names.
#[derive(Debug)]
struct StateNames(ExtruderStates);

impl Serialize for StateNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        for name in self.0.names() {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

/// Parameters as an object: numbers, texts, or null where a letter or word stands alone.
#[derive(Debug)]
enum Params<'e> {
    Words(&'e Words),
    Tool(u32),
    Extended(Extended<'e>),
    At(At<'e>),
}

impl<'e> Params<'e> {
    /// `None` when there are none.
    fn of(command: Command<'e>) -> Option<Self> {
        match command {
            Command::Traditional { code, .. } if code.letter == b'T' => Some(Self::Tool(code.number)),
            Command::Move { words, .. } | Command::Traditional { words, .. } if !words.is_empty() => {
                Some(Self::Words(words))
            }
            Command::Extended(command) => command.params().next().map(|_| Self::Extended(command)),
            Command::At(command) => command.words().next().map(|_| Self::At(command)),
            _ => None,
        }
    }
}

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Words(words) => {
                for (letter, value) in words.iter() {
                    map.serialize_entry(&char::from(letter), &value)?;
                }
            }
            Self::Tool(number) => map.serialize_entry("T", number)?,
            Self::Extended(command) => {
                for (key, value) in command.params() {
                    let value = value.map(|value| String::from_utf8_lossy(&unquote(value)).into_owned());
                    map.serialize_entry(&upper(key), &value)?;
                }
            }
            Self::At(command) => {
                for word in command.words() {
                    match (word, word.get(1..).and_then(number::parse)) {
                        ([letter, ..], Some(value)) if letter.is_ascii_alphabetic() => {
                            map.serialize_entry(&upper(&[*letter]), &value)?;
                        }
                        _ => map.serialize_entry(&upper(word), &())?,
                    }
                }
            }
        }
        map.end()
    }
}

fn upper(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_ascii_uppercase()
}

fn command_name(command: &Command<'_>) -> String {
    match command {
        Command::None => String::new(),
        Command::Move { code, .. } => code.name().to_owned(),
        Command::Traditional { code, .. } if code.letter == b'T' => "T".to_owned(),
        Command::Traditional { code, .. } => code.to_string(),
        Command::Extended(command) => upper(command.name()),
        Command::At(command) => upper(command.name()),
        Command::Other(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// What a person wants to know of a file.
#[derive(Debug, Default)]
struct Summary {
    lines: u64,
    bytes: u64,
    odd: u64,
    first_odd: Option<u64>,
    unterminated: bool,
}

impl Summary {
    fn add(&mut self, event: &Event<'_>) {
        self.lines = event.line;
        self.bytes = event.end;
        self.unterminated = !event.terminated;
        if matches!(event.command, Command::Other(_)) {
            self.odd += 1;
            self.first_odd.get_or_insert(event.line);
        }
    }

    fn write(&self, settings: &Settings, engine: &Engine, out: &mut impl Write) -> io::Result<()> {
        let state = engine.state();
        let report = engine.layer_report();
        writeln!(out, "{} lines, {} bytes", self.lines, self.bytes)?;
        if let Some(slicer) = settings.slicer {
            writeln!(out, "sliced by {slicer:?} {}", settings.version.as_deref().unwrap_or(""))?;
        }
        let vase = if state.layer.vase { ", vase mode" } else { "" };
        let objects = match state.layer.run {
            0 => String::new(),
            run => format!(", {} objects one after the other", run + 1),
        };
        writeln!(out, "{} layers up to {:.3} mm{vase}{objects}", state.layer.number, state.layer.highest)?;
        writeln!(out, "{} layer marks, {} layers by height", report.marks, report.layers)?;
        if let Some(line) = report.first_line {
            writeln!(
                out,
                "marks and layers disagree from line {line}: {} rises without a mark, {} marks without a layer, {} at \
                 another height",
                report.unmarked, report.empty, report.other_height
            )?;
        }
        for (tool, extruder) in state.extruders().iter().enumerate() {
            let length = extruder.retraction_length();
            writeln!(out, "T{tool}: {:.1} mm of filament, retraction {length:.3} mm", extruder.total())?;
        }
        for (_, object) in engine.objects().iter() {
            writeln!(out, "object {}", object.name)?;
        }
        if let Some(line) = self.first_odd {
            writeln!(out, "{} lines that Klipper would refuse, the first is line {line}", self.odd)?;
        }
        if self.unterminated {
            writeln!(out, "the last line has no line feed: Klipper does not run it")?;
        }
        Ok(())
    }
}
