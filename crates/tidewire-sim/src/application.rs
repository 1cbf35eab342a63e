//! What the applications say: numbered messages whose contents both ends can draw for themselves.

use std::sync::LazyLock;

use crate::random::{Random, mix};

/// The longest message.
pub(crate) const MAX_MESSAGE_LEN: usize = 100 * 1024;

/// An application says nothing while so many bytes wait already.
pub(crate) const HIGH_WATER: usize = 64 * 1024;

/// Digits of a message's number, at its beginning.
const NUMBER_LEN: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Binary,
}

/// A message, by what it is drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    number: u64,
    pub(crate) form: Form,
    offset: usize,
    len: usize,
}

struct Library {
    text: String,
    binary: Vec<u8>,
}

/// Room to begin anywhere and still be long enough.
const LIBRARY_LEN: usize = MAX_MESSAGE_LEN + 16 * 1024;

/// Units of four bytes each, so that text of them can be cut at any; with line feeds, for the streams.
const UNITS: [&str; 8] = ["tide", "wire", "é, ", "€.", "𝄞", "a\nb.", " 12 ", "{\"}."];

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut random = Random::new(0);
    let text = (0..LIBRARY_LEN / 4).map(|_| UNITS[random.index(UNITS.len())]).collect();
    let binary = (0..LIBRARY_LEN / 8).flat_map(|_| random.bits().to_le_bytes()).collect();
    Library { text, binary }
});

impl Message {
    /// The message of this number in the direction that has this salt.
    pub(crate) fn new(salt: u64, number: u64) -> Self {
        let drawn = mix(salt ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let (size, detail) = (drawn % 1000, (drawn >> 32) as usize);
        let len = match size {
            0..=949 => detail % 160,
            950..=998 => detail % 2048,
            _ => detail % (MAX_MESSAGE_LEN - NUMBER_LEN),
        };
        let form = if drawn & 1024 == 0 { Form::Text } else { Form::Binary };
        let offset = (drawn >> 11) as usize % (16 * 1024);
        Self { number, form, offset: offset / 4 * 4, len: len / 4 * 4 }
    }

    fn text(&self) -> &'static str {
        &LIBRARY.text[self.offset..self.offset + self.len]
    }

    fn binary(&self) -> &'static [u8] {
        &LIBRARY.binary[self.offset..self.offset + self.len]
    }

    /// Its text into an empty buffer.
    pub(crate) fn write_text(&self, text: &mut String) {
        text.clear();
        text.extend(self.digits().map(char::from));
        text.push_str(self.text());
    }

    /// Its payload into an empty buffer.
    pub(crate) fn write_binary(&self, payload: &mut Vec<u8>) {
        payload.clear();
        payload.extend_from_slice(&self.digits());
        payload.extend_from_slice(self.binary());
    }

    /// Whether this is it, whole.
    pub(crate) fn is(&self, form: Form, payload: &[u8]) -> bool {
        let expected = match form {
            Form::Text => self.text().as_bytes(),
            Form::Binary => self.binary(),
        };
        match payload.split_first_chunk::<NUMBER_LEN>() {
            Some((digits, rest)) => *digits == self.digits() && rest == expected,
            None => false,
        }
    }

    fn digits(&self) -> [u8; NUMBER_LEN] {
        let mut rest = self.number;
        let mut digits = [b'0'; NUMBER_LEN];
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(rest % 16) as usize];
            rest /= 16;
        }
        digits
    }
}

/// The salt of a direction.
pub(crate) fn salt(connection: u64, direction: u64) -> u64 {
    mix(connection.wrapping_mul(2).wrapping_add(direction))
}

/// What was received, for people: its length and how it begins.
pub(crate) fn shown(payload: &[u8]) -> String {
    let start = String::from_utf8_lossy(&payload[..payload.len().min(24)]);
    format!("{} bytes {start:?}", payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_itself_and_no_other() {
        let (mut text, mut binary, mut longest) = (String::new(), Vec::new(), 0);
        for number in 0..20_000 {
            let message = Message::new(7, number);
            message.write_text(&mut text);
            message.write_binary(&mut binary);
            assert!(message.is(Form::Text, text.as_bytes()) && message.is(Form::Binary, &binary));
            assert!(!Message::new(7, number + 1).is(Form::Text, text.as_bytes()));
            assert!(!message.is(Form::Binary, &binary[1..]));
            longest = longest.max(binary.len());
        }
        assert!(longest > MAX_MESSAGE_LEN / 2 && longest <= MAX_MESSAGE_LEN, "{longest}");
    }
}
