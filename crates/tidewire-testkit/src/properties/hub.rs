//! Properties of tidewire-hub.

mod model;
mod tape;

use tidewire_hub::{Cursor, Epoch, Incarnation, Position, Start, TopicName};

/// Whatever is read as a cursor token is the one text for what it says, no other text is read, and a token that the
/// hub writes gives back the position of its own topic and of no other.
pub fn cursor(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        read(text);
    }
    // The checksum keeps chance out; behind a right one any bytes may stand.
    read(&sealed(data));
    if let Some((numbers, name)) = data.split_first_chunk::<21>() {
        written(numbers, name);
    }
}

fn read(text: &str) {
    let Ok(cursor) = Cursor::parse(text) else { return };
    assert_eq!(cursor.encode(), text, "a cursor has one text");
    assert!(text.len() <= Cursor::MAX_LEN && cursor.topics() <= Cursor::MAX_TOPICS);
    for name in ["a", "b", "chat/1"] {
        match cursor.start(&TopicName::new(name).expect("a valid name")) {
            Start::Live | Start::Unknown => {}
            Start::After(position) => {
                assert_eq!(position.epoch.incarnation, cursor.incarnation());
                assert!(position.offset <= Position::MAX_OFFSET);
            }
            Start::Earliest | Start::Last(_) => panic!("a token says where somebody stands"),
        }
    }
}

/// A token of one position: the numbers are incarnation, life, offset, and which character is changed to what.
fn written(numbers: &[u8; 21], name: &[u8]) {
    let Some(topic) = core::str::from_utf8(name).ok().and_then(|name| TopicName::new(name).ok()) else {
        return;
    };
    let word = |from: usize, len: usize| {
        numbers[from..from + len].iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
    };
    let epoch = Epoch { incarnation: Incarnation::new(word(0, 8)), life: word(8, 4) };
    let position = Position { epoch, offset: word(12, 7) % (Position::MAX_OFFSET + 1) };
    let cursor = Cursor::for_position(&topic, position);
    let text = cursor.encode();
    let parsed = Cursor::parse(&text).expect("what is written is read");
    assert_eq!(parsed, cursor);
    assert_eq!(parsed.start(&topic), Start::After(position));
    let other =
        TopicName::new(if topic.as_str() == "other" { "another" } else { "other" }).expect("a valid name");
    assert_eq!(parsed.start(&other), Start::Live, "another topic's position");
    let mut broken = text.clone().into_bytes();
    let place = usize::from(numbers[19]) % broken.len();
    broken[place] = BASE64URL[usize::from(numbers[20]) % 64];
    let broken = String::from_utf8(broken).expect("ASCII");
    assert_eq!(Cursor::parse(&broken).is_ok(), broken == text, "one changed character is seen");
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of these bytes with their checksum behind them.
fn sealed(body: &[u8]) -> String {
    let mut crc = 0xFFFF_u16;
    for byte in body {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    let bytes: Vec<u8> = body.iter().copied().chain(crc.to_be_bytes()).collect();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, index| word << 8 | u32::from(*group.get(index).unwrap_or(&0)));
        for index in 0..=group.len() {
            text.push(char::from(BASE64URL[(word >> (18 - 6 * index) & 63) as usize]));
        }
    }
    text
}

/// The bytes as a sequence of operations on a hub with small limits; after each the hub says what a naive model of
/// it says: nothing is lost without a gap, nothing comes twice or out of order, no limit is exceeded, nobody who
/// has something is forgotten by the ready list.
pub fn operations(data: &[u8]) {
    tape::play(data);
}
