//! Comments and reconnection times, which browsers do not show.
#![allow(clippy::unwrap_used, missing_docs)]

use std::borrow::Cow;
use tidewire_sse::{Item, Parser};

/// What a stream says, in pieces, as text.
fn said(stream: &[u8], piece_len: usize) -> Vec<String> {
    let mut parser = Parser::default();
    let mut said = Vec::new();
    for piece in stream.chunks(piece_len) {
        let mut items = parser.receive(piece);
        while let Some(item) = items.next() {
            said.push(match item.unwrap() {
                Item::Event(event) => format!("event {}", event.data),
                Item::Comment(comment) => format!("comment {comment:?}"),
                Item::Retry(time) => format!("retry {}", time.as_millis()),
            });
        }
    }
    said
}

/// The same in any pieces.
fn says(stream: &[u8], expected: &[&str]) {
    for piece_len in 1..=stream.len() {
        assert_eq!(said(stream, piece_len), expected, "{:?} in pieces of {piece_len}", stream.escape_ascii());
    }
}

#[test]
fn a_comment_is_all_behind_its_colon() {
    says(b":\n", &[r#"comment """#]);
    says(b": a\n", &[r#"comment " a""#]);
    says(b":a:b\r:\r\n::\n", &[r#"comment "a:b""#, r#"comment """#, r#"comment ":""#]);
    says(b":data: x\n\n", &[r#"comment "data: x""#]);
    says(b" :no comment\n", &[]);
    says(b": without an end", &[]);
    says(b"\xEF\xBB\xBF:behind a mark\n", &[r#"comment "behind a mark""#]);
}

#[test]
fn a_comment_is_decoded_with_replacement() {
    says(b":\xFF\xC3\xBC\xE2\x82\n", &["comment \"\u{FFFD}ü\u{FFFD}\""]);
}

#[test]
fn a_comment_neither_ends_an_event_nor_is_one() {
    says(b"data: a\n: between\ndata: b\n:\n\n", &[r#"comment " between""#, r#"comment """#, "event a\nb"]);
    says(b": alone\n\n", &[r#"comment " alone""#]);
}

#[test]
fn a_comment_that_lies_whole_in_its_chunk_is_lent() {
    let mut parser = Parser::default();
    let mut items = parser.receive(": lent\n: cut".as_bytes());
    assert!(matches!(items.next(), Some(Ok(Item::Comment(Cow::Borrowed(" lent"))))));
    assert!(items.next().is_none());
    drop(items);
    let mut items = parser.receive(b" short\n");
    assert!(matches!(items.next(), Some(Ok(Item::Comment(Cow::Borrowed(" cut short"))))));
}

#[test]
fn a_reconnection_time_is_digits_alone() {
    says(b"retry: 0\nretry:7\nretry: 0030\n", &["retry 0", "retry 7", "retry 30"]);
    says(b"retry\nretry:\nretry: +5\nretry: -5\nretry:  5\nretry: 5 \nretry: 5.0\nretry: 0x5\n", &[]);
    says("retry: ٣\n".as_bytes(), &[]);
}

#[test]
fn a_reconnection_time_that_does_not_fit_is_the_largest() {
    says(b"retry: 18446744073709551615\n", &["retry 18446744073709551615"]);
    says(b"retry: 18446744073709551616\n", &["retry 18446744073709551615"]);
    says(b"retry: 99999999999999999999999999999999\n", &["retry 18446744073709551615"]);
}
