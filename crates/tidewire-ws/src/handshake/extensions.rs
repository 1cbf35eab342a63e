//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).

use super::tokens::{as_token, is_token_byte};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The most extensions that all headers of a request or a response may list; one more is malformed.
pub const MAX_EXTENSIONS: usize = 16;

/// The most parameters of one extension; one more is malformed.
pub const MAX_PARAMETERS: usize = 16;

/// One extension in a list: its name, and its parameters in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'h> {
    /// The name, a token. Names are registered and compared as they are written.
    pub name: &'h str,
    /// Each parameter's name and its value, if it has one; a quoted value without its quotes.
    pub parameters: Vec<(&'h str, Option<Cow<'h, str>>)>,
}

/// The header is not a list of extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedExtensions {
    /// A name or a value is no token.
    NotToken,
    /// Something else than `;`, `,` or the end stands behind an extension or a parameter.
    Separator,
    /// A quoted value does not end.
    OpenQuote,
    /// No extension is listed.
    Empty,
    /// There are more extensions or parameters than [`MAX_EXTENSIONS`] or [`MAX_PARAMETERS`].
    TooMany,
}

impl fmt::Display for MalformedExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotToken => "expected a token as each name and value in Sec-WebSocket-Extensions",
            Self::Separator => "expected ';', ',' or the end behind an element of Sec-WebSocket-Extensions",
            Self::OpenQuote => "expected a closing quote in Sec-WebSocket-Extensions",
            Self::Empty => "expected at least one extension in Sec-WebSocket-Extensions",
            Self::TooMany => "expected at most 16 extensions with 16 parameters each",
        })
    }
}

impl core::error::Error for MalformedExtensions {}

/// The extensions that the values of `Sec-WebSocket-Extensions` list: several headers are one list (§9.1).
///
/// ```
/// use tidewire_ws::handshake::extensions::parse;
/// let listed = parse([&b"permessage-deflate; client_max_window_bits=\"10\", foo"[..]])?;
/// assert_eq!(listed[0].name, "permessage-deflate");
/// assert_eq!(listed[0].parameters, [("client_max_window_bits", Some("10".into()))]);
/// assert_eq!(listed[1].name, "foo");
/// # Ok::<(), tidewire_ws::handshake::extensions::MalformedExtensions>(())
/// ```
///
/// # Errors
/// A value is no such list, or lists too much.
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//# If a value is received by either the client or the server during
//# negotiation that does not conform to the ABNF below, the recipient of
//# such malformed data MUST immediately _Fail the WebSocket Connection_.
pub fn parse<'h>(
    values: impl IntoIterator<Item = &'h [u8]>,
) -> Result<Vec<Extension<'h>>, MalformedExtensions> {
    let mut extensions = Vec::new();
    for value in values {
        let mut rest = Scanner(value);
        let before = extensions.len();
        loop {
            // A recipient passes over empty elements of a list (RFC 9110 §5.6.1.2).
            rest.space();
            while rest.take(b',') {
                rest.space();
            }
            if rest.0.is_empty() {
                break;
            }
            if extensions.len() == MAX_EXTENSIONS {
                return Err(MalformedExtensions::TooMany);
            }
            extensions.push(rest.extension()?);
            if !rest.0.is_empty() && !rest.take(b',') {
                return Err(MalformedExtensions::Separator);
            }
        }
        if extensions.len() == before {
            return Err(MalformedExtensions::Empty);
        }
    }
    Ok(extensions)
}

/// What is left of a value.
struct Scanner<'h>(&'h [u8]);

impl<'h> Scanner<'h> {
    fn space(&mut self) {
        while let Some((b' ' | b'\t', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    fn token(&mut self) -> Result<&'h str, MalformedExtensions> {
        let len = self.0.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        as_token(token).ok_or(MalformedExtensions::NotToken)
    }

    fn extension(&mut self) -> Result<Extension<'h>, MalformedExtensions> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        self.space();
        while self.take(b';') {
            if parameters.len() == MAX_PARAMETERS {
                return Err(MalformedExtensions::TooMany);
            }
            self.space();
            let name = self.token()?;
            self.space();
            let value = if self.take(b'=') {
                self.space();
                Some(self.value()?)
            } else {
                None
            };
            parameters.push((name, value));
            self.space();
        }
        Ok(Extension { name, parameters })
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
    //# ;When using the quoted-string syntax variant, the value
    //# ;after quoted-string unescaping MUST conform to the
    //# ;'token' ABNF.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.3
    //# When using the quoted-string syntax variant, the value ; after
    //# quoted-string unescaping MUST conform to the ; 'token' ABNF.
    fn value(&mut self) -> Result<Cow<'h, str>, MalformedExtensions> {
        if !self.take(b'"') {
            return self.token().map(Cow::Borrowed);
        }
        let end = self.0.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        match end.map(|end| (self.0[end], self.0.split_at(end))) {
            Some((b'"', (quoted, rest))) => {
                self.0 = &rest[1..];
                as_token(quoted).map(Cow::Borrowed).ok_or(MalformedExtensions::NotToken)
            }
            Some(_) => self.escaped().map(Cow::Owned),
            None => Err(MalformedExtensions::OpenQuote),
        }
    }

    /// The rest of a quoted value in which a backslash stands before some of its characters.
    fn escaped(&mut self) -> Result<String, MalformedExtensions> {
        let mut value = String::new();
        loop {
            let byte = match self.0 {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return if value.is_empty() { Err(MalformedExtensions::NotToken) } else { Ok(value) };
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    self.0 = rest;
                    *byte
                }
                [] => return Err(MalformedExtensions::OpenQuote),
            };
            if !is_token_byte(byte) {
                return Err(MalformedExtensions::NotToken);
            }
            value.push(char::from(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    fn one(value: &str) -> Result<Vec<Extension<'_>>, MalformedExtensions> {
        parse([value.as_bytes()])
    }

    #[test]
    fn lists_with_parameters_are_read_whatever_the_space() {
        for list in
            ["foo; a; b=1; c=\"x\", bar", "foo;a;b=1;c=x,bar", ", ,foo \t; a ;b = 1; c = \"\\x\" ,, bar ,"]
        {
            let listed = one(list).unwrap();
            assert_eq!(listed.len(), 2, "{list}");
            assert_eq!(listed[0].name, "foo");
            let parameters = vec![("a", None), ("b", Some("1".into())), ("c", Some("x".into()))];
            assert_eq!(listed[0].parameters, parameters, "{list}");
            assert_eq!(listed[1], Extension { name: "bar", parameters: vec![] });
        }
        assert_eq!(parse([&b"a"[..], b"b"]).unwrap().len(), 2, "two headers are one list");
        assert_eq!(parse([]).unwrap(), []);
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.3
    //= type=test
    //# When using the quoted-string syntax variant, the value ; after
    //# quoted-string unescaping MUST conform to the ; 'token' ABNF.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
    //= type=test
    //# ;When using the quoted-string syntax variant, the value ;after
    //# quoted-string unescaping MUST conform to the ;'token' ABNF.
    #[test]
    fn what_is_no_list_is_refused() {
        use MalformedExtensions::{Empty, NotToken, OpenQuote, Separator};
        for (list, error) in [
            ("", Empty),
            (" ", Empty),
            (",", Empty),
            (";", NotToken),
            ("foo;", NotToken),
            ("foo; =1", NotToken),
            ("foo; a=", NotToken),
            ("foo; a=\"\"", NotToken),
            ("foo; a=\"b c\"", NotToken),
            ("foo; a=\"b\\ c\"", NotToken),
            ("foo; a=\"b\\\"\"", NotToken),
            ("foo; a=\"b", OpenQuote),
            ("foo; a=\"b\\", NotToken),
            ("foo bar", Separator),
            ("foo; a b", Separator),
            ("foo; a=b=c", Separator),
            ("foo; a=\"b\"c", Separator),
            ("f\u{f6}o", Separator),
            ("\u{f6}", NotToken),
        ] {
            assert_eq!(one(list), Err(error), "{list:?}");
        }
    }

    #[test]
    fn their_number_is_limited() {
        let list = |count| vec!["x"; count].join(",");
        assert_eq!(one(&list(MAX_EXTENSIONS)).unwrap().len(), MAX_EXTENSIONS);
        assert_eq!(one(&list(MAX_EXTENSIONS + 1)), Err(MalformedExtensions::TooMany));
        let parameters = |count| format!("x{}", "; p".repeat(count));
        assert_eq!(one(&parameters(MAX_PARAMETERS)).unwrap()[0].parameters.len(), MAX_PARAMETERS);
        assert_eq!(one(&parameters(MAX_PARAMETERS + 1)), Err(MalformedExtensions::TooMany));
    }
}
