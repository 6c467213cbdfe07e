//! What `v4l2-ctl --list-ctrls` prints, and which controls are automatic.

/// A control of a video device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Control {
    /// Its name, such as `auto_exposure`.
    pub(super) name: String,
    /// Its value now.
    pub(super) value: i64,
}

/// The controls in the output of `v4l2-ctl --list-ctrls`: lines like
/// `auto_exposure 0x009a0901 (menu)   : min=0 max=3 default=3 value=3 (Aperture Priority Mode)`.
pub(super) fn controls(output: &str) -> Vec<Control> {
    let control = |line: &str| {
        let (head, rest) = line.split_once(" : ").or_else(|| line.split_once(": "))?;
        let name = head.split_whitespace().next()?;
        let value = rest.split_whitespace().find_map(|word| word.strip_prefix("value="))?;
        Some(Control { name: name.to_owned(), value: value.parse().ok()? })
    };
    output.lines().filter_map(control).collect()
}

/// An automatism: the control that switches it, its value when off, and the control that is free then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Automatism {
    /// As the setting calls it.
    pub(super) word: &'static str,
    pub(super) switch: &'static str,
    pub(super) off: i64,
    pub(super) manual: Option<&'static str>,
}

/// Those of the kernel's cameras, by today's names and those before Linux 5.15.
pub(super) const AUTOMATISMS: [Automatism; 8] = [
    // V4L2_EXPOSURE_MANUAL is 1; the others are shades of automatic.
    Automatism { word: "exposure", switch: "auto_exposure", off: 1, manual: Some("exposure_time_absolute") },
    Automatism { word: "exposure", switch: "exposure_auto", off: 1, manual: Some("exposure_absolute") },
    // Would lower the frame rate in the dark.
    Automatism { word: "exposure", switch: "exposure_dynamic_framerate", off: 0, manual: None },
    Automatism { word: "exposure", switch: "exposure_auto_priority", off: 0, manual: None },
    Automatism { word: "focus", switch: "focus_automatic_continuous", off: 0, manual: Some("focus_absolute") },
    Automatism { word: "focus", switch: "focus_auto", off: 0, manual: Some("focus_absolute") },
    Automatism {
        word: "white_balance",
        switch: "white_balance_automatic",
        off: 0,
        manual: Some("white_balance_temperature"),
    },
    Automatism {
        word: "white_balance",
        switch: "white_balance_temperature_auto",
        off: 0,
        manual: Some("white_balance_temperature"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_usb_webcam_is_read() {
        let list = "
User Controls

                     brightness 0x00980900 (int)    : min=-64 max=64 step=1 default=0 value=-7
        white_balance_automatic 0x0098090c (bool)   : default=1 value=1

Camera Controls

                  auto_exposure 0x009a0901 (menu)   : min=0 max=3 default=3 value=3 (Aperture Priority Mode)
         exposure_time_absolute 0x009a0902 (int)    : min=1 max=5000 step=1 default=157 value=157 flags=inactive
";
        let found = controls(list);
        let found: Vec<(&str, i64)> = found.iter().map(|c| (c.name.as_str(), c.value)).collect();
        assert_eq!(
            found,
            [("brightness", -7), ("white_balance_automatic", 1), ("auto_exposure", 3), ("exposure_time_absolute", 157)]
        );
        assert!(controls("Cannot open device /dev/video0, exiting.").is_empty());
    }
}
