//! A plan for people to read.

use std::io::{self, Write};

use crate::planner::{Kind, Plan, Snapshot, Window};

/// Layers that are shown one by one.
const SHOWN: usize = 8;

/// Writes a summary of `plan`.
pub(super) fn write(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let t = &plan.totals;
    writeln!(out, "{} frames for {} layers ({}, {})", t.snapshots, t.layers, plan.trigger, plan.mode)?;
    writeln!(out)?;
    let mut row = |name: &str, value: String| writeln!(out, "  {name:<18}{value}");
    row("print", format!("about {}", duration(t.print_s)))?;
    row(
        "added",
        format!(
            "about {} in all, {:.2} s a frame ({:.1} %)",
            duration(t.added_s),
            t.added_per_snapshot_s,
            100.0 * t.added_s / t.print_s.max(1.0)
        ),
    )?;
    row("likely", format!("about {} when the file has no calls for frames", duration(t.likely_s)))?;
    row("extra travel", format!("{:.1} m", t.travel_mm / 1000.0))?;
    row("extra retractions", t.extra_retractions.to_string())?;
    if let Some(park) = plan.park {
        row("head at", format!("x {:.1}, y {:.1}", park.x, park.y))?;
    }
    row("no way back", format!("{} frames", t.without_return))?;
    if t.without_move > 0 {
        row("in passing", format!("{} frames", t.without_move))?;
    }
    row("few windows", format!("{} frames have less than three", t.under_three_windows))?;
    if !plan.issues.is_empty() {
        writeln!(out)?;
        for issue in &plan.issues {
            writeln!(out, "  - {issue}")?;
        }
    }
    if !plan.missed.is_empty() {
        writeln!(out)?;
        writeln!(out, "missed:")?;
        for missed in plan.missed.iter().take(SHOWN) {
            writeln!(out, "  layer {}: {}", missed.layer, missed.reason.text())?;
        }
        if plan.missed.len() > SHOWN {
            writeln!(out, "  and {} more", plan.missed.len() - SHOWN)?;
        }
    }
    table(&plan.snapshots, out)
}

fn table(snapshots: &[Snapshot], out: &mut impl Write) -> io::Result<()> {
    if snapshots.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(out, "  layer   height  windows  best                                              cost")?;
    let skipped = snapshots.len().saturating_sub(SHOWN);
    for (i, snapshot) in snapshots.iter().enumerate() {
        // The first half and the last.
        if skipped > 0 && (SHOWN / 2..SHOWN / 2 + skipped).contains(&i) {
            if i == SHOWN / 2 {
                writeln!(out, "  ... {skipped} more")?;
            }
            continue;
        }
        let best = snapshot.windows.first().or(snapshot.fallback.as_ref()).map(describe).unwrap_or_default();
        let (layer, height, windows) = (snapshot.layer, snapshot.height, snapshot.windows.len());
        writeln!(out, "  {layer:>5} {height:>8.2} {windows:>8}  {best:<48} {:>5.2} s", snapshot.cost_s)?;
    }
    Ok(())
}

/// A window in a few words: `byte 2204, after skirt_brim, travels on`.
fn describe(window: &Window) -> String {
    let feature = window.feature.map(|f| format!(", after {}", f.name())).unwrap_or_default();
    if window.kind == Kind::ZeroMotion {
        return format!("byte {}, in passing", window.span.from);
    }
    let way = match (window.rise_to, window.returns) {
        (Some(z), _) => format!(", rises to {z:.1}"),
        (None, true) => ", comes back".to_owned(),
        (None, false) => ", goes on".to_owned(),
    };
    format!("byte {}{feature}{way}", window.span.from)
}

/// `1 h 02 min`, `3 min 05 s` or `12 s`.
fn duration(seconds: f64) -> String {
    let s = seconds.round().max(0.0) as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_long_as_they_need_be() {
        assert_eq!([12.4, 185.0, 3725.0].map(duration), ["12 s", "3 min 05 s", "1 h 02 min"]);
    }
}
