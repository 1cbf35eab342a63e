//! Every way a WebSocket ends: end of stream, transport error, stall and linger, in each state of the transport.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Pair, close_of, off, pair, second};
use tidewire_connection::websocket::{Cause, ClosingHandshake, Endpoint, Transport};
use tidewire_lifecycle::Timer;
use tidewire_ws::frame::{CloseCode, ProtocolError};
use tidewire_ws::message::Eof;

/// The peer's close frame, 1000, under an all-zero masking key.
const PEER_CLOSE: &[u8] = b"\x88\x82\x00\x00\x00\x00\x03\xE8";

/// A frame that no server accepts.
const UNMASKED: &[u8] = b"\x81\x01x";

/// Messages that the peer had sent before the end; the close frame behind them must not bring the transport back.
fn late_input() -> Vec<u8> {
    [b"\x81\x84\x00\x00\x00\x00late", PEER_CLOSE].concat()
}

/// The server's own pair, brought to one state of the transport.
fn in_state(state: Transport) -> Pair {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    match state {
        Transport::Open => {}
        Transport::ShutDown => server.receive(second(1), PEER_CLOSE.to_vec()),
        Transport::Discard => {
            server.receive(second(1), PEER_CLOSE.to_vec());
            server.writer.handle_sent(second(1), 4, 0, &mut server.output);
            server.output.clear();
            server.writer.handle_shut_down(second(1));
        }
        Transport::Finish => {
            server.writer.handle_timeout(second(25), &mut server.output);
            server.writer.handle_timeout(second(33), &mut server.output);
        }
        Transport::Closed => server.writer.handle_transport_error(second(1)),
    }
    assert_eq!(server.writer.transport(), state);
    pair
}

const STATES: [Transport; 5] =
    [Transport::Open, Transport::ShutDown, Transport::Discard, Transport::Finish, Transport::Closed];

/// The record that stands once a state was reached, where one does.
fn record_in(state: Transport) -> Option<(Endpoint, Cause, ClosingHandshake)> {
    let closed = || close_of(CloseCode::NORMAL, "");
    match state {
        Transport::Open => None,
        Transport::ShutDown | Transport::Discard => {
            Some((Endpoint::Remote, closed(), ClosingHandshake::Complete))
        }
        Transport::Finish => {
            let gone = Cause::Timeout(Timer::HeartbeatReply);
            Some((Endpoint::Local, gone, ClosingHandshake::Incomplete))
        }
        Transport::Closed => Some((Endpoint::Remote, Cause::Transport, ClosingHandshake::Incomplete)),
    }
}

#[test]
fn an_end_of_stream_in_each_state() {
    for (state, next) in STATES.into_iter().zip([
        Transport::Closed,
        Transport::Finish,
        Transport::Closed,
        Transport::Finish,
        Transport::Closed,
    ]) {
        let mut pair = in_state(state);
        let server = &mut pair.server;
        server.reader.handle_eof(second(34), &mut server.writer);
        assert_eq!(server.writer.transport(), next, "in {state:?}");
        let eof = (Endpoint::Remote, Cause::Eof(Eof::WithoutClose), ClosingHandshake::Incomplete);
        assert_eq!(server.ended(), Some(record_in(state).unwrap_or(eof)), "in {state:?}");
        assert_eq!(server.writer.poll_timeout().is_none(), next == Transport::Closed);
        assert_eq!(server.asked(second(34)), server.writer.ended().cloned());
        server.writer.handle_shut_down(second(34));
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.2
//= type=test
//# To do so, the server MUST simply _Close the WebSocket Connection_
//# (Section 7.1.1).
#[test]
fn a_transport_error_in_each_state_keeps_the_first_record() {
    for state in STATES {
        let mut pair = in_state(state);
        let server = &mut pair.server;
        server.writer.handle_transport_error(second(34));
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
        let failed = (Endpoint::Remote, Cause::Transport, ClosingHandshake::Incomplete);
        assert_eq!(server.ended(), Some(record_in(state).unwrap_or(failed)), "in {state:?}");
        assert!(server.asked(second(34)).is_some());
    }
}

/// Trailing bytes are thrown away until the peer's stream ends.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//= type=test
//# The server MUST close the underlying TCP connection immediately; the
//# client SHOULD wait for the server to close the connection but MAY close
//# the connection at any time after sending and receiving a Close message,
//# e.g., if it has not received a TCP Close from the server in a reasonable
//# time period.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
//= type=test
//# An endpoint SHOULD use a method that cleanly closes the TCP connection,
//# as well as the TLS session, if applicable, discarding any trailing bytes
//# that may have been received.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
//= type=test
//# The underlying TCP connection, in most normal cases, SHOULD be closed
//# first by the server, so that it holds the TIME_WAIT state and not the
//# client
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
//= type=test
//# As such, when a server is instructed to _Close the WebSocket Connection_
//# it SHOULD initiate a TCP Close immediately, and when a client is
//# instructed to do the same, it SHOULD wait for a TCP Close from the
//# server.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2
//= type=test
//# Once an endpoint has both sent and received a Close control frame, that
//# endpoint SHOULD _Close the WebSocket Connection_ as defined in Section
//# 7.1.1.
#[test]
fn a_server_closes_its_transport_at_once_and_a_client_waits_for_it() {
    let Pair { mut client, mut server, .. } = pair(off);
    client.close(second(1), CloseCode::NORMAL, "");
    assert_eq!(client.writer.transport(), Transport::Open, "the answer is awaited");
    server.receive(second(1), std::mem::take(&mut client.output));
    assert_eq!(server.writer.transport(), Transport::ShutDown);
    let echo = std::mem::take(&mut server.output);
    assert_eq!(echo, b"\x88\x02\x03\xE8");
    server.writer.handle_sent(second(1), echo.len(), 0, &mut server.output);
    server.writer.handle_shut_down(second(1));
    assert_eq!(server.writer.transport(), Transport::Discard);
    server.receive(second(1), late_input());
    assert!(server.heard.is_empty() && server.output.is_empty());

    client.receive(second(2), echo);
    assert_eq!(client.writer.transport(), Transport::Discard, "it does not shut down first");
    assert!(client.writer.poll_timeout().is_some(), "it does not wait for ever");
    client.reader.handle_eof(second(3), &mut client.writer);
    server.reader.handle_eof(second(3), &mut server.writer);
    // The client's echo may still wait.
    assert_eq!(
        (client.writer.transport(), server.writer.transport()),
        (Transport::Finish, Transport::Closed)
    );
    client.writer.handle_shut_down(second(3));
    assert_eq!((client.writer.transport(), client.writer.poll_timeout()), (Transport::Closed, None));
}

#[test]
fn our_last_words_go_out_though_the_peer_has_ended_its_stream() {
    // A client hears the close and the end of the stream in one read.
    let mut pair = pair(off);
    pair.client.receive(second(1), b"\x88\x02\x03\xE8".to_vec());
    let client = &mut pair.client;
    client.reader.handle_eof(second(1), &mut client.writer);
    assert_eq!((client.output.len(), client.writer.transport()), (8, Transport::Finish));
    assert_eq!(client.writer.poll_timeout(), Some((second(6), Timer::Closing)), "for a bounded time");
    // A server has said its last words and closed, and the client's writing side is shut down.
    let server = &mut pair.server;
    server.text(second(1), "last words");
    server.close(second(1), CloseCode::NORMAL, "");
    server.reader.handle_eof(second(2), &mut server.writer);
    assert_eq!((server.output.len(), server.writer.transport()), (16, Transport::Finish));
    server.writer.handle_timeout(second(6), &mut Vec::new());
    assert_eq!(server.writer.transport(), Transport::Closed);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.1
//= type=test
//# If at any point the underlying transport layer connection is
//# unexpectedly lost, the client MUST _Fail the WebSocket Connection_.
#[test]
fn a_client_whose_transport_is_lost_is_closed() {
    let Pair { mut client, .. } = pair(|_, _| {});
    client.writer.handle_transport_error(second(1));
    assert_eq!((client.writer.transport(), client.writer.is_open()), (Transport::Closed, false));
    let lost = (Endpoint::Remote, Cause::Transport, ClosingHandshake::Incomplete);
    assert_eq!(client.ended(), Some(lost));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
//= type=test
//# To do so, the client MUST _Close the WebSocket Connection_, and MAY
//# report the problem to the user (which would be especially useful for
//# developers) in an appropriate manner.
#[test]
fn a_client_that_meets_a_violation_says_so_and_closes_its_transport() {
    let mut pair = pair(|_, _| {});
    // An empty text under a key: no server masks.
    pair.client.receive(second(1), b"\x81\x80\0\0\0\0".to_vec());
    assert_eq!(pair.client.writer.transport(), Transport::ShutDown);
    let masked = Cause::Violation(ProtocolError::Masked);
    assert_eq!(pair.client.ended(), Some((Endpoint::Remote, masked, ClosingHandshake::Incomplete)));
    assert_eq!((pair.client.output[0], pair.client.output[1], pair.client.output.len()), (0x88, 0x82, 8));
    pair.settle();
    assert_eq!(pair.server.ended().unwrap().1, close_of(CloseCode::PROTOCOL_ERROR, ""));
    for end in [&pair.server, &pair.client] {
        assert_eq!((end.writer.transport(), end.writer.poll_timeout()), (Transport::Closed, None));
    }
}

#[test]
fn after_the_end_no_event_comes_and_the_transport_never_goes_back() {
    for state in [Transport::ShutDown, Transport::Finish, Transport::Closed] {
        for late in [late_input(), [&late_input(), UNMASKED].concat(), UNMASKED.to_vec()] {
            let mut pair = in_state(state);
            let server = &mut pair.server;
            let waiting = server.output.clone();
            server.receive(second(34), late);
            assert!(server.heard.is_empty(), "in {state:?}: {:?}", server.heard);
            assert_eq!((server.writer.transport(), server.ended()), (state, record_in(state)));
            assert_eq!(server.output, waiting, "in {state:?}");
        }
    }
}

#[test]
fn an_end_of_our_own_close_is_reported_with_what_we_said() {
    let said = || close_of(CloseCode::GOING_AWAY, "restart");
    let incomplete = Some((Endpoint::Local, said(), ClosingHandshake::Incomplete));
    for fails in [true, false] {
        let mut pair = pair(|_, _| {});
        let server = &mut pair.server;
        server.close(second(1), CloseCode::GOING_AWAY, "restart");
        assert_eq!((server.ended(), server.writer.is_open()), (None, false));
        if fails {
            server.writer.handle_transport_error(second(2));
        } else {
            server.reader.handle_eof(second(2), &mut server.writer);
            server.writer.handle_shut_down(second(2));
        }
        assert_eq!((server.ended(), server.writer.transport()), (incomplete.clone(), Transport::Closed));
    }
    // A violation is worse than the close that it met.
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.close(second(1), CloseCode::GOING_AWAY, "restart");
    server.output.clear();
    server.receive(second(2), UNMASKED.to_vec());
    let cause = Cause::Violation(ProtocolError::Unmasked);
    assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
    assert!(server.output.is_empty(), "a second close frame");
}

#[test]
fn the_bytes_thrown_away_are_capped() {
    for (len, state) in [(1000, Transport::Discard), (1001, Transport::Closed)] {
        let mut pair = pair(|_, lifecycle| lifecycle.linger_max_bytes = 1000);
        let server = &mut pair.server;
        server.receive(second(1), UNMASKED.to_vec());
        server.writer.handle_sent(second(1), 4, 0, &mut server.output);
        server.writer.handle_shut_down(second(1));
        server.receive(second(2), vec![0; 400]);
        server.receive(second(2), vec![0; len - 400]);
        assert_eq!(server.writer.transport(), state, "{len} bytes");
        assert_eq!(server.writer.usage(second(2)).received_bytes, (UNMASKED.len() + len) as u64);
        let cause = Cause::Violation(ProtocolError::Unmasked);
        assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
    }
}

#[test]
fn the_last_words_of_each_state_have_a_deadline() {
    // The answer waits, and the transport takes nothing: the close's own five seconds end it.
    for (state, begun) in [(Transport::ShutDown, 1), (Transport::Finish, 33)] {
        let mut pair = in_state(state);
        let server = &mut pair.server;
        let left = server.output.len();
        server.writer.handle_sent(second(begun), 0, left, &mut server.output);
        assert_eq!(server.writer.poll_timeout(), Some((second(begun + 5), Timer::Closing)));
        server.writer.handle_timeout(second(begun + 5), &mut server.output);
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
        assert_eq!(server.ended(), record_in(state));
        assert_eq!(server.writer.usage(second(99)).open, second(begun + 5));
    }
    // A transport that was full before keeps its own, earlier deadline.
    let mut pair = pair(off);
    let server = &mut pair.server;
    server.text(second(1), "nobody reads this");
    let left = server.output.len();
    server.writer.handle_sent(second(1), 0, left, &mut server.output);
    server.close(second(9), CloseCode::NORMAL, "");
    assert_eq!(server.writer.poll_timeout(), Some((second(11), Timer::WriteStall)));
    server.writer.handle_timeout(second(11), &mut server.output);
    let said = close_of(CloseCode::NORMAL, "");
    assert_eq!(server.ended(), Some((Endpoint::Local, said, ClosingHandshake::Incomplete)));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
//= type=test
//# Similarly, to do so, the server MUST _Close the WebSocket Connection_,
#[test]
fn a_violation_reaches_the_peer_and_both_ends_part() {
    let cases: [(&[u8], CloseCode, ProtocolError); 4] = [
        (UNMASKED, CloseCode::PROTOCOL_ERROR, ProtocolError::Unmasked),
        (b"\x81\x81\0\0\0\0\xFF", CloseCode::INVALID_PAYLOAD_DATA, ProtocolError::InvalidUtf8),
        (b"\x82\x8B\0\0\0\0", CloseCode::MESSAGE_TOO_BIG, ProtocolError::MessageTooLong { message_len: 11 }),
        (
            b"\x02\x80\0\0\0\0\x00\x80\0\0\0\0",
            CloseCode::POLICY_VIOLATION,
            ProtocolError::TooManyFragments { max_fragments: 1 },
        ),
    ];
    for (bytes, code, error) in cases {
        let mut pair = pair(|messages, _| {
            messages.max_message_len = 10;
            messages.max_fragments = 1;
        });
        // The client's own writer cannot break the rules: its wire is tampered with.
        pair.client.output.extend_from_slice(bytes);
        pair.client.text(second(0), "after");
        pair.server.text(second(0), "before");
        pair.settle();
        assert_eq!((&pair.server.heard[..], &pair.client.heard[..]), (&[][..], &["before".to_owned()][..]));
        let violation = Cause::Violation(error);
        assert_eq!(pair.server.ended(), Some((Endpoint::Remote, violation, ClosingHandshake::Incomplete)));
        let told = (Endpoint::Remote, close_of(code, ""), ClosingHandshake::Complete);
        assert_eq!(pair.client.ended(), Some(told));
        for end in [&pair.server, &pair.client] {
            assert_eq!((end.writer.transport(), end.writer.poll_timeout()), (Transport::Closed, None));
        }
        let (server, client) = (pair.server.writer.usage(second(0)), pair.client.writer.usage(second(0)));
        assert_eq!((server.sent_bytes, server.received_bytes), (client.received_bytes, client.sent_bytes));
    }
}

#[test]
fn an_end_prints_as_one_line() {
    let mut pair = pair(|_, _| {});
    pair.client.close(second(0), CloseCode::NORMAL, "bye");
    pair.settle();
    let shown = |end: &common::End| end.writer.ended().unwrap().to_string();
    assert_eq!(shown(&pair.client), "local close 1000 (bye)");
    assert_eq!(shown(&pair.server), "remote close 1000 (bye)");
    let finished = in_state(Transport::Finish);
    assert_eq!(shown(&finished.server), "local timeout: no reply to a heartbeat");
    assert_eq!(shown(&in_state(Transport::Closed).server), "remote transport error");
}
