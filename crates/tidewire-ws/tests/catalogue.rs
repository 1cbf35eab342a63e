//! Check C3: a generated catalogue of bad inputs, each with the close code that answers it. After the error there is no
//! event, and in the output nothing but the one close frame (classes A, C, D, E and N; RFC 6455 §7.1.7). The handshake's
//! inputs, which a status answers, are in `handshake`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use tidewire_testkit::catalogue::{self, Row};
use tidewire_testkit::splits;
use tidewire_ws::Role;
use tidewire_ws::frame::{MaskingKey, mask};
use tidewire_ws::message::{Config, Reader, Writer};

fn halves(row: &Row, config: &Arc<Config>) -> (Reader, Writer) {
    let reader = Reader::new(row.role, config.clone());
    let writer = match row.role {
        Role::Server => Writer::server(config.clone()),
        Role::Client => Writer::client(config.clone(), || MaskingKey([0x37, 0xFA, 0x21, 0x3D])),
    };
    #[cfg(feature = "deflate")]
    if let Some(agreement) = &row.agreement {
        return (reader.with_deflate(agreement), writer.with_deflate(agreement));
    }
    (reader, writer)
}

/// The code of the close frame that the output is.
fn close_code(role: Role, output: &mut [u8]) -> u16 {
    let (header_len, flag) = match role {
        Role::Server => (2, 0x00),
        Role::Client => (6, 0x80),
    };
    assert_eq!((output[0], output[1]), (0x88, flag | 2), "nothing but a close frame with a code");
    assert_eq!(output.len(), header_len + 2);
    let (header, payload) = output.split_at_mut(header_len);
    if let Role::Client = role {
        mask(payload, MaskingKey(*header.last_chunk().unwrap()), 0);
    }
    u16::from_be_bytes([payload[0], payload[1]])
}

/// Good frames, which nobody may look at.
fn good_frames(role: Role) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut writer = match role {
        Role::Server => Writer::client(Arc::default(), || MaskingKey([1, 2, 3, 4])),
        Role::Client => Writer::server(Arc::default()),
    };
    writer.send_text("after", &mut stream).unwrap();
    writer.send_ping(b"after", &mut stream).unwrap();
    writer.close(None, &mut stream).unwrap();
    stream
}

fn run(row: &Row, pieces: &[&[u8]], config: &Arc<Config>) {
    let (mut reader, mut writer) = halves(row, config);
    let (mut output, mut before, mut errors) = (Vec::new(), 0, 0);
    for piece in pieces {
        let mut input = piece.to_vec();
        let mut events = reader.receive(&mut input);
        while let Some(event) = events.next(&mut writer, &mut output) {
            assert_eq!(errors, 0, "{row:?}: something came after the error");
            match event {
                Ok(event) => {
                    before += 1;
                    assert!(before <= row.events_before, "{row:?}: {event:?}");
                }
                Err(_) => errors += 1,
            }
        }
        assert_eq!(events.consumed(), piece.len());
    }
    assert_eq!((before, errors), (row.events_before, 1), "{row:?}");
    assert_eq!(close_code(row.role, &mut output), row.code, "{row:?}");
    assert!(!reader.wants_read() && writer.close_sent());
    assert_eq!(reader.held_len_bytes(), 0, "{row:?}: memory is given back");
    assert!(writer.send_text("x", &mut output).is_err());
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# The server MUST close the connection upon receiving a frame that is not
//# masked.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# A client MUST close a connection if it detects a masked frame.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# MUST be 0 unless an extension is negotiated that defines meanings for
//# non-zero values.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# If a nonzero value is received and none of the negotiated extensions
//# defines the meaning of such a nonzero value, the receiving endpoint MUST
//# _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# If an unknown opcode is received, the receiving endpoint MUST _Fail the
//# WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# Control frames themselves MUST NOT be fragmented.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# The fragments of one message MUST NOT be interleaved between the
//# fragments of another message unless an extension has been negotiated
//# that can interpret the interleaving.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.6
//= type=test
//# Note that a particular text frame might include a partial UTF-8
//# sequence; however, the whole message MUST contain valid UTF-8.
//= https://www.rfc-editor.org/rfc/rfc6455#section-8.1
//= type=test
//# When an endpoint is to interpret a byte stream as UTF-8 but finds that
//# the byte stream is not, in fact, a valid UTF-8 stream, that endpoint
//# MUST _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
//= type=test
//# Incoming data MUST always be validated by both clients and servers.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
//= type=test
//# If _The WebSocket Connection is Established_ prior to the point where
//# the endpoint is required to _Fail the WebSocket Connection_, the
//# endpoint SHOULD send a Close frame with an appropriate status code
//# (Section 7.4) before proceeding to _Close the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
//= type=test
//# If the invalid data was received after a successful WebSocket handshake,
//# the endpoint SHOULD send a Close frame with an appropriate status code
//# (Section 7.4) before proceeding to _Close the WebSocket Connection_.
#[test]
fn every_bad_input_is_answered_with_its_close_code_whole_and_in_pieces() {
    let (config, mut counts) = (Arc::new(catalogue::config()), BTreeMap::new());
    let good = [good_frames(Role::Server), good_frames(Role::Client)];
    for row in catalogue::all() {
        let after = match row.role {
            Role::Server => &good[0],
            Role::Client => &good[1],
        };
        let stream = [&row.stream[..], after].concat();
        run(&row, &splits::whole(&stream), &config);
        run(&row, &splits::bytewise(&stream), &config);
        if !row.class.starts_with("close code") {
            run(&row, &splits::random(&stream, row.stream.len() as u64), &config);
        }
        if row.class.contains("length") && row.stream.len() <= 24 {
            // Class A: at every cut.
            for cut in 0..=row.stream.len() {
                let (first, second) = stream.split_at(cut);
                run(&row, &[first, second], &config);
            }
        }
        *counts.entry((row.class, row.code)).or_insert(0) += 1;
    }
    for ((class, code), count) in &counts {
        println!("{count:6} {code} {class}");
    }
    let total: usize = counts.values().sum();
    println!("{total:6} in all");
    assert!(total >= 200_000, "{total} rows");
    for code in [1002, 1007, 1008, 1009] {
        assert!(counts.keys().any(|(_, known)| *known == code), "no row for {code}");
    }
}

/// What is not in the catalogue of close codes must be taken.
#[test]
fn every_good_close_code_is_echoed() {
    let config = Arc::new(catalogue::config());
    for role in [Role::Server, Role::Client] {
        for code in (0..=u16::MAX).filter(|code| catalogue::is_good_close_code(*code)) {
            let row = Row::new("", role, 0, catalogue::frame(role, 0x88, &code.to_be_bytes()));
            let (mut reader, mut writer) = halves(&row, &config);
            let (mut input, mut output) = (row.stream.clone(), Vec::new());
            assert!(reader.receive(&mut input).next(&mut writer, &mut output).unwrap().is_ok());
            assert_eq!(close_code(role, &mut output), code);
        }
    }
}
