//! The clocks: Klipper's must run as ours does, and the host's must know the date.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::chart::Chart;
use super::{Check, Subject};
use crate::clock::Clock;
use crate::moonraker::REQUEST_TIMEOUT;

/// A host that believes in an earlier day has no time yet: 2025-01-01.
const LEAST: i64 = 1_735_689_600;
/// For how long Klipper's clock is compared with ours.
const WATCHED: Duration = Duration::from_secs(1);
/// How much faster or slower it may run. MCUs and hosts differ by some millionths.
const DRIFT: f64 = 0.05;
/// A Moonraker that takes longer makes calls late.
const SLOW: Duration = Duration::from_millis(500);

pub(super) async fn examine(chart: &Chart, clock: Clock) -> Vec<Check> {
    let mut checks = vec![date(clock.wall())];
    if chart.round_trip > SLOW {
        checks.push(Check::warning(
            Subject::Clock,
            format!(
                "Moonraker took {} ms for an answer, so the host is busy: frames may come late; see what else runs on it",
                chart.round_trip.as_millis()
            ),
        ));
    }
    if chart.klipper.is_some() {
        checks.extend(klipper(chart, clock).await);
    }
    checks
}

fn date(now: Timestamp) -> Check {
    if now.as_second() < LEAST {
        let message =
            format!("this host believes that it is {now:.0}: set its clock (timedatectl), or films get wrong dates");
        return Check::warning(Subject::Clock, message);
    }
    Check::ok(Subject::Clock, "this host knows the date")
}

async fn klipper(chart: &Chart, clock: Clock) -> Option<Check> {
    // Klipper's time, and ours before it was asked and when its answer was there.
    let sample = async || {
        let query = json!({"objects": {"toolhead": ["estimated_print_time"]}});
        let asked = clock.monotonic();
        let answer = chart.link.request("printer.objects.query", query, REQUEST_TIMEOUT).await.ok()?;
        let print_time = answer.pointer("/status/toolhead/estimated_print_time").and_then(Json::as_f64)?;
        Some((print_time, asked, clock.monotonic()))
    };
    let (before, asked, answered) = sample().await?;
    tokio::time::sleep(WATCHED).await;
    let (after, asked_again, answered_again) = sample().await?;
    Some(judge(after - before, asked_again.secs_since(answered), answered_again.secs_since(asked)))
}

/// Seconds on Klipper's clock, and the least and the most that passed here.
fn judge(theirs: f64, least: f64, most: f64) -> Check {
    if !(least * (1.0 - DRIFT)..=most * (1.0 + DRIFT)).contains(&theirs) {
        return Check::fault(
            Subject::Clock,
            format!(
                "Klipper's clock went on by {theirs:.1} s while {least:.1} s passed here, so no frame can be placed in time: \
                 restart Klipper and its MCU; if that does not help, the MCU's clock is configured wrongly"
            ),
        );
    }
    Check::ok(Subject::Clock, "Klipper's clock runs as ours does")
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_that_stands_or_runs_wild_is_a_fault() {
        for theirs in [1.0, 1.02, 1.3] {
            assert_eq!(judge(theirs, 1.0, 1.3).verdict, Verdict::Ok, "{theirs}");
        }
        for theirs in [0.0, 0.5, 2.0, f64::NAN] {
            assert_eq!(judge(theirs, 1.0, 1.3).verdict, Verdict::Fault, "{theirs}");
        }
    }

    #[test]
    fn a_host_without_the_time_is_told() {
        let check = date(Timestamp::UNIX_EPOCH);
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.message.contains("1970-01-01"), "{}", check.message);
    }
}
