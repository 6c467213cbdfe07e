//! A plan in the form of the API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cache::Kept;
use super::drawing::Drawing;
use crate::conductor::planning::Planned;
use crate::planner::{Plan, Snapshot};
use crate::stabilize::{Bed, Limits};

/// A plan in the large.
pub(super) fn plan(kept: &Kept, printer_known: bool, took_ms: u64) -> Value {
    let Kept { id, file, limits, restrictions, planned, drawing, .. } = kept;
    let Planned { plan, calls, annotated, switched_off } = planned;
    let layers = &drawing.layers;
    let frame = |shot: &Snapshot| {
        let travel = shot.windows.first().or(shot.fallback.as_ref()).map_or(0.0, |window| window.travel_mm);
        let index = shot.layer.saturating_sub(1);
        let [cost, travel] = [shot.cost_s, travel].map(hundredth);
        json!([
            shot.layer,
            index,
            cost,
            travel,
            shot.windows.len(),
            shot.park.x.map(hundredth),
            shot.park.y.map(hundredth)
        ])
    };
    json!({
        "plan": format!("p{id}"), "drawing": format!("d{}", drawing.id), "file": file.name, "bytes": file.bytes,
        "took_ms": took_ms, "bed": bed(limits), "printer_known": printer_known, "bounds": drawing.bounds,
        "trigger": plan.trigger.to_string(), "mode": plan.mode, "park": plan.park.map(|park| [park.x, park.y].map(hundredth)),
        "switched_off": switched_off, "calls": calls, "annotated": annotated, "restrictions": restrictions,
        "totals": plan.totals, "issues": plan.issues.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "missed": plan.missed,
        "layers": {
            "z": layers.iter().map(|layer| hundredth(layer.z)).collect::<Vec<_>>(),
            "time_s": times(plan, drawing, file.bytes),
            "from": layers.iter().map(|layer| layer.from).collect::<Vec<_>>(),
            "to": layers.iter().map(|layer| layer.to).collect::<Vec<_>>(),
            "points": layers.iter().map(|layer| layer.points).collect::<Vec<_>>(),
        },
        "frames": plan.snapshots.iter().map(frame).collect::<Vec<_>>(),
    })
}

/// A row of Moonraker's list, with its time.
pub(super) fn file(row: &Value) -> Option<(f64, Value)> {
    let (path, bytes) = (row["path"].as_str()?, row["size"].as_u64()?);
    let modified = row["modified"].as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
    let at = Timestamp::from_millisecond((modified * 1000.0) as i64).ok()?;
    Some((modified, json!({"path": path, "bytes": bytes, "modified": at})))
}

fn bed(limits: &Limits) -> Value {
    match limits.bed() {
        Bed::Rectangle { min, max } => json!({"shape": "rectangle", "min": [min.x, min.y], "max": [max.x, max.y]}),
        Bed::Round { centre, radius } => json!({"shape": "round", "centre": [centre.x, centre.y], "radius": radius}),
    }
}

/// When each layer begins, s, between the times of the frames around it.
#[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^52 bytes")]
fn times(plan: &Plan, drawing: &Drawing, bytes: u64) -> Vec<f64> {
    let mut known = vec![(0, 0.0)];
    known.extend(plan.snapshots.iter().map(|shot| (shot.span.from, shot.time_s)));
    known.push((bytes, plan.totals.print_s));
    let mut at = 0;
    let mut time = |position: u64| {
        while at + 2 < known.len() && known[at + 1].0 <= position {
            at += 1;
        }
        let ((from, begun), (to, ended)) = (known[at], known[at + 1]);
        let part = position.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64;
        ((begun + part.min(1.0) * (ended - begun)) * 10.0).round() / 10.0
    };
    drawing.layers.iter().map(|layer| layer.from).map(&mut time).collect()
}

fn hundredth(mm: f64) -> f64 {
    (mm * 100.0).round() / 100.0
}
