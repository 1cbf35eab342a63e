//! Every kind of bad UTF-8 at every offset and cut everywhere (RFC 3629 §3, §4; RFC 6455 §8.1).

use super::{Row, frame};
use tidewire_ws::Role;

/// One of each kind, by the table of RFC 3629 §4.
const KINDS: [&[u8]; 34] = [
    // A tail without a lead.
    b"\x80",
    b"\xBF",
    // Leads of no sequence.
    b"\xC0",
    b"\xC1",
    b"\xF5",
    b"\xF8",
    b"\xFC",
    b"\xFE",
    b"\xFF",
    // Overlong forms.
    b"\xC0\x80",
    b"\xC1\xBF",
    b"\xE0\x80\x80",
    b"\xE0\x9F\xBF",
    b"\xF0\x80\x80\x80",
    b"\xF0\x8F\xBF\xBF",
    // Surrogates, alone and in a pair.
    b"\xED\xA0\x80",
    b"\xED\xBF\xBF",
    b"\xED\xA0\x80\xED\xB0\x80",
    // Above U+10FFFF.
    b"\xF4\x90\x80\x80",
    b"\xF7\xBF\xBF\xBF",
    b"\xF8\x88\x80\x80\x80",
    b"\xFC\x84\x80\x80\x80\x80",
    // Cut off by something else.
    b"\xC3A",
    b"\xE2\x82A",
    b"\xE2A",
    b"\xF0\x9F\x98A",
    b"\xF0\x9FA",
    b"\xF0A",
    b"\xC3\xC3\xA9",
    b"\xE2\x82\xE2\x82\xAC",
    // Cut off by the end; the longest that can be.
    b"\xC3",
    b"\xE2\x82",
    b"\xF0\x9F",
    b"\xF0\x9F\x98",
];

/// What is before the bad bytes: lengths around those of vectors, and characters of each length.
fn prefixes() -> Vec<String> {
    let mut prefixes: Vec<String> =
        (0..=17).chain([31, 32, 33, 63, 64, 65]).map(|len| "a".repeat(len)).collect();
    prefixes.extend(["é", "€", "😀", "aé€😀", "😀€éa"].map(str::to_owned));
    prefixes
}

pub(super) fn texts(role: Role, rows: &mut Vec<Row>) {
    for kind in KINDS {
        assert!(std::str::from_utf8(kind).is_err());
        for prefix in prefixes() {
            let text = [prefix.as_bytes(), kind].concat();
            rows.push(Row::new("kind of bad UTF-8", role, 1007, frame(role, 0x81, &text)));
            // Behind a long beginning, within the last bytes of it and in the bad ones.
            for cut in text.len().saturating_sub(20)..=text.len() {
                let (first, second) = text.split_at(cut);
                let frames = [frame(role, 0x01, first), frame(role, 0x80, second)].concat();
                rows.push(Row::new("kind of bad UTF-8 in two fragments", role, 1007, frames));
            }
            let bytewise = text.iter().map(|byte| frame(role, 0x00, &[*byte]));
            // As many as there may be.
            if text.len() <= 6 {
                let begun = [frame(role, 0x01, b"")].into_iter();
                let frames: Vec<u8> =
                    begun.chain(bytewise).chain([frame(role, 0x80, b"")]).flatten().collect();
                rows.push(Row::new("kind of bad UTF-8 in fragments of a byte", role, 1007, frames));
            }
        }
    }
}
