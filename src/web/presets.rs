//! Values that go together, for who does not want to choose each.

use serde_json::{Value, json};

/// All of them. Each names only settings that a user interface may save; a test keeps that true.
pub(super) fn all() -> Vec<Value> {
    let preset = |id: &str, kind: &str, title: &str, text: &str, values: Value| json!({"id": id, "kind": kind, "title": title, "text": text, "values": values});
    vec![
        preset(
            "printer-bedslinger",
            "printer",
            "Bed that moves in Y",
            "The head stands at the left, the bed to the front: the print is seen from the same side in every frame.",
            json!({"parkhead": true, "parkpos": "custom", "park": "0,100%", "park_travel_speed": 150}),
        ),
        preset(
            "printer-corexy",
            "printer",
            "CoreXY",
            "The head goes to the back left corner, fast.",
            json!({"parkhead": true, "parkpos": "back_left", "park": "", "park_travel_speed": 300}),
        ),
        preset(
            "printer-delta",
            "printer",
            "Delta",
            "The head stands at the back of the round bed.",
            json!({"parkhead": true, "park": "back", "park_travel_speed": 250}),
        ),
        preset(
            "printer-edge",
            "printer",
            "Nearest edge",
            "For each model the place at the edge of the bed with the least travel.",
            json!({"parkhead": true, "park": "nearest_edge"}),
        ),
        preset(
            "printer-still",
            "printer",
            "Without any move",
            "Frames are taken as the head passes: nothing is added to the print, and the head is nearly at the same place.",
            json!({"parkhead": false, "placement": "zero_motion"}),
        ),
        preset(
            "camera-usb",
            "camera",
            "USB webcam",
            "Streams of crowsnest, ustreamer or camera-streamer. Calibrate the camera for its delay.",
            json!({"stream_delay_compensation": 0.05, "park_time": 0.1}),
        ),
        preset(
            "camera-slow",
            "camera",
            "Slow or wireless camera",
            "A longer stand, for cameras that send few frames a second.",
            json!({"stream_delay_compensation": 0.3, "park_time": 0.5, "camera_gone_after": 5}),
        ),
        preset(
            "quality-share",
            "quality",
            "Small, for sharing",
            "A film of ten seconds that plays everywhere.",
            json!({"variable_fps": true, "targetlength": 10, "constant_rate_factor": 28, "pixelformat": "yuv420p"}),
        ),
        preset(
            "quality-usual",
            "quality",
            "Usual",
            "30 frames a second, good quality.",
            json!({"variable_fps": false, "output_framerate": 30, "constant_rate_factor": 23, "pixelformat": "yuv420p"}),
        ),
        preset(
            "quality-best",
            "quality",
            "Best",
            "60 frames a second and hardly any loss; takes long on a small host.",
            json!({"variable_fps": false, "output_framerate": 60, "constant_rate_factor": 16, "pixelformat": "yuv420p"}),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::config::schema::{Scope, spec_of};

    #[test]
    fn every_preset_can_be_saved() {
        for preset in all() {
            let values = preset["values"].as_object().unwrap();
            for name in values.keys() {
                assert_eq!(spec_of(name).map(|spec| spec.scope), Some(Scope::Ui), "{name} of {}", preset["id"]);
            }
            let changed = super::super::settings::changed(&Settings::default(), values);
            assert!(changed.is_ok(), "{}: {changed:?}", preset["id"]);
        }
    }
}
