//! From the layers that were read to the plan: the park position is known now, and so is whether the file is a vase.

use crate::gcode::exclude_object::{ObjectId, Objects};
use crate::stabilize::{Axis, Limits, Park, Point, Stabilization};

use super::cost::{Cost, CostModel};
use super::edge::Edge;
use super::options::{FrameMoves, Mode};
use super::plan::{Missed, Plan, Reason, Snapshot, Span, Target, Totals, Window};
use super::spot::Spot;
use super::track::{Draft, Tracker};
use super::trigger::Trigger;

/// Every frame should have so many windows; where retracted ones do not suffice, others fill up.
const ENOUGH: usize = 3;

/// What the whole file has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'a> {
    pub(super) limits: &'a Limits,
    pub(super) moves: &'a FrameMoves,
    pub(super) costs: CostModel,
    pub(super) objects: &'a Objects,
    pub(super) max_windows: usize,
    pub(super) vase: bool,
    pub(super) layers: u32,
    pub(super) print_s: f64,
}

/// The plan of one track, without its issues.
pub(super) fn plan(tracker: Tracker, whole: &Whole<'_>) -> Plan {
    let Tracker { track, stabilization, edge, drafts, mut missed, .. } = tracker;
    let (stabilization, bit) = match edge.as_ref().and_then(Edge::best) {
        Some((place, bit)) => (Stabilization::fixed(place), bit),
        None => (stabilization, 0),
    };
    let mode = if whole.vase { Mode::ZeroMotion } else { track.mode };
    let still = mode == Mode::ZeroMotion;
    let stays = matches!(mode, Mode::SnapToPrint { .. } | Mode::ZeroMotion);
    let mut plan = Plan {
        track: track.name,
        trigger: track.trigger,
        mode,
        park: None,
        snapshots: Vec::with_capacity(drafts.len()),
        missed: vec![],
        issues: vec![],
        totals: Totals { layers: whole.layers, print_s: whole.print_s, ..Totals::default() },
    };
    let snaps = stays || track.park == Park::SnapToPrint;
    for draft in drafts {
        let aim = Aim {
            frame: plan.snapshots.len(),
            stabilization: if snaps { &Stabilization::NONE } else { &stabilization },
            bit: 1 << bit,
            in_order: !matches!(mode, Mode::RetractedTravel),
            // Frames by time should be evenly spread: the first half of their interval comes first.
            early: match plan.trigger {
                Trigger::Time(step) => draft.time + step / 2.0,
                _ => f64::INFINITY,
            },
        };
        let snapshot = if still { in_passing(&draft, whole) } else { aim.snapshot(&draft, whole) };
        match snapshot {
            Ok(snapshot) => plan.snapshots.push(snapshot),
            Err(reason) => missed.push(Missed { layer: draft.layer, reason }),
        }
    }
    missed.sort_by_key(|m| m.layer);
    plan.missed = missed;
    plan.park = one_place(&plan.snapshots);
    add_up(&mut plan);
    plan
}

/// Where the head goes for one frame.
struct Aim<'a> {
    frame: usize,
    stabilization: &'a Stabilization,
    bit: u64,
    /// The windows are in their order already.
    in_order: bool,
    /// Windows before this time come first, s.
    early: f64,
}

impl Aim<'_> {
    fn target(&self, spot: &Spot, whole: &Whole<'_>) -> Point {
        self.stabilization.target(self.frame, spot.at(), whole.limits)
    }

    fn snapshot(&self, draft: &Draft, whole: &Whole<'_>) -> Result<Snapshot, Reason> {
        let rise_to = whole.limits.clamp_z(draft.tallest + whole.moves.clearance_above);
        let can_rise = rise_to > draft.tallest;
        let usable = |spot: &&Spot| spot.barred & self.bit == 0 && (spot.blocked & self.bit == 0 || can_rise);
        let mut spots: Vec<&Spot> = draft.windows.iter().filter(usable).collect();
        if self.in_order {
            spots.sort_by_key(|spot| spot.blocked & self.bit != 0);
            spots.truncate(whole.max_windows);
        } else {
            let key = |spot: &Spot| {
                let detour = spot.detour(self.target(spot, whole));
                let late = spot.time > self.early;
                (u8::from(late) << 5 | u8::from(spot.blocked & self.bit != 0) << 4 | spot.class(), detour)
            };
            spots.sort_by(|a, b| {
                let ((a_class, a_detour), (b_class, b_detour)) = (key(a), key(b));
                a_class.cmp(&b_class).then(a_detour.total_cmp(&b_detour)).then(a.from.cmp(&b.from))
            });
            let retracted = spots.iter().filter(|s| s.retracted).count();
            spots = with_every_object(&spots, retracted.clamp(ENOUGH, whole.max_windows.max(ENOUGH)));
        }
        let fallback = draft.fallback.as_ref().filter(usable);
        let Some(best) = spots.first().copied().or(fallback) else {
            return if draft.stills.is_empty() { Err(nothing_left(draft, self.bit)) } else { in_passing(draft, whole) };
        };
        let rise = |spot: &Spot| (spot.blocked & self.bit != 0).then_some(rise_to);
        let height = |spot: &Spot| rise(spot).map_or(0.0, |z| z - f64::from(spot.z));
        let priced = |spot: &Spot| {
            let cost = whole.costs.of(spot, self.target(spot, whole), height(spot));
            (window(spot, cost.travel_mm, rise(spot), whole.objects), cost)
        };
        let (windows, costs): (Vec<Window>, Vec<Cost>) = spots.iter().map(|spot| priced(spot)).unzip();
        let fallback = fallback.map(priced);
        let cost = costs.first().or(fallback.as_ref().map(|(_, cost)| cost)).copied().unwrap_or_default();
        let of_each = windows.iter().zip(&costs).map(|(window, cost)| (window.seconds, cost.seconds));
        let likely_s = weighted_mean(of_each).unwrap_or(cost.seconds);
        let target = self.target(best, whole);
        let park = Target {
            x: (self.stabilization.x != Axis::Disabled).then_some(target.x),
            y: (self.stabilization.y != Axis::Disabled).then_some(target.y),
        };
        Ok(Snapshot {
            windows,
            fallback: fallback.map(|(window, _)| window),
            cost_s: cost.seconds,
            likely_s,
            cost,
            park,
            ..empty(draft)
        })
    }
}

/// The mean of values, each with its weight before it; `None` when nothing has any weight.
fn weighted_mean(of: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (weight, sum) = of.fold((0.0, 0.0), |(weight, sum), (w, value)| (weight + w, sum + w * value));
    (weight > 0.0).then(|| sum / weight)
}

/// The best `most`, with one of each object among them while there is room: any object may be excluded.
fn with_every_object<'a>(spots: &[&'a Spot], most: usize) -> Vec<&'a Spot> {
    let (best, rest) = spots.split_at(most.min(spots.len()));
    let mut chosen = best.to_vec();
    for spot in rest {
        let count = |object: Option<ObjectId>| chosen.iter().filter(|s| s.object == object).count();
        if count(spot.object) > 0 {
            continue;
        }
        let Some(replaced) = chosen.iter().rposition(|s| count(s.object) > 1) else { break };
        chosen[replaced] = spot;
    }
    chosen
}

/// A frame without any move.
fn in_passing(draft: &Draft, whole: &Whole<'_>) -> Result<Snapshot, Reason> {
    if draft.stills.is_empty() {
        return Err(Reason::NoPlace);
    }
    let windows = draft.stills.iter().map(|spot| {
        let mut window = window(spot, 0.0, None, whole.objects);
        (window.returns, window.retract) = (false, false);
        window
    });
    Ok(Snapshot { windows: windows.collect(), ..empty(draft) })
}

fn empty(draft: &Draft) -> Snapshot {
    Snapshot {
        layer: draft.layer,
        height: draft.height,
        time_s: draft.time,
        park: Target::default(),
        span: Span { from: draft.from, to: draft.to },
        windows: vec![],
        fallback: None,
        cost_s: 0.0,
        likely_s: 0.0,
        cost: Default::default(),
    }
}

fn window(spot: &Spot, travel_mm: f64, rise_to: Option<f64>, objects: &Objects) -> Window {
    let at = spot.at();
    // Above something tall the file's own travel would lead through it: come back down where the print goes on.
    let resume = spot.next().unwrap_or(at);
    Window {
        span: Span { from: spot.from, to: spot.to },
        kind: spot.kind,
        feature: spot.feature,
        returns: spot.returns() || rise_to.is_some(),
        travel_mm,
        retract: !spot.retracted,
        lifted: spot.lifted,
        at: [at.x, at.y, f64::from(spot.z)],
        resume: [resume.x, resume.y],
        rise_to,
        object: spot.object.and_then(|id| objects.get(id)).map(|object| object.name.clone()),
        time_s: spot.time,
        seconds: f64::from(spot.seconds),
    }
}

fn nothing_left(draft: &Draft, bit: u64) -> Reason {
    let spots = || draft.windows.iter().chain(&draft.fallback);
    if spots().any(|spot| spot.barred & bit != 0) {
        Reason::Restricted
    } else if spots().any(|spot| spot.blocked & bit != 0) {
        Reason::Blocked
    } else if draft.refused.near_wall > 0 {
        Reason::NearWall
    } else {
        Reason::NoPlace
    }
}

/// The park position of all frames, when it is the same for all.
fn one_place(snapshots: &[Snapshot]) -> Option<Point> {
    let place = |s: &Snapshot| Some(Point::new(s.park.x?, s.park.y?));
    let moving = || snapshots.iter().filter(|s| !s.moves_nothing());
    let first = moving().next().and_then(place)?;
    moving().all(|s| place(s) == Some(first)).then_some(first)
}

fn add_up(plan: &mut Plan) {
    let totals = &mut plan.totals;
    totals.snapshots = plan.snapshots.len();
    totals.missed = plan.missed.len();
    for snapshot in &plan.snapshots {
        totals.without_move += usize::from(snapshot.moves_nothing());
        totals.without_return += usize::from(snapshot.windows.first().is_some_and(|w| !w.returns));
        totals.under_three_windows += usize::from(snapshot.windows.len() < ENOUGH);
        totals.travel_mm += snapshot.cost.travel_mm;
        totals.extra_retractions += snapshot.cost.retractions;
        totals.added_s += snapshot.cost.seconds;
        totals.likely_s += snapshot.likely_s;
    }
    totals.added_per_snapshot_s = totals.added_s / totals.snapshots.max(1) as f64;
}
