//! The planner itself: takes lines, keeps what all tracks share, and hands out the plans.

use crate::gcode::engine::{Engine, Event, Motion, MotionKind};
use crate::gcode::line::Command;
use crate::stabilize::Point;

use super::cost::CostModel;
use super::effect::{self, Effect, Request};
use super::finish::{self, Whole};
use super::follow::Follower;
use super::issues::Issue;
use super::motion::{Move, Stopwatch};
use super::obstacles::HeightMap;
use super::options::{Mode, Options};
use super::plan::Plan;
use super::scene::Scene;
use super::track::Tracker;
use super::trigger::SNAPSHOT_COMMANDS;
use super::walls::Walls;

/// Plans the frames of one file; see the module.
#[derive(Clone, Debug)]
pub struct Planner {
    options: Options,
    trackers: Vec<Tracker>,
    follower: Follower,
    scene: Scene,
    /// Some track keeps away from walls.
    wants_walls: bool,
    /// The print is over, unless filament comes out again.
    ended: bool,
    seen: Seen,
    /// For names of commands.
    name: String,
}

/// What the file has shown, for the issues.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    layers: u32,
    runs: u32,
    vase: bool,
    features: bool,
    retractions: bool,
    stopped: bool,
    own_calls: u32,
}

impl Planner {
    /// A planner at the start of a file.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let trackers: Vec<_> =
            options.tracks.iter().map(|track| Tracker::new(track.clone(), &options.limits)).collect();
        Self {
            follower: Follower::default(),
            scene: Scene {
                limits: options.limits,
                moves: options.moves,
                watch: Stopwatch::new(options.machine),
                heights: HeightMap::new(&options.limits),
                walls: Walls::default(),
                stopped: false,
            },
            wants_walls: options.tracks.iter().any(|t| t.wall_distance > 0.0 || t.seam_distance > 0.0),
            ended: false,
            seen: Seen::default(),
            name: String::new(),
            trackers,
            options,
        }
    }

    /// Takes the next line.
    pub fn line(&mut self, event: &Event<'_>) {
        // Klipper never runs a last line without a line feed.
        if !event.terminated {
            return;
        }
        match event.motion {
            Some(motion) => self.moving(event, motion),
            None => self.standing(event),
        }
        if event.dwell > 0.0 {
            self.scene.watch.dwell(event.dwell);
        }
    }

    /// A line that moves something.
    #[inline]
    fn moving(&mut self, event: &Event<'_>, motion: &Motion) {
        let Self { trackers, follower, scene, .. } = self;
        follower.leave(event, motion.kind, |place| trackers.iter_mut().for_each(|t| t.offer(place, scene)));
        let layer = &event.state.layer;
        let extrudes = motion.kind == MotionKind::Extrusion;
        if extrudes {
            trackers.iter_mut().for_each(|t| t.flush(event.state.feature));
        }
        if layer.change {
            for tracker in trackers.iter_mut() {
                tracker.on_layer(layer.number, layer.height, layer.run, event.start, scene);
            }
            self.seen.layers = layer.number;
            self.seen.runs = layer.run + 1;
            self.seen.vase |= layer.vase;
            scene.walls.clear();
        } else if extrudes && layer.number > 0 {
            trackers.iter_mut().for_each(|t| t.on_time(layer.number, layer.height, event.start, scene));
        }
        if extrudes {
            self.ended = false;
            self.seen.features |= event.state.feature.is_some();
            if let (Some([x, y, _]), Some([to_x, to_y, z])) = (motion.from.xyz(), motion.to.xyz())
                && layer.number > 0
            {
                scene.heights.extrude(Point::new(x, y), Point::new(to_x, to_y), z);
            }
        }
        self.seen.retractions |= motion.kind == MotionKind::Retraction && layer.number > 0;
        if self.wants_walls {
            scene.walls.add(motion, event.state.feature);
        }
        let began = scene.now();
        scene.watch.add(&time_of(motion, event));
        if self.ended {
            follower.forget();
        } else {
            follower.arrive(event, began, scene.now());
        }
        if !event.state.is_definite() {
            trackers.iter_mut().for_each(Tracker::on_unknown);
        }
    }

    /// A line that moves nothing.
    fn standing(&mut self, event: &Event<'_>) {
        match effect::effect(&event.command) {
            Effect::None => self.follower.extend(event.end),
            Effect::Barrier => {
                self.judge_places();
                if !event.state.is_definite() {
                    self.trackers.iter_mut().for_each(Tracker::on_unknown);
                }
            }
            Effect::End => {
                self.ended = true;
                self.follower.forget();
            }
        }
        match event.command {
            Command::None | Command::Move { .. } | Command::Traditional { .. } => {}
            Command::Extended(_) | Command::At(_) | Command::Other(_) => self.named(event),
        }
    }

    /// Offers the places so far; the head must be back there.
    fn judge_places(&mut self) {
        let Self { trackers, follower, scene, .. } = self;
        follower.barrier(|place| trackers.iter_mut().for_each(|t| t.offer(place, scene)));
    }

    /// A command with a name: it may begin an object, or say something to us.
    fn named(&mut self, event: &Event<'_>) {
        let mut name = std::mem::take(&mut self.name);
        if let Some(request) = effect::name(&event.command, &mut name) {
            // What was before counts by what held before.
            self.judge_places();
            self.scene.stopped = request == Request::Stop;
            self.seen.stopped |= self.scene.stopped;
        }
        if name.starts_with("EXCLUDE_OBJECT_") {
            self.follower.split(event);
        }
        self.seen.own_calls += u32::from(SNAPSHOT_COMMANDS.contains(&name.as_str()));
        let layer = &event.state.layer;
        if layer.number > 0 {
            let Self { trackers, follower, scene, .. } = self;
            let place = follower.asked(event);
            let mut asked = false;
            for tracker in trackers.iter_mut() {
                asked |= tracker.on_command(&name, (layer.number, layer.height, event.end), place.as_ref(), scene);
            }
            if asked && let Some(place) = place {
                follower.replace(place);
            }
        }
        self.name = name;
    }

    /// The plans, one for each track, after the last line of `engine`.
    #[must_use]
    pub fn finish(self, engine: &Engine) -> Vec<Plan> {
        let Self { mut trackers, mut follower, scene, options, seen, .. } = self;
        follower.barrier(|place| trackers.iter_mut().for_each(|t| t.offer(place, &scene)));
        trackers.iter_mut().for_each(|t| t.close(&scene));
        let settings = engine.settings();
        let whole = Whole {
            limits: &scene.limits,
            moves: &scene.moves,
            costs: CostModel::new(options.machine, scene.moves, settings.travel_speed),
            objects: engine.objects(),
            max_windows: options.max_windows,
            vase: seen.vase || settings.vase == Some(true),
            layers: seen.layers,
            print_s: scene.now(),
        };
        let mut plans: Vec<Plan> = trackers.into_iter().map(|tracker| finish::plan(tracker, &whole)).collect();
        for plan in &mut plans {
            plan.issues = issues(plan, &seen, whole.vase, engine);
        }
        plans
    }
}

/// What there is to say about a plan.
fn issues(plan: &Plan, seen: &Seen, vase: bool, engine: &Engine) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut add = |applies: bool, issue: Issue| {
        if applies {
            issues.push(issue);
        }
    };
    let moving = plan.totals.snapshots - plan.totals.without_move;
    let own = plan.totals.extra_retractions;
    let never = moving > 0 && !seen.retractions;
    let risen = plan.snapshots.iter().filter(|s| s.windows.first().is_some_and(|w| w.rise_to.is_some())).count();
    let still = if plan.mode == Mode::ZeroMotion { 0 } else { plan.totals.without_move };
    let report = engine.layer_report();
    add(plan.snapshots.is_empty(), Issue::Empty);
    add(vase, Issue::Vase);
    add(seen.runs > 1, Issue::Sequential { objects: seen.runs, risen, still });
    add(never, Issue::NoRetraction);
    add(own > 0 && !never, Issue::OwnRetractions { frames: own });
    add(seen.layers > 0 && !seen.features, Issue::NoFeatures);
    add(plan.mode == Mode::Fast, Issue::Fast);
    add(matches!(plan.mode, Mode::SnapToPrint { high_quality: false, .. }), Issue::SnapOnWalls);
    add(seen.own_calls > 0, Issue::OwnCalls { calls: seen.own_calls });
    add(!report.agrees(), Issue::LayersDisagree { layers: report.layers, marked: report.marks });
    add(seen.stopped, Issue::Stopped);
    issues
}

/// What the time of a move depends on.
fn time_of(motion: &Motion, event: &Event<'_>) -> Move {
    let delta = match (motion.from.xyz(), motion.to.xyz()) {
        (Some(from), Some(to)) => [to[0] - from[0], to[1] - from[1], to[2] - from[2]],
        _ => [0.0; 3],
    };
    Move {
        delta,
        filament: motion.filament,
        length: motion.length,
        speed: motion.speed,
        accel: event.state.limits.acceleration,
    }
}
