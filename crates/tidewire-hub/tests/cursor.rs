//! The cursor token: golden texts, its length, and what becomes of a damaged one.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{Cursor, Epoch, Hub, InvalidCursor, Position, Start, SubscriberId, TopicName};

/// Incarnation, life and offset of one position, and the token that it has for ever.
const GOLDEN: [(&str, u64, u64, &str); 6] = [
    ("a", 0, 0, "EAEjRWeJq83vAMEH8gIxmg"),
    ("a", 0, 1, "EAEjRWeJq83vAMEH8gRRXA"),
    ("chat/1", 0, 1_000_000, "EAEjRWeJq83vCG3X14KJepRf"),
    ("chat/1", 1, 1_000_000, "EAEjRWeJq83vCG3X14OJegH6qA"),
    ("é", 300, 62, "EAEjRWeJq83vEtiTsn-sAjKx"),
    ("a", u32::MAX as u64, Position::MAX_OFFSET, "EAEjRWeJq83vAMEH8oOAgICAgIAg_____w9Dbg"),
];

#[test]
fn golden_tokens() {
    for (name, life, offset, token) in GOLDEN {
        let position = Position { epoch: Epoch { incarnation: HUB, life }, offset };
        let cursor = Cursor::for_position(&topic(name), position);
        assert_eq!(cursor.to_string(), token, "{name} {life} {offset}");
        let parsed: Cursor = token.parse().unwrap();
        assert_eq!(parsed, cursor);
        assert_eq!((parsed.incarnation(), parsed.topics()), (HUB, 1));
        assert_eq!(parsed.start(&topic(name)), Start::After(position));
    }
}

#[test]
fn a_position_beyond_what_a_token_holds_is_one_that_nobody_can_tell() {
    let (life, offset) = (Epoch::MAX_LIFE, Position::MAX_OFFSET);
    for (life, offset, is_told) in [
        (life, offset, true),
        (life + 1, 1, false),
        (life + 2, 1, false),
        (1, offset + 1, false),
        (1, u64::MAX, false),
    ] {
        let position = Position { epoch: Epoch { incarnation: HUB, life }, offset };
        let expected = if is_told { Start::After(position) } else { Start::Unknown };
        let cursor = Cursor::for_position(&topic("a"), position);
        assert_eq!(cursor.start(&topic("a")), expected, "{life} {offset}");
        assert_eq!(Cursor::parse(&cursor.encode()).unwrap(), cursor);
    }
}

/// A subscriber of ten topics with 1 to 10 messages.
fn ten_topics(hub: &mut Hub<Note>) -> (SubscriberId, Vec<TopicName>) {
    let names: Vec<TopicName> = (0..10).map(|index| topic(&format!("room/{index}"))).collect();
    let id = connect(hub, 1);
    for (index, name) in names.iter().enumerate() {
        for number in 0..=index as u64 {
            publish(hub, name.as_str(), number);
        }
        hub.subscribe(Duration::ZERO, id, name, Start::Live).unwrap();
    }
    (id, names)
}

#[test]
fn a_token_of_ten_topics_from_a_hub() {
    let mut hub = hub();
    let (id, names) = ten_topics(&mut hub);
    let token = hub.cursor(id).encode();
    assert_eq!(token, "EAEjRWeJq83vOWQMyRJayhayFmEGMm8IYxH7mxBu6A-nFHcyN8EMjUbbOAqVdpF1BK0CcvIO5Cqczgaohw");
    let cursor = Cursor::parse(&token).unwrap();
    assert_eq!(cursor.topics(), 10);
    for (index, name) in names.iter().enumerate() {
        assert_eq!(cursor.start(name), Start::After(at(index as u64 + 1)));
    }
    assert_eq!(cursor.start(&topic("room/10")), Start::Live);
}

/// The length of a token of ten topics whose positions each take that of the given one.
fn length_of_ten(life: u64, offset: u64) -> usize {
    let length = |position| Cursor::for_position(&topic("a"), position).encode().len();
    let position = Position { epoch: Epoch { incarnation: HUB, life }, offset };
    // The head and the checksum are 11 bytes; what is left of a token of one topic is its entry.
    let entry = length(position) * 6 / 8 - 11;
    ((11 + 10 * entry) * 8).div_ceil(6)
}

#[test]
fn ten_topics_fit_128_characters() {
    assert_eq!(length_of_ten(0, 1_000), 95);
    assert_eq!(length_of_ten(0, 1_000_000), 108);
    assert_eq!(length_of_ten(0, 134_217_726), 122);
    assert_eq!(length_of_ten(100, 1_000_000), 122);
    assert_eq!(length_of_ten(0, 134_217_727), 135, "the first offsets that are too large");
    let mut hub = hub();
    let (id, _) = ten_topics(&mut hub);
    assert!(hub.cursor(id).encode().len() <= 128);
}

#[test]
fn no_prefix_and_no_single_changed_bit_or_character_is_read() {
    let mut hub = hub();
    let (id, _) = ten_topics(&mut hub);
    let mut tokens: Vec<String> = GOLDEN.iter().map(|golden| golden.3.to_owned()).collect();
    tokens.push(hub.cursor(id).encode());
    for token in tokens {
        for len in 0..token.len() {
            assert!(Cursor::parse(&token[..len]).is_err(), "{}", &token[..len]);
        }
        for index in 0..token.len() {
            for byte in 0..128 {
                let mut changed = token.clone().into_bytes();
                changed[index] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(Cursor::parse(&changed).is_ok(), changed == token, "{changed}");
            }
        }
        for more in ["A", "AA", "AAA", "AAAA", "=", " ", "\n"] {
            assert!(Cursor::parse(&format!("{token}{more}")).is_err());
            assert!(Cursor::parse(&format!("{more}{token}")).is_err());
        }
    }
}

#[test]
fn a_text_longer_than_any_token_is_refused_at_once() {
    assert_eq!(Cursor::parse(&"A".repeat(Cursor::MAX_LEN + 1)), Err(InvalidCursor::TooLong));
    assert_eq!(Cursor::parse(&"A".repeat(Cursor::MAX_LEN)), Err(InvalidCursor::Version));
    assert_eq!(Cursor::parse(&"A".repeat(1 << 20)), Err(InvalidCursor::TooLong));
}

/// Names that share the first four bytes of their hashes, found by search.
const COLLIDING: (&str, &str) = ("t41431", "t129545");

#[test]
fn names_whose_short_hashes_collide_keep_their_own_positions() {
    let mut hub = hub();
    let (one, two) = (topic(COLLIDING.0), topic(COLLIDING.1));
    let id = connect(&mut hub, 1);
    for (name, count) in [(&one, 3), (&two, 5)] {
        for number in 0..count {
            publish(&mut hub, name.as_str(), number);
        }
        hub.subscribe(Duration::ZERO, id, name, Start::Live).unwrap();
    }
    let token = hub.cursor(id).encode();
    assert_eq!(token.len(), ((9 + 2 * (8 + 1) + 2) * 8_usize).div_ceil(6), "both hashes are wide");
    let cursor = Cursor::parse(&token).unwrap();
    assert_eq!(cursor.start(&one), Start::After(at(3)));
    assert_eq!(cursor.start(&two), Start::After(at(5)));
}

#[test]
fn a_topic_taken_for_another_gets_more_than_live_and_never_less() {
    let mut hub = hub();
    for number in 1..=5 {
        publish(&mut hub, COLLIDING.1, number);
    }
    for (offset, expected) in [(3, vec![note(COLLIDING.1, 4), note(COLLIDING.1, 5)]), (5, vec![])] {
        let cursor = Cursor::for_position(&topic(COLLIDING.0), at(offset));
        let id = follow(&mut hub, COLLIDING.1, cursor.start(&topic(COLLIDING.1)));
        assert_eq!(pull_all(&mut hub, id), expected);
    }
    let cursor = Cursor::for_position(&topic(COLLIDING.0), at(6));
    let id = follow(&mut hub, COLLIDING.1, cursor.start(&topic(COLLIDING.1)));
    assert!(matches!(pull(&mut hub, id), Some(Got::Gap(..))));
    assert_eq!(numbers(&mut hub, id), [1, 2, 3, 4, 5]);
}

#[test]
fn an_empty_cursor_starts_everything_live() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    let cursor = Cursor::parse(&hub.cursor(id).encode()).unwrap();
    assert_eq!((cursor.topics(), cursor.start(&topic("a"))), (0, Start::Live));
}
