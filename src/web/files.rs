//! Files as they lie on the disk, whole or in part.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::error::{Answer, Problem};

/// So much is read at a time, bytes.
const PIECE: usize = 64 << 10;

/// A file that somebody asked for.
pub(super) struct Sent<'a> {
    pub(super) path: &'a Path,
    pub(super) media_type: &'static str,
    /// How long it may be kept.
    pub(super) cache: &'static str,
    /// Tells it from other contents of the same name; made of size and time where nothing better is known.
    pub(super) etag: Option<String>,
    /// To be saved under this name.
    pub(super) save_as: Option<&'a str>,
}

impl Sent<'_> {
    /// The answer to a request with the headers `asked`.
    pub(super) async fn answer(self, asked: &HeaderMap) -> Answer<Response> {
        let gone = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Problem::not_found("The file is not there any more"),
            _ => Problem::failed(format_args!("The file cannot be read: {error}")),
        };
        let mut file = File::open(self.path).await.map_err(gone)?;
        let facts = file.metadata().await.map_err(gone)?;
        if !facts.is_file() {
            return Err(Problem::not_found("This is no file"));
        }
        let size = facts.len();
        let etag = self.etag.unwrap_or_else(|| {
            let at = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            format!("\"{:x}-{size:x}\"", at.unwrap_or_default().as_nanos())
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        if let Some(value) = self.save_as.and_then(|name| HeaderValue::from_str(&attachment(name)).ok()) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        if asked.get(header::IF_NONE_MATCH).is_some_and(|known| names(known, &etag)) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        // A part of another content is of no use.
        let same = asked.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == etag.as_bytes());
        let range = asked.get(header::RANGE).filter(|_| same).and_then(|range| range.to_str().ok());
        let (status, from, length) = match range.map_or(Part::Whole, |range| part(range, size)) {
            Part::Whole => (StatusCode::OK, 0, size),
            Part::Bytes { from, length } => {
                let until = from + length - 1;
                headers.insert(header::CONTENT_RANGE, number(format!("bytes {from}-{until}/{size}")));
                (StatusCode::PARTIAL_CONTENT, from, length)
            }
            Part::Beyond => {
                let mut refusal = Problem::range().into_response();
                refusal.headers_mut().insert(header::CONTENT_RANGE, number(format!("bytes */{size}")));
                return Ok(refusal);
            }
        };
        headers.insert(header::CONTENT_LENGTH, number(length.to_string()));
        file.seek(SeekFrom::Start(from)).await.map_err(gone)?;
        let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), PIECE));
        Ok((status, headers, body).into_response())
    }
}

/// Digits and punctuation are always a header's value.
fn number(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0"))
}

fn names(known: &HeaderValue, etag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag || known.trim() == "*")
}

/// Names with other than plain letters are written as RFC 5987 has it.
fn attachment(name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", encoded(name))
}

/// A name as a part of an address.
pub(super) fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[derive(Debug, PartialEq)]
enum Part {
    Whole,
    Bytes { from: u64, length: u64 },
    Beyond,
}

/// One range of bytes; several, and what is not understood, give the whole file, as RFC 9110 allows.
fn part(range: &str, size: u64) -> Part {
    let Some((from, until)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let (from, until) = match (from.trim().parse::<u64>(), until.trim().parse::<u64>()) {
        (Ok(from), Ok(until)) if from <= until => (from, until.min(size.saturating_sub(1))),
        (Ok(from), Err(_)) if until.trim().is_empty() => (from, size.saturating_sub(1)),
        // The last bytes.
        (Err(_), Ok(last)) if from.trim().is_empty() && last > 0 => (size.saturating_sub(last), size.saturating_sub(1)),
        (Err(_), Ok(0)) if from.trim().is_empty() => return Part::Beyond,
        _ => return Part::Whole,
    };
    if from >= size { Part::Beyond } else { Part::Bytes { from, length: until - from + 1 } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        let bytes = |from, length| Part::Bytes { from, length };
        assert_eq!(part("bytes=0-0", 10), bytes(0, 1));
        assert_eq!(part("bytes=2-", 10), bytes(2, 8));
        assert_eq!(part("bytes=2-99", 10), bytes(2, 8));
        assert_eq!(part("bytes=-3", 10), bytes(7, 3));
        assert_eq!(part("bytes=-30", 10), bytes(0, 10));
        assert_eq!(part("bytes=10-", 10), Part::Beyond);
        assert_eq!(part("bytes=-0", 10), Part::Beyond);
        assert_eq!(part("bytes=0-", 0), Part::Beyond);
        for odd in ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", ""] {
            assert_eq!(part(odd, 10), Part::Whole, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_in_the_file(range in "bytes=[0-9]{0,20}-[0-9]{0,20}", size in 0_u64..100) {
            if let Part::Bytes { from, length } = part(&range, size) {
                prop_assert!(length > 0 && from + length <= size);
            }
        }
    }

    #[test]
    fn any_name_can_be_part_of_an_address() {
        assert_eq!(encoded("schlüssel 1/2.mp4"), "schl%C3%BCssel%201%2F2.mp4");
    }
}
