//! `extraoutputparams`: options that users add to the film's output.
//!
//! They come from the UIs too, so they may shape the film and nothing else: no more inputs or outputs, no other files.

/// Why the options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// A quote is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// Something stands where an option should: ffmpeg would take it for another output file.
    #[error("{0:?} is no option (options begin with `-` and take one value)")]
    NotAnOption(String),
    /// An option at the end lacks its value.
    #[error("the option {0} has no value")]
    NoValue(String),
    /// An option that reads or writes other files, or breaks the film's making.
    #[error("the option {0} is not allowed here")]
    Forbidden(String),
}

/// The options, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtraParams {
    /// As ffmpeg gets them, without filters.
    pub args: Vec<String>,
    /// Video filters; they join ours, because a second `-vf` would silently replace the first.
    pub filters: Vec<String>,
    /// False when an option may change the number or the times of frames.
    pub keeps_frames: bool,
}

/// Options without a value.
const FLAGS: [&str; 6] = ["an", "sn", "dn", "shortest", "autorotate", "bitexact"];

/// Options that read, write or add files, or are ours to set.
const FORBIDDEN: [&str; 24] = [
    "i",
    "f",
    "y",
    "n",
    "map",
    "filter_complex",
    "lavfi",
    "filter_complex_script",
    "filter_script",
    "progress",
    "report",
    "vstats",
    "vstats_file",
    "passlogfile",
    "pass",
    "attach",
    "dump_attachment",
    "stdin",
    "nostdin",
    "stats",
    "nostats",
    "init_hw_device",
    "sdp_file",
    "stream_loop",
];

/// Options that change how many frames come out, or when.
const RETIMING: [&str; 10] = ["r", "fpsmax", "vsync", "fps_mode", "t", "to", "ss", "frames", "vframes", "bsf"];

impl ExtraParams {
    pub(super) fn parse(text: &str) -> Result<Self, ParamError> {
        let words = shlex::split(text).ok_or(ParamError::Quote)?;
        let mut params = Self { keeps_frames: true, ..Self::default() };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(option) =
                word.strip_prefix('-').filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
            else {
                return Err(ParamError::NotAnOption(word));
            };
            // `-filter:v` and `-b:v` are `filter` and `b` with a stream.
            let name = option.split(':').next().unwrap_or_default();
            if FORBIDDEN.contains(&name) {
                return Err(ParamError::Forbidden(word));
            }
            if FLAGS.contains(&name) {
                params.args.push(word);
                continue;
            }
            let value = words.next().ok_or_else(|| ParamError::NoValue(word.clone()))?;
            let retimes = RETIMING.contains(&name);
            if option == "vf" || name == "filter" && option != "filter:a" {
                params.filters.push(value);
                params.keeps_frames = false;
            } else {
                params.args.extend([word, value]);
                params.keeps_frames &= !retimes;
            }
        }
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ExtraParams, ParamError> {
        ExtraParams::parse(text)
    }

    #[test]
    fn options_are_split_as_a_shell_does() {
        let params = parse(r#"-preset slow -metadata title="My film" -an -b:v 4M"#).unwrap();
        assert_eq!(params.args, ["-preset", "slow", "-metadata", "title=My film", "-an", "-b:v", "4M"]);
        assert!(params.keeps_frames);
        assert_eq!(parse("  ").unwrap().args, [""; 0]);
    }

    #[test]
    fn filters_are_taken_out_to_join_ours() {
        let params = parse("-vf 'eq=brightness=0.1,hue=s=0' -crf 20 -filter:v tmix").unwrap();
        assert_eq!(params.filters, ["eq=brightness=0.1,hue=s=0", "tmix"]);
        assert_eq!(params.args, ["-crf", "20"]);
        assert!(!params.keeps_frames, "a filter may add or drop frames");
    }

    #[test]
    fn a_negative_value_is_a_value() {
        assert_eq!(parse("-qmin -1").unwrap().args, ["-qmin", "-1"]);
    }

    #[test]
    fn what_changes_the_times_of_frames_is_noticed() {
        for text in ["-r 60", "-r:v 60", "-vsync cfr", "-t 5", "-frames:v 3"] {
            assert!(!parse(text).unwrap().keeps_frames, "{text}");
        }
    }

    #[test]
    fn other_files_are_out_of_reach() {
        for (text, error) in [
            ("-i /etc/passwd", ParamError::Forbidden("-i".into())),
            ("-crf 20 /tmp/other.mp4", ParamError::NotAnOption("/tmp/other.mp4".into())),
            ("-filter_script:v /tmp/x", ParamError::Forbidden("-filter_script:v".into())),
            ("-/filter /tmp/x", ParamError::NotAnOption("-/filter".into())),
            ("-preset", ParamError::NoValue("-preset".into())),
            ("-metadata 'title=x", ParamError::Quote),
            ("-", ParamError::NotAnOption("-".into())),
        ] {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
        }
    }
}
