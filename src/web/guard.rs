//! What a request must look like whoever sends it: meant for this host (DNS rebinding), and not sent by another site's
//! page (CSRF). Pure.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No name, or several.
    #[error("The request does not say which host it is for")]
    NoHost,
    /// A name that anybody can point here.
    #[error(
        "This host is not known by that name: use its address, or add the name to `web_names` in [timelapse] of \
         moonraker.conf"
    )]
    Host,
    /// Another site's page.
    #[error("The request was sent by a page of another site")]
    Origin,
}

/// Names that end so are given out in the local network, and nobody can register them.
const LOCAL: [&str; 5] = [".local", ".lan", ".internal", ".localdomain", ".localhost"];

/// Refuses what is not meant for us, or not sent by our own page.
///
/// `names`: more names of this host, by the setting `web_names`. `may_link`: pages of other sites may link here.
pub(super) fn check(method: &Method, headers: &HeaderMap, names: &str, may_link: bool) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refusal::NoHost) };
    let host = host.to_str().map_err(|_| Refusal::NoHost)?;
    if !is_ours(name_of(host).ok_or(Refusal::NoHost)?, names) {
        return Err(Refusal::Host);
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        // Behind a proxy with TLS the page's scheme is https, and ours is not.
        let origin = origin.to_str().map_err(|_| Refusal::Origin)?;
        let at = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !at.is_some_and(|at| at.eq_ignore_ascii_case(host)) {
            return Err(Refusal::Origin);
        }
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        // Another port of this host, such as Mainsail's, or another site: a link to the page, no more.
        Some(_) if may_link && method == Method::GET && navigates(headers) => Ok(()),
        Some(_) => Err(Refusal::Origin),
    }
}

fn navigates(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}

/// The host without its port.
fn name_of(host: &str) -> Option<&str> {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    (!name.is_empty()).then_some(name)
}

fn is_ours(name: &str, names: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    // A name without a dot is looked up in the local network only.
    !name.contains('.')
        || LOCAL.iter().any(|end| name.ends_with(end))
        || name.ends_with(".home.arpa")
        || names.split([',', '\n']).any(|known| known.trim().eq_ignore_ascii_case(&name))
}

/// What every answer carries.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
             connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(headers: &[(&'static str, &'static str)], may_link: bool) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&Method::GET, &map, "printer.example.org, Other.example.org", may_link)
    }

    #[test]
    fn names_that_anybody_can_register_are_refused() {
        for host in [
            "127.0.0.1:7190",
            "[::1]:7190",
            "[fe80::1]",
            "192.168.1.5",
            "localhost:7190",
            "voron",
            "Voron.local:7190",
            "voron.lan.",
            "printer.home.arpa",
            "printer.example.org",
            "other.example.org:80",
        ] {
            assert_eq!(checked(&[("host", host)], false), Ok(()), "{host}");
        }
        for host in ["evil.example.com", "evil.com:7190", "local", "192.168.1.5.evil.com", "fritz.box"] {
            let expected = if host == "local" { Ok(()) } else { Err(Refusal::Host) };
            assert_eq!(checked(&[("host", host)], false), expected, "{host}");
        }
        assert_eq!(checked(&[], false), Err(Refusal::NoHost));
        assert_eq!(checked(&[("host", ":7190")], false), Err(Refusal::NoHost));
        assert_eq!(checked(&[("host", "[::1")], false), Err(Refusal::NoHost));
        assert_eq!(checked(&[("host", "localhost"), ("host", "evil.com")], false), Err(Refusal::NoHost));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let with = |name, value| checked(&[("host", "voron.local:7190"), (name, value)], false);
        assert_eq!(with("origin", "http://voron.local:7190"), Ok(()));
        assert_eq!(with("origin", "https://voron.local:7190"), Ok(()));
        assert_eq!(with("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(with("sec-fetch-site", "none"), Ok(()));
        for origin in ["http://voron.local", "http://voron.local:80", "null", "http://evil.com", "voron.local:7190", ""]
        {
            assert_eq!(with("origin", origin), Err(Refusal::Origin), "{origin}");
        }
        for site in ["cross-site", "same-site", "odd"] {
            assert_eq!(with("sec-fetch-site", site), Err(Refusal::Origin), "{site}");
        }
    }

    #[test]
    fn other_sites_may_link_to_the_page_and_no_more() {
        let link = [("host", "voron.local"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(checked(&link, true), Ok(()));
        assert_eq!(checked(&link, false), Err(Refusal::Origin));
        let embed = [("host", "voron.local"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
        assert_eq!(checked(&embed, true), Err(Refusal::Origin));
    }
}
