//! Where Moonraker listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// An address of Moonraker.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its unix socket, `comms/moonraker.sock`: needs no key, and Moonraker answers there first.
    Unix(PathBuf),
    /// Its websocket.
    WebSocket {
        /// `ws://host:7125/websocket` or `wss://...`; a `?token=` in it is sent along.
        url: Url,
        /// For a Moonraker that does not trust this host.
        api_key: Option<String>,
    },
}

impl Endpoint {
    /// The same address with an API key; a unix socket needs none.
    #[must_use]
    pub fn with_api_key(self, key: Option<String>) -> Self {
        match self {
            Self::WebSocket { url, .. } => Self::WebSocket { url, api_key: key },
            unix @ Self::Unix(_) => unix,
        }
    }

    /// Moonraker over HTTP, where its websocket is known.
    #[must_use]
    pub fn http(&self) -> Option<Url> {
        let Self::WebSocket { url, .. } = self else { return None };
        let mut base = url.clone();
        base.set_scheme(if base.scheme() == "wss" { "https" } else { "http" }).ok()?;
        base.set_query(None);
        // A proxy may serve several printers below one host: what stands before `/websocket` belongs to the printer.
        let path = base.path().trim_end_matches('/').trim_end_matches("websocket").to_owned();
        base.set_path(&path);
        Some(base)
    }
}

impl Endpoint {
    /// The host that relative addresses of webcams are on, as a URL.
    #[must_use]
    pub fn http_host(&self) -> String {
        let host = match self {
            Self::WebSocket { url, .. } => url.host_str(),
            Self::Unix(_) => None,
        };
        format!("http://{}", host.unwrap_or("127.0.0.1"))
    }
}

/// Why an address can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an address of Moonraker: give a socket's path, or a URL such as http://printer.local:7125")]
pub struct BadEndpoint {
    given: String,
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    /// A path, or a URL of scheme `ws`, `wss`, `http` or `https`; without a path it is Moonraker's `/websocket`.
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let bad = || BadEndpoint { given: given.to_owned() };
        if !given.contains("://") {
            return if given.contains('/') { Ok(Self::Unix(PathBuf::from(given))) } else { Err(bad()) };
        }
        let mut url = Url::parse(given).map_err(|_| bad())?;
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(bad()),
        };
        // `Url` refuses to change between special and other schemes; these four are all special.
        url.set_scheme(scheme).map_err(|()| bad())?;
        if url.host_str().is_none() {
            return Err(bad());
        }
        if url.path() == "/" {
            url.set_path("/websocket");
        }
        Ok(Self::WebSocket { url, api_key: None })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::WebSocket { url, .. } => {
                // Logs are pasted into public threads: no password, no token.
                let mut url = url.clone();
                url.set_query(None);
                url.set_password(None).ok();
                url.fmt(f)
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form_that_people_use() {
        let show = |given: &str| given.parse::<Endpoint>().map(|e| e.to_string());
        assert_eq!(
            show("/home/pi/printer_data/comms/moonraker.sock").unwrap(),
            "/home/pi/printer_data/comms/moonraker.sock"
        );
        assert_eq!(show("http://voron.local:7125").unwrap(), "ws://voron.local:7125/websocket");
        assert_eq!(show("https://farm/printer1/websocket").unwrap(), "wss://farm/printer1/websocket");
        assert!(show("voron").unwrap_err().to_string().contains("`voron` is not an address"));
        assert!(show("ftp://voron").is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let endpoint: Endpoint = "ws://me:secret@host/websocket?token=secret".parse().unwrap();
        assert!(!format!("{endpoint} {endpoint:?}").contains("secret"));
        let keyed = endpoint.with_api_key(Some("secret".to_owned()));
        assert!(!format!("{keyed:?}").contains("secret"));
    }
}
