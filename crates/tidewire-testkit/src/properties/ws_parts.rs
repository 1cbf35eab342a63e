//! Properties of tidewire-ws's smaller parsers: UTF-8, close frames, extension lists, a client's response.

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseFrame, Header, MaskingKey, Opcode, ProtocolError, mask};
use tidewire_ws::handshake::client::{Answer, Request};
use tidewire_ws::handshake::{Config, extensions};
use tidewire_ws::message::{self, Event};

use super::ws::halves;
use crate::splits;

/// A text message is taken or refused as the standard library judges its bytes, however it is cut into frames and
/// inputs, and fails at the first byte that cannot be right.
///
/// # Panics
/// When it is not.
pub fn utf8(data: &[u8]) {
    let possible = possible_len(data);
    for role in [Role::Server, Role::Client] {
        for fragments in [splits::whole(data), splits::random(data, data.len() as u64)] {
            text_in_fragments(role, data, &fragments, possible);
        }
    }
}

/// Bytes from the first on that can be the beginning of a text.
fn possible_len(data: &[u8]) -> usize {
    match std::str::from_utf8(data) {
        Ok(_) => data.len(),
        Err(error) => match error.error_len() {
            None => data.len(),
            // The byte behind those that go together is the one that cannot be right, or it is the only one.
            Some(_) => (error.valid_up_to()..data.len())
                .find(|end| {
                    std::str::from_utf8(&data[..=*end]).is_err_and(|error| error.error_len().is_some())
                })
                .unwrap_or(data.len()),
        },
    }
}

fn text_in_fragments(role: Role, data: &[u8], fragments: &[&[u8]], possible: usize) {
    let mut config = message::Config::default();
    (config.max_message_len, config.max_fragments) = (usize::MAX, u32::MAX);
    let (mut reader, mut writer) = halves(role, Arc::new(config));
    let key = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);
    let masking_key = (role == Role::Server).then_some(key);
    let (mut output, mut fed, mut opcode) = (Vec::new(), 0, Opcode::Text);
    let mut header_of = |fin, payload_len| {
        let header = Header { fin, masking_key, ..Header::new(opcode, payload_len) };
        opcode = Opcode::Continuation;
        let mut encoded = [0; 14];
        let header_len = header.encode(&mut encoded);
        encoded[..header_len].to_vec()
    };
    for fragment in fragments {
        let mut header = header_of(false, fragment.len() as u64);
        assert_eq!(reader.receive(&mut header).next(&mut writer, &mut output), None);
        let mut payload = fragment.to_vec();
        if masking_key.is_some() {
            mask(&mut payload, key, 0);
        }
        for byte in payload {
            match reader.receive(&mut [byte]).next(&mut writer, &mut output) {
                None => assert!(fed < possible, "byte {fed} cannot be right"),
                Some(event) => {
                    assert_eq!(event, Err(ProtocolError::InvalidUtf8));
                    assert_eq!(fed, possible, "byte {fed} can be right");
                    return;
                }
            }
            fed += 1;
        }
    }
    let mut last = header_of(true, 0);
    let mut events = reader.receive(&mut last);
    match (events.next(&mut writer, &mut output), std::str::from_utf8(data)) {
        (Some(Ok(Event::Text(text))), Ok(expected)) => assert_eq!(text, expected),
        (Some(Err(ProtocolError::InvalidUtf8)), Err(_)) => {}
        (event, expected) => panic!("{event:?}, and the standard library {expected:?}"),
    }
}

/// A close frame's payload is judged by the tables of RFC 6455 §5.5.1 and §7.4, encodes to what it was, and is echoed by
/// its code.
///
/// # Panics
/// When it is not.
pub fn close(data: &[u8]) {
    let expected = match data {
        [] => Ok(None),
        [_] => Err(ProtocolError::CloseTooShort),
        [high, low, reason @ ..] => match (u16::from_be_bytes([*high, *low]), std::str::from_utf8(reason)) {
            (code @ (1000..=1003 | 1007..=1014 | 3000..=4999), Ok(reason)) if reason.len() <= 123 => {
                Ok(Some((code, reason)))
            }
            (1000..=1003 | 1007..=1014 | 3000..=4999, Ok(_)) => {
                Err(ProtocolError::ControlTooLong { opcode: Opcode::Close, length_field: 126 })
            }
            (1000..=1003 | 1007..=1014 | 3000..=4999, Err(_)) => Err(ProtocolError::InvalidCloseReason),
            (code, _) => Err(ProtocolError::InvalidCloseCode(code)),
        },
    };
    let decoded = CloseFrame::decode(data);
    assert_eq!(decoded.map(|frame| frame.map(|frame| (frame.code().value(), frame.reason()))), expected);
    if let Ok(Some(frame)) = decoded {
        let mut encoded = [0; 125];
        let len = frame.encode(&mut encoded);
        assert_eq!(encoded[..len], *data);
    }
    if data.len() <= 125 {
        let (mut reader, mut writer) = halves(Role::Client, Arc::default());
        let (mut input, mut output) = ([&[0x88, data.len() as u8], data].concat(), Vec::new());
        let mut events = reader.receive(&mut input);
        assert_eq!(events.next(&mut writer, &mut output), Some(decoded.map(Event::Close)));
        // Masked with a key of zeros.
        let answer = match expected {
            Ok(None) => vec![0x88, 0x80, 0, 0, 0, 0],
            Ok(Some(_)) => [&[0x88, 0x82, 0, 0, 0, 0], &data[..2]].concat(),
            Err(ProtocolError::InvalidCloseReason) => vec![0x88, 0x82, 0, 0, 0, 0, 0x03, 0xEF],
            Err(_) => vec![0x88, 0x82, 0, 0, 0, 0, 0x03, 0xEA],
        };
        assert_eq!(output, answer);
    }
}

/// A list of extensions that is read is the same when it is written out and read again.
///
/// # Panics
/// When it is not.
pub fn extension_list(data: &[u8]) {
    let Ok(listed) = extensions::parse(data.split(|byte| *byte == b'\n')) else { return };
    assert!(listed.len() <= extensions::MAX_EXTENSIONS);
    let mut written = Vec::new();
    for extension in &listed {
        assert!(extension.parameters.len() <= extensions::MAX_PARAMETERS);
        let mut one = extension.name.to_owned();
        for (name, value) in &extension.parameters {
            one += &match value {
                None => format!("; {name}"),
                Some(value) => format!(";{name}=\"{value}\""),
            };
        }
        written.push(one);
    }
    let written = written.join(", ");
    assert!(!written.is_empty());
    assert_eq!(extensions::parse([written.as_bytes()]).as_deref(), Ok(&*listed));
}

/// What a client makes of a server's bytes does not depend on how they are cut, and is bounded.
///
/// # Panics
/// When it does, or is not.
pub fn response(data: &[u8]) {
    let answered = |pieces: &[&[u8]]| {
        let request =
            Request::new("a", "/", *b"the sample nonce").and_then(|request| request.subprotocol("chat"));
        let mut reader = request.expect("the fields are good").into_reader(Arc::new(Config::default()));
        for piece in pieces {
            match reader.receive(piece) {
                Ok(Answer::NeedMore) => {}
                answer => return describe(answer, data),
            }
        }
        describe(reader.handle_eof().map(Answer::Declined), data)
    };
    let whole = answered(&splits::whole(data));
    for pieces in [splits::bytewise(data), splits::random(data, data.len() as u64)] {
        assert_eq!(answered(&pieces), whole);
    }
}

fn describe(answer: Result<Answer, tidewire_ws::handshake::client::InvalidResponse>, data: &[u8]) -> String {
    match answer {
        Ok(Answer::NeedMore) => panic!("the end of the stream is an answer"),
        Ok(Answer::Open { opened, .. }) => {
            let sent = String::from_utf8_lossy(data).to_ascii_lowercase();
            assert!(sent.contains("s3pplmbitxaq9kygzzhzrbk+xoo="));
            format!("open, {:?}", opened.subprotocol())
        }
        Ok(Answer::Declined(declined)) => {
            assert!(declined.body().len() <= 4096);
            format!("{declined:?} {:?}", declined.body())
        }
        Err(error) => error.to_string(),
    }
}
