//! A stream of tidewire-ws that ends after any of its bytes (RFC 6455 §7.1.4, §7.1.5).

use super::ws::{Said, drive_to_end, halves};
use crate::splits::{self, Seeded};
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::CloseCode;
use tidewire_ws::message::{Config, Eof, Fragment};

/// Longer streams are cut, for each is read once for each of its bytes.
const MAX_STREAM_LEN: usize = 700;

/// What `sender` says when it does what pairs of bytes tell it.
fn stream(sender: Role, data: &[u8]) -> Vec<u8> {
    let (_, mut writer) = halves(sender, Arc::default());
    let mut stream = Vec::new();
    for step in data.chunks_exact(2) {
        let payload = vec![b'a' | step[1] & 0x1F; usize::from(step[1]) % 130];
        let text = "é".repeat(usize::from(step[1]) % 40);
        let output = &mut stream;
        // What may not be sent leaves nothing, which the pair of both sides has for a property.
        let _ = match step[0] % 9 {
            0 => writer.send_text(&text, output),
            1 => writer.send_binary(&payload, output),
            2 => writer.send_ping(&payload, output),
            3 => writer.send_pong(&payload, output),
            4 => writer.send_text_piece(&text, Fragment::More, output),
            5 => writer.send_text_piece(&text, Fragment::Final, output),
            6 => writer.send_binary_piece(&payload, Fragment::More, output),
            7 => writer.send_binary_piece(&payload, Fragment::Final, output),
            _ => writer.close(CloseCode::new(3000 + u16::from(step[1])).ok().map(|code| (code, "")), output),
        };
    }
    stream.truncate(MAX_STREAM_LEN);
    stream
}

/// Where things end in a stream that keeps the rules, found by the figure of §5.2 alone.
struct Ends {
    /// Behind each event.
    events: Vec<usize>,
    /// Behind each frame between messages, and at the beginning.
    between_messages: Vec<usize>,
    close: Option<usize>,
}

fn ends(stream: &[u8]) -> Ends {
    let mut ends = Ends { events: Vec::new(), between_messages: vec![0], close: None };
    let (mut at, mut is_within_message) = (0, false);
    while let [first, second, rest @ ..] = &stream[at..] {
        let extended = match (second & 0x7F, rest) {
            (len @ 0..=125, _) => Some((2, usize::from(len))),
            (126, [high, low, ..]) => Some((4, usize::from(u16::from_be_bytes([*high, *low])))),
            _ => None,
        };
        let Some((header_len, payload_len)) = extended else { break };
        at += header_len + if second & 0x80 == 0 { 0 } else { 4 } + payload_len;
        if at > stream.len() {
            break;
        }
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let is_control = opcode >= 0x8;
        if !is_control {
            is_within_message = !fin;
        }
        if is_control || fin {
            ends.events.push(at);
        }
        if !is_within_message {
            ends.between_messages.push(at);
        }
        if opcode == 0x8 {
            ends.close = Some(at);
        }
    }
    ends
}

/// A stream that ends after any of its bytes has given the events that were whole, and says how it ended: cleanly behind
/// a close frame, between two messages, or within something that is lost. Nothing comes after that.
///
/// # Panics
/// When it is not so.
pub fn every_end(data: &[u8]) {
    for (sender, receiver) in [(Role::Server, Role::Client), (Role::Client, Role::Server)] {
        let stream = stream(sender, data);
        let ends = ends(&stream);
        let mut config = Config::default();
        config.pong_high_water = 100;
        let config = Arc::new(config);
        let (all, _) = drive_to_end(halves(receiver, config.clone()), &splits::whole(&stream), &[]);
        assert_eq!(all.len(), ends.events.len());
        let mut source = Seeded::new(data.len() as u64);
        for len in 0..=stream.len() {
            let (arrived, late) = stream.split_at(len);
            let pieces = splits::random(arrived, source.next_u64());
            let (said, eof) = drive_to_end(halves(receiver, config.clone()), &pieces, late);
            assert_eq!(said.len(), ends.events.iter().filter(|end| **end <= len).count(), "{len} bytes");
            assert!(all.starts_with(&said));
            let expected = if ends.close.is_some_and(|end| end <= len) {
                Eof::Clean
            } else if ends.between_messages.contains(&len) {
                Eof::WithoutClose
            } else {
                Eof::Truncated
            };
            assert_eq!(eof, expected, "{len} bytes of {stream:02X?}");
            assert_eq!(eof.is_clean(), matches!(said.last(), Some(Said::Close(_))));
        }
    }
}
