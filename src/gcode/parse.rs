//! Lines to commands, without allocation.
//!
//! Reads what Klipper's `gcode.py` accepts and, where slicers and Octolapse's users write more than that, a little more:
//! `(comments)`, blanks anywhere (`G 1 X 1 0`), `G01`, `@COMMANDS`. Never fails: an odd line is a [`Command::Other`].

use super::line::{At, Code, Command, Extended, Line, MoveCode, Words, is_name, unquoted_end};
use super::number;

/// Turns lines into commands; keeps the table of words, so that nothing is allocated per line.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    words: Words,
}

impl Parser {
    /// Reads one line, with or without its line end.
    #[inline]
    pub fn parse<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        if let [b'G', digit @ b'0'..=b'3', b' ', rest @ ..] = line
            && let Some(code) = MoveCode::from_number(u32::from(digit - b'0'))
            && let Some(comment) = self.plain_words(rest)
        {
            return Line { command: Command::Move { code, words: &self.words }, comment };
        }
        self.parse_any(line)
    }

    /// The words of a move as slicers write it, `X1.5 Y-2 E.25 ;comment`; `None` for anything else.
    #[inline]
    fn plain_words<'a>(&mut self, bytes: &'a [u8]) -> Option<Option<&'a [u8]>> {
        self.words.clear();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b' ' => at += 1,
                b'A'..=b'Z' => {
                    let (value, next) = number::scan(bytes, at + 1)?;
                    self.words.set(byte, value);
                    at = next;
                }
                b'\n' if at + 1 == bytes.len() => break,
                b'\r' if bytes[at + 1..].trim_ascii().is_empty() => break,
                b';' => return Some(Some(bytes[at + 1..].trim_ascii())),
                _ => return None,
            }
        }
        Some(None)
    }

    fn parse_any<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        let line = skip_prefix(line);
        match line {
            [b'@', ..] => {
                let (text, comment) = split_comment(line);
                let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
                let (name, args) = text.split_at(end);
                Line { command: Command::At(At::new(name, trim(args))), comment }
            }
            [first, second, ..] if is_name(*first) && is_name(*second) || *first == b'_' => Self::parse_extended(line),
            _ => self.parse_traditional(line),
        }
    }

    fn parse_extended(line: &[u8]) -> Line<'_> {
        let end = line.iter().position(|&byte| !is_name(byte) && !byte.is_ascii_digit()).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !starts_words(rest) {
            let (text, comment) = split_comment(line);
            return Line { command: Command::Other(text), comment };
        }
        let end = unquoted_end(rest, |byte| byte == b';');
        let (args, comment) = rest.split_at(end);
        let comment = comment.get(1..).map(trim);
        Line { command: Command::Extended(Extended::new(name, trim(args))), comment }
    }

    fn parse_traditional<'a>(&'a mut self, line: &'a [u8]) -> Line<'a> {
        let (text, comment) = split_comment(line);
        if text.is_empty() {
            return Line { command: Command::None, comment };
        }
        let command = self.traditional(text).unwrap_or(Command::Other(text));
        Line { command, comment }
    }

    fn traditional<'a>(&'a mut self, text: &'a [u8]) -> Option<Command<'a>> {
        self.words.clear();
        let (code, args) = split_code(text)?;
        if code.has_text() {
            return Some(Command::Traditional { code, words: &self.words, text: trim(args) });
        }
        if skip_blanks(args).first().is_some_and(|&byte| !is_name(byte) && byte != b'*') {
            return None;
        }
        let well_formed = self.any_words(args);
        let words = &self.words;
        match (code, MoveCode::from_number(code.number)) {
            (Code { letter: b'G', minor: None, .. }, Some(code)) => {
                well_formed.then_some(Command::Move { code, words })
            }
            // A G92 that Klipper refuses must not shift the position here either.
            (Code { letter: b'G', number: 92, .. }, _) if !well_formed => None,
            _ => Some(Command::Traditional { code, words, text: &[] }),
        }
    }

    /// Words in whatever form. False when some of the text is none.
    fn any_words(&mut self, mut rest: &[u8]) -> bool {
        let mut well_formed = true;
        loop {
            rest = skip_blanks(rest);
            match rest {
                // What follows an asterisk is a checksum.
                [] | [b'*', ..] => return well_formed,
                _ => {}
            }
            let key = rest.iter().position(|&byte| !is_name(byte)).unwrap_or(rest.len());
            let (key, tail) = rest.split_at(key);
            let end = tail.iter().position(|&byte| is_name(byte) || matches!(byte, b'*' | b'('));
            let (value, tail) = tail.split_at(end.unwrap_or(tail.len()));
            rest = tail;
            let value = trim(value);
            match (key, number::parse(value)) {
                ([letter @ (b'a'..=b'z' | b'A'..=b'Z')], Some(value)) => {
                    self.words.set(letter.to_ascii_uppercase(), value);
                }
                ([letter @ (b'a'..=b'z' | b'A'..=b'Z')], None) if value.is_empty() => {
                    self.words.flag(letter.to_ascii_uppercase());
                }
                ([_, _, ..], _) => {}
                _ => well_formed = false,
            }
        }
    }
}

/// A blank of Python's `str.strip()` among the ASCII characters.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0x1c..=0x1f)
}

/// Takes blanks off both ends.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// May words follow here? Klipper takes anything else between a command and its first word for a part of the name.
fn starts_words(rest: &[u8]) -> bool {
    let glued = rest.first().is_some_and(|&byte| is_name(byte));
    !glued && trim(rest).first().is_none_or(|&byte| is_name(byte) || matches!(byte, b';' | b'*'))
}

/// Takes blanks and `(comments)` off the front; a `;` ends a comment in brackets, too.
fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim(bytes);
    while let [b'(', rest @ ..] = bytes {
        let end = match memchr::memchr2(b')', b';', rest) {
            Some(at) if rest[at] == b')' => at + 1,
            Some(at) => at,
            None => rest.len(),
        };
        bytes = trim(&rest[end..]);
    }
    bytes
}

/// Takes blanks, `(comments)` and line numbers (`N123`) off the front.
fn skip_prefix(line: &[u8]) -> &[u8] {
    let mut line = skip_blanks(line);
    while let [b'N' | b'n', rest @ ..] = line {
        let rest = trim(rest);
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            break;
        }
        line = skip_blanks(&rest[digits..]);
    }
    line
}

fn split_comment(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b';', line) {
        Some(at) => (trim(&line[..at]), Some(trim(&line[at + 1..]))),
        None => (line, None),
    }
}

/// `G 01 X5` to G1 and `X5`.
fn split_code(text: &[u8]) -> Option<(Code, &[u8])> {
    let (letter, rest) = text.split_first()?;
    if !letter.is_ascii_alphabetic() {
        return None;
    }
    let (number, rest) = integer(trim(rest))?;
    let (minor, rest) = match rest {
        [b'.', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => {
            let (minor, rest) = integer(rest)?;
            (Some(u8::try_from(minor).ok()?), rest)
        }
        _ => (None, rest),
    };
    Some((Code { letter: letter.to_ascii_uppercase(), number, minor }, rest))
}

fn integer(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(digits);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}
