//! Check C4: random streams, valid and mutated, through this crate and through tungstenite: the same messages and the
//! same verdict and the same answers, but for the differences that are named here.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use tidewire_testkit::splits::Seeded;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, Header, MaskingKey, ProtocolError, mask};
use tidewire_ws::message::{Config, Event, Reader, Writer};
use tungstenite::protocol::{self, WebSocketConfig};

const STREAMS: u64 = 40_000;
const MAX_MESSAGE_LEN: usize = 400;

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// How a stream came to its end.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// More is expected.
    Waiting,
    Closed(Option<(u16, String)>),
    /// Failed with this close code.
    Failed(u16),
}

/// A control frame that was sent in answer: its first byte, and its payload.
type Answer = (u8, Vec<u8>);

/// The control frames in an output, by the figure of §5.2 alone.
fn answers(mut output: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let [first, second, rest @ ..] = output {
        let key_len = if second & 0x80 == 0 { 0 } else { 4 };
        let (key, rest) = rest.split_at(key_len);
        let (payload, rest) = rest.split_at(usize::from(second & 0x7F));
        let unmasked =
            payload.iter().enumerate().map(|(index, byte)| byte ^ key.get(index % 4).unwrap_or(&0));
        answers.push((*first, unmasked.collect()));
        output = rest;
    }
    answers
}

/// The answers of both to what both took are the same, but for the close frame of an endpoint that fails, which
/// tungstenite leaves to its caller.
fn same_answers(ours: &[Answer], theirs: &[Answer], verdict: &Verdict) -> bool {
    match (verdict, ours.split_last(), theirs.split_last()) {
        // It gives the reason back with the code; §5.5.1 asks for the code.
        (Verdict::Closed(_), Some(((0x88, code), ours)), Some(((0x88, body), theirs))) => {
            ours == theirs && body.starts_with(code) && (code.len() == 2 || body.is_empty())
        }
        (Verdict::Closed(_), _, _) => false,
        (Verdict::Failed(_), Some(((first, code), ours)), _) => {
            *first == 0x88 && code.len() == 2 && theirs.starts_with(ours)
        }
        (Verdict::Failed(_), None, _) => false,
        (Verdict::Waiting, _, _) => ours == theirs,
    }
}

fn ours(role: Role, stream: &[u8]) -> (Vec<Said>, Verdict, Option<ProtocolError>, Vec<Answer>) {
    let mut config = Config::default();
    (config.max_message_len, config.max_fragments) = (MAX_MESSAGE_LEN, u32::MAX);
    let config = Arc::new(config);
    let mut reader = Reader::new(role, config.clone());
    let mut writer = match role {
        Role::Server => Writer::server(config),
        Role::Client => Writer::client(config, || MaskingKey([0; 4])),
    };
    let (mut input, mut output, mut said) = (stream.to_vec(), Vec::new(), Vec::new());
    let mut events = reader.receive(&mut input);
    let (mut verdict, mut failure) = (Verdict::Waiting, None);
    while let Some(event) = events.next(&mut writer, &mut output) {
        match event {
            Ok(Event::Text(text)) => said.push(Said::Text(text.into_owned())),
            Ok(Event::Binary(bytes)) => said.push(Said::Binary(bytes.into_owned())),
            Ok(Event::Ping(payload)) => said.push(Said::Ping(payload.to_vec())),
            Ok(Event::Pong(payload)) => said.push(Said::Pong(payload.to_vec())),
            Ok(Event::Close(frame)) => {
                verdict =
                    Verdict::Closed(frame.map(|frame| (frame.code().value(), frame.reason().to_owned())));
            }
            Err(error) => (verdict, failure) = (Verdict::Failed(error.close_code().value()), Some(error)),
        }
    }
    (said, verdict, failure, answers(&output))
}

/// A stream that ends in "not yet", and what is written to it.
struct Wire<'s> {
    stream: &'s [u8],
    written: Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, stream: &[u8]) -> (Vec<Said>, Verdict, Vec<Answer>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_LEN))
        .max_frame_size(Some(MAX_MESSAGE_LEN));
    let role = match role {
        Role::Server => protocol::Role::Server,
        Role::Client => protocol::Role::Client,
    };
    let wire = Wire { stream, written: Vec::new() };
    let mut socket = protocol::WebSocket::from_raw_socket(wire, role, Some(config));
    let mut said = Vec::new();
    loop {
        let verdict = match socket.read() {
            Ok(tungstenite::Message::Text(text)) => {
                said.push(Said::Text(text.as_str().to_owned()));
                continue;
            }
            Ok(tungstenite::Message::Binary(bytes)) => {
                said.push(Said::Binary(bytes.to_vec()));
                continue;
            }
            Ok(tungstenite::Message::Ping(payload)) => {
                said.push(Said::Ping(payload.to_vec()));
                continue;
            }
            Ok(tungstenite::Message::Pong(payload)) => {
                said.push(Said::Pong(payload.to_vec()));
                continue;
            }
            // It reports a code that must not be sent as one of its own making.
            Ok(tungstenite::Message::Close(Some(frame))) if frame.reason.as_str() == "Protocol violation" => {
                Verdict::Failed(1002)
            }
            Ok(tungstenite::Message::Close(frame)) => {
                Verdict::Closed(frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned())))
            }
            Ok(tungstenite::Message::Frame(frame)) => panic!("{frame:?}"),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Verdict::Waiting
            }
            Err(tungstenite::Error::Utf8(_)) => Verdict::Failed(1007),
            Err(tungstenite::Error::Capacity(_)) => Verdict::Failed(1009),
            Err(tungstenite::Error::Protocol(_)) => Verdict::Failed(1002),
            Err(error) => panic!("{error}"),
        };
        // It answers with the next call; that the connection is closed then is no news.
        let _ = socket.flush();
        return (said, verdict, answers(&socket.get_ref().written));
    }
}

/// Why the two may differ, or `None` when they may not.
fn explain(error: Option<ProtocolError>, ours: &Verdict, theirs: &Verdict) -> Option<&'static str> {
    match (error, theirs) {
        // §5.2: "the minimal number of bytes MUST be used". It goes on, and may come to the same verdict later.
        (Some(ProtocolError::LengthNotMinimal { .. }), _) => {
            Some("tungstenite takes lengths that are not minimal")
        }
        (_, theirs) if ours == theirs => Some("the same"),
        (Some(ProtocolError::LengthTopBit), Verdict::Failed(1009) | Verdict::Waiting) => {
            Some("tungstenite takes the top bit as a part of the length")
        }
        // It looks at a frame once it is whole, or at its masking only then.
        (Some(_), Verdict::Waiting) => Some("tungstenite waits for the rest of the frame"),
        // Registered with IANA behind the standard's own codes (RFC 6455 §7.4.2).
        (None, Verdict::Failed(1002)) => match ours {
            Verdict::Closed(Some((1014, _))) => Some("tungstenite does not know the code 1014"),
            Verdict::Waiting | Verdict::Closed(_) | Verdict::Failed(_) => None,
        },
        (Some(ProtocolError::InvalidCloseCode(_)), Verdict::Failed(1007)) => {
            Some("tungstenite looks at a close frame's reason before its code")
        }
        (Some(error), Verdict::Failed(1009)) if error.close_code() == CloseCode::PROTOCOL_ERROR => {
            Some("tungstenite looks at a frame's length before what else is wrong with it")
        }
        (Some(_) | None, Verdict::Closed(_) | Verdict::Failed(_) | Verdict::Waiting) => None,
    }
}

fn push_frame(source: &mut Seeded, stream: &mut Vec<u8>, first: u8, payload: &[u8], role: Role) {
    let masking_key = (role == Role::Server).then(|| MaskingKey((source.next_u64() as u32).to_be_bytes()));
    let mut header = [0; 14];
    let length = Header::new(tidewire_ws::frame::Opcode::Binary, payload.len() as u64);
    let header_len = Header { masking_key, ..length }.encode(&mut header);
    header[0] = first;
    stream.extend_from_slice(&header[..header_len]);
    let start = stream.len();
    stream.extend_from_slice(payload);
    if let Some(key) = masking_key {
        mask(&mut stream[start..], key, 0);
    }
}

/// A conversation that keeps the rules.
fn conversation(source: &mut Seeded, role: Role) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..=source.below(6) {
        let len = [0, 1, 5, 100, 125, 126, 300][source.below(7)];
        let text: String = (0..len / 4 + 1).map(|_| ['a', 'é', '€', '𝄞'][source.below(4)]).collect();
        let bytes: Vec<u8> = (0..len).map(|_| source.next_u64() as u8).collect();
        match source.below(8) {
            0 => push_frame(source, &mut stream, 0x81, text.as_bytes(), role),
            1 => push_frame(source, &mut stream, 0x82, &bytes, role),
            2 | 3 => {
                // In fragments cut anywhere, with a ping between them.
                let (opcode, payload) = [(0x01, text.as_bytes()), (0x02, &bytes[..])][source.below(2)];
                let (first, rest) = payload.split_at(source.below(payload.len() + 1));
                let (second, third) = rest.split_at(source.below(rest.len() + 1));
                push_frame(source, &mut stream, opcode, first, role);
                push_frame(source, &mut stream, 0x00, second, role);
                if source.below(2) == 0 {
                    push_frame(source, &mut stream, 0x89, &bytes[..len.min(125)], role);
                }
                push_frame(source, &mut stream, 0x80, third, role);
            }
            4 => push_frame(source, &mut stream, 0x89, &bytes[..len.min(125)], role),
            5 => push_frame(source, &mut stream, 0x8A, &bytes[..len.min(125)], role),
            6 if source.below(4) == 0 => {
                let code = [1000, 1001, 1003, 1007, 1011, 1013, 3000, 4999][source.below(8)] as u16;
                push_frame(source, &mut stream, 0x88, &[&code.to_be_bytes()[..], b"bye"].concat(), role);
            }
            7 if source.below(8) == 0 => push_frame(source, &mut stream, 0x88, b"", role),
            _ => {}
        }
    }
    stream
}

fn mutate(source: &mut Seeded, stream: &mut Vec<u8>) {
    for _ in 0..=source.below(2) {
        if stream.is_empty() {
            return;
        }
        let at = source.below(stream.len());
        match source.below(5) {
            0 => stream[at] = source.next_u64() as u8,
            1 => stream[at] ^= 1 << source.below(8),
            2 => drop(stream.remove(at)),
            3 => stream.insert(at, source.next_u64() as u8),
            _ => stream.truncate(at),
        }
    }
}

#[test]
fn both_say_the_same_of_every_stream_but_for_what_is_explained() {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..STREAMS {
        let mut source = Seeded::new(seed);
        let role = [Role::Server, Role::Client][source.below(2)];
        let mut stream = conversation(&mut source, role);
        let is_mutated = seed % 4 != 0;
        if is_mutated {
            mutate(&mut source, &mut stream);
        }
        let (said, verdict, error, answers) = ours(role, &stream);
        let (they_said, their_verdict, their_answers) = theirs(role, &stream);
        if !is_mutated {
            assert_eq!((&said, &verdict), (&they_said, &their_verdict), "seed {seed}: {stream:02X?}");
        }
        let why = explain(error, &verdict, &their_verdict);
        // Whoever fails later says more before; what both say is the same.
        let both = said.len().min(they_said.len());
        assert_eq!(said[..both], they_said[..both], "seed {seed}: {stream:02X?}");
        match why {
            Some("the same") => {
                assert_eq!(said, they_said, "seed {seed}: {stream:02X?}");
                assert!(
                    same_answers(&answers, &their_answers, &verdict),
                    "seed {seed}: {answers:02X?}, tungstenite {their_answers:02X?}, to {stream:02X?}"
                );
            }
            Some(_) => assert!(they_said.len() >= said.len(), "seed {seed}: {stream:02X?}"),
            None => panic!("seed {seed}: {verdict:?}, tungstenite {their_verdict:?}, of {stream:02X?}"),
        }
        *counts.entry(why.unwrap()).or_default() += 1;
    }
    for (why, count) in counts {
        println!("{count:6} {why}");
    }
}
