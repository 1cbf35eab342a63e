//! Hosts and request targets (RFC 3986 §3.2.2, RFC 9112 §3.2).

use core::net::Ipv6Addr;

/// Whether a value is a host with an optional port, as `Host` has it: no user, no path, no list.
pub(crate) fn is_authority(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => match rest.iter().position(|byte| *byte == b']') {
            Some(end) if is_ipv6(&rest[..end]) => (&rest[..end], &rest[end + 1..]),
            Some(_) | None => return false,
        },
        name => {
            let end = name.iter().position(|byte| *byte == b':').unwrap_or(name.len());
            if !is_name(&name[..end]) {
                return false;
            }
            name.split_at(end)
        }
    };
    let port_fits = match port {
        [] => true,
        [b':', digits @ ..] => {
            let number = |port: u16, digit: &u8| port.checked_mul(10)?.checked_add(u16::from(digit - b'0'));
            digits.iter().all(u8::is_ascii_digit) && digits.iter().try_fold(0, number).is_some()
        }
        _ => false,
    };
    !host.is_empty() && port_fits
}

/// An IPv6 address, without a zone; later versions of IP have no addresses yet.
fn is_ipv6(address: &[u8]) -> bool {
    core::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// A registered name: unreserved characters, sub-delimiters, and whole percent escapes.
fn is_name(name: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte);
    let mut parts = name.split(|byte| *byte == b'%');
    let begins_plain = parts.next().is_none_or(|part| part.iter().all(is_plain));
    let is_escape_and_plain = |part: &[u8]| match part {
        [high, low, rest @ ..] => {
            high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && rest.iter().all(is_plain)
        }
        [] | [_] => false,
    };
    begins_plain && parts.all(is_escape_and_plain)
}

/// The request target of an opening handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'h> {
    /// The authority, where the target is in absolute form.
    pub(crate) authority: Option<&'h str>,
    /// Path and query.
    pub(crate) origin: &'h str,
}

impl<'h> Target<'h> {
    /// Takes a target in origin form or in absolute form; `None` for anything else.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
    //# An HTTP/1.1 or higher GET request, including a "Request-URI"
    //# [RFC2616] that should be interpreted as a /resource name/
    //# defined in Section 3 (or an absolute HTTP/HTTPS URI containing
    //# the /resource name/).
    pub(crate) fn parse(target: &'h str) -> Option<Self> {
        if !target.bytes().all(|byte| matches!(byte, 0x21..=0x7E) && byte != b'#') {
            return None;
        }
        let parsed = Self::of(target);
        let is_target = match parsed.authority {
            None => target.starts_with('/'),
            Some(authority) => is_authority(authority.as_bytes()) && has_known_scheme(target),
        };
        is_target.then_some(parsed)
    }

    /// The parts of a target that was taken before.
    pub(crate) fn of(target: &'h str) -> Self {
        let absolute = if target.starts_with('/') { None } else { target.split_once("://") };
        match absolute {
            None => Self { authority: None, origin: target },
            Some((_, rest)) => {
                let (authority, origin) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                let origin = if origin.is_empty() { "/" } else { origin };
                Self { authority: Some(authority), origin }
            }
        }
    }

    /// The part before the question mark.
    pub(crate) fn path(&self) -> &'h str {
        match self.origin.split_once('?') {
            Some(("", _)) => "/",
            Some((path, _)) => path,
            None => self.origin,
        }
    }

    /// The part behind the question mark.
    pub(crate) fn query(&self) -> Option<&'h str> {
        self.origin.split_once('?').map(|(_, query)| query)
    }
}

fn has_known_scheme(target: &str) -> bool {
    let scheme = target.split_once(':').map_or(target, |(scheme, _)| scheme);
    ["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_maybe_a_port() {
        for good in [
            "a",
            "example.com",
            "a.b:80",
            "a:",
            "a:0",
            "a:65535",
            "a:000080",
            "127.0.0.1:9",
            "[::1]",
            "[::1]:443",
            "[::ffff:127.0.0.1]",
            "a%2Fb",
            "a_b",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a:65536",
            "a:999999",
            "a:b",
            "a:80:80",
            "a b",
            "a/b",
            "u@a",
            "a, b",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "[g::]",
            "[:::]",
            "[1:2]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "[127.0.0.1]",
            "::1",
            "a%2",
            "a%2z",
            "a%z2",
            "a%zz",
            "a\u{e9}",
            "a\"",
            "a?b",
            "a#b",
            "a\\b",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_target_is_a_path_or_an_absolute_uri() {
        let parsed =
            |target| Target::parse(target).map(|target| (target.authority, target.path(), target.query()));
        assert_eq!(parsed("/"), Some((None, "/", None)));
        assert_eq!(parsed("/a?b?c"), Some((None, "/a", Some("b?c"))));
        assert_eq!(parsed("//a"), Some((None, "//a", None)));
        assert_eq!(parsed("http://h:1/a?b"), Some((Some("h:1"), "/a", Some("b"))));
        assert_eq!(parsed("WSS://h"), Some((Some("h"), "/", None)));
        assert_eq!(parsed("ws://h?b"), Some((Some("h"), "/", Some("b"))));
        for bad in [
            "",
            "*",
            "a",
            "/a#b",
            "/a b",
            "/\u{e9}",
            "/\u{7f}",
            "ftp://h/",
            "http://",
            "http:///a",
            "http://u@h/",
            "h:443",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
