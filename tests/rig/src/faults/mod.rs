//! What comes of a print when something happens at an exact moment of a frame.
//!
//! A row of the matrix is a [`Fault`], a column a [`Phase`]. [`run_row`] prints with timelapse, makes the fault when the
//! true head is in that phase, lives through it as a user would, and compares the end with that of the same print on a
//! printer without timelapse, where the same happens at the same byte of the file. `scripts/faults` prints the matrix.
//!
//! * [`frame_watch`]: sees the phases on the head's true track.
//! * [`job`]: the files.
//! * [`stage`]: one filmed print and its checks.
//! * [`inflict`]: the faults.
//! * [`outcome`]: how a print ends, with and without timelapse.

pub mod frame_watch;
pub mod inflict;
pub mod job;
pub mod outcome;
pub mod stage;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use self::job::Job;
use self::stage::Stage;

/// How long an answer may take that needs no printing.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a print, or what happens in a print, may take.
const PRINT: Duration = Duration::from_secs(240);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Fault {
    /// The user pauses by the usual client macro, and resumes later.
    Pause,
    /// The user cancels by the usual client macro.
    Cancel,
    /// A filament change: a macro that pauses and moves filament.
    FilamentChange,
    /// The user excludes the current object.
    ExcludeObject,
    /// The user presses the emergency stop, and then restarts the firmware.
    EmergencyStop,
    /// The Klipper host is killed and started again.
    KlipperRestart,
    /// Moonraker is restarted.
    MoonrakerRestart,
    /// The agent is killed and started again.
    AgentKill,
    /// The camera goes away, and comes back after a frame was missed.
    CameraLoss,
}

impl Fault {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 9] = [
        Self::Pause,
        Self::Cancel,
        Self::FilamentChange,
        Self::ExcludeObject,
        Self::EmergencyStop,
        Self::KlipperRestart,
        Self::MoonrakerRestart,
        Self::AgentKill,
        Self::CameraLoss,
    ];

    /// Whether the print is over with it.
    #[must_use]
    pub fn ends_the_print(self) -> bool {
        matches!(self, Self::Cancel | Self::EmergencyStop | Self::KlipperRestart)
    }

    /// Whether it is a command, which would be at the same place of the file in a print without timelapse.
    #[must_use]
    pub fn is_in_the_file(self) -> bool {
        matches!(self, Self::Pause | Self::Cancel | Self::FilamentChange | Self::ExcludeObject)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Cancel => "cancel",
            Self::FilamentChange => "filament change (M600)",
            Self::ExcludeObject => "exclude current object",
            Self::EmergencyStop => "emergency stop",
            Self::KlipperRestart => "Klipper restart",
            Self::MoonrakerRestart => "Moonraker restart",
            Self::AgentKill => "agent kill",
            Self::CameraLoss => "camera loss",
        }
    }
}

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Phase {
    /// The print has begun, and no frame is planned in Klipper yet.
    BeforeArming,
    /// The head prints, and Klipper waits for the next frame's place. Between two frames where the file brings calls.
    Armed,
    /// The head is on its way to the park position.
    Park,
    /// It stands there.
    Hold,
    /// It is on its way back.
    Return,
}

impl Phase {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 5] = [Self::BeforeArming, Self::Armed, Self::Park, Self::Hold, Self::Return];

    fn name(self) -> &'static str {
        match self {
            Self::BeforeArming => "before arming",
            Self::Armed => "armed",
            Self::Park => "during park",
            Self::Hold => "during hold",
            Self::Return => "during return",
        }
    }
}

/// How frames are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// By the file's own calls of the macro.
    SlicerCalls,
    /// At moments that the agent finds in an unmodified file.
    Live,
}

/// What came of one cell: a reason when it is not as it should be.
pub type Verdict = Result<(), String>;

/// A row of the matrix.
#[derive(Clone, Debug)]
pub struct Row {
    /// What happened.
    pub fault: Fault,
    /// What came of it in each phase.
    pub cells: Vec<(Phase, Verdict)>,
}

impl Row {
    /// Whether all is well.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.cells.iter().all(|(_, verdict)| verdict.is_ok())
    }
}

/// The row as a table of its own.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table(std::slice::from_ref(self)))
    }
}

/// The matrix as text: a line for each fault, a column for each phase; below it the reasons of what failed.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<24}", "");
    for phase in Phase::ALL {
        text += &format!("{:<15}", phase.name());
    }
    let mut reasons = String::new();
    for row in rows {
        text = text.trim_end().to_owned() + &format!("\n{:<24}", row.fault.name());
        for phase in Phase::ALL {
            let verdict = row.cells.iter().find(|(of, _)| *of == phase).map(|(_, verdict)| verdict);
            let word = match verdict {
                None => "-",
                Some(Ok(())) => "ok",
                Some(Err(reason)) => {
                    reasons += &format!("\nFAILED: {}, {}: {reason}", row.fault.name(), phase.name());
                    "FAILED"
                }
            };
            text += &format!("{word:<15}");
        }
    }
    text.trim_end().to_owned() + &reasons + "\n"
}

/// Makes `fault` in each of `phases`, which are in the order of the matrix, with `agent` as the agent's program.
pub async fn run_row(agent: &Path, way: Way, fault: Fault, phases: &[Phase]) -> Row {
    let mut cells: Vec<(Phase, Verdict)> = Vec::new();
    while cells.len() < phases.len() {
        let left = &phases[cells.len()..];
        // After a failure the machine is in no state to go on with; the other phases get a new one.
        let done = run_until_failure(agent, way, fault, left).await;
        cells.extend(left.iter().copied().zip(done));
    }
    Row { fault, cells }
}

/// The verdicts of the first phases, at least of one, up to the first failure.
async fn run_until_failure(agent: &Path, way: Way, fault: Fault, phases: &[Phase]) -> Vec<Verdict> {
    let job = match fault {
        Fault::ExcludeObject => Ok(Job::labelled_squares(way, 10, 14)),
        // Each of these takes more than a layer.
        Fault::MoonrakerRestart | Fault::CameraLoss => Job::towers(way, 20),
        Fault::Cancel | Fault::EmergencyStop | Fault::KlipperRestart => Job::towers(way, 8),
        Fault::Pause | Fault::FilamentChange | Fault::AgentKill => Job::towers(way, 12),
    };
    let stage = match job {
        Ok(job) => Stage::start(agent, way, job, outcome::printer()).await,
        Err(error) => Err(error),
    };
    let mut stage = match stage {
        Ok(stage) => stage,
        Err(error) => return vec![Err(format!("{error:#}"))],
    };
    let verdicts =
        if fault.ends_the_print() { stage.prints(fault, phases).await } else { stage.print(fault, phases).await };
    if let Some(Err(_)) = verdicts.last() {
        stage.keep();
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_was_run_and_why_it_failed() {
        let cells = vec![(Phase::Armed, Ok(())), (Phase::Hold, Err("the print is \"paused\"".to_owned()))];
        let rows = [Row { fault: Fault::Pause, cells }];
        assert_eq!(
            table(&rows),
            "                        before arming  armed          during park    during hold    during return\n\
             pause                   -              ok             -              FAILED         -\n\
             FAILED: pause, during hold: the print is \"paused\"\n"
        );
    }
}
