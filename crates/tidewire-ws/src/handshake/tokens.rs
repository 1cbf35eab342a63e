//! Tokens and comma-separated lists of them (RFC 9110 §5.6.1, §5.6.2).

/// The elements of a list, without the white space around them; empty ones are passed over.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Whether one of the list's elements is `token`, in any case.
pub(crate) fn has_token(value: &[u8], token: &str) -> bool {
    let is_token = |element: &[u8]| element.eq_ignore_ascii_case(token.as_bytes());
    // Mostly it stands alone.
    is_token(value) || elements(value).any(is_token)
}

/// The text of a token, which is one or more of RFC 9110's `tchar`; `None` for anything else.
pub(crate) fn as_token(element: &[u8]) -> Option<&str> {
    if element.is_empty() || !element.iter().all(|byte| is_token_byte(*byte)) {
        return None;
    }
    core::str::from_utf8(element).ok()
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Takes off spaces and tabs at both ends.
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_any_space_any_case_and_empty_elements() {
        for list in ["upgrade", "keep-alive, Upgrade", ",, \tUPGRADE\t ,", "a,b,uPgRaDe"] {
            assert!(has_token(list.as_bytes(), "upgrade"), "{list}");
        }
        for list in ["", ",", "upgrades", "up grade", "\"upgrade\"", "upgrade;q=1"] {
            assert!(!has_token(list.as_bytes(), "upgrade"), "{list}");
        }
    }

    #[test]
    fn of_all_bytes_only_token_characters_make_tokens() {
        let accepted = (0..=255u8).filter(|byte| as_token(&[*byte]).is_some()).count();
        assert_eq!(accepted, 10 + 26 + 26 + 15);
        assert_eq!(as_token(b""), None);
        assert_eq!(as_token(b"chat.v2"), Some("chat.v2"));
    }
}
