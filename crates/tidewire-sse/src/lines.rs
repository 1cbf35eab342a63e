//! Lines of a text that is at hand: CR, LF and CRLF each end one (WHATWG HTML §9.2.5).

/// The lines of a text, without their endings; a text that ends with an ending has an empty line behind it.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        match memchr::memchr2(b'\r', b'\n', text) {
            None => {
                rest = None;
                Some(text)
            }
            Some(end) => {
                let crlf = text[end..].starts_with(b"\r\n");
                rest = Some(&text[end + if crlf { 2 } else { 1 }..]);
                Some(&text[..end])
            }
        }
    })
}
