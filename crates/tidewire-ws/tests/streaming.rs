//! Messages sent and received in pieces, without memory for the whole (RFC 6455 §5.4).
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use tidewire_testkit::properties::ws_pieces;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, MaskingKey, ProtocolError, mask};
use tidewire_ws::message::{Config, Event, Fragment, MessageKind, Piece, Reader, SendError, Writer};

fn server() -> (Writer, Vec<u8>) {
    (Writer::server(Arc::new(Config::default())), Vec::new())
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# A fragmented message consists of a single frame with the FIN bit
//# clear and an opcode other than 0, followed by zero or more frames
//# with the FIN bit clear and the opcode set to 0, and terminated by
//# a single frame with the FIN bit set and an opcode of 0.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# The FIN bit (frame-fin) of the last frame containing the data MUST be
//# set to 1 as defined in Section 5.2.
#[test]
fn a_message_in_pieces_is_that_of_the_standard() {
    let (mut writer, mut output) = server();
    // §5.7: a fragmented unmasked text message, "Hel" and "lo"; a ping may come between.
    writer.send_text_piece("Hel", Fragment::More, &mut output).unwrap();
    writer.send_ping(b"", &mut output).unwrap();
    writer.send_text_piece("lo", Fragment::Final, &mut output).unwrap();
    writer.send_text("!", &mut output).unwrap();
    assert_eq!(output, [0x01, 0x03, 0x48, 0x65, 0x6C, 0x89, 0x00, 0x80, 0x02, 0x6C, 0x6F, 0x81, 0x01, 0x21]);
    output.clear();
    writer.send_binary_piece(b"", Fragment::More, &mut output).unwrap();
    writer.send_binary_piece(b"a", Fragment::More, &mut output).unwrap();
    writer.send_binary_piece(b"", Fragment::Final, &mut output).unwrap();
    writer.send_binary_piece(b"b", Fragment::Final, &mut output).unwrap();
    assert_eq!(output, [0x02, 0x00, 0x00, 0x01, 0x61, 0x80, 0x00, 0x82, 0x01, 0x62]);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# a client MUST mask all frames that it sends to the server
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//= type=test
//# A masked frame MUST have the field frame-masked set to 1, as defined in
//# Section 5.2.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//= type=test
//# When preparing a masked frame, the client MUST pick a fresh masking key
//# from the set of allowed 32-bit values.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# If the data is being sent by the client, the frame(s) MUST be masked as
//# defined in Section 5.3.
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.3
//= type=test
//# Clients MUST choose a new masking key for each frame
#[test]
fn a_client_masks_each_piece_with_a_key_of_its_own() {
    let mut keys = 0;
    let mut writer = Writer::client(Arc::new(Config::default()), move || {
        keys += 1;
        MaskingKey([keys; 4])
    });
    let mut output = Vec::new();
    writer.send_text_piece("ab", Fragment::More, &mut output).unwrap();
    writer.send_text_piece("c", Fragment::Final, &mut output).unwrap();
    assert_eq!(output, [0x01, 0x82, 1, 1, 1, 1, b'a' ^ 1, b'b' ^ 1, 0x80, 0x81, 2, 2, 2, 2, b'c' ^ 2]);
    assert_eq!(writer.admit_piece(MessageKind::Text, 1, Fragment::Final).err(), Some(SendError::MustMask));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# Since control frames cannot be fragmented, the type for all fragments in
//# a message MUST be either text, binary, or one of the reserved opcodes.
#[test]
fn within_a_message_only_its_next_piece_and_control_frames_go_out() {
    let (mut writer, mut output) = server();
    writer.send_binary_piece(b"a", Fragment::More, &mut output).unwrap();
    let before = output.clone();
    let within = Err(SendError::WithinMessage(MessageKind::Binary));
    assert_eq!(writer.send_text("x", &mut output), within);
    assert_eq!(writer.send_binary(b"x", &mut output), within);
    assert_eq!(writer.send_text_piece("x", Fragment::Final, &mut output), within);
    assert_eq!(writer.admit_encoded(), within);
    assert!(writer.admit_payload(MessageKind::Binary, 1).is_err());
    assert_eq!(output, before, "what is refused leaves nothing");
    assert_eq!(
        SendError::WithinMessage(MessageKind::Binary).to_string(),
        "expected the next piece of the Binary message in progress, got something else"
    );
    writer.close(Some((CloseCode::NORMAL, "")), &mut output).unwrap();
    assert_eq!(output[before.len()..], [0x88, 0x02, 0x03, 0xE8]);
    assert_eq!(writer.send_binary_piece(b"a", Fragment::Final, &mut output), Err(SendError::NotOpen));
}

#[test]
fn a_large_piece_goes_out_by_reference() {
    let (mut writer, _) = server();
    let first = writer.admit_piece(MessageKind::Binary, 70_000, Fragment::More).unwrap();
    assert_eq!(first.as_bytes(), [0x02, 0x7F, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    let last = writer.admit_piece(MessageKind::Binary, 1, Fragment::Final).unwrap();
    assert_eq!(last.as_bytes(), [0x80, 0x01]);
}

/// Receives 64 MiB in one message with a reader that may take any length.
#[test]
fn a_huge_message_needs_no_memory() {
    const PIECE_LEN: usize = 64 * 1024;
    const PIECES: usize = 1024;
    let mut config = Config::default();
    config.max_message_len = usize::MAX;
    config.max_fragments = u32::MAX;
    let config = Arc::new(config);
    let mut client = Writer::client(config.clone(), || MaskingKey([7, 0, 9, 1]));
    let mut reader = Reader::new(Role::Server, config.clone());
    let (mut writer, mut output) = (Writer::server(config), Vec::new());
    let (mut frame, mut received) = (Vec::new(), 0);
    for index in 0..PIECES {
        let fragment = if index + 1 == PIECES { Fragment::Final } else { Fragment::More };
        frame.clear();
        client.send_binary_piece(&[index as u8; PIECE_LEN], fragment, &mut frame).unwrap();
        let cut = frame.len() / 3;
        let (head, tail) = frame.split_at_mut(cut);
        for input in [head, tail] {
            let mut pieces = reader.receive_pieces(input);
            while let Some(piece) = pieces.next(&mut writer, &mut output) {
                let Ok(Piece::Binary(bytes, _)) = piece else { panic!("{piece:?}") };
                assert!(bytes.iter().all(|byte| *byte == index as u8));
                received += bytes.len();
            }
            assert_eq!(reader.held_len_bytes(), 0);
        }
    }
    assert_eq!(received, PIECES * PIECE_LEN);
}

#[test]
fn a_text_in_pieces_fails_at_its_first_bad_byte() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    // "aé", then a surrogate: its second byte is the first that cannot be.
    let stream = [0x81, 0x09, b'a', 0xC3, 0xA9, 0xED, 0xA0];
    let mut said = Vec::new();
    for byte in stream {
        let mut input = [byte];
        let mut pieces = reader.receive_pieces(&mut input);
        while let Some(piece) = pieces.next(&mut writer, &mut output) {
            said.push(piece.map(|piece| match piece {
                Piece::Text(text, fragment) => (text.into_owned(), fragment),
                Piece::Binary(..) | Piece::Ping(_) | Piece::Pong(_) | Piece::Close(_) => panic!("a text"),
            }));
        }
    }
    let more = |text: &str| Ok((text.to_owned(), Fragment::More));
    assert_eq!(said, [more("a"), more("é"), Err(ProtocolError::InvalidUtf8)]);
    assert_eq!(output[..4], [0x88, 0x82, 0, 0]);
    assert_eq!(output[6..], [0x03, 0xEF]);
}

#[test]
fn what_was_joined_comes_as_the_first_piece_and_what_was_lent_does_not_come_again() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    let mut inputs = [[0x81, 0x06, b'a'], [b'b', b'c', b'd'], [b'e', b'f', 0x00]];
    let [first, second, third] = &mut inputs;
    assert_eq!(reader.receive(first).next(&mut writer, &mut output), None);
    let mut pieces = reader.receive_pieces(second);
    assert_eq!(pieces.next(&mut writer, &mut output), Some(Ok(Piece::Text("abcd".into(), Fragment::More))));
    let mut events = reader.receive(&mut third[..2]);
    assert_eq!(events.next(&mut writer, &mut output), Some(Ok(Event::Text("ef".into()))));
}

#[test]
fn a_piece_is_lent_from_the_input_unless_something_was_joined_before_it() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    for first in [0x81, 0x82] {
        let mut inputs = [[first, 0x05, b'a'], [b'b', b'c', b'd']];
        let [whole, pieces] = &mut inputs;
        assert!(reader.receive(whole).next(&mut writer, &mut output).is_none());
        let mut pieces = reader.receive_pieces(pieces);
        match pieces.next(&mut writer, &mut output) {
            Some(Ok(Piece::Text(Cow::Owned(text), Fragment::More))) => assert_eq!(text, "abcd"),
            Some(Ok(Piece::Binary(Cow::Owned(bytes), Fragment::More))) => assert_eq!(bytes, b"abcd"),
            other => panic!("{other:?}"),
        }
        let mut last = [b'e', first, 0x01, b'f'];
        let mut pieces = reader.receive_pieces(&mut last);
        for expected in ["e", "f"] {
            match pieces.next(&mut writer, &mut output) {
                Some(Ok(Piece::Text(Cow::Borrowed(text), Fragment::Final))) => assert_eq!(text, expected),
                Some(Ok(Piece::Binary(Cow::Borrowed(bytes), Fragment::Final))) => {
                    assert_eq!(bytes, expected.as_bytes());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn what_is_not_asked_for_is_not_consumed() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    let mut input = [0x02, 0x01, b'a', 0x89, 0x00, 0x80, 0x01, b'b'];
    let mut pieces = reader.receive_pieces(&mut input);
    let binary = |payload: &'static [u8], fragment| Some(Ok(Piece::Binary(payload.into(), fragment)));
    assert_eq!(pieces.next(&mut writer, &mut output), binary(b"a", Fragment::More));
    assert_eq!(pieces.consumed(), 3);
    assert_eq!(pieces.next(&mut writer, &mut output), Some(Ok(Piece::Ping(b""))));
    assert_eq!(pieces.consumed(), 5);
    let mut pieces = reader.receive_pieces(&mut input[5..]);
    assert_eq!(pieces.next(&mut writer, &mut output), binary(b"b", Fragment::Final));
    assert_eq!(pieces.consumed(), 3);
}

#[test]
fn what_is_held_is_the_message_and_the_control_frame_in_progress() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    let mut input = [&[0x02, 0x14][..], &[b'a'; 20], &[0x89, 0x14], &[b'p'; 10]].concat();
    assert!(reader.receive(&mut input).next(&mut writer, &mut output).is_none());
    let held = reader.held_len_bytes();
    assert!((30..=60).contains(&held), "{held} bytes for 20 of a message and 10 of a ping");
}

proptest! {
    /// A valid text, cut into frames and into inputs at any byte, with pings between the frames.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //= type=test
    //# Message fragments MUST be delivered to the recipient in the order sent
    //# by the sender.
    #[test]
    fn any_cuts_give_the_same_text(
        text in "(?s).{0,60}",
        cuts in prop::collection::vec((0usize..9, any::<bool>(), any::<[u8; 4]>()), 0..12),
    ) {
        let (mut stream, mut rest, mut first) = (Vec::new(), text.as_bytes(), 0x01);
        for (len, ping, key) in cuts {
            let (payload, tail) = rest.split_at(len.min(rest.len()));
            rest = tail;
            push(&mut stream, first, payload, key);
            first = 0x00;
            if ping {
                push(&mut stream, 0x89, payload, key);
            }
        }
        push(&mut stream, first | 0x80, rest, [1, 2, 3, 4]);
        ws_pieces::pieces(&stream);
    }
}

fn push(stream: &mut Vec<u8>, first: u8, payload: &[u8], key: [u8; 4]) {
    stream.extend_from_slice(&[first, 0x80]);
    let length_at = stream.len() - 1;
    match u8::try_from(payload.len()) {
        Ok(len @ 0..=125) => stream[length_at] |= len,
        _ => {
            stream[length_at] |= 126;
            stream.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
    }
    stream.extend_from_slice(&key);
    let start = stream.len();
    stream.extend_from_slice(payload);
    mask(&mut stream[start..], MaskingKey(key), 0);
}
