//! What the virtual machine is made of. `config/printer.cfg` tells Klipper the same.

/// X, Y, Z and E.
pub const AXES: usize = 4;

/// One axis.
#[derive(Clone, Copy, Debug)]
pub struct AxisSpec {
    /// Travel of one microstep, mm.
    pub step: f64,
    /// Where the axis stands when the machine is switched on, mm.
    pub start: f64,
    /// Where its endstop is; it is pressed at and below that, mm.
    pub endstop: Option<f64>,
}

/// A heater with its sensor: a body that loses heat to the air, heated by the output's share of full power.
#[derive(Clone, Copy, Debug)]
pub struct HeaterSpec {
    /// The output that heats.
    pub heater_pin: &'static str,
    /// The analogue input that measures.
    pub sensor_pin: &'static str,
    /// Temperature when switched on, °C.
    pub start: f64,
    /// How far above the air it gets at full power, °C.
    pub rise: f64,
    /// Time in which it covers 63% of the way to where it is going, s.
    pub time_constant: f64,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// X, Y, Z and E.
    pub axes: [AxisSpec; AXES],
    /// Hotend and bed.
    pub heaters: Vec<HeaterSpec>,
    /// Temperature of the air, °C.
    pub ambient: f64,
    /// The temperature at which a sensor reads full scale, °C; 0 °C reads 0.
    pub sensor_full_scale: f64,
}

impl Default for MachineSpec {
    /// A 235 x 235 x 250 mm bed slinger that heats in seconds.
    fn default() -> Self {
        let belt = AxisSpec { step: 0.0125, start: 50.0, endstop: Some(0.0) };
        Self {
            axes: [
                belt,
                AxisSpec { start: 60.0, ..belt },
                AxisSpec { step: 0.0025, start: 8.0, endstop: Some(0.0) },
                AxisSpec { step: 0.0025, start: 0.0, endstop: None },
            ],
            heaters: vec![
                HeaterSpec {
                    heater_pin: "hotend_heater",
                    sensor_pin: "hotend_sensor",
                    start: 23.0,
                    rise: 500.0,
                    time_constant: 20.0,
                },
                HeaterSpec {
                    heater_pin: "bed_heater",
                    sensor_pin: "bed_sensor",
                    start: 23.0,
                    rise: 120.0,
                    time_constant: 20.0,
                },
            ],
            ambient: 23.0,
            sensor_full_scale: 400.0,
        }
    }
}
