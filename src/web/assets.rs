//! The page itself, as built into the program.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::Problem;

/// A file of the page.
struct Asset {
    /// Its path, such as `assets/index-4f2a.js`.
    path: &'static str,
    bytes: &'static [u8],
    /// Compressed with gzip, where the build has left it so.
    gzip: Option<&'static [u8]>,
}

/// By `build.rs`, from `web/dist`; sorted by path, empty where the page was not built.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Shown where the page was not built.
const WITHOUT_PAGE: &str =
    "<!doctype html><meta charset=\"utf-8\"><title>Moonlapse</title><p>This build has no page; its API is at /api.\n";

/// Everything that is not the API.
pub(super) async fn serve(request: Request) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    match ASSETS.binary_search_by_key(&path, |asset| asset.path) {
        Ok(at) => ASSETS[at].answer(request.headers()),
        Err(_) if path == "index.html" => {
            ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], WITHOUT_PAGE).into_response()
        }
        Err(_) => Problem::not_found("There is nothing here").into_response(),
    }
}

impl Asset {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let etag = format!("\"{:08x}-{}\"", crc32fast::hash(self.bytes), self.bytes.len());
        let zipped = self.gzip.filter(|_| {
            let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|list| list.to_str().ok()).unwrap_or_default();
            accepted.split(',').any(|way| way.trim().split(';').next() == Some("gzip"))
        });
        // Names in assets/ carry a digest of what is in them.
        let cache = if self.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(self.path)));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        if let Some(zipped) = zipped {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return (headers, zipped).into_response();
        }
        (headers, self.bytes).into_response()
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_for_the_search() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        let asset = Asset { path: "assets/a.js", bytes: b"let a = 1;", gzip: Some(b"zipped") };
        let first = asset.answer(&HeaderMap::new());
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(first.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let mut asked = HeaderMap::new();
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip;q=0.5"));
        assert_eq!(asset.answer(&asked).headers()[header::CONTENT_ENCODING], "gzip");
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(asset.answer(&asked).status(), StatusCode::NOT_MODIFIED);
    }
}
