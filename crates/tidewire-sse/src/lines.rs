//! Lines of a text that is at hand: CR, LF and CRLF each end one (WHATWG HTML §9.2.5).

/// The lines of a text, without their endings; a text that ends with an ending has an empty line behind it.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    /// Nothing behind the last line.
    rest: Option<&'t [u8]>,
}

impl<'t> Lines<'t> {
    /// No text has no line, and an empty one has one.
    #[inline]
    pub(crate) fn new(text: Option<&'t str>) -> Self {
        Self { rest: text.map(str::as_bytes) }
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    #[inline]
    fn next(&mut self) -> Option<&'t [u8]> {
        let text = self.rest?;
        let Some(end) = memchr::memchr2(b'\r', b'\n', text) else {
            self.rest = None;
            return Some(text);
        };
        let (line, ending) = text.split_at(end);
        self.rest = match ending {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => Some(rest),
            [] => None,
        };
        Some(line)
    }
}
