//! What was found, and how it is told.

use std::fmt::Write as _;

use serde::Serialize;

/// What a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Subject {
    Moonraker,
    Klipper,
    Macros,
    Conflicts,
    Settings,
    Camera,
    Films,
    Disk,
    Clock,
    Agent,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Moonraker => "Moonraker",
            Self::Klipper => "Klipper",
            Self::Macros => "macros",
            Self::Conflicts => "conflicts",
            Self::Settings => "settings",
            Self::Camera => "camera",
            Self::Films => "films",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Agent => "agent",
        }
    }
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Films are made; some frames may be worse than they could be, or something is not used as it was meant.
    Warning,
    /// No films, no frames, or harm to a print.
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub subject: Subject,
    /// How it stands.
    pub verdict: Verdict,
    /// In a sentence; for warnings and faults with what to do.
    pub message: String,
}

impl Check {
    /// As it should be.
    pub(super) fn ok(subject: Subject, message: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Ok, message: message.into() }
    }

    /// Not as good as it could be.
    pub(super) fn warning(subject: Subject, message: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Warning, message: message.into() }
    }

    /// Wrong.
    pub(super) fn fault(subject: Subject, message: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Fault, message: message.into() }
    }
}

/// All that was looked at, in the order of looking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    pub(super) fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.checks.extend(checks);
    }

    /// How many checks came to this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// In numbers: `2 faults, 1 warning, 17 checks passed`.
    #[must_use]
    pub fn summary(&self) -> String {
        let [faults, warnings, passed] = [Verdict::Fault, Verdict::Warning, Verdict::Ok].map(|v| self.count(v));
        let of = |count: usize, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
        let mut summary = match (faults, warnings) {
            (0, 0) => "all is well".to_owned(),
            (0, _) => of(warnings, "warning", "warnings"),
            (_, 0) => of(faults, "fault", "faults"),
            _ => format!("{}, {}", of(faults, "fault", "faults"), of(warnings, "warning", "warnings")),
        };
        let _ = write!(summary, ", {} passed", of(passed, "check", "checks"));
        summary
    }

    /// For a terminal: a line for each check, in colours where wanted.
    #[must_use]
    pub fn for_terminal(&self, coloured: bool) -> String {
        let mut text = String::new();
        for Check { subject, verdict, message } in &self.checks {
            let (word, colour) = match verdict {
                Verdict::Ok => ("ok     ", "32"),
                Verdict::Warning => ("warning", "33"),
                Verdict::Fault => ("FAULT  ", "31"),
            };
            let word = if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
            let _ = writeln!(text, "{word}  {:9}  {message}", subject.name());
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// For the console of Mainsail and Fluidd: what is wrong, faults first, and the numbers.
    #[must_use]
    pub fn for_console(&self) -> Vec<String> {
        let mut wrong: Vec<&Check> = self.checks.iter().filter(|check| check.verdict != Verdict::Ok).collect();
        wrong.sort_by_key(|check| std::cmp::Reverse(check.verdict));
        let line = |check: &&Check| {
            let word = if check.verdict == Verdict::Fault { "FAULT" } else { "warning" };
            format!("Timelapse: {word}, {}: {}", check.subject.name(), check.message)
        };
        let summary = format!("Timelapse: doctor: {}", self.summary());
        wrong.iter().map(line).chain([summary]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let checks = vec![
            Check::ok(Subject::Moonraker, "answers"),
            Check::warning(Subject::Camera, "is late"),
            Check::fault(Subject::Disk, "is full: delete something"),
        ];
        Report { checks }
    }

    #[test]
    fn a_report_is_told_for_each_place() {
        let report = report();
        let plain = "ok       Moonraker  answers\nwarning  camera     is late\n\
                     FAULT    disk       is full: delete something\n1 fault, 1 warning, 1 check passed\n";
        assert_eq!(report.for_terminal(false), plain);
        assert!(report.for_terminal(true).contains("\u{1b}[31mFAULT  \u{1b}[0m"));
        let console = [
            "Timelapse: FAULT, disk: is full: delete something",
            "Timelapse: warning, camera: is late",
            "Timelapse: doctor: 1 fault, 1 warning, 1 check passed",
        ];
        assert_eq!(report.for_console(), console);
        let well = Report { checks: report.checks[..1].to_vec() };
        assert_eq!(well.for_console(), ["Timelapse: doctor: all is well, 1 check passed"]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["checks"][2]["subject"], "disk");
        assert_eq!(json["checks"][2]["verdict"], "fault");
    }
}
