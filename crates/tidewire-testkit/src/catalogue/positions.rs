//! Rows in which good frames come first: what is bad may depend on them (RFC 6455 §5.4), or has to be bad regardless.

use super::{Row, encode, frame, header};
use tidewire_ws::Role;

pub(super) fn within_streams(role: Role, rows: &mut Vec<Row>) {
    first_bytes_behind_messages(role, rows);
    first_bytes_within_a_message(role, rows);
    lengths_within_a_message(role, rows);
}

/// A text message, a pong and a binary message in two fragments: three events, and no answer.
fn three_events(role: Role) -> Vec<u8> {
    [
        frame(role, 0x81, "κόσμε".as_bytes()),
        frame(role, 0x8A, b"unasked"),
        frame(role, 0x02, &[0xFF]),
        frame(role, 0x80, &[0xFE]),
    ]
    .concat()
}

/// What is bad in every frame, by its first byte and its mask.
fn is_always_bad(role: Role, first: u8, masked: bool) -> bool {
    let opcode = first & 0x0F;
    first & 0x70 != 0
        || matches!(opcode, 0x3..=0x7 | 0xB..=0xF)
        || (opcode >= 0x8 && first & 0x80 == 0)
        || masked != (role == Role::Server)
}

fn first_bytes_behind_messages(role: Role, rows: &mut Vec<Row>) {
    let good = three_events(role);
    for first in 0..=u8::MAX {
        for masked in [true, false] {
            for len in [0, 1, 125] {
                let opcode = first & 0x0F;
                if is_always_bad(role, first, masked) || opcode == 0x0 || (opcode == 0x8 && len > 0) {
                    let bad = encode(first, &vec![0; len], masked);
                    rows.push(Row::new("first byte behind messages", role, 1002, bad).behind(&good, 3));
                }
            }
        }
    }
}

fn first_bytes_within_a_message(role: Role, rows: &mut Vec<Row>) {
    for begun in [frame(role, 0x01, "é".as_bytes()), frame(role, 0x02, b"")] {
        // The message goes on, also behind a pong, which is an event.
        let again = [&begun[..], &frame(role, 0x00, b"a"), &frame(role, 0x8A, b"")].concat();
        for (good, events) in [(&begun, 0), (&again, 1)] {
            for first in 0..=u8::MAX {
                for masked in [true, false] {
                    for len in [0, 1, 125] {
                        let opcode = first & 0x0F;
                        // Here a continuation may come, and a new message may not.
                        if is_always_bad(role, first, masked)
                            || matches!(opcode, 0x1 | 0x2)
                            || (opcode == 0x8 && len > 0)
                        {
                            let bad = encode(first, &vec![0; len], masked);
                            let row = Row::new("first byte within a message", role, 1002, bad);
                            rows.push(row.behind(good, events));
                        }
                    }
                }
            }
        }
    }
}

/// Class A: lengths that are wrong by themselves, and those that are too long only together with what came.
fn lengths_within_a_message(role: Role, rows: &mut Vec<Row>) {
    for opcode in [0x01, 0x02] {
        let begun = frame(role, opcode, b"a");
        let mut push = |class, code, bad| rows.push(Row::new(class, role, code, bad).behind(&begun, 0));
        for first in [0x00, 0x80] {
            for len in 0..=125u16 {
                push("continuation length not minimal", 1002, header(role, first, 126, &len.to_be_bytes()));
            }
            for len in (0..=0xFFFFu64).step_by(911) {
                push("continuation length not minimal", 1002, header(role, first, 127, &len.to_be_bytes()));
            }
            for shift in 0..63 {
                let top = (1u64 << 63) | (1 << shift);
                push("top bit of a continuation length", 1002, header(role, first, 127, &top.to_be_bytes()));
                // One byte came, so that the last of these comes to 2^63.
                let sums = [(1u64 << shift) - 1, 1 << shift, (1u64 << 63) - 1 - (1 << shift), (1 << 63) - 1];
                for len in sums.into_iter().filter(|len| *len > 0xFFFF) {
                    push(
                        "sum of lengths beyond the limit",
                        1009,
                        header(role, first, 127, &len.to_be_bytes()),
                    );
                }
            }
        }
    }
}
