//! Any bytes, cut anywhere, through the multipart parser: no panic, limits hold, memory stays bounded, and where the
//! network cuts changes nothing.
//!
//! `cargo +nightly fuzz run multipart -- -max_total_time=600`

#![no_main]

#[allow(dead_code, unreachable_pub)]
#[path = "../../src/camera/multipart.rs"]
mod multipart;

use libfuzzer_sys::fuzz_target;
use multipart::{MultipartError, Parser, Part, boundary_of};

const MAX_BODY: usize = 512;

fuzz_target!(|input: (usize, &str, &[u8])| {
    let (cut, content_type, bytes) = input;
    let boundary = boundary_of(content_type).unwrap_or_else(|| "b".to_owned());
    let whole = parts(&boundary, [bytes].into_iter());
    let chunked = parts(&boundary, bytes.chunks(cut % 97 + 1));
    // An error may come a part earlier or later, never another part.
    let common = whole.0.len().min(chunked.0.len());
    assert_eq!(whole.0[..common], chunked.0[..common]);
    if whole.1.is_none() && chunked.1.is_none() {
        assert_eq!(whole.0, chunked.0);
    }
    assert!(whole.0.iter().all(|part| part.body.len() <= MAX_BODY));
});

fn parts<'a>(boundary: &str, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Part>, Option<MultipartError>) {
    let mut parser = Parser::new(boundary, MAX_BODY);
    let mut parts = Vec::new();
    for chunk in chunks {
        parser.feed(chunk);
        loop {
            match parser.next_part() {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (parts, Some(error)),
            }
        }
    }
    (parts, None)
}
