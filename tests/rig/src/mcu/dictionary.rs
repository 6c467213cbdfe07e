//! The messages that the virtual MCU knows, and the data dictionary that tells the host about them.
//!
//! The host matches formats by their exact text, so the texts here are those that Klipper's host code looks up.

use serde_json::{Map, Value, json};

use super::CLOCK_HZ;
use super::vlq;

macro_rules! messages {
    ($(#[$doc:meta])* $name:ident { $($variant:ident: $format:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names, reason = "`identify_response` is the protocol's name")]
        pub(super) enum $name { $($variant,)* }

        impl $name {
            /// Every message with its format.
            pub(super) const ALL: &[(Self, &str)] = &[$((Self::$variant, $format),)*];
        }
    };
}

messages! {
    /// What the host may send. The place in the list gives the number on the wire.
    Command {
        Identify: "identify offset=%u count=%c",
        GetConfig: "get_config",
        GetClock: "get_clock",
        GetUptime: "get_uptime",
        AllocateOids: "allocate_oids count=%c",
        FinalizeConfig: "finalize_config crc=%u",
        EmergencyStop: "emergency_stop",
        ClearShutdown: "clear_shutdown",
        Reset: "reset",
        ConfigStepper: "config_stepper oid=%c step_pin=%c dir_pin=%c invert_step=%c step_pulse_ticks=%u",
        QueueStep: "queue_step oid=%c interval=%u count=%hu add=%hi",
        SetNextStepDir: "set_next_step_dir oid=%c dir=%c",
        ResetStepClock: "reset_step_clock oid=%c clock=%u",
        StepperGetPosition: "stepper_get_position oid=%c",
        StepperStopOnTrigger: "stepper_stop_on_trigger oid=%c trsync_oid=%c",
        ConfigTrsync: "config_trsync oid=%c",
        TrsyncStart: "trsync_start oid=%c report_clock=%u report_ticks=%u expire_reason=%c",
        TrsyncSetTimeout: "trsync_set_timeout oid=%c clock=%u",
        TrsyncTrigger: "trsync_trigger oid=%c reason=%c",
        ConfigEndstop: "config_endstop oid=%c pin=%c pull_up=%c",
        EndstopHome: "endstop_home oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u pin_value=%c trsync_oid=%c trigger_reason=%c",
        EndstopQueryState: "endstop_query_state oid=%c",
        ConfigDigitalOut: "config_digital_out oid=%c pin=%u value=%c default_value=%c max_duration=%u",
        SetDigitalOutPwmCycle: "set_digital_out_pwm_cycle oid=%c cycle_ticks=%u",
        QueueDigitalOut: "queue_digital_out oid=%c clock=%u on_ticks=%u",
        UpdateDigitalOut: "update_digital_out oid=%c value=%c",
        SetDigitalOut: "set_digital_out pin=%u value=%c",
        ConfigPwmOut: "config_pwm_out oid=%c pin=%u cycle_ticks=%u value=%hu default_value=%hu max_duration=%u",
        QueuePwmOut: "queue_pwm_out oid=%c clock=%u value=%hu",
        ConfigAnalogIn: "config_analog_in oid=%c pin=%u",
        QueryAnalogIn: "query_analog_in oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u min_value=%hu max_value=%hu range_check_count=%c",
    }
}

messages! {
    /// What the virtual MCU sends.
    Response {
        IdentifyResponse: "identify_response offset=%u data=%.*s",
        Config: "config is_config=%c crc=%u is_shutdown=%c move_count=%hu",
        Clock: "clock clock=%u",
        Uptime: "uptime high=%u clock=%u",
        Shutdown: "shutdown clock=%u static_string_id=%hu",
        IsShutdown: "is_shutdown static_string_id=%hu",
        Starting: "starting",
        Stats: "stats count=%u sum=%u sumsq=%u",
        StepperPosition: "stepper_position oid=%c pos=%i",
        TrsyncState: "trsync_state oid=%c can_trigger=%c trigger_reason=%c clock=%u",
        EndstopState: "endstop_state oid=%c homing=%c next_clock=%u pin_value=%c",
        AnalogInState: "analog_in_state oid=%c next_clock=%u value=%hu",
    }
}

/// The pins of the board, as printer.cfg names them; the place in the list gives the number on the wire.
pub(super) const PINS: [&str; 25] = [
    "x_step",
    "x_dir",
    "x_enable",
    "x_endstop",
    "y_step",
    "y_dir",
    "y_enable",
    "y_endstop",
    "z_step",
    "z_dir",
    "z_enable",
    "z_endstop",
    "e_step",
    "e_dir",
    "e_enable",
    "hotend_heater",
    "hotend_sensor",
    "bed_heater",
    "bed_sensor",
    "fan",
    "led",
    "spare_0",
    "spare_1",
    "spare_2",
    "spare_3",
];

/// Why the virtual MCU shut down; the place in the list gives the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShutdownReason {
    /// The host asked for it (M112).
    CommandRequest,
    /// A sensor read outside of the limits given by the host.
    AdcOutOfRange,
    /// The host sent something that makes no sense; a mistake in the rig or the host.
    InvalidCommand,
}

const SHUTDOWN_TEXTS: [&str; 3] = ["Command request", "ADC out of range", "Invalid command"];

/// The largest reading of the analogue inputs.
pub(super) const ADC_MAX: u32 = 4095;
/// The largest value of a hardware PWM output.
pub(super) const PWM_MAX: u32 = 255;

impl Command {
    /// Takes one command off the front of `payload`, with its arguments; `None` when it is unknown or cut.
    pub(super) fn decode(payload: &mut &[u8]) -> Option<(Self, Vec<u32>)> {
        let id = vlq::decode(payload)?;
        let &(command, format) = Self::ALL.get(usize::try_from(id).ok()?.checked_sub(1)?)?;
        let mut args = Vec::with_capacity(8);
        for _ in 0..arity(format) {
            args.push(vlq::decode(payload)? as u32);
        }
        Some((command, args))
    }
}

impl Response {
    fn id(self) -> i32 {
        // `identify_response` is 0 and `identify` is 1 by definition; commands follow, then the other responses.
        let place = Self::ALL.iter().position(|&(r, _)| r == self).unwrap_or_default() as i32;
        if place == 0 { 0 } else { Command::ALL.len() as i32 + place }
    }

    /// The message with its integers.
    #[must_use]
    pub(super) fn encode(self, args: &[u32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        vlq::encode(&mut out, self.id());
        for &arg in args {
            vlq::encode(&mut out, arg as i32);
        }
        out
    }
}

/// `identify_response`, the only message with bytes in it.
#[must_use]
pub(super) fn identify_response(offset: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Response::IdentifyResponse.encode(&[offset]);
    out.push(data.len() as u8);
    out.extend_from_slice(data);
    out
}

fn arity(format: &str) -> usize {
    format.matches('%').count()
}

/// The number of a pin; `None` when the board has no such pin.
#[must_use]
pub(super) fn pin(name: &str) -> Option<u32> {
    PINS.iter().position(|&p| p == name).map(|p| p as u32)
}

fn numbered<'a>(names: impl IntoIterator<Item = &'a str>, first: usize) -> Value {
    names.into_iter().zip(first..).map(|(name, n)| (name.to_owned(), json!(n))).collect::<Map<_, _>>().into()
}

/// The data dictionary as it is sent: zlib-compressed JSON.
#[must_use]
pub(super) fn compressed() -> Vec<u8> {
    let responses: Map<String, Value> =
        Response::ALL.iter().map(|&(r, format)| (format.to_owned(), json!(r.id()))).collect();
    let dictionary = json!({
        "app": "moonlapse-rig",
        "version": env!("CARGO_PKG_VERSION"),
        "build_versions": "",
        "license": "GPL-3.0-or-later",
        "commands": numbered(Command::ALL.iter().map(|&(_, format)| format), 1),
        "responses": responses,
        "enumerations": {
            "pin": numbered(PINS, 0),
            "static_string_id": numbered(SHUTDOWN_TEXTS, 0),
        },
        "config": {
            "MCU": "virtual",
            "CLOCK_FREQ": CLOCK_HZ,
            "STATS_SUMSQ_BASE": 256,
            "ADC_MAX": ADC_MAX,
            "PWM_MAX": PWM_MAX,
        },
    });
    miniz_oxide::deflate::compress_to_vec_zlib(dictionary.to_string().as_bytes(), 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionary_decompresses_to_the_messages() {
        let json = miniz_oxide::inflate::decompress_to_vec_zlib(&compressed()).unwrap();
        let dictionary: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(dictionary["responses"]["identify_response offset=%u data=%.*s"], 0);
        assert_eq!(dictionary["commands"]["identify offset=%u count=%c"], 1);
        assert_eq!(dictionary["enumerations"]["pin"]["x_step"], 0);
        assert_eq!(dictionary["enumerations"]["static_string_id"]["Command request"], 0);
        let mut ids: Vec<i64> = ["commands", "responses"]
            .iter()
            .flat_map(|kind| dictionary[kind].as_object().unwrap().values().map(|id| id.as_i64().unwrap()))
            .collect();
        let total = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), total, "two messages share a number");
    }

    #[test]
    fn commands_are_decoded_with_their_arguments_and_in_order() {
        let mut payload = Vec::new();
        for value in [11, 3, 70_000, 12, -5, 4] {
            vlq::encode(&mut payload, value);
        }
        let mut rest = payload.as_slice();
        assert_eq!(Command::decode(&mut rest), Some((Command::QueueStep, vec![3, 70_000, 12, -5_i32 as u32])));
        assert_eq!(Command::decode(&mut rest), Some((Command::GetUptime, vec![])));
        assert!(rest.is_empty());
        assert_eq!(Command::decode(&mut [0x5f_u8].as_slice()), None);
    }
}
