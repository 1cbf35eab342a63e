//! Which proxy the environment names, and for whom it names none: the variables that most programs read.

use std::net::IpAddr;

use url::Host;

use super::{InvalidProxy, Proxy};

/// The variables with a proxy, the first that is set counts.
const PROXY: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Those with what needs none.
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A variable of the environment that names no proxy that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidEnvironment {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub error: InvalidProxy,
}

impl std::fmt::Display for InvalidEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.variable, self.error)
    }
}

impl std::error::Error for InvalidEnvironment {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// What the environment said of proxies when it was read.
///
/// A proxy is named by `HTTPS_PROXY`, else by `ALL_PROXY`, for `ws` and `wss` alike, because a tunnel serves both.
/// `NO_PROXY` lists, with commas between them, hosts that are reached without one: names, each with all below it, addresses,
/// networks (`10.0.0.0/8`), or `*` for all. Names in small letters count for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    proxy: Option<Proxy>,
    exempt: Vec<Exempt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exempt {
    All,
    /// A name and all below it, without a dot at either end.
    Name(String),
    Network(IpAddr, u32),
}

impl Environment {
    /// Reads the environment, once.
    ///
    /// # Errors
    /// [`InvalidEnvironment`]: it names a proxy, but none that is spoken to.
    pub fn read() -> Result<Self, InvalidEnvironment> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidEnvironment> {
        let set = |name: &&'static str| Some((*name, lookup(name).filter(|value| !value.trim().is_empty())?));
        let proxy = match PROXY.iter().find_map(set) {
            Some((variable, value)) => {
                let (value, has_scheme) = (value.trim(), value.contains("://"));
                let url = if has_scheme { value.to_owned() } else { format!("http://{value}") };
                Some(Proxy::http(&url).map_err(|error| InvalidEnvironment { variable, error })?)
            }
            None => None,
        };
        let list = NO_PROXY.iter().find_map(set).map(|(_, value)| value).unwrap_or_default();
        Ok(Self { proxy, exempt: list.split(',').filter_map(Exempt::parse).collect() })
    }

    /// The proxy on the way to a host.
    pub(super) fn proxy_for(&self, host: Host<&str>) -> Option<&Proxy> {
        let is_exempt = self.exempt.iter().any(|exempt| exempt.covers(&host));
        self.proxy.as_ref().filter(|_| !is_exempt)
    }
}

impl Exempt {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if entry == "*" {
            return Some(Self::All);
        }
        let (address, len) = match entry.split_once('/') {
            Some((address, len)) => (address, Some(len.parse().ok()?)),
            None => (entry, None),
        };
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(address).parse::<IpAddr>() {
            let width = if address.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network(address, len.unwrap_or(width).min(width)));
        }
        let name = entry.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
        (!name.is_empty() && len.is_none()).then_some(Self::Name(name))
    }

    fn covers(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Name(name), Host::Domain(host)) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                host.strip_suffix(&**name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(network, len), Host::Ipv4(address)) => {
                is_within(IpAddr::V4(*address), *network, *len)
            }
            (Self::Network(network, len), Host::Ipv6(address)) => {
                is_within(IpAddr::V6(*address), *network, *len)
            }
            (Self::Name(_), Host::Ipv4(_) | Host::Ipv6(_)) | (Self::Network(..), Host::Domain(_)) => false,
        }
    }
}

/// Whether the first `len` bits of two addresses are the same.
fn is_within(address: IpAddr, network: IpAddr, len: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= len
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (address.to_bits() ^ network.to_bits()).leading_zeros() >= len
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::address::Address;

    fn environment(variables: &[(&str, &str)]) -> Result<Environment, InvalidEnvironment> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Environment::from_lookup(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    fn proxy_for<'e>(environment: &'e Environment, host: &str) -> Option<&'e Proxy> {
        let (address, _) = Address::parse(&format!("ws://{host}/")).unwrap();
        environment.proxy_for(address.host())
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_proxy() {
        for (variables, expected) in [
            (&[][..], None),
            (&[("HTTP_PROXY", "http://a")], None),
            (&[("ALL_PROXY", "http://a"), ("HTTPS_PROXY", "http://b:1")], Some("http://b:1")),
            (&[("HTTPS_PROXY", "http://a"), ("https_proxy", "u:p@b:1")], Some("http://u:p@b:1")),
            (&[("https_proxy", " "), ("all_proxy", "b")], Some("http://b")),
        ] {
            let expected = expected.map(|url| Proxy::http(url).unwrap());
            let environment = environment(variables).unwrap();
            assert_eq!(proxy_for(&environment, "example.org"), expected.as_ref(), "{variables:?}");
        }
        let error = environment(&[("ALL_PROXY", "socks5h://a:1")]).unwrap_err();
        assert_eq!((error.variable, error.error), ("ALL_PROXY", InvalidProxy::Scheme("socks5h".into())));
    }

    #[test]
    fn what_needs_no_proxy_goes_without() {
        for (list, host, exempt) in [
            ("*", "example.org", true),
            ("example.org", "example.org", true),
            ("Example.ORG", "EXAMPLE.org", true),
            (".example.org", "a.example.org", true),
            ("*.example.org", "a.example.org", true),
            ("example.org.", "example.org.", true),
            ("example.org", "badexample.org", false),
            ("example.org", "example.org.evil", false),
            ("a, ,example.org", "example.org", true),
            ("", "example.org", false),
            (".", "example.org", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("[::1]", "[::1]", true),
            ("fe80::/10", "[fe80::1]", true),
            ("fe80::/10", "[fec0::1]", false),
            ("fe80::/999", "[fe80::]", true),
            ("10.0.0.0/x", "10.0.0.0", false),
            ("0.0.0.0", "example.org", false),
        ] {
            let environment = environment(&[("ALL_PROXY", "http://p"), ("NO_PROXY", list)]).unwrap();
            assert_eq!(proxy_for(&environment, host).is_none(), exempt, "{list:?} and {host}");
        }
    }
}
