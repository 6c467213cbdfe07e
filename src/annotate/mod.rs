//! The annotated file: a copy of a G-code file with a call of the frame macro at every planned place.
//!
//! Live filming meets the planned places as well as a running print allows; a call in the file meets them exactly, on any
//! host. All else stays byte for byte: thumbnails, metadata, line ends, encoding. So [`Original::restore`] gives the
//! slicer's file back as it was, and Moonraker finds the same metadata in both.
//!
//! * `call`: the line that asks for a frame.
//! * [`mark`]: the comment that tells an annotated file from others, and what it was made from.
//! * [`splice`]: lines put into a stream of bytes and taken out again. Pure.
//! * [`original`]: a file on disk as the slicer wrote it, annotated or not; three passes in bounded memory.
//! * `planned`: a file as it is read for its plan, and what is to be put into it.
//! * `replacement`: a new version of a file that appears whole or not at all.

mod call;
mod error;
pub mod mark;
pub mod original;
mod planned;
mod replacement;
pub mod splice;

pub use call::is_own_call;
pub use error::{AnnotateError, LeftAlone};
pub use mark::{Mark, read_mark};
pub use original::{Ends, Original, Restored};
pub use planned::Planned;

/// Whether a comment, without its `;`, turns filming off for the file that it stands in: `; timelapse: off`.
#[must_use]
pub fn turns_off(comment: &[u8]) -> bool {
    let Some((key, value)) = comment.iter().position(|b| *b == b':').map(|at| comment.split_at(at)) else {
        return false;
    };
    key.trim_ascii().eq_ignore_ascii_case(b"timelapse") && value[1..].trim_ascii().eq_ignore_ascii_case(b"off")
}

#[cfg(test)]
mod tests {
    use super::turns_off;

    #[test]
    fn only_the_tag_itself_turns_filming_off() {
        for tag in ["timelapse: off", "TIMELAPSE:OFF", " Timelapse : Off "] {
            assert!(turns_off(tag.as_bytes()), "{tag}");
        }
        for other in ["timelapse: on", "timelapse off", "no timelapse: off", "timelapse: off today", ""] {
            assert!(!turns_off(other.as_bytes()), "{other}");
        }
    }
}
