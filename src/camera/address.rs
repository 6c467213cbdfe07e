//! Where a webcam of Moonraker's list really is.

use url::Url;

/// A webcam's URL that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the webcam URL '{url}' cannot be used ({detail}): it must be a path like /webcam/?action=stream, or begin with http:// or https://"
)]
pub struct BadUrl {
    /// As entered.
    pub url: String,
    /// What is wrong.
    pub detail: String,
}

/// The absolute URL for what a user entered as a webcam's URL.
///
/// As Moonraker documents it, a relative URL is on Moonraker's host at port 80 (that is where nginx and the front end
/// are), never at Moonraker's own port.
///
/// # Errors
/// For an empty or malformed URL, and for what HTTP cannot fetch (`rtsp:`, `webrtc:`, a device).
pub fn resolve(url: &str, moonraker_host: &Url) -> Result<Url, BadUrl> {
    let bad = |detail: &str| BadUrl { url: url.to_owned(), detail: detail.to_owned() };
    let entered = url.trim();
    if entered.is_empty() {
        return Err(bad("it is empty"));
    }
    let absolute = if entered.contains("://") {
        Url::parse(entered)
    } else if let Some(rest) = entered.strip_prefix("//") {
        Url::parse(&format!("http://{rest}"))
    } else {
        let host = moonraker_host.host_str().filter(|h| !h.is_empty()).unwrap_or("127.0.0.1");
        Url::parse(&format!("http://{host}/{}", entered.trim_start_matches('/')))
    };
    let absolute = absolute.map_err(|error| bad(&error.to_string()))?;
    match absolute.scheme() {
        "http" | "https" if absolute.has_host() => Ok(absolute),
        scheme => Err(bad(&format!("'{scheme}' is not a protocol that can be filmed"))),
    }
}

/// For people: no user, no password, and no values of parameters that may be secret.
pub(super) fn printable(url: &Url) -> String {
    const SECRET: [&str; 6] = ["pass", "pwd", "token", "key", "auth", "user"];
    let mut url = url.clone();
    // Both fail only for URLs that cannot have them.
    let _no_user = url.set_username("");
    let _no_password = url.set_password(None);
    let secret = |name: &str| SECRET.iter().any(|part| name.to_ascii_lowercase().contains(part));
    if url.query_pairs().any(|(name, _)| secret(&name)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                (name.clone().into_owned(), if secret(&name) { "...".to_owned() } else { value.into_owned() })
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_are_on_moonrakers_host_at_port_80() {
        let host = Url::parse("ws://192.168.1.5:7125/websocket").unwrap();
        for (entered, found) in [
            ("/webcam/?action=stream", "http://192.168.1.5/webcam/?action=stream"),
            ("webcam?action=snapshot", "http://192.168.1.5/webcam?action=snapshot"),
            (" //cam.local/stream ", "http://cam.local/stream"),
            ("http://10.0.0.2:8080/?action=stream", "http://10.0.0.2:8080/?action=stream"),
            ("https://user:pw@cam/x", "https://user:pw@cam/x"),
        ] {
            assert_eq!(resolve(entered, &host).unwrap().as_str(), found);
        }
        let socket = Url::parse("unix:///home/pi/printer_data/comms/moonraker.sock").unwrap();
        assert_eq!(resolve("/webcam/", &socket).unwrap().as_str(), "http://127.0.0.1/webcam/");
    }

    #[test]
    fn urls_that_cannot_be_filmed_are_refused() {
        let host = Url::parse("http://127.0.0.1:7125").unwrap();
        for entered in ["", "rtsp://cam/1", "http://", "file:///dev/video0"] {
            assert!(resolve(entered, &host).is_err(), "{entered}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        for (entered, printed) in [
            ("http://u:p@cam/x", "http://cam/x"),
            ("http://cam/snap.cgi?user=admin&pwd=12&res=1", "http://cam/snap.cgi?user=...&pwd=...&res=1"),
            ("http://[::1]:8080/?action=stream", "http://[::1]:8080/?action=stream"),
        ] {
            assert_eq!(printable(&Url::parse(entered).unwrap()), printed);
        }
    }
}
