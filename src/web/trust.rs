//! Whom Moonraker trusts by address. Pure.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;
use serde_json::Value as Json;
use url::{Host, Url};

/// Moonraker's rules, as far as it tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    networks: Vec<Network>,
    /// Everybody must log in.
    login_required: bool,
    /// Where Moonraker answers over HTTP: it says whether a key is right.
    pub http: Option<Url>,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many bits are alike.
    bits: u32,
}

impl Default for Trust {
    /// Before Moonraker was reached: this host.
    fn default() -> Self {
        let v4 = Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 };
        let v6 = Network { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 };
        Self { networks: vec![v4, v6], login_required: false, http: None }
    }
}

impl Trust {
    /// From the answer to `server.config`. `http`: where Moonraker answers, when it is known already.
    #[must_use]
    pub fn of(server_config: &Json, login_required: bool, http: Option<Url>) -> Self {
        let listed = server_config.pointer("/config/authorization/trusted_clients");
        let words: Vec<&str> = match listed {
            Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
            Some(Json::String(text)) => text.split(['\n', ',']).collect(),
            _ => Vec::new(),
        };
        // Names of hosts are passed over: whoever answers for an address could claim any name.
        let networks = words.into_iter().filter_map(Network::parse).collect();
        Self { networks, login_required, http: http.or_else(|| local_http(server_config)) }
    }

    /// Whether an address needs no credentials.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !self.login_required && self.networks.iter().any(|network| network.has(address))
    }
}

/// Where a Moonraker on this host listens.
fn local_http(server_config: &Json) -> Option<Url> {
    let host = server_config.pointer("/config/server/host").and_then(Json::as_str).unwrap_or("0.0.0.0");
    let port = server_config.pointer("/config/server/port").and_then(Json::as_u64).unwrap_or(7125);
    let host = match host {
        "all" | "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Host::parse(&host).ok()?;
    Url::parse(&format!("http://{host}:{port}/")).ok()
}

impl Network {
    /// `10.0.0.0/8`, `fe80::/10`, or an address. As in Moonraker one with bits behind the prefix is none.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let network = Self { address, bits: bits.unwrap_or(most) };
        let rest = network.bits < most && number(address) & (u128::MAX >> (128 - most + network.bits)) != 0;
        (network.bits <= most && !rest).then_some(network)
    }

    fn has(self, address: IpAddr) -> bool {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        let differing = number(self.address) ^ number(address);
        self.address.is_ipv4() == address.is_ipv4() && differing.checked_shr(most - self.bits).unwrap_or(0) == 0
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// Who calls: the other end of the connection, or whom a proxy on this host says it speaks for. From elsewhere anybody
/// could claim anything.
pub(super) fn caller(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let peer = peer.to_canonical();
    if !peer.is_loopback() {
        return peer;
    }
    let text = |name: &str| headers.get_all(name).iter().next_back().map(|value| value.to_str().unwrap_or("?"));
    let claimed = text("x-real-ip").or_else(|| text("x-forwarded-for").and_then(|list| list.split(',').next_back()));
    match claimed.map(|address| address.trim().parse::<IpAddr>()) {
        None => peer,
        Some(Ok(address)) => address.to_canonical(),
        // A proxy that says something odd speaks for somebody unknown.
        Some(Err(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn trust(clients: Json, login_required: bool) -> Trust {
        let config = json!({"config": {"authorization": {"trusted_clients": clients}, "server": {"host": "all"}}});
        Trust::of(&config, login_required, None)
    }

    fn covers(trust: &Trust, address: &str) -> bool {
        trust.covers(address.parse().unwrap())
    }

    #[test]
    fn moonrakers_trusted_clients_are_ours() {
        let listed =
            json!(["192.168.1.0/24", "10.0.0.7", "fe80::/10", "::1/128", "printer.lan", "172.16.0.1/12", "0.0.0.0/33"]);
        let trust = trust(listed, false);
        for address in ["192.168.1.1", "192.168.1.255", "10.0.0.7", "fe80::1:2", "febf::1", "::1", "::ffff:192.168.1.9"]
        {
            assert!(covers(&trust, address), "{address}");
        }
        for address in ["192.168.2.1", "10.0.0.8", "127.0.0.1", "fec0::1", "172.16.0.1", "::2", "0.0.0.0", "8.8.8.8"] {
            assert!(!covers(&trust, address), "{address}");
        }
        assert_eq!(trust.http.unwrap().as_str(), "http://127.0.0.1:7125/");
    }

    #[test]
    fn everybody_and_nobody_can_be_trusted() {
        assert!(covers(&trust(json!("0.0.0.0/0\n::/0"), false), "8.8.8.8"));
        assert!(covers(&trust(json!("0.0.0.0/0, ::/0"), false), "2001::1"));
        assert!(!covers(&trust(json!("0.0.0.0/0"), false), "2001::1"));
        assert!(!covers(&trust(json!(["127.0.0.0/8"]), true), "127.0.0.1"), "logins are forced");
        assert!(!covers(&trust(Json::Null, false), "127.0.0.1"));
        assert!(covers(&Trust::default(), "127.0.0.1") && covers(&Trust::default(), "::1"));
        assert!(!covers(&Trust::default(), "192.168.1.1"));
    }

    #[test]
    fn only_a_proxy_on_this_host_is_believed() {
        let of = |peer: &str, headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            caller(peer.parse().unwrap(), &map).to_string()
        };
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("192.168.1.9", &[("x-real-ip", "127.0.0.1")]), "192.168.1.9");
        assert_eq!(of("127.0.0.1", &[("x-real-ip", "8.8.8.8")]), "8.8.8.8");
        assert_eq!(of("::ffff:127.0.0.1", &[("x-forwarded-for", "127.0.0.1, 8.8.8.8")]), "8.8.8.8");
        assert_eq!(of("127.0.0.1", &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "8.8.8.8")]), "8.8.8.8");
        assert_eq!(of("127.0.0.1", &[("x-forwarded-for", "")]), "0.0.0.0");
    }
}
