//! Lines and their byte offsets, counted as Klipper's `virtual_sdcard` counts `file_position`.
//!
//! Klipper splits at line feeds only, keeps carriage returns, counts bytes, and moves `file_position` behind the line
//! feed once a line has run. A last line without a line feed is never run and never counted.

use std::io::{self, Read};

/// A line within a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawLine<'a> {
    /// From 1.
    pub number: u64,
    /// Byte at which it starts.
    pub start: u64,
    /// Byte behind its line feed, or the end of the file.
    pub end: u64,
    /// Has a line feed.
    pub terminated: bool,
    /// Its text without the line feed; cut when longer than the reader keeps.
    pub text: &'a [u8],
}

/// Longest line that is kept whole, bytes. Real ones have a few hundred, outlines of objects some thousands.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Splits a stream of chunks into lines; memory is bounded by the longest line that is kept.
#[derive(Clone, Debug)]
pub struct Splitter {
    /// The part of a line that earlier chunks brought.
    carry: Vec<u8>,
    longest: usize,
    number: u64,
    start: u64,
    /// Bytes fed so far.
    offset: u64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(LONGEST_LINE)
    }
}

impl Splitter {
    /// Cuts lines longer than `longest` bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { carry: Vec::new(), longest, number: 0, start: 0, offset: 0 }
    }

    /// Takes the next bytes of the file and calls `each` with every line that they complete.
    pub fn feed(&mut self, mut chunk: &[u8], mut each: impl FnMut(RawLine<'_>)) {
        while let Some(at) = memchr::memchr(b'\n', chunk) {
            let (text, rest) = chunk.split_at(at);
            chunk = &rest[1..];
            self.number += 1;
            self.offset += u64_of(at + 1);
            let line =
                |text| RawLine { number: self.number, start: self.start, end: self.offset, terminated: true, text };
            if self.carry.is_empty() {
                each(line(&text[..text.len().min(self.longest)]));
            } else {
                keep(&mut self.carry, text, self.longest);
                each(line(&self.carry));
                self.carry.clear();
            }
            self.start = self.offset;
        }
        self.offset += u64_of(chunk.len());
        keep(&mut self.carry, chunk, self.longest);
    }

    /// Ends the file: the last line when it has no line feed.
    pub fn finish(&mut self) -> Option<RawLine<'_>> {
        if self.offset == self.start {
            return None;
        }
        self.number += 1;
        let start = std::mem::replace(&mut self.start, self.offset);
        Some(RawLine { number: self.number, start, end: self.offset, terminated: false, text: &self.carry })
    }
}

/// Appends what fits.
fn keep(carry: &mut Vec<u8>, text: &[u8], longest: usize) {
    let room = longest.saturating_sub(carry.len());
    carry.extend_from_slice(&text[..text.len().min(room)]);
}

/// No host has larger addresses.
fn u64_of(length: usize) -> u64 {
    length as u64
}

/// Calls `each` with every line of `reader`.
///
/// # Errors
///
/// Those of the reader.
pub fn read_lines(mut reader: impl Read, mut each: impl FnMut(RawLine<'_>)) -> io::Result<()> {
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; 4 * LONGEST_LINE];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => splitter.feed(&buffer[..length], &mut each),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(line) = splitter.finish() {
        each(line);
    }
    Ok(())
}
