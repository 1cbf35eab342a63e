//! The closing handshake as a table: phase × input → what is seen, what is sent, and the next phase.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::CloseCode;
use tidewire_ws::message::{Config, Eof, Reader, Writer};

struct Server {
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Input {
    LocalText,
    LocalClose,
    RemoteText,
    RemotePing,
    RemoteClose,
    RemoteCloseEmpty,
    RemoteCloseBad,
    RemoteViolation,
    Eof,
}

const INPUTS: [(&str, Input); 9] = [
    ("send text", Input::LocalText),
    ("close 1001", Input::LocalClose),
    ("<- text", Input::RemoteText),
    ("<- ping", Input::RemotePing),
    ("<- close 4000", Input::RemoteClose),
    ("<- close", Input::RemoteCloseEmpty),
    ("<- close 1005", Input::RemoteCloseBad),
    ("<- opcode 0x3", Input::RemoteViolation),
    ("<- end", Input::Eof),
];

/// How each phase is reached from a new connection.
const PHASES: [(&str, &[Input]); 6] = [
    ("open", &[]),
    ("close sent", &[Input::LocalClose]),
    ("closed", &[Input::LocalClose, Input::RemoteClose]),
    ("failed", &[Input::RemoteViolation]),
    ("ended", &[Input::Eof]),
    ("ended, close sent", &[Input::LocalClose, Input::Eof]),
];

impl Server {
    fn new() -> Self {
        let config = Arc::new(Config::default());
        let reader = Reader::new(Role::Server, config.clone());
        Self { reader, writer: Writer::server(config), output: Vec::new() }
    }

    fn receive(&mut self, first: u8, payload: &[u8]) -> String {
        // The same frame twice: what follows the last event is never seen.
        let frame = [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat();
        let mut input = frame.repeat(2);
        let mut seen = Vec::new();
        let mut events = self.reader.receive(&mut input);
        while let Some(next) = events.next(&mut self.writer, &mut self.output) {
            seen.push(match next {
                Ok(event) => format!("{event:?}").split('(').next().unwrap().to_owned(),
                Err(error) => format!("error {}", error.close_code()),
            });
        }
        assert_eq!(events.consumed(), 2 * frame.len());
        if seen.is_empty() { "-".to_owned() } else { seen.join(" ") }
    }

    fn feed(&mut self, input: Input) -> String {
        match input {
            Input::LocalText => format!("{:?}", self.writer.send_text("a", &mut self.output)),
            Input::LocalClose => {
                format!("{:?}", self.writer.close(Some((CloseCode::GOING_AWAY, "")), &mut self.output))
            }
            Input::RemoteText => self.receive(0x81, b"b"),
            Input::RemotePing => self.receive(0x89, b"c"),
            Input::RemoteClose => self.receive(0x88, &4000u16.to_be_bytes()),
            Input::RemoteCloseEmpty => self.receive(0x88, b""),
            Input::RemoteCloseBad => self.receive(0x88, &1005u16.to_be_bytes()),
            Input::RemoteViolation => self.receive(0x83, b""),
            Input::Eof => format!("{:?}", self.reader.handle_eof()),
        }
    }

    /// What can be asked about the phase.
    fn phase(&self) -> &'static str {
        match (self.reader.wants_read(), self.reader.close_received(), self.writer.close_sent()) {
            (true, false, false) => "open",
            (true, false, true) => "close sent",
            (false, true, true) => "closed",
            (false, false, true) => "no more read, close sent",
            (false, false, false) => "no more read",
            (true, true, _) | (false, true, false) => "impossible",
        }
    }
}

fn table() -> String {
    let mut table = String::new();
    for (phase, way) in PHASES {
        writeln!(table, "{phase}").unwrap();
        for (name, input) in INPUTS {
            let mut server = Server::new();
            way.iter().for_each(|input| drop(server.feed(*input)));
            server.output.clear();
            let seen = server.feed(input);
            let sent: Vec<String> = server.output.iter().map(|byte| format!("{byte:02X}")).collect();
            let sent = if sent.is_empty() { "-".to_owned() } else { sent.join(" ") };
            writeln!(table, "  {name:<14} {seen:<15} {sent:<18} {}", server.phase()).unwrap();
        }
    }
    table
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//= type=test
//# If an endpoint receives a Close frame and did not previously send a
//# Close frame, the endpoint MUST send a Close frame in response.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//= type=test
//# The application MUST NOT send any more data frames after sending a
//# Close frame.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
//= type=test
//# An endpoint MUST NOT continue to attempt to
//# process data (including a responding Close frame) from the remote
//# endpoint after being instructed to _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# To _Send a WebSocket Message_ comprising of /data/ over a WebSocket
//# connection, an endpoint MUST perform the following steps.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# The endpoint MUST ensure the WebSocket connection is in the OPEN state
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# If at any point the state of the WebSocket connection changes, the
//# endpoint MUST abort the following steps.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
//= type=test
//# If a control frame (Section 5.5) is received, the frame MUST be handled
//# as defined by Section 5.5.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//= type=test
//# It SHOULD do so as soon as practical.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
//= type=test
//# It SHOULD respond with Pong frame as soon as is practical.
#[test]
fn every_phase_answers_every_input_as_the_table_says() {
    let (printed, committed) = (table(), include_str!("closing.txt"));
    assert!(printed == committed, "the table is\n{printed}");
}

#[test]
fn the_end_of_the_stream_is_clean_only_after_the_closing_handshake() {
    let header_only: &[u8] = &[0x81];
    let cases: [(&[u8], Eof); 7] = [
        (&[], Eof::WithoutClose),
        (&[0x81, 0x80, 0, 0, 0, 0], Eof::WithoutClose),
        (header_only, Eof::Truncated),
        (&[0x81, 0x82, 0, 0, 0, 0, b'a'], Eof::Truncated),
        (&[0x01, 0x81, 0, 0, 0, 0, b'a'], Eof::Truncated),
        (&[0x89, 0x81, 0, 0, 0, 0], Eof::Truncated),
        (&[0x88, 0x80, 0, 0, 0, 0], Eof::Clean),
    ];
    for (stream, expected) in cases {
        let mut server = Server::new();
        let mut input = stream.to_vec();
        let mut events = server.reader.receive(&mut input);
        while events.next(&mut server.writer, &mut server.output).is_some() {}
        assert_eq!(server.reader.handle_eof(), expected, "{stream:02X?}");
        assert_eq!(server.reader.handle_eof(), expected, "asked again");
        assert_eq!(server.reader.held_len_bytes(), 0);
        assert_eq!(expected.is_clean(), server.reader.close_received());
        assert_eq!(server.receive(0x81, b"late"), "-");
    }
}

#[test]
fn a_close_drops_the_message_in_progress_and_the_pong_kept_back() {
    let mut server = Server::new();
    server.output = vec![0; 4096];
    assert_eq!(server.receive(0x89, b"kept"), "Ping Ping");
    assert!(server.writer.has_kept_pong());
    let mut part = [0x01, 0x81, 0, 0, 0, 0, b'a'];
    assert!(server.reader.receive(&mut part).next(&mut server.writer, &mut server.output).is_none());
    assert!(server.reader.held_len_bytes() > 0);
    assert_eq!(server.receive(0x88, b""), "Close");
    assert_eq!(server.reader.held_len_bytes(), 0);
    assert!(!server.writer.has_kept_pong());
    server.output.clear();
    assert!(!server.writer.poll_pong(&mut server.output));
    assert!(server.output.is_empty());
}
