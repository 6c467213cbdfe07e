//! The settings by subject, with titles for people. What they mean, their ranges and units are in the schema.

/// A subject.
pub(super) struct Group {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// Name and title of each setting.
    pub(super) settings: &'static [(&'static str, &'static str)],
}

/// Settings that few people need.
pub(super) const ADVANCED: &[&str] = &[
    "gcode_verbose",
    "park_custom_pos_dz",
    "park_retract_speed",
    "park_extrude_speed",
    "park_extrude_distance",
    "park_travel_accel",
    "fw_retract",
    "clearance",
    "snapshot_gcode",
    "pixelformat",
    "time_format_code",
    "extraoutputparams",
    "variable_fps_min",
    "variable_fps_max",
    "stream_delay_compensation",
    "hold_camera",
    "camera_options",
    "camera_gone_after",
    "film_while_printing",
];

/// Settings with several lines.
pub(super) const MULTILINE: &[&str] = &[
    "cameras",
    "camera_options",
    "camera_lock",
    "restrictions",
    "profiles",
    "gcode_before_print",
    "gcode_after_print",
    "gcode_before_film",
    "gcode_after_film",
    "gcode_camera_gone",
];

/// All of them.
pub(super) const GROUPS: &[Group] = &[
    Group {
        id: "when",
        title: "When a frame is taken",
        text: "Which prints are filmed, and what makes a frame due.",
        settings: &[
            ("enabled", "Film every print"),
            ("mode", "Frames"),
            ("every_layers", "A frame every so many layers"),
            ("height_increment", "Height from frame to frame"),
            ("hyperlapse_cycle", "Time from frame to frame"),
            ("hyperlapse_beside", "Also film by time"),
            ("snapshot_gcode", "Command that asks for a frame"),
            ("annotate_files", "Put the frame calls into uploaded files"),
        ],
    },
    Group {
        id: "park",
        title: "Where the head stands",
        text: "The park position, the way there, and how the place in a layer is chosen.",
        settings: &[
            ("parkhead", "Park the head for each frame"),
            ("parkpos", "Park position"),
            ("park", "Park position by rule"),
            ("park_custom_pos_x", "Custom X"),
            ("park_custom_pos_y", "Custom Y"),
            ("park_custom_pos_dz", "Lift of the nozzle"),
            ("placement", "Choice of the moment in a layer"),
            ("restrictions", "Restricted areas"),
            ("clearance", "Room beside finished objects"),
            ("park_time", "Least stand at the park position"),
            ("park_travel_speed", "Travel speed"),
            ("park_travel_accel", "Travel acceleration"),
        ],
    },
    Group {
        id: "filament",
        title: "Retraction",
        text: "What is done with the filament where the file has not retracted it.",
        settings: &[
            ("park_retract_distance", "Retracted before parking"),
            ("park_retract_speed", "Retraction speed"),
            ("park_extrude_distance", "Pushed back after the return"),
            ("park_extrude_speed", "Unretraction speed"),
            ("fw_retract", "Firmware retraction"),
        ],
    },
    Group {
        id: "cameras",
        title: "Cameras",
        text: "Which webcams film.",
        settings: &[
            ("camera", "Main camera"),
            ("cameras", "More cameras"),
            ("hold_camera", "Camera that sets the pace"),
            ("camera_options", "What differs for a camera"),
            ("stream_delay_compensation", "Delay of pictures"),
            ("camera_gone_after", "Tell of a camera after missed frames"),
            ("snapshoturl", "Address of a snapshot"),
            ("wget_skip_cert_check", "Accept any certificate"),
            ("camera_lock", "Cameras with locked controls"),
            ("v4l2_ctl_binary_path", "Program v4l2-ctl"),
            ("camera_command", "Program that takes a picture"),
            ("camera_command_timeout", "Time limit of that program"),
            ("camera_shutter_word", "Word for the end of the exposure"),
            ("camera_macro", "Macro that triggers a camera"),
        ],
    },
    Group {
        id: "light",
        title: "Light",
        text: "A light that is switched on for each frame.",
        settings: &[
            ("light_pin", "Light of Klipper"),
            ("light_value", "Brightness for a frame"),
            ("light_idle", "Brightness after a frame"),
            ("light_power", "Power device of Moonraker"),
            ("light_settle", "Time until the light is steady"),
        ],
    },
    Group {
        id: "film",
        title: "Film",
        text: "What the film of a print is like.",
        settings: &[
            ("autorender", "Make the film after the print"),
            ("output_framerate", "Frames a second"),
            ("variable_fps", "Choose the rate by length"),
            ("targetlength", "Length of the film"),
            ("variable_fps_min", "Lowest rate"),
            ("variable_fps_max", "Highest rate"),
            ("duplicatelastframe", "Last frame repeated"),
            ("constant_rate_factor", "Quality (CRF)"),
            ("pixelformat", "Pixel format"),
            ("rotation", "Turn"),
            ("flip_x", "Mirror left to right"),
            ("flip_y", "Mirror top to bottom"),
            ("previewimage", "Picture beside the film"),
            ("saveframes", "Zip of the frames beside the film"),
            ("time_format_code", "Date in the film's name"),
            ("extraoutputparams", "More arguments for ffmpeg"),
            ("profiles", "More films of each print"),
        ],
    },
    Group {
        id: "after",
        title: "After a print",
        text: "When films are made, and of which prints.",
        settings: &[
            ("film_while_printing", "Encode during prints"),
            ("cancelled_print", "Frames of a cancelled print"),
            ("failed_print", "Frames of a failed print"),
            ("webhook_url", "Address that is told of films"),
        ],
    },
    Group {
        id: "disk",
        title: "Disk",
        text: "How much is kept, and where.",
        settings: &[
            ("disk_reserve", "Kept free on the disk"),
            ("keep_frames_days", "Keep frames for"),
            ("keep_frames_count", "Keep frames of so many prints"),
            ("keep_frames_size", "Keep frames up to"),
            ("keep_films_days", "Keep films for"),
            ("keep_films_count", "Keep so many films"),
            ("keep_films_size", "Keep films up to"),
            ("output_path", "Folder of the films"),
            ("frame_path", "Folder of the latest frames"),
            ("session_path", "Folder of the frame store"),
            ("ffmpeg_binary_path", "Program ffmpeg"),
        ],
    },
    Group {
        id: "hooks",
        title: "Commands and macros",
        text: "What is run around prints, frames and films.",
        settings: &[
            ("gcode_before_print", "G-code before a print"),
            ("gcode_after_print", "G-code after a print"),
            ("gcode_before_frame", "Macro before a frame"),
            ("gcode_after_frame", "Macro after a frame"),
            ("gcode_before_film", "G-code before a film"),
            ("gcode_after_film", "G-code after a film"),
            ("gcode_camera_gone", "G-code when a camera is gone"),
            ("gcode_verbose", "Show on the console what the macro does"),
            ("hook_before_print", "Command before a print"),
            ("hook_after_print", "Command after a print"),
            ("hook_before_frame", "Command before a frame"),
            ("hook_after_frame", "Command after a frame"),
            ("hook_before_film", "Command before a film"),
            ("hook_after_film", "Command after a film"),
            ("hook_camera_gone", "Command when a camera is gone"),
            ("hook_timeout", "Time limit of a command"),
        ],
    },
    Group {
        id: "page",
        title: "This page",
        text: "Where it is served.",
        settings: &[
            ("web_host", "Address"),
            ("web_port", "Port"),
            ("web_names", "More names of this host"),
            ("web_upload_mb", "Largest upload"),
        ],
    },
];

/// The subject of settings that the table does not have yet.
pub(super) const OTHERS: (&str, &str, &str) = ("more", "More", "");

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::schema::specs;

    #[test]
    fn every_setting_has_one_place_and_every_place_a_setting() {
        let placed: Vec<&str> = GROUPS.iter().flat_map(|group| group.settings).map(|(name, _)| *name).collect();
        let once: HashSet<&str> = placed.iter().copied().collect();
        assert_eq!(placed.len(), once.len(), "a setting stands twice");
        let known: HashSet<&str> = specs().iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(once.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such setting");
        assert_eq!(known.difference(&once).collect::<Vec<_>>(), Vec::<&&str>::new(), "give it a title in catalog.rs");
        assert!(ADVANCED.iter().chain(MULTILINE).all(|name| known.contains(name)));
    }
}
