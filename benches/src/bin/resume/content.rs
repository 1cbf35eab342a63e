//! What is published: a message says which it is, so that whoever receives it can tell that it is whole and the right one.

use std::fmt::Write;

/// The name of a topic.
pub(crate) fn name(topic: usize) -> String {
    format!("resume-{topic}")
}

/// Bytes of a message: small ones mostly, now and then one that fills several segments and a socket's buffer.
fn len_of(offset: u64) -> usize {
    match offset {
        offset if offset % 100 == 0 => 24 * 1024,
        offset if offset % 10 == 0 => 4 * 1024,
        _ => 100,
    }
}

/// Writes the message into `text`: lines, with what JSON has to escape.
pub(crate) fn write(topic: usize, offset: u64, text: &mut String) {
    text.clear();
    // Writing to a String cannot fail.
    let _ = write!(text, "{topic} {offset}");
    let letter = char::from(b'a' + (offset % 26) as u8);
    let len = len_of(offset);
    while text.len() < len {
        let _ = write!(text, "\n\"{letter}{letter}{letter}\\ é{offset} {letter}{letter}{letter}{letter}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_which_it_is() {
        let (mut one, mut other) = (String::new(), String::new());
        for offset in [1, 10, 100, 26, 27] {
            write(1, offset, &mut one);
            assert!(one.len() >= len_of(offset) && one.len() < len_of(offset) + 64);
            for (topic, offset) in [(2, offset), (1, offset + 26)] {
                write(topic, offset, &mut other);
                assert_ne!(one, other);
            }
        }
    }
}
