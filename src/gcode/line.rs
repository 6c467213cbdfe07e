//! One line of G-code as a command with its parameters.

use std::borrow::Cow;
use std::fmt;

use super::number;
pub use super::parse::Parser;

/// A command's letter and number, as in `G1` or `M862.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Upper-case letter.
    pub letter: u8,
    /// The number, leading zeros dropped.
    pub number: u32,
    /// What follows a point, as in `G92.1`.
    pub minor: Option<u8>,
}

/// The words of a traditional command: a letter with a number, or a letter alone (`G28 X`).
///
/// When a letter occurs twice the last one counts, as in Klipper. Letters in a row without numbers (`G28 XY`) are no
/// words: Klipper reads them as one key that nothing asks for.
#[derive(Clone, Copy)]
pub struct Words {
    /// Bit per letter: present at all.
    present: u32,
    /// Bit per letter: present with a number. The other entries of `values` are left over from earlier lines.
    valued: u32,
    values: [f64; 26],
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command<'a> {
    /// Nothing, or a comment only.
    None,
    /// G0, G1, G2 or G3.
    Move {
        /// Which of them.
        code: MoveCode,
        /// Its words.
        words: &'a Words,
    },
    /// A letter with a number.
    Traditional {
        /// `G28`, `M104`, `T0`.
        code: Code,
        /// Its words; empty for commands with free text.
        words: &'a Words,
        /// Everything behind the code as it stands, for commands with free text such as M117.
        text: &'a [u8],
    },
    /// A command with a name and `KEY=value` parameters: a macro or one of Klipper's own.
    Extended(Extended<'a>),
    /// `@NAME word word`: host commands of OctoPrint and its plugins.
    At(At<'a>),
    /// A line that is none of these; its text without comment.
    Other(&'a [u8]),
}

/// The four moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveCode {
    /// Rapid: the same as [`MoveCode::G1`] in Klipper.
    G0,
    /// Straight.
    G1,
    /// Clockwise arc.
    G2,
    /// Counter-clockwise arc.
    G3,
}

/// An extended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended<'a> {
    name: &'a [u8],
    args: &'a [u8],
}

/// An `@` command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<'a> {
    name: &'a [u8],
    args: &'a [u8],
}

/// A line: its command and its comment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// What is to be done.
    pub command: Command<'a>,
    /// The text behind the first `;`, trimmed.
    pub comment: Option<&'a [u8]>,
}

impl Default for Words {
    fn default() -> Self {
        Self { present: 0, valued: 0, values: [0.0; 26] }
    }
}

impl Words {
    /// The number behind `letter` (upper case).
    #[inline]
    #[must_use]
    pub fn get(&self, letter: u8) -> Option<f64> {
        let index = index(letter);
        (self.valued & 1 << index != 0).then(|| self.values[index])
    }

    /// Is `letter` there, with or without a number?
    #[inline]
    #[must_use]
    pub fn has(&self, letter: u8) -> bool {
        self.present & 1 << index(letter) != 0
    }

    /// Is there any word?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Every word in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Option<f64>)> {
        (b'A'..=b'Z').filter(|&letter| self.has(letter)).map(|letter| (letter, self.get(letter)))
    }

    pub(super) fn clear(&mut self) {
        self.present = 0;
        self.valued = 0;
    }

    #[inline]
    pub(super) fn set(&mut self, letter: u8, value: f64) {
        let index = index(letter);
        self.present |= 1 << index;
        self.valued |= 1 << index;
        self.values[index] = value;
    }

    pub(super) fn flag(&mut self, letter: u8) {
        let index = index(letter);
        self.present |= 1 << index;
        self.valued &= !(1 << index);
    }
}

/// `A` is 0. Other bytes do not panic; they fall together with some letter.
#[inline]
fn index(letter: u8) -> usize {
    usize::from(letter.wrapping_sub(b'A')) % 26
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(letter, value)| (char::from(letter), value))).finish()
    }
}

impl MoveCode {
    /// `G0` to `G3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::G0 => "G0",
            Self::G1 => "G1",
            Self::G2 => "G2",
            Self::G3 => "G3",
        }
    }

    /// Is it an arc?
    #[must_use]
    pub fn is_arc(self) -> bool {
        matches!(self, Self::G2 | Self::G3)
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        [Self::G0, Self::G1, Self::G2, Self::G3].get(usize::try_from(number).ok()?).copied()
    }
}

impl Code {
    const fn new(letter: u8, number: u32) -> Self {
        Self { letter, number, minor: None }
    }

    /// Commands whose parameters are text, as Klipper treats them, and M16, M32, M486 of other firmware.
    pub(super) fn has_text(self) -> bool {
        const TEXT: [Code; 6] = [
            Code::new(b'M', 117),
            Code::new(b'M', 118),
            Code::new(b'M', 23),
            Code::new(b'M', 16),
            Code::new(b'M', 32),
            Code::new(b'M', 486),
        ];
        TEXT.contains(&self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.letter), self.number)?;
        self.minor.map_or(Ok(()), |minor| write!(f, ".{minor}"))
    }
}

impl<'a> Extended<'a> {
    pub(super) fn new(name: &'a [u8], args: &'a [u8]) -> Self {
        Self { name, args }
    }

    /// The name as it stands in the file.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Is this its name, in whatever case?
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value of `key` without its quotes; the last one when there are several.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'a, [u8]>> {
        let (_, value) = self.params().filter(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes())).last()?;
        value.map(unquote)
    }

    /// The value of `key` as a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        number::parse(&self.get(key)?)
    }

    /// Keys with their values as they stand, quotes included.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        Tokens { rest: self.args }.map(|token| match memchr::memchr(b'=', token) {
            Some(equals) => (&token[..equals], Some(&token[equals + 1..])),
            None => (token, None),
        })
    }
}

impl<'a> At<'a> {
    pub(super) fn new(name: &'a [u8], args: &'a [u8]) -> Self {
        Self { name, args }
    }

    /// The name with its `@`, as it stands in the file.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Is this its name (with `@`), in whatever case?
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The words behind the name, as they stand.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.args.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
    }
}

/// Takes quotes and backslashes away as a POSIX shell does (Klipper uses Python's `shlex`).
#[must_use]
pub fn unquote(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr3(b'"', b'\'', b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut plain = Vec::with_capacity(raw.len());
    let mut quote = None;
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'\\') => plain.extend(bytes.next()),
            (Some(b'"'), b'\\') => match bytes.next() {
                Some(escaped @ (b'"' | b'\\')) => plain.push(escaped),
                other => {
                    plain.push(b'\\');
                    plain.extend(other);
                }
            },
            _ => plain.push(byte),
        }
    }
    Cow::Owned(plain)
}

/// A byte of a name, and of Klipper's parameter keys.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Blank-separated tokens; quotes keep blanks, `;` and `#` together.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.rest = self.rest.trim_ascii_start();
        let end = unquoted_end(self.rest, |byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'#'));
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }
}

/// Where the first unquoted byte stands that `ends` accepts, or the end.
pub(super) fn unquoted_end(bytes: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None | Some(b'"'), b'\\') => at += 1,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, _) if ends(byte) => return at,
            (None, _) => {}
        }
        at += 1;
    }
    bytes.len()
}

impl Line<'_> {
    /// Appends the line in its plainest form, without line end.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self.command {
            Command::None => {}
            Command::Move { code, words } => {
                out.extend_from_slice(code.name().as_bytes());
                write_words(words, out);
            }
            Command::Traditional { code, words, text } => {
                out.extend_from_slice(code.to_string().as_bytes());
                write_words(words, out);
                if !text.is_empty() {
                    out.push(b' ');
                    out.extend_from_slice(text);
                }
            }
            Command::Extended(Extended { name, args }) | Command::At(At { name, args }) => {
                out.extend_from_slice(name);
                if !args.is_empty() {
                    out.push(b' ');
                    out.extend_from_slice(args);
                }
            }
            Command::Other(text) => out.extend_from_slice(text),
        }
        if let Some(comment) = self.comment {
            if !out.is_empty() {
                out.push(b' ');
            }
            out.push(b';');
            out.extend_from_slice(comment);
        }
    }
}

fn write_words(words: &Words, out: &mut Vec<u8>) {
    for (letter, value) in words.iter() {
        out.extend_from_slice(&[b' ', letter]);
        if let Some(value) = value {
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
}
