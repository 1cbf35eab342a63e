//! Credentials as HTTP sends them: a user name and a password (RFC 7617), and which headers prove who we are.

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use url::Url;

/// Headers that prove who we are, whatever their caller says of them.
const PROOFS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Whether a header stays with its origin, and out of debug output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Plain,
    Secret,
}

impl Secrecy {
    /// What a header of this name has, of which its caller says this.
    pub(crate) fn of(name: &str, said: Self) -> Self {
        if PROOFS.iter().any(|proof| name.eq_ignore_ascii_case(proof)) { Self::Secret } else { said }
    }
}

/// The value of an `Authorization` for a user name and a password.
pub(crate) fn basic(user: &[u8], password: &[u8]) -> String {
    let pair = [user, b":", password].concat();
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Takes the credentials out of a URL; the `Authorization` that says the same, where there are any.
pub(crate) fn take(url: &mut Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
    // Only a URL without a host has no place for them, and had none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(basic(&user, &password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_url_become_a_header() {
        for (text, header, left) in [
            ("ws://Aladdin:open%20sesame@a/", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "ws://a/"),
            ("http://user@a/b?c", Some("Basic dXNlcjo="), "http://a/b?c"),
            ("http://:p@a/", Some("Basic OnA="), "http://a/"),
            ("http://a/", None, "http://a/"),
        ] {
            let mut url = Url::parse(text).unwrap();
            assert_eq!(take(&mut url).as_deref(), header, "{text}");
            assert_eq!(url.as_str(), left);
        }
    }
}
