//! The MCU's firmware as a state machine without I/O: commands and the passing of time in, messages out.

use std::collections::BTreeMap;

use super::dictionary::{self, ADC_MAX, Command, PINS, PWM_MAX, Response, ShutdownReason};
use super::homing::{Endstop, Homing, Trsync};
use super::motion::Motion;
use super::output::{Body, Output};
use super::spec::MachineSpec;
use super::{CLOCK_HZ, extend_clock};

/// How many runs of steps the host may queue ahead.
const MOVE_COUNT: u32 = 4096;

/// Periodic readings of an analogue input.
#[derive(Debug)]
struct AnalogIn {
    pin: u32,
    next: u64,
    rest_ticks: u64,
    samples: u32,
    limits: (u32, u32),
    range_checks: u32,
    out_of_range: u32,
}

/// What the host has configured; all of it is gone after a reset.
#[derive(Debug, Default)]
struct Configured {
    crc: Option<u32>,
    /// Axis by object.
    steppers: BTreeMap<u32, usize>,
    trsyncs: BTreeMap<u32, Trsync>,
    endstops: BTreeMap<u32, Endstop>,
    outputs: BTreeMap<u32, Output>,
    inputs: BTreeMap<u32, AnalogIn>,
}

/// The virtual MCU and the machine that hangs on it.
#[derive(Debug)]
pub(super) struct Device {
    /// The axes.
    pub(super) motion: Motion,
    bodies: Vec<Body>,
    full_scale: f64,
    dictionary: Vec<u8>,
    configured: Configured,
    shutdown: Option<ShutdownReason>,
    /// Messages to send.
    out: Vec<Vec<u8>>,
}

impl Device {
    /// A machine that was just switched on.
    pub(super) fn new(spec: &MachineSpec, now: u64) -> Self {
        Self {
            motion: Motion::new(spec, now),
            bodies: spec.heaters.iter().map(|&heater| Body::new(heater, spec.ambient, now)).collect(),
            full_scale: spec.sensor_full_scale,
            dictionary: dictionary::compressed(),
            configured: Configured::default(),
            shutdown: None,
            out: Vec::new(),
        }
    }

    /// Takes the messages that wait to be sent.
    pub(super) fn take_messages(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.out)
    }

    /// Carries out the commands of one block.
    pub(super) fn handle_payload(&mut self, now: u64, mut payload: &[u8]) {
        while !payload.is_empty() {
            match Command::decode(&mut payload) {
                Some((command, args)) => self.handle(now, command, &args),
                None => {
                    tracing::warn!("the host sent an unknown command; the rest of its block is dropped");
                    self.shut_down(now, ShutdownReason::InvalidCommand);
                    return;
                }
            }
        }
    }

    /// Carries out one command; `args` are as many as its format has.
    pub(super) fn handle(&mut self, now: u64, command: Command, args: &[u32]) {
        if let Some(reason) = self.shutdown
            && !allowed_in_shutdown(command)
        {
            self.send(Response::IsShutdown, &[reason as u32]);
            return;
        }
        if self.dispatch(now, command, args).is_none() {
            tracing::warn!(?command, ?args, "the host sent a command for an object or a pin that does not exist");
            self.shut_down(now, ShutdownReason::InvalidCommand);
        }
    }

    /// `None` when an argument names no object or pin.
    fn dispatch(&mut self, now: u64, command: Command, args: &[u32]) -> Option<()> {
        let arg = |n: usize| args.get(n).copied().unwrap_or_default();
        let oid = arg(0);
        let config = &mut self.configured;
        match command {
            Command::Identify => {
                let from = (oid as usize).min(self.dictionary.len());
                let to = (from + arg(1) as usize).min(self.dictionary.len());
                let message = dictionary::identify_response(oid, &self.dictionary[from..to]);
                self.out.push(message);
            }
            Command::GetConfig => {
                let (is_config, crc) = (config.crc.is_some(), config.crc.unwrap_or_default());
                let is_shutdown = self.shutdown.is_some();
                self.send(Response::Config, &[is_config.into(), crc, is_shutdown.into(), MOVE_COUNT]);
            }
            Command::GetClock => self.send(Response::Clock, &[now as u32]),
            Command::GetUptime => self.send(Response::Uptime, &[(now >> 32) as u32, now as u32]),
            Command::AllocateOids => {}
            Command::FinalizeConfig => config.crc = Some(oid),
            Command::EmergencyStop => self.shut_down(now, ShutdownReason::CommandRequest),
            Command::ClearShutdown => self.shutdown = None,
            Command::Reset => self.reset(now),

            Command::ConfigStepper => {
                let name = PINS.get(arg(1) as usize)?;
                let axis = ["x_step", "y_step", "z_step", "e_step"].iter().position(|pin| pin == name)?;
                config.steppers.insert(oid, axis);
            }
            Command::QueueStep => {
                let axis = *config.steppers.get(&oid)?;
                self.motion.queue(now, axis, arg(1), arg(2), arg(3) as i32);
            }
            Command::SetNextStepDir => self.motion.track(*config.steppers.get(&oid)?).set_forward(arg(1) != 0),
            Command::ResetStepClock => self.motion.track(*config.steppers.get(&oid)?).reset_clock(arg(1)),
            Command::StepperGetPosition => {
                let position = self.motion.track(*config.steppers.get(&oid)?).reported_position(now);
                self.send(Response::StepperPosition, &[oid, position as u32]);
            }
            Command::StepperStopOnTrigger => {
                let axis = *config.steppers.get(&oid)?;
                config.trsyncs.get_mut(&arg(1))?.stop_axes.push(axis);
            }

            Command::ConfigTrsync => {
                config.trsyncs.insert(oid, Trsync::default());
            }
            Command::TrsyncStart => {
                *config.trsyncs.get_mut(&oid)? = Trsync::started(extend_clock(now, arg(1)), arg(2));
            }
            // A real MCU stops the motors when the host is silent for too long. This one must bear a late host, and the
            // motors stop anyway when the queue is empty.
            Command::TrsyncSetTimeout => {}
            Command::TrsyncTrigger => {
                self.trigger(oid, arg(1), now);
                let reason = self.configured.trsyncs.get(&oid)?.reason;
                self.send(Response::TrsyncState, &[oid, 0, reason, 0]);
            }
            Command::ConfigEndstop => {
                let name = PINS.get(arg(1) as usize)?;
                let axis = ["x_endstop", "y_endstop", "z_endstop"].iter().position(|pin| pin == name)?;
                config.endstops.insert(oid, Endstop { axis, next_clock: 0, homing: None });
            }
            Command::EndstopHome => {
                let endstop = config.endstops.get_mut(&oid)?;
                // No samples means: stop looking.
                endstop.homing = (arg(3) > 0).then(|| Homing {
                    from: extend_clock(now, arg(1)),
                    rest_ticks: arg(4),
                    level: arg(5) != 0,
                    trsync: arg(6),
                    reason: arg(7),
                });
            }
            Command::EndstopQueryState => {
                let &Endstop { axis, next_clock, ref homing } = config.endstops.get(&oid)?;
                let homing = homing.is_some();
                let pressed = self.motion.endstop_pressed(axis, now);
                self.send(Response::EndstopState, &[oid, homing.into(), next_clock, pressed.into()]);
            }

            Command::ConfigDigitalOut => {
                let (value, default) = (f64::from(arg(2)), f64::from(arg(3)));
                config.outputs.insert(oid, Output::new(arg(1), 1, value, default, arg(4), now));
            }
            Command::SetDigitalOutPwmCycle => config.outputs.get_mut(&oid)?.cycle_ticks = arg(1).max(1),
            Command::QueueDigitalOut => {
                let output = config.outputs.get_mut(&oid)?;
                output.queue(now, arg(1), f64::from(arg(2)) / f64::from(output.cycle_ticks));
            }
            Command::UpdateDigitalOut => config.outputs.get_mut(&oid)?.set(now, f64::from(arg(1))),
            Command::SetDigitalOut => {}
            Command::ConfigPwmOut => {
                let share = |value: u32| f64::from(value) / f64::from(PWM_MAX);
                config.outputs.insert(oid, Output::new(arg(1), 1, share(arg(3)), share(arg(4)), arg(5), now));
            }
            Command::QueuePwmOut => {
                let value = f64::from(arg(2)) / f64::from(PWM_MAX);
                config.outputs.get_mut(&oid)?.queue(now, arg(1), value);
            }

            Command::ConfigAnalogIn => {
                let input = AnalogIn {
                    pin: arg(1),
                    next: u64::MAX,
                    rest_ticks: CLOCK_HZ,
                    samples: 0,
                    limits: (0, u32::MAX),
                    range_checks: 0,
                    out_of_range: 0,
                };
                config.inputs.insert(oid, input);
            }
            Command::QueryAnalogIn => {
                let input = config.inputs.get_mut(&oid)?;
                input.samples = arg(3);
                input.next = if input.samples > 0 { extend_clock(now, arg(1)) } else { u64::MAX };
                input.rest_ticks = u64::from(arg(4)).max(1);
                input.limits = (arg(5), arg(6));
                (input.range_checks, input.out_of_range) = (arg(7), 0);
            }
        }
        Some(())
    }

    /// When [`Device::run_timers`] has something to do next, as far as is known now.
    pub(super) fn next_timer(&self) -> Option<u64> {
        let inputs = self.configured.inputs.values().map(|input| input.next).filter(|&next| next != u64::MAX);
        let reports = self.configured.trsyncs.values().filter_map(Trsync::next_report);
        let crossings = self.configured.endstops.values().filter_map(|endstop| endstop.trigger_clock(&self.motion));
        inputs.chain(reports).chain(crossings).min()
    }

    /// Does what is due at `now`: endstops, reports of trsyncs and of analogue inputs.
    pub(super) fn run_timers(&mut self, now: u64) {
        self.check_endstops(now);
        let mut reports = Vec::new();
        for (&oid, trsync) in &mut self.configured.trsyncs {
            if let Some(clock) = trsync.report(now) {
                reports.push([oid, 1, 0, clock as u32]);
            }
        }
        for report in reports {
            self.send(Response::TrsyncState, &report);
        }
        self.read_inputs(now);
    }

    fn check_endstops(&mut self, now: u64) {
        let due: Vec<(u32, u64)> = self
            .configured
            .endstops
            .iter()
            .filter_map(|(&oid, endstop)| Some((oid, endstop.trigger_clock(&self.motion).filter(|&c| c <= now)?)))
            .collect();
        for (oid, clock) in due {
            let Some(endstop) = self.configured.endstops.get_mut(&oid) else { continue };
            let Some(homing) = endstop.homing.take() else { continue };
            // The host takes this minus the rest time as the time of the trigger.
            endstop.next_clock = (clock as u32).wrapping_add(homing.rest_ticks);
            if self.trigger(homing.trsync, homing.reason, clock) {
                self.send(Response::TrsyncState, &[homing.trsync, 0, homing.reason, 0]);
            }
        }
    }

    /// Stops the motors that wait for this trsync, as of `clock`; false when it was triggered before.
    fn trigger(&mut self, trsync: u32, reason: u32, clock: u64) -> bool {
        let Some(axes) = self.configured.trsyncs.get_mut(&trsync).and_then(|t| t.trigger(reason)) else { return false };
        for axis in axes {
            self.motion.track(axis).stop(clock);
        }
        true
    }

    fn read_inputs(&mut self, now: u64) {
        let mut readings = Vec::new();
        let mut broken = false;
        for (&oid, input) in &mut self.configured.inputs {
            if input.next > now {
                continue;
            }
            let name = PINS.get(input.pin as usize).copied().unwrap_or_default();
            let celsius = self.bodies.iter_mut().find(|body| body.spec.sensor_pin == name).map_or(0.0, |body| {
                let pin = dictionary::pin(body.spec.heater_pin);
                let output = self.configured.outputs.values_mut().find(|output| Some(output.pin) == pin);
                body.temperature(now, output)
            });
            let scale = f64::from(input.samples * ADC_MAX);
            let value = (celsius / self.full_scale * scale).round().clamp(0.0, scale) as u32;
            // A late reading is not made up for.
            input.next += ((now - input.next) / input.rest_ticks + 1) * input.rest_ticks;
            let within = (input.limits.0..=input.limits.1).contains(&value);
            input.out_of_range = if within { 0 } else { input.out_of_range + 1 };
            broken |= input.range_checks > 0 && input.out_of_range >= input.range_checks;
            readings.push([oid, input.next as u32, value]);
        }
        if self.shutdown.is_none() {
            for reading in readings {
                self.send(Response::AnalogInState, &reading);
            }
            if broken {
                self.shut_down(now, ShutdownReason::AdcOutOfRange);
            }
        }
    }

    /// The temperature that a sensor would show now, °C; `None` when nothing is measured there.
    pub(super) fn temperature(&mut self, now: u64, sensor_pin: &str) -> Option<f64> {
        let body = self.bodies.iter_mut().find(|body| body.spec.sensor_pin == sensor_pin)?;
        let pin = dictionary::pin(body.spec.heater_pin);
        Some(body.temperature(now, self.configured.outputs.values_mut().find(|output| Some(output.pin) == pin)))
    }

    /// How much the lamp on the pin `led` shone at `at`, 0 to 1; `None` when no lamp is set up.
    pub(super) fn lamp(&mut self, now: u64, at: u64) -> Option<f64> {
        let pin = dictionary::pin("led");
        let lamp = self.configured.outputs.values_mut().find(|output| Some(output.pin) == pin)?;
        Some(lamp.value_at(now, at))
    }

    fn shut_down(&mut self, now: u64, reason: ShutdownReason) {
        if self.shutdown.is_some() {
            return;
        }
        self.shutdown = Some(reason);
        for &axis in self.configured.steppers.values() {
            self.motion.track(axis).stop(now);
        }
        for output in self.configured.outputs.values_mut() {
            output.release(now);
        }
        for endstop in self.configured.endstops.values_mut() {
            endstop.homing = None;
        }
        for trsync in self.configured.trsyncs.values_mut() {
            *trsync = Trsync::default();
        }
        self.send(Response::Shutdown, &[now as u32, reason as u32]);
    }

    fn reset(&mut self, now: u64) {
        // Bodies keep the heat that the outputs gave them up to now.
        for pin in self.bodies.iter().map(|body| body.spec.sensor_pin).collect::<Vec<_>>() {
            self.temperature(now, pin);
        }
        for axis in 0..super::spec::AXES {
            self.motion.track(axis).reset(now);
        }
        self.configured = Configured::default();
        self.shutdown = None;
    }

    fn send(&mut self, response: Response, args: &[u32]) {
        self.out.push(response.encode(args));
    }
}

fn allowed_in_shutdown(command: Command) -> bool {
    matches!(
        command,
        Command::Identify
            | Command::GetConfig
            | Command::GetClock
            | Command::GetUptime
            | Command::EmergencyStop
            | Command::ClearShutdown
            | Command::Reset
            | Command::StepperGetPosition
            | Command::TrsyncTrigger
    )
}

#[cfg(test)]
mod tests {
    use super::super::vlq;
    use super::*;

    const NOW: u64 = 40 * CLOCK_HZ;
    const STEPPER: u32 = 0;
    const TRSYNC: u32 = 1;
    const ENDSTOP: u32 = 2;
    const HEATER: u32 = 3;
    const SENSOR: u32 = 4;

    fn device() -> Device {
        let pin = |name| dictionary::pin(name).unwrap();
        let mut device = Device::new(&MachineSpec::default(), NOW);
        let setup: [(Command, &[u32]); 6] = [
            (Command::ConfigStepper, &[STEPPER, pin("x_step"), pin("x_dir"), 0, 0]),
            (Command::ConfigTrsync, &[TRSYNC]),
            (Command::ConfigEndstop, &[ENDSTOP, pin("x_endstop"), 0]),
            (Command::ConfigDigitalOut, &[HEATER, pin("hotend_heater"), 0, 0, (3 * CLOCK_HZ) as u32]),
            (Command::ConfigAnalogIn, &[SENSOR, pin("hotend_sensor")]),
            (Command::FinalizeConfig, &[77]),
        ];
        for (command, args) in setup {
            device.handle(NOW, command, args);
        }
        assert!(device.take_messages().is_empty());
        device
    }

    fn messages(device: &mut Device) -> Vec<Vec<i32>> {
        let decode = |message: Vec<u8>| {
            let mut rest = message.as_slice();
            std::iter::from_fn(|| vlq::decode(&mut rest)).collect()
        };
        device.take_messages().into_iter().map(decode).collect()
    }

    fn expect(response: Response, args: &[u32]) -> Vec<i32> {
        let message = response.encode(args);
        let mut rest = message.as_slice();
        std::iter::from_fn(|| vlq::decode(&mut rest)).collect()
    }

    fn go_down(device: &mut Device, steps: u32) {
        device.handle(NOW, Command::ResetStepClock, &[STEPPER, NOW as u32]);
        device.handle(NOW, Command::SetNextStepDir, &[STEPPER, 0]);
        device.handle(NOW, Command::QueueStep, &[STEPPER, 1_000, steps, 0]);
    }

    #[test]
    fn an_endstop_stops_the_motor_at_the_step_that_presses_it() {
        let mut device = device();
        // 50 mm of 0.0125 mm.
        let to_the_switch = 4_000;
        let report = (NOW + CLOCK_HZ / 10) as u32;
        device.handle(NOW, Command::TrsyncStart, &[TRSYNC, report, (CLOCK_HZ / 10) as u32, 4]);
        device.handle(NOW, Command::StepperStopOnTrigger, &[STEPPER, TRSYNC]);
        device.handle(NOW, Command::EndstopHome, &[ENDSTOP, NOW as u32, 10, 4, 500, 1, TRSYNC, 1]);
        go_down(&mut device, to_the_switch + 900);

        assert_eq!(device.next_timer(), Some(NOW + CLOCK_HZ / 10));
        device.run_timers(NOW + CLOCK_HZ / 10);
        assert_eq!(messages(&mut device), [expect(Response::TrsyncState, &[TRSYNC, 1, 0, report])]);

        let pressed = NOW + u64::from(to_the_switch) * 1_000;
        // The thread wakes up late; the motor must have stopped in time all the same.
        let late = pressed + CLOCK_HZ / 1_000;
        device.run_timers(late);
        let told = messages(&mut device);
        assert!(told.contains(&expect(Response::TrsyncState, &[TRSYNC, 0, 1, 0])), "{told:?}");
        assert_eq!(device.motion.position(late).x, 0.0);
        device.handle(late, Command::StepperGetPosition, &[STEPPER]);
        device.handle(late, Command::EndstopQueryState, &[ENDSTOP]);
        let told = messages(&mut device);
        assert_eq!(told[0], expect(Response::StepperPosition, &[STEPPER, -(to_the_switch as i32) as u32]));
        let trigger = (told[1][3] as u32).wrapping_sub(500).wrapping_sub(pressed as u32);
        assert!((1..100).contains(&trigger), "the host gets a trigger {trigger} ticks after the step");
        assert_eq!(told[1][4], 1);
    }

    #[test]
    fn sensors_report_their_temperature_and_a_broken_one_shuts_the_mcu_down() {
        let mut device = device();
        let rest = (CLOCK_HZ / 4) as u32;
        device.handle(NOW, Command::QueryAnalogIn, &[SENSOR, NOW as u32, 16_000, 8, rest, 0, 9_000, 3]);
        device.handle(NOW, Command::QueueDigitalOut, &[HEATER, NOW as u32, 1]);
        device.run_timers(NOW);
        let full_scale = 8.0 * f64::from(ADC_MAX);
        let cold = (23.0 / 400.0 * full_scale).round() as u32;
        let next = NOW as u32 + rest;
        assert_eq!(messages(&mut device), [expect(Response::AnalogInState, &[SENSOR, next, cold])]);
        // It heats without end, and is out of range three times in a row.
        let mut now = NOW;
        let mut told = Vec::new();
        while device.shutdown.is_none() {
            now += u64::from(rest);
            // The host refreshes the heater.
            device.handle(now, Command::QueueDigitalOut, &[HEATER, now as u32, 1]);
            device.run_timers(now);
            told = messages(&mut device);
            assert!(now < NOW + 60 * CLOCK_HZ, "no shutdown");
        }
        assert_eq!(told[1], expect(Response::Shutdown, &[now as u32, ShutdownReason::AdcOutOfRange as u32]));
        let hot = device.temperature(now, "hotend_sensor").unwrap();
        assert!(hot > 100.0 && device.temperature(now + 30 * CLOCK_HZ, "hotend_sensor").unwrap() < hot / 2.0);
    }

    #[test]
    fn after_an_emergency_stop_only_a_reset_helps() {
        let mut device = device();
        go_down(&mut device, 1_000);
        let later = NOW + 10_500;
        device.handle(later, Command::EmergencyStop, &[]);
        let reason = ShutdownReason::CommandRequest as u32;
        assert_eq!(messages(&mut device), [expect(Response::Shutdown, &[later as u32, reason])]);
        device.handle(later, Command::QueueStep, &[STEPPER, 1_000, 10, 0]);
        device.handle(later, Command::GetConfig, &[]);
        let told = messages(&mut device);
        assert_eq!(told[0], expect(Response::IsShutdown, &[reason]));
        assert_eq!(told[1], expect(Response::Config, &[1, 77, 1, MOVE_COUNT]));
        let stopped = device.motion.position(NOW + CLOCK_HZ).x;
        assert!((stopped - (50.0 - 10.0 * 0.0125)).abs() < 1e-9, "{stopped}");

        device.handle(later, Command::Reset, &[]);
        device.handle(later, Command::GetConfig, &[]);
        assert_eq!(messages(&mut device), [expect(Response::Config, &[0, 0, 0, MOVE_COUNT])]);
        assert_eq!(device.motion.position(NOW + CLOCK_HZ).x, stopped);
    }

    #[test]
    fn the_dictionary_is_read_in_parts() {
        let mut device = device();
        let mut dictionary = Vec::new();
        loop {
            device.handle(NOW, Command::Identify, &[dictionary.len() as u32, 40]);
            let message = device.take_messages().remove(0);
            let mut rest = message.as_slice();
            assert_eq!(vlq::decode(&mut rest), Some(0));
            assert_eq!(vlq::decode(&mut rest), Some(dictionary.len() as i32));
            if rest == [0] {
                break;
            }
            assert_eq!(usize::from(rest[0]), rest.len() - 1);
            dictionary.extend_from_slice(&rest[1..]);
        }
        assert_eq!(dictionary, dictionary::compressed());
    }

    #[test]
    fn a_command_for_an_unknown_object_shuts_the_mcu_down() {
        let mut device = device();
        device.handle_payload(NOW, &[11, 99, 1, 1, 0]);
        let reason = ShutdownReason::InvalidCommand as u32;
        assert_eq!(messages(&mut device), [expect(Response::Shutdown, &[NOW as u32, reason])]);
    }
}
