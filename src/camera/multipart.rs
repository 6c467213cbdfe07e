//! `multipart/x-mixed-replace` as webcam servers really send it.
//!
//! Known deviations, all accepted: more headers than usual parsers allow, bare line feeds, a boundary announced with its
//! leading dashes, quotes around it, no `Content-Length`, a closing delimiter after every part, no line break before a
//! delimiter.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

/// Headers of one part may take this much.
const MAX_HEADERS: usize = 32 * 1024;
/// And be this many.
const MAX_HEADER_COUNT: usize = 256;
/// Dashes, spaces and line break after a boundary.
const LONGEST_LINE_END: usize = 64;

/// Why a stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// A part, or the junk between two, is larger than allowed.
    #[error("a part is larger than {0} bytes")]
    TooLarge(usize),
    /// Not HTTP headers, too many, or too long.
    #[error("a part's headers cannot be read")]
    BadHeaders,
}

/// One part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    headers: Vec<(String, String)>,
    /// Its content.
    pub body: Bytes,
}

impl Part {
    /// The first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The boundary named in a `Content-Type`; `None` when that is no multipart type or names none.
#[must_use]
pub fn boundary_of(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().get(..10)?.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').trim_matches('-');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| value.to_owned())
    })
}

#[derive(Debug)]
enum State {
    /// Skips to the next delimiter.
    Between,
    /// Behind a delimiter: collects headers.
    Headers,
    /// The length is known.
    Counted { headers: Vec<(String, String)>, length: usize },
    /// The body ends at the next delimiter; its first `searched` bytes hold none.
    Searching { headers: Vec<(String, String)>, searched: usize },
}

/// Splits a stream of bytes, cut anywhere, into parts.
#[derive(Debug)]
pub struct Parser {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    state: State,
    max_body: usize,
}

impl Parser {
    /// For a boundary from [`boundary_of`]; no body may be larger than `max_body` bytes.
    #[must_use]
    pub fn new(boundary: &str, max_body: usize) -> Self {
        let delimiter = format!("--{}", boundary.trim_matches('-')).into_bytes();
        Self { delimiter, buffer: BytesMut::new(), state: State::Between, max_body }
    }

    /// Takes in more of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole part; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When a limit is passed or headers make no sense; the stream is then lost.
    pub fn next_part(&mut self) -> Result<Option<Part>, MultipartError> {
        loop {
            match std::mem::replace(&mut self.state, State::Between) {
                State::Between => {
                    let Some((_, end)) = self.find_delimiter(0)? else { return self.wait_between() };
                    self.buffer.advance(end);
                    self.state = State::Headers;
                }
                State::Headers => match read_headers(&self.buffer)? {
                    None => {
                        self.state = State::Headers;
                        return Ok(None);
                    }
                    Some((headers, used)) => {
                        self.buffer.advance(used);
                        self.state = self.body_state(headers)?;
                    }
                },
                State::Counted { headers, length } => {
                    if self.buffer.len() < length {
                        self.state = State::Counted { headers, length };
                        return Ok(None);
                    }
                    let body = self.buffer.split_to(length).freeze();
                    return Ok(Some(Part { headers, body }));
                }
                State::Searching { headers, searched } => {
                    let Some((start, end)) = self.find_delimiter(searched)? else {
                        // A delimiter line may be cut at the buffer's end.
                        let open = self.delimiter.len() + LONGEST_LINE_END + 2;
                        let searched = self.buffer.len().saturating_sub(open).max(searched);
                        if searched > self.max_body {
                            return Err(MultipartError::TooLarge(self.max_body));
                        }
                        self.state = State::Searching { headers, searched };
                        return Ok(None);
                    };
                    let body = self.buffer.split_to(start).freeze();
                    self.buffer.advance(end - start);
                    self.state = State::Headers;
                    if body.len() > self.max_body {
                        return Err(MultipartError::TooLarge(self.max_body));
                    }
                    return Ok(Some(Part { headers, body: without_line_break(body) }));
                }
            }
        }
    }

    fn body_state(&self, headers: Vec<(String, String)>) -> Result<State, MultipartError> {
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match length.and_then(|(_, value)| value.parse().ok()) {
            Some(length) if length > self.max_body => Err(MultipartError::TooLarge(self.max_body)),
            Some(length) => Ok(State::Counted { headers, length }),
            None => Ok(State::Searching { headers, searched: 0 }),
        }
    }

    /// Keeps only what may be the begin of a delimiter.
    fn wait_between(&mut self) -> Result<Option<Part>, MultipartError> {
        // A delimiter whose line is not complete must stay whole.
        let keep = memmem::find(&self.buffer, &self.delimiter)
            .map_or(self.delimiter.len() - 1, |at| self.buffer.len() - at)
            .min(self.buffer.len());
        self.buffer.advance(self.buffer.len() - keep);
        self.state = State::Between;
        Ok(None)
    }

    /// Where the next whole delimiter line (with all its dashes and its line break) begins and ends.
    fn find_delimiter(&self, from: usize) -> Result<Option<(usize, usize)>, MultipartError> {
        let mut from = from.min(self.buffer.len());
        while let Some(found) = memmem::find(&self.buffer[from..], &self.delimiter) {
            let at = from + found;
            let after = &self.buffer[at + self.delimiter.len()..];
            match line_end(after) {
                LineEnd::At(length) => {
                    let dashes = self.buffer[..at].iter().rev().take(2).take_while(|&&b| b == b'-').count();
                    return Ok(Some((at - dashes, at + self.delimiter.len() + length)));
                }
                LineEnd::Unknown => return Ok(None),
                // A longer boundary that begins alike, or picture data.
                LineEnd::None => from = at + 1,
            }
        }
        Ok(None)
    }
}

enum LineEnd {
    At(usize),
    Unknown,
    None,
}

/// How long the rest of a delimiter line is: closing dashes, spaces, line break.
fn line_end(after: &[u8]) -> LineEnd {
    for (i, byte) in after.iter().enumerate().take(LONGEST_LINE_END) {
        match byte {
            b'\n' => return LineEnd::At(i + 1),
            b'-' | b' ' | b'\t' | b'\r' => {}
            _ => return LineEnd::None,
        }
    }
    if after.len() < LONGEST_LINE_END { LineEnd::Unknown } else { LineEnd::None }
}

type Headers = Vec<(String, String)>;

fn read_headers(buffer: &[u8]) -> Result<Option<(Headers, usize)>, MultipartError> {
    // httparse wants to see the empty line; without it, wait for more.
    if memchr(b'\n', buffer).is_none() && buffer.len() <= MAX_HEADERS {
        return Ok(None);
    }
    let mut room = vec![httparse::EMPTY_HEADER; MAX_HEADER_COUNT];
    match httparse::parse_headers(buffer, &mut room) {
        Ok(httparse::Status::Complete((used, headers))) => {
            let text =
                |h: &httparse::Header<'_>| (h.name.to_owned(), String::from_utf8_lossy(h.value).trim().to_owned());
            Ok(Some((headers.iter().map(text).collect(), used)))
        }
        Ok(httparse::Status::Partial) if buffer.len() <= MAX_HEADERS => Ok(None),
        _ => Err(MultipartError::BadHeaders),
    }
}

fn without_line_break(mut body: Bytes) -> Bytes {
    if body.ends_with(b"\n") {
        body.truncate(body.len() - 1);
        if body.ends_with(b"\r") {
            body.truncate(body.len() - 1);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(boundary: &str, chunks: &[&[u8]]) -> Result<Vec<Part>, MultipartError> {
        let mut parser = Parser::new(boundary, 4096);
        let mut parts = Vec::new();
        for chunk in chunks {
            parser.feed(chunk);
            while let Some(part) = parser.next_part()? {
                parts.push(part);
            }
        }
        Ok(parts)
    }

    fn bodies(boundary: &str, stream: &[u8]) -> Vec<Vec<u8>> {
        parts(boundary, &[stream]).unwrap().into_iter().map(|p| p.body.to_vec()).collect()
    }

    #[test]
    fn boundaries_are_read_as_servers_write_them() {
        for (header, boundary) in [
            ("multipart/x-mixed-replace;boundary=boundarydonotcross", Some("boundarydonotcross")),
            ("multipart/x-mixed-replace; boundary=FRAME", Some("FRAME")),
            ("Multipart/X-Mixed-Replace; Boundary=\"--my boundary\"; charset=x", Some("my boundary")),
            ("multipart/x-mixed-replace", None),
            ("multipart/x-mixed-replace;boundary=", None),
            ("image/jpeg", None),
            ("text/html; boundary=x", None),
        ] {
            assert_eq!(boundary_of(header).as_deref(), boundary, "{header}");
        }
    }

    #[test]
    fn parts_are_found_with_and_without_length_and_with_bare_line_feeds() {
        assert_eq!(
            bodies("b", b"junk\r\n--b\r\nContent-Length: 3\r\n\r\nabc\r\n--b\r\n\r\nde\r\n--b--\r\n"),
            [b"abc".to_vec(), b"de".to_vec()]
        );
        assert_eq!(bodies("b", b"--b\nA: 1\n\nabc\n--b\n\nde\n--b\n"), [b"abc".to_vec(), b"de".to_vec()]);
        assert_eq!(bodies("--b", b"----b\r\n\r\nx\r\n----b\r\n"), [b"x".to_vec()]);
    }

    #[test]
    fn a_body_may_hold_what_looks_like_a_delimiter_when_its_length_is_known() {
        assert_eq!(bodies("b", b"--b\r\nContent-Length: 8\r\n\r\n\r\n--b\r\n!\r\n--b\r\n")[0], b"\r\n--b\r\n!");
    }

    #[test]
    fn a_longer_boundary_of_the_same_begin_is_no_delimiter() {
        assert_eq!(bodies("b", b"--b\r\n\r\nx\r\n--boat\r\ny\r\n--b\r\n"), [b"x\r\n--boat\r\ny".to_vec()]);
    }

    #[test]
    fn many_headers_are_read_by_name_in_any_case() {
        let headers: String = (0..40).map(|i| format!("X-Header-{i}: {i}\r\n")).collect();
        let stream = format!("--b\r\n{headers}Content-Length: 1\r\n\r\nx");
        let parts = parts("b", &[stream.as_bytes()]).unwrap();
        assert_eq!(parts[0].header("x-header-39"), Some("39"));
        assert_eq!(parts[0].header("missing"), None);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(parts("b", &[b"--b\r\nContent-Length: 5000\r\n\r\n"]), Err(MultipartError::TooLarge(4096)));
        assert_eq!(parts("b", &[b"--b\r\n\r\n", &[b'x'; 9000]]), Err(MultipartError::TooLarge(4096)));
        assert_eq!(parts("b", &[b"--b\r\n", &[b'x'; 40_000]]), Err(MultipartError::BadHeaders));
        // Junk without a delimiter is dropped, not kept.
        let mut parser = Parser::new("b", 4096);
        parser.feed(&vec![b'x'; 1 << 20]);
        assert_eq!(parser.next_part(), Ok(None));
        assert!(parser.buffer.len() < 8);
    }

    proptest! {
        #[test]
        fn parts_do_not_depend_on_where_the_network_cuts(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..5),
            counted in any::<bool>(),
            cuts in prop::collection::vec(0usize..600, 0..12),
        ) {
            let mut stream = b"\r\n--edge\r\n".to_vec();
            for body in &bodies {
                if counted {
                    stream.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
                }
                stream.extend(b"X: y\r\n\r\n");
                stream.extend(body);
                stream.extend(b"\r\n--edge\r\n");
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(stream.len())).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let whole = parts("edge", &[&stream]);
            prop_assert_eq!(&parts("edge", &chunks), &whole);
            if counted {
                let seen: Vec<Vec<u8>> = whole.unwrap().into_iter().map(|p| p.body.to_vec()).collect();
                prop_assert_eq!(seen, bodies);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut stream = b"--b\r\n".to_vec();
            stream.extend(bytes);
            let _outcome = parts("b", &[&stream]);
        }
    }
}
