//! What is wrong with a set-up, and what to do about it: `moonlapse doctor` and the macro `TIMELAPSE_DOCTOR`.
//!
//! Each [`Check`] is a value: what was looked at, how it stands, and one sentence, which for a fault names the remedy.
//! Looking changes nothing: no setting, no file that stays, no move. `docs/doctor.md` lists what can be found.
//!
//! # Layout
//!
//! * [`Report`]: the checks, for terminals, for the console of Klipper, as JSON.
//! * `chart`: what Moonraker and Klipper say, asked once; most checks are judgements of it and ask nothing.
//! * `moonraker`, `klipper`, `macros`, `parking`, `conflicts`, `settings`, `cameras`, `films`, `disk`, `clock`, `agents`:
//!   the checks, by subject.

mod agents;
mod cameras;
mod chart;
mod clock;
mod conflicts;
mod disk;
mod films;
mod klipper;
mod macros;
mod moonraker;
mod parking;
mod report;
mod settings;

use std::path::PathBuf;

pub use report::{Check, Report, Subject, Verdict};

use self::chart::Chart;
use self::settings::InForce;
use crate::clock::Clock;
use crate::config::Layer;
use crate::moonraker::{Endpoint, Link};

/// What is examined.
#[derive(Debug)]
pub struct Patient {
    /// Where Moonraker listens.
    pub endpoint: Endpoint,
    /// A connection to it, where there is one.
    pub link: Option<Link>,
    /// `moonraker.conf`, where it lies on this host and could be read; else why not.
    pub conf: Option<Result<Layer, String>>,
    /// Environment and flags.
    pub overrides: Vec<Layer>,
    /// The frame store, unless `session_path` is set.
    pub store: PathBuf,
    /// We are the agent ourselves.
    pub inside: bool,
    /// The time.
    pub clock: Clock,
}

/// Looks at everything; takes a few seconds, at most about a minute where cameras or Moonraker do not answer.
pub async fn examine(patient: Patient) -> Report {
    let mut report = Report::default();
    let Patient { endpoint, link, conf, overrides, store, inside, clock } = patient;
    let connected = match link {
        Some(link) => Ok((link, None)),
        None => Link::connect(&endpoint, clock).await.map(|(link, inbox)| (link, Some(inbox))),
    };
    // Messages that nobody asked for wait in the inbox until the end, which is soon.
    let (chart, _inbox) = match connected {
        Ok((link, inbox)) => match Chart::read(link, clock).await {
            Ok(chart) => (Some(chart), inbox),
            Err(problem) => {
                report.add(moonraker::refused(&problem));
                (None, inbox)
            }
        },
        Err(problem) => {
            report.add(moonraker::unreachable(&problem));
            (None, None)
        }
    };
    let in_force = InForce::read(conf, chart.as_ref(), &overrides, &mut report);
    let InForce { settings, .. } = &in_force;
    let store =
        if settings.session_path.is_empty() { store } else { crate::config::expand_home(&settings.session_path) };
    if let Some(chart) = &chart {
        report.extend(moonraker::examine(chart));
        report.extend(klipper::examine(chart, &endpoint).await);
        if let Some(klipper) = &chart.klipper {
            report.extend(macros::examine(klipper));
            report.extend(parking::examine(klipper, settings));
            report.extend(conflicts::examine(klipper));
            report.extend(settings::against_klipper(settings, klipper, chart));
        }
        report.extend(clock::examine(chart, clock).await);
        report.extend(cameras::examine(chart, &in_force, &endpoint, &store, clock).await);
        report.extend(agents::examine(chart, &store, inside));
    }
    report.extend(films::examine(settings).await);
    report.extend(disk::examine(settings, &store, chart.as_ref()));
    report
}
