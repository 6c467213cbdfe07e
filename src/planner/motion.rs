//! How long moves take: an estimate good enough to say where time goes and what a frame costs.
//!
//! Klipper's own planner looks ahead over whole queues of moves. Here each move is seen once: it begins at what the
//! corner before it allows (Klipper's junction deviation), speeds up as far as its length allows, and where the next
//! corner is slower than that, the time lost by braking is added. On the files in `tests/data/gcode` the sum is within 4 %
//! of what the look-ahead of Klipper's `toolhead.py` gives with the same limits.

use serde::{Deserialize, Serialize};

/// What a printer's motion is limited to, where a file says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Fastest move, mm/s.
    pub max_velocity: f64,
    /// Acceleration, mm/s².
    pub max_accel: f64,
    /// Fastest move of z, mm/s.
    pub max_z_velocity: f64,
    /// Acceleration of z, mm/s².
    pub max_z_accel: f64,
    /// Speed through a right-angled corner, mm/s.
    pub square_corner_velocity: f64,
}

impl Default for Machine {
    /// A common printer; Klipper has no defaults for most of these.
    fn default() -> Self {
        Self {
            max_velocity: 300.0,
            max_accel: 3000.0,
            max_z_velocity: 15.0,
            max_z_accel: 100.0,
            square_corner_velocity: 5.0,
        }
    }
}

/// The time of a move from rest to rest over `distance` mm, s.
#[must_use]
pub fn trapezoid(distance: f64, speed: f64, accel: f64) -> f64 {
    if distance <= 0.0 || speed <= 0.0 || accel <= 0.0 {
        return 0.0;
    }
    if distance >= speed * speed / accel { distance / speed + speed / accel } else { 2.0 * (distance / accel).sqrt() }
}

/// A straight move, as far as its time goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// Its way along x, y, z, mm.
    pub(super) delta: [f64; 3],
    /// Filament pushed or pulled, mm; decides the time only when nothing else moves.
    pub(super) filament: f64,
    /// Its length, mm: more than the delta's for an arc.
    pub(super) length: f64,
    /// The speed asked for, mm/s.
    pub(super) speed: f64,
    /// The acceleration asked for, mm/s²; the machine's where the file says none.
    pub(super) accel: Option<f64>,
}

/// The estimated time of a file up to now.
///
/// Single precision is enough for one move; the sum is double. Divisions and roots are what a file's time is spent on, so
/// inverses are kept and squares compared first.
#[derive(Clone, Debug)]
pub(super) struct Stopwatch {
    machine: Machine,
    elapsed: f64,
    /// The move before: its direction, its speed at the end, its length.
    direction: [f32; 3],
    speed: f32,
    length: f32,
    /// Its acceleration, and the inverse.
    accel: Inverse,
    /// The last full speed, and the inverse.
    cruise: Inverse,
}

/// A number with its inverse.
#[derive(Clone, Copy, Debug)]
struct Inverse {
    of: f32,
    is: f32,
}

impl Inverse {
    fn new(of: f32) -> Self {
        Self { of, is: 1.0 / of }
    }

    /// The inverse of `number`, which is mostly the same as before.
    #[inline]
    fn take(&mut self, number: f32) -> f32 {
        if number != self.of {
            *self = Self::new(number);
        }
        self.is
    }
}

impl Stopwatch {
    pub(super) fn new(machine: Machine) -> Self {
        Self {
            machine,
            elapsed: 0.0,
            direction: [0.0; 3],
            speed: 0.0,
            length: 0.0,
            accel: Inverse::new(machine.max_accel as f32),
            cruise: Inverse::new(1.0),
        }
    }

    /// Seconds since the file's first move.
    pub(super) fn elapsed(&self) -> f64 {
        self.elapsed
    }

    /// The head stands still for `seconds`.
    pub(super) fn dwell(&mut self, seconds: f64) {
        self.stop();
        if seconds.is_finite() {
            self.elapsed += seconds.max(0.0);
        }
    }

    /// Brakes to a stop.
    fn stop(&mut self) {
        self.elapsed += f64::from(0.5 * self.speed * self.accel.is);
        self.speed = 0.0;
    }

    /// Adds a move; one with odd numbers takes no time.
    #[inline]
    pub(super) fn add(&mut self, m: &Move) {
        const LONGEST: f64 = 1e6;
        let possible = m.length < LONGEST && m.filament.abs() < LONGEST && m.speed > 0.0 && m.speed < LONGEST;
        if !possible {
            return;
        }
        let limit = self.machine.max_accel;
        let mut accel = m.accel.filter(|a| *a > 0.0).map_or(limit, |a| a.min(limit)) as f32;
        if m.length < 1e-6 {
            // The extruder alone: nothing is joined to it.
            self.stop();
            self.elapsed += trapezoid(m.filament.abs(), m.speed, f64::from(accel));
            return;
        }
        let mut speed = m.speed.min(self.machine.max_velocity) as f32;
        let length = m.length as f32;
        let delta = m.delta.map(|d| d as f32);
        if delta[2] != 0.0 {
            let share = length / delta[2].abs();
            speed = speed.min(self.machine.max_z_velocity as f32 * share);
            accel = accel.min(self.machine.max_z_accel as f32 * share);
        }
        let inverse = 1.0 / length;
        let direction = delta.map(|d| d * inverse);
        let from = self.corner(direction, length, accel).min(speed);
        let mut seconds = 0.0;
        if from < self.speed {
            // Braking takes this much longer than going on at full speed.
            let braked = self.speed - from;
            let of_speed = if self.speed == self.cruise.of { self.cruise.is } else { 1.0 / self.speed };
            seconds += 0.5 * braked * braked * self.accel.is * of_speed;
        }
        let of_accel = self.accel.take(accel);
        let mut reached = speed;
        if from == speed {
            seconds += length * self.cruise.take(speed);
        } else {
            let reachable = from * from + 2.0 * accel * length;
            if reachable < speed * speed {
                reached = reachable.sqrt();
                seconds += (reached - from) * of_accel;
            } else {
                let speeding = (speed - from) * of_accel;
                let way = (speed + from) * 0.5 * speeding;
                seconds += speeding + (length - way).max(0.0) * self.cruise.take(speed);
            }
        }
        self.elapsed += f64::from(seconds);
        (self.direction, self.speed, self.length) = (direction, reached, length);
    }

    /// The speed with which a move in `direction` begins, mm/s: that of the last move, or what Klipper's rules for the
    /// corner between them allow.
    #[inline]
    fn corner(&self, direction: [f32; 3], length: f32, accel: f32) -> f32 {
        const SQRT_2_MINUS_1: f32 = std::f32::consts::SQRT_2 - 1.0;
        if self.speed <= 0.0 {
            return 0.0;
        }
        let [a, b] = [self.direction, direction];
        let cos = -(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
        // The squares of the sine and cosine of half the angle.
        let (sin2, cos2) = ((0.5 * (1.0 - cos)).max(0.0), 0.5 * (1.0 + cos));
        if cos2 < 1e-6 {
            return self.speed;
        }
        let speed2 = self.speed * self.speed;
        let scv = self.machine.square_corner_velocity as f32;
        let deviation = scv * scv * SQRT_2_MINUS_1;
        let half = 0.5 * self.length.min(length) * accel;
        let of_cos2 = 1.0 / cos2;
        let tan2 = sin2 * of_cos2;
        let centripetal2 = half * half * tan2;
        // sin / (1 - sin) is at least tan2 * (1 + sin2): no root is needed where even that allows the speed.
        if deviation * tan2 * (1.0 + sin2) >= speed2 && centripetal2 >= speed2 * speed2 {
            return self.speed;
        }
        let sin = sin2.sqrt();
        // sin / (1 - sin), without losing digits near a straight line.
        let by_deviation = deviation * sin * (1.0 + sin) * of_cos2;
        let allowed = if centripetal2 < by_deviation * by_deviation { centripetal2.sqrt() } else { by_deviation };
        if allowed >= speed2 { self.speed } else { allowed.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        max_velocity: 200.0,
        max_accel: 1000.0,
        max_z_velocity: 10.0,
        max_z_accel: 100.0,
        square_corner_velocity: 5.0,
    };

    fn line(dx: f64, dy: f64, dz: f64) -> Move {
        let length = (dx * dx + dy * dy + dz * dz).sqrt();
        Move { delta: [dx, dy, dz], filament: 0.0, length, speed: 100.0, accel: None }
    }

    fn time(moves: &[Move]) -> f64 {
        let mut watch = Stopwatch::new(MACHINE);
        moves.iter().for_each(|m| watch.add(m));
        watch.stop();
        watch.elapsed()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.max(1.0)
    }

    #[test]
    fn from_rest_to_rest_is_a_trapezoid_or_a_triangle() {
        assert!(near(trapezoid(100., 100., 1000.), 1.1));
        assert!(near(trapezoid(4., 100., 1000.), 2. * 0.004_f64.sqrt()));
        assert!(near(time(&[line(100., 0., 0.)]), 1.1));
    }

    #[test]
    fn a_straight_line_takes_the_same_time_in_pieces() {
        let pieces = [line(10., 0., 0.); 10];
        assert!(near(time(&pieces), 1.1), "{}", time(&pieces));
    }

    #[test]
    fn a_right_angle_is_slower_than_a_straight_line_and_faster_than_a_stop() {
        let bent = time(&[line(50., 0., 0.), line(0., 50., 0.)]);
        assert!(bent > 1.1 && bent < 2.0 * trapezoid(50., 100., 1000.), "{bent}");
    }

    #[test]
    fn z_has_limits_of_its_own() {
        assert!(near(time(&[line(0., 0., 5.)]), trapezoid(5., 10., 100.)));
    }

    #[test]
    fn a_retraction_takes_its_own_time_and_stops_the_head() {
        let retract = Move { delta: [0.; 3], filament: -0.8, length: 0., speed: 40., accel: None };
        let t = time(&[line(100., 0., 0.), retract, line(100., 0., 0.)]);
        assert!(near(t, 2.2 + trapezoid(0.8, 40., 1000.)), "{t}");
    }

    #[test]
    fn odd_numbers_take_no_time() {
        let nan = Move { length: f64::NAN, ..line(1., 0., 0.) };
        let still = Move { speed: 0.0, ..line(1., 0., 0.) };
        assert!(near(time(&[nan, still, line(100., 0., 0.)]), 1.1));
    }
}
