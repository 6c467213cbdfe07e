//! Profiles by name, in the words that a user would write.

/// Name and words.
pub(super) const PRESETS: [(&str, &str); 14] = [
    ("mp4", "format=mp4"),
    ("hevc", "format=mp4 codec=h265"),
    ("mkv", "format=mkv"),
    ("mov", "format=mov"),
    ("webm", "format=webm"),
    ("av1", "format=webm codec=av1"),
    ("avi", "format=avi"),
    ("flv", "format=flv"),
    ("mpeg", "format=mpeg"),
    ("vob", "format=vob"),
    // At full size they would be larger than the film itself.
    ("gif", "format=gif width=480 fps=12.5"),
    ("webp", "format=webp width=640"),
    ("phone", "format=mp4 crop=9:16 height=1280"),
    ("teaser", "format=mp4 length=8 min_fps=10 max_fps=60 pre_roll=1 pre_roll_of=hero post_roll=2 post_roll_of=hero"),
];

/// The words of a preset.
pub(super) fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, words)| *words)
}
