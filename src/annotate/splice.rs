//! Lines put into a stream of bytes, and taken out again. Chunks go in, parts of them come out; memory is bounded by a chunk.

use std::io;

use super::{call, mark};

/// Takes what comes out.
pub type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// A line to be put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// The byte before which it belongs: the first of a line, or the end of the stream.
    pub at: u64,
    /// Its text without line end.
    pub line: String,
}

/// Puts lines into a stream, each with the line end of the line before it.
#[derive(Clone, Debug)]
pub struct Insert {
    /// Last one first.
    waiting: Vec<Insertion>,
    offset: u64,
    /// The last two bytes that went through.
    last: [u8; 2],
}

impl Insert {
    /// Puts in `insertions`, in whatever order they are given; those for one place in the order given.
    #[must_use]
    pub fn new(mut insertions: Vec<Insertion>) -> Self {
        insertions.reverse();
        insertions.sort_by_key(|insertion| std::cmp::Reverse(insertion.at));
        Self { waiting: insertions, offset: 0, last: [0; 2] }
    }

    /// Takes the next bytes and calls `each` with all parts of what comes out.
    ///
    /// # Errors
    ///
    /// Those of `each`, and `InvalidData` for an insertion that would cut a line in two.
    pub fn feed(&mut self, mut chunk: &[u8], each: &mut Sink<'_>) -> io::Result<()> {
        while let Some(next) = self.waiting.last() {
            let Ok(before) = usize::try_from(next.at - self.offset) else { break };
            let Some((head, tail)) = chunk.split_at_checked(before) else { break };
            chunk = tail;
            self.offset += head.len() as u64;
            remember(&mut self.last, head);
            each(head)?;
            each(next.line.as_bytes())?;
            each(match self.last {
                [b'\r', b'\n'] => b"\r\n",
                [_, b'\n'] => b"\n",
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame call would cut a line in two")),
            })?;
            self.waiting.pop();
        }
        self.offset += chunk.len() as u64;
        remember(&mut self.last, chunk);
        each(chunk)
    }

    /// How many lines have found no place: they belong behind the end of the stream.
    #[must_use]
    pub fn left(&self) -> usize {
        self.waiting.len()
    }
}

fn remember(last: &mut [u8; 2], bytes: &[u8]) {
    match bytes {
        [] => {}
        [one] => *last = [last[1], *one],
        [.., a, b] => *last = [*a, *b],
    }
}

/// Takes out of a stream what annotations have put in: calls and marks.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// The beginning of a line that may be one of ours.
    carry: Vec<u8>,
    /// The rest of the line that has begun is none of ours.
    passing: bool,
    removed: usize,
}

impl Strip {
    /// Takes the next bytes and calls `each` with all parts of what is left.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn feed(&mut self, chunk: &[u8], each: &mut Sink<'_>) -> io::Result<()> {
        let mut rest = chunk;
        if self.passing || !self.carry.is_empty() {
            let end = memchr::memchr(b'\n', rest).map(|at| at + 1);
            let (line, tail) = rest.split_at(end.unwrap_or(rest.len()));
            rest = tail;
            self.go_on(line, end.is_some(), each)?;
        }
        let (mut kept, mut at) = (0, 0);
        while let Some(length) = memchr::memchr(b'\n', &rest[at..]) {
            let end = at + length + 1;
            if is_ours(&rest[at..end]) {
                each(&rest[kept..at])?;
                kept = end;
                self.removed += 1;
            }
            at = end;
        }
        each(&rest[kept..at])?;
        if at < rest.len() {
            self.go_on(&rest[at..], false, each)?;
        }
        Ok(())
    }

    /// Takes more of a line that is not all here, up to its end if `complete`.
    fn go_on(&mut self, part: &[u8], complete: bool, each: &mut Sink<'_>) -> io::Result<()> {
        if self.passing {
            self.passing = !complete;
            return each(part);
        }
        self.carry.extend_from_slice(part);
        if complete {
            if is_ours(&self.carry) {
                self.removed += 1;
            } else {
                each(&self.carry)?;
            }
            self.carry.clear();
        } else if self.carry.len() > call::LONGEST {
            each(&self.carry)?;
            self.carry.clear();
            self.passing = true;
        }
        Ok(())
    }

    /// Ends the stream: a last line without a line feed is never ours. Says how many lines were taken out.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn finish(self, each: &mut Sink<'_>) -> io::Result<usize> {
        each(&self.carry)?;
        Ok(self.removed)
    }
}

/// Whether a whole line, with its line feed, was put in by an annotation.
fn is_ours(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'T' | b';')) && (call::is_own_call(line) || mark::is_mark(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &[u8], insertions: &[(u64, &str)], chunk: usize) -> io::Result<Vec<u8>> {
        let lines = insertions.iter().map(|(at, line)| Insertion { at: *at, line: (*line).to_owned() });
        let mut insert = Insert::new(lines.collect());
        let mut out = Vec::new();
        for part in text.chunks(chunk) {
            insert.feed(part, &mut |bytes| {
                out.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        assert_eq!(insert.left(), 0);
        Ok(out)
    }

    fn strip(text: &[u8], chunk: usize) -> (Vec<u8>, usize) {
        let mut strip = Strip::default();
        let mut out = Vec::new();
        let mut each = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        for part in text.chunks(chunk) {
            strip.feed(part, &mut each).unwrap();
        }
        let removed = strip.finish(&mut each).unwrap();
        (out, removed)
    }

    #[test]
    fn lines_are_put_in_with_the_line_end_of_their_neighbour() {
        for chunk in 1..12 {
            let out = insert(b"a\r\nb\nc\n", &[(7, "z"), (3, "x"), (5, "y1"), (5, "y2")], chunk).unwrap();
            assert_eq!(out, b"a\r\nx\r\nb\ny1\ny2\nc\nz\n", "{chunk}");
        }
    }

    #[test]
    fn no_line_is_cut_in_two() {
        assert_eq!(insert(b"abc\n", &[(2, "x")], 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(insert(b"abc", &[(3, "x")], 9).is_err());
    }

    #[test]
    fn only_our_lines_are_taken_out() {
        let ours = "TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X=1 Y=2 RETRACT=0 RETURN=0 ; moonlapse\r\n";
        let mark = "; moonlapse_annotated = 0.1.0 settings=00000000\n";
        let long = format!("; moonlapse_annotated = {}\n", "x".repeat(call::LONGEST));
        let theirs = ["G28\n", "TIMELAPSE_TAKE_FRAME\n", "T1\n", ";x\n", &long, "\r\n", "TIMELAPSE_TAKE_FRAME FRAME=1"];
        let text = format!(
            "{}{mark}{}{ours}{ours}{}{ours}{}{}{ours}{}{}",
            theirs[0], theirs[1], theirs[2], theirs[3], theirs[4], theirs[5], theirs[6]
        );
        for chunk in [1, 2, 7, 50, 511, 512, 513, 4096] {
            let (out, removed) = strip(text.as_bytes(), chunk);
            assert_eq!(String::from_utf8(out).unwrap(), theirs.concat(), "{chunk}");
            assert_eq!(removed, 5);
        }
    }

    #[test]
    fn a_call_without_a_line_end_stays() {
        let text = b"TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 ; moonlapse";
        assert_eq!(strip(text, 10), (text.to_vec(), 0));
    }
}
