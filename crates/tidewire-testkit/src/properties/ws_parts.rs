//! Properties of tidewire-ws's smaller parsers: UTF-8, close frames, extension lists, a client's response.

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseFrame, MaskingKey, ProtocolError};
use tidewire_ws::handshake::client::{Answer, Request};
use tidewire_ws::handshake::{Config, extensions};
use tidewire_ws::message::{self, Event, Reader, Writer};

use crate::splits;

/// A text message is taken or refused as the standard library judges its bytes, however it is cut into frames and
/// inputs, and fails at the first byte that cannot be right.
///
/// # Panics
/// When it is not.
pub fn utf8(data: &[u8]) {
    // Bytes up to here can be the beginning of a text.
    let possible = match std::str::from_utf8(data) {
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
    };
    let config = Arc::new(message::Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let (mut writer, mut output) = (Writer::client(config, || MaskingKey([0; 4])), Vec::new());
    let pieces = splits::random(data, data.len() as u64);
    let fragments: Vec<&&[u8]> = pieces.iter().filter(|piece| piece.len() <= 125).collect();
    let cut = fragments.len() != pieces.len();
    let (mut fed, mut first) = (0, 0x01);
    for piece in fragments {
        let mut header = [first, piece.len() as u8];
        assert!(reader.receive(&mut header).next(&mut writer, &mut output).is_none());
        first = 0x00;
        for byte in *piece {
            let mut input = [*byte];
            match reader.receive(&mut input).next(&mut writer, &mut output) {
                None => assert!(cut || fed < possible, "byte {fed} cannot be right"),
                Some(event) => {
                    assert_eq!(event, Err(ProtocolError::InvalidUtf8));
                    assert!(cut || fed == possible, "byte {fed} can be right");
                    return;
                }
            }
            fed += 1;
        }
    }
    let mut last = [first | 0x80, 0];
    let mut events = reader.receive(&mut last);
    let event = events.next(&mut writer, &mut output).expect("the message is whole");
    match (event, std::str::from_utf8(data)) {
        (Ok(Event::Text(text)), Ok(expected)) => assert!(cut || text == expected),
        (Err(ProtocolError::InvalidUtf8), Err(_)) => {}
        (event, expected) => assert!(cut, "{event:?}, and the standard library {expected:?}"),
    }
}

/// A close frame's payload that decodes is what it encodes to again; its code may go over the wire.
///
/// # Panics
/// When it does not.
pub fn close(data: &[u8]) {
    let Ok(Some(frame)) = CloseFrame::decode(data) else {
        assert!(!data.is_empty() || CloseFrame::decode(data) == Ok(None));
        return;
    };
    let mut encoded = [0; 125];
    if data.len() <= encoded.len() {
        let len = frame.encode(&mut encoded);
        assert_eq!(encoded[..len], *data);
    }
    assert!(matches!(frame.code().value(), 1000..=1003 | 1007..=1014 | 3000..=4999));
    assert_eq!(frame.reason().as_bytes(), &data[2..]);
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
        describe(reader.handle_eof(), data)
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
            format!("{declined:?}")
        }
        Err(error) => error.to_string(),
    }
}
