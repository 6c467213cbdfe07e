//! Names of sessions, which are also the names of their folders.

use std::fmt;

use jiff::Zoned;

/// Longest printed-file stem in a session's name, bytes: with time and suffix it stays far below the 255 bytes that file
/// systems allow.
const STEM_BYTES: usize = 80;

/// The name of a session, like `20261123-153042_benchy`. Always a plain file name: no `/`, no leading dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Takes a name as it comes from outside; `None` when it could not be a session's folder.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let plain = !name.is_empty() && name.len() < 200 && !name.starts_with('.') && name.chars().all(is_safe);
        plain.then(|| Self(name.to_owned()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the form of a name made here, so that a folder of this name is a session's.
    pub(super) fn is_ours(&self) -> bool {
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        self.0
            .split_once('_')
            .and_then(|(time, _)| time.split_once('-'))
            .is_some_and(|(date, time)| digits(date, 8) && digits(time, 6))
    }

    /// The `attempt`th name (from 1) for a print of `print_file` that starts at `start`.
    pub(super) fn propose(start: &Zoned, print_file: &str, attempt: u32) -> Self {
        let mut id = format!("{}_{}", start.strftime("%Y%m%d-%H%M%S"), safe_stem(print_file));
        if attempt > 1 {
            id.push_str(&format!("-{attempt}"));
        }
        Self(id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Letters and digits of any language, and what shells and file systems take without quoting.
fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The file's name without folders and extension; other characters become one `-`.
fn safe_stem(print_file: &str) -> String {
    let name = print_file.rsplit('/').next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut out = String::new();
    for c in stem.chars() {
        if out.len() + c.len_utf8() > STEM_BYTES {
            break;
        }
        if is_safe(c) {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_matches(|c| c == '-' || c == '.');
    if out.is_empty() { "print".to_owned() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_safe_readable_and_short() {
        assert_eq!(safe_stem("parts/benchy v2.gcode"), "benchy-v2");
        assert_eq!(safe_stem("../../etc/passwd"), "passwd");
        assert_eq!(safe_stem("a'b\"; rm -rf ~.gcode"), "a-b-rm--rf");
        assert_eq!(safe_stem("schlüssel.v2.gcode"), "schlüssel.v2");
        assert_eq!(safe_stem("...gcode"), "print");
        assert_eq!(safe_stem(""), "print");
        assert!(safe_stem(&"ü".repeat(300)).len() <= STEM_BYTES);
    }

    #[test]
    fn names_that_leave_the_store_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "/", "a\0b", "a b"] {
            assert_eq!(SessionId::parse(name), None, "{name:?}");
        }
        assert!(SessionId::parse("20261123-153042_benchy-2").unwrap().is_ours());
        assert!(!SessionId::parse("holiday-pictures_2026").unwrap().is_ours());
    }
}
