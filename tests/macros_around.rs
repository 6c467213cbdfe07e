//! Light and the user's macros around a frame, in a real Klipper host.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::time::Duration;

use moonlapse_rig::host::{Rig, repository};
use serde_json::json;

const READY: &str = "G28\nG90\nG1 X100 Y90 Z5 F9000\nM400";
const SETUP: &str = "_SET_TIMELAPSE_SETUP ENABLE=True PARK_ENABLE=True PARK_POS=custom CUSTOM_POS_X=10 CUSTOM_POS_Y=200 \
                     CUSTOM_POS_DZ=0 TRAVEL_SPEED=200 RETRACT_DISTANCE=0 EXTRUDE_DISTANCE=0 FW_RETRACT=False HOLD=0.1";

/// A pin, a strip, and macros; each says what it is told.
const LIGHTS: &str = "[output_pin caselight]\npin: led\npwm: True\nscale: 255\n\n[output_pin relay]\npin: spare_1\n\n\
    [led strip]\nwhite_pin: spare_0\n\n\
    [gcode_macro SET_PIN]\nrename_existing: SET_PIN_BASE\ngcode:\n  \
    RESPOND MSG=\"pin {rawparams}\"\n  SET_PIN_BASE {rawparams}\n\n\
    [gcode_macro SET_LED]\nrename_existing: SET_LED_BASE\ngcode:\n  \
    RESPOND MSG=\"led {params.LED} {params.WHITE}\"\n  SET_LED_BASE {rawparams}\n\n\
    [gcode_macro LAMP]\ngcode:\n  RESPOND MSG=\"lamp {params.LEVEL}\"\n";

/// What the console says about lights in a frame.
async fn frame(rig: &Rig, around: &str) -> Vec<String> {
    rig.gcode(around).await.unwrap();
    let since = rig.record();
    rig.gcode("SAVE_GCODE_STATE NAME=t\nG92 E0\nRESTORE_GCODE_STATE NAME=t\nTIMELAPSE_TAKE_FRAME HYPERLAPSE=1\nM400")
        .await
        .unwrap();
    rig.settle().await.unwrap();
    rig.console(&since)
}

async fn rig() -> Rig {
    let macros = repository().join("klipper-macros/timelapse.cfg");
    let rig = Rig::builder().warm(205.0, 23.0).macros(macros).printer_section(LIGHTS).start().await.unwrap();
    rig.gcode(READY).await.unwrap();
    rig.gcode(SETUP).await.unwrap();
    rig
}

#[tokio::test]
async fn pins_and_strips_are_lit_for_the_frame_between_the_users_macros() {
    let rig = rig().await;
    let said = frame(
        &rig,
        "_SET_TIMELAPSE_AROUND LIGHT=\"caselight\" VALUE=0.8 IDLE=0.2 SETTLE=0.1 BEFORE=\"LAMP LEVEL=1\" AFTER=\"LAMP LEVEL=0\"",
    )
    .await;
    assert_eq!(
        said,
        ["// lamp 1", "// pin PIN=caselight VALUE=204.0", "// pin PIN=caselight VALUE=51.0", "// lamp 0"]
            .map(|line| line.replace("// ", "echo: "))
    );
    let asked = json!({"objects": {"output_pin caselight": ["value"]}});
    let answer = rig.call("printer.objects.query", asked, Duration::from_secs(10)).await.unwrap();
    let value = answer["status"]["output_pin caselight"]["value"].as_f64().unwrap();
    assert!((value - 0.2).abs() < 0.01, "{answer}");
    // A pin that only knows on and off.
    let said = frame(&rig, "_SET_TIMELAPSE_AROUND LIGHT=\"relay\" VALUE=0.8 IDLE=0 SETTLE=0").await;
    assert_eq!(said, ["echo: pin PIN=relay VALUE=1", "echo: pin PIN=relay VALUE=0"]);
    let said = frame(&rig, "_SET_TIMELAPSE_AROUND LIGHT=\"strip\" VALUE=1 IDLE=0").await;
    assert_eq!(said, ["echo: led strip 1.0", "echo: led strip 0.0"]);
}

#[tokio::test]
async fn lights_and_macros_that_are_not_there_are_passed_over_and_nothing_set_does_nothing() {
    let rig = rig().await;
    let nothing: [String; 0] = [];
    let said =
        frame(&rig, "_SET_TIMELAPSE_AROUND LIGHT=\"no such\" BEFORE=\"NO_SUCH_MACRO A=1\" AFTER=\"NOR_THIS\"").await;
    assert_eq!(said, nothing);
    assert_eq!(frame(&rig, "_SET_TIMELAPSE_AROUND").await, nothing);
}
