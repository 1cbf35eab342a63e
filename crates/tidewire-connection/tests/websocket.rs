//! Messages, heartbeats, the idle rule and the close of two WebSockets joined in memory, under a hand-moved clock.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{close_of, off, pair, second};
use tidewire_connection::websocket::{Cause, ClosingHandshake, Endpoint, Reader, Transport, Writer};
use tidewire_lifecycle::Timer;
use tidewire_ws::frame::{CloseCode, ProtocolError};
use tidewire_ws::message;

#[test]
fn messages_arrive_in_order_at_any_pieces() {
    for step in [1, 2, 7, 1000, usize::MAX] {
        let mut pair = pair(|_, _| {});
        pair.step = step;
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "é".repeat(size / 2);
            pair.client.text(second(0), &text);
            pair.server.text(second(0), &text);
            pair.server.writer.send_binary(second(0), text.as_bytes(), &mut pair.server.output).unwrap();
            pair.settle();
            assert_eq!(pair.server.heard.pop(), Some(text.clone()), "step {step}, size {size}");
            assert_eq!(pair.client.heard.split_off(0), [text.clone(), format!("{} bytes", text.len())]);
        }
        assert_eq!((pair.server.reader.held_len_bytes(), pair.client.reader.held_len_bytes()), (0, 0));
        let (server, client) = (pair.server.writer.usage(pair.now), pair.client.writer.usage(pair.now));
        assert_eq!((server.sent_bytes, server.received_bytes), (client.received_bytes, client.sent_bytes));
        assert_eq!((server.sent_messages, server.received_messages), (12, 6));
        assert_eq!((client.sent_messages, client.received_messages), (6, 12));
    }
}

#[test]
fn heartbeats_keep_a_quiet_pair_open_for_a_day() {
    let mut pair = pair(|_, _| {});
    pair.run(second(86_400));
    assert_eq!((pair.server.ended(), pair.client.ended()), (None, None));
    let pings = pair.client.heard.iter().filter(|heard| heard.starts_with("ping")).count();
    assert!(pings >= 86_400 / 25 - 1, "{pings} pings");
}

#[test]
fn a_peer_that_stops_replying_is_told_and_dropped_within_33_seconds() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.writer.handle_timeout(second(25), &mut server.output);
    assert_eq!(std::mem::take(&mut server.output), *b"\x89\x04\x00\x00\x00\x01");
    // A pong that answers nothing is traffic, and no reply.
    server.receive(second(26), b"\x8A\x81\x00\x00\x00\x00x".to_vec());
    server.writer.handle_timeout(second(33), &mut server.output);
    assert_eq!(server.ended(), None);
    server.writer.handle_timeout(second(34), &mut server.output);
    assert_eq!(
        server.output[..4],
        [0x88, 0x02 + 32, 0x03, 0xE9],
        "{:?}",
        String::from_utf8_lossy(&server.output)
    );
    assert_eq!(server.writer.transport(), Transport::Finish);
    let gone = Cause::Timeout(Timer::HeartbeatReply);
    assert_eq!(server.ended(), Some((Endpoint::Local, gone, ClosingHandshake::Incomplete)));
    server.writer.handle_shut_down(second(34));
    assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
}

#[test]
fn without_heartbeats_five_idle_minutes_close_both_ends_cleanly() {
    let mut pair = pair(off);
    pair.client.text(second(0), "only this");
    pair.run(second(299));
    assert_eq!(pair.server.ended(), None);
    pair.run(second(310));
    // Both rules fire in the same instant; each end reports its own.
    let idle = (Endpoint::Local, Cause::Timeout(Timer::Idle), ClosingHandshake::Complete);
    assert_eq!((pair.server.ended(), pair.client.ended()), (Some(idle.clone()), Some(idle)));
    assert_eq!(pair.server.writer.transport(), Transport::Closed);
    assert_eq!(pair.client.writer.transport(), Transport::Closed);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
//= type=test
//# After both sending and receiving a Close message, an endpoint considers
//# the WebSocket connection closed and MUST close the underlying TCP
//# connection.
#[test]
fn either_end_may_begin_the_close_and_both_know_who_did() {
    for client_begins in [true, false] {
        let mut pair = pair(|_, _| {});
        let (first, other) = if client_begins {
            (&mut pair.client, &mut pair.server)
        } else {
            (&mut pair.server, &mut pair.client)
        };
        other.text(second(0), "still on its way");
        first.close(second(0), CloseCode::NORMAL, "bye");
        pair.settle();
        let (first, other) =
            if client_begins { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
        let cause = close_of(CloseCode::NORMAL, "bye");
        assert_eq!(first.heard, ["still on its way"]);
        assert_eq!(first.ended(), Some((Endpoint::Local, cause.clone(), ClosingHandshake::Complete)));
        assert_eq!(other.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Complete)));
        assert_eq!(
            (first.writer.transport(), other.writer.transport()),
            (Transport::Closed, Transport::Closed)
        );
    }
}

#[test]
fn closes_that_cross_are_both_clean_and_each_end_reports_its_own() {
    let mut pair = pair(|_, _| {});
    pair.client.close(second(0), CloseCode::NORMAL, "client");
    pair.server.close(second(0), CloseCode::GOING_AWAY, "server");
    pair.settle();
    let client = close_of(CloseCode::NORMAL, "client");
    let server = close_of(CloseCode::GOING_AWAY, "server");
    assert_eq!(pair.client.ended(), Some((Endpoint::Local, client, ClosingHandshake::Complete)));
    assert_eq!(pair.server.ended(), Some((Endpoint::Local, server, ClosingHandshake::Complete)));
}

#[test]
fn a_close_that_is_never_answered_ends_after_five_seconds() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.close(second(10), CloseCode::NORMAL, "");
    assert_eq!(server.writer.poll_timeout(), Some((second(15), Timer::Closing)));
    server.receive(second(14), b"\x81\x81\x00\x00\x00\x00x".to_vec());
    server.writer.handle_timeout(second(15), &mut server.output);
    assert_eq!(server.writer.transport(), Transport::Closed);
    let cause = close_of(CloseCode::NORMAL, "");
    assert_eq!(server.ended(), Some((Endpoint::Local, cause, ClosingHandshake::Incomplete)));
    assert_eq!(server.heard, ["x"]);
}

#[test]
fn a_violation_is_answered_and_nothing_comes_after_it() {
    let low: fn(&mut message::Config, &mut tidewire_lifecycle::Config) = |messages, _| {
        messages.max_message_len = 10;
        messages.max_fragments = 2;
    };
    let cases: [(&[u8], u16, ProtocolError); 5] = [
        (b"\x81\x01x", 1002, ProtocolError::Unmasked),
        (b"\x83\x80\x00\x00\x00\x00", 1002, ProtocolError::ReservedOpcode(3)),
        (b"\x81\x81\x00\x00\x00\x00\xFF", 1007, ProtocolError::InvalidUtf8),
        (b"\x82\x8B\x00\x00\x00\x00", 1009, ProtocolError::MessageTooLong { message_len: 11 }),
        (
            b"\x02\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00",
            1008,
            ProtocolError::TooManyFragments { max_fragments: 2 },
        ),
    ];
    for (bytes, code, error) in cases {
        let mut pair = pair(low);
        let server = &mut pair.server;
        server.receive(second(1), [bytes, b"\x81\x85\x00\x00\x00\x00after"].concat());
        assert!(server.heard.is_empty(), "{:?}", server.heard);
        let [high, low] = code.to_be_bytes();
        assert_eq!(server.output, [0x88, 0x02, high, low]);
        let cause = Cause::Violation(error);
        assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
        assert!(server.writer.send_text(second(1), "x", &mut server.output).is_err());
        // The close frame goes out, then the rest of what comes is thrown away, up to its cap.
        assert_eq!(server.writer.transport(), Transport::ShutDown);
        server.writer.handle_sent(second(1), 4, 0, &mut server.output);
        server.writer.handle_shut_down(second(1));
        assert_eq!(server.writer.transport(), Transport::Discard);
        server.receive(second(2), vec![0x81; 1000]);
        assert_eq!(server.writer.poll_timeout(), Some((second(3), Timer::Linger)));
        server.writer.handle_timeout(second(3), &mut server.output);
        assert_eq!(server.writer.transport(), Transport::Closed);
        assert!(server.heard.is_empty());
    }
}

#[test]
fn a_stream_that_ends_without_a_close_is_reported_as_such() {
    for (bytes, eof) in
        [(&b""[..], message::Eof::WithoutClose), (b"\x81\x85\x00\x00", message::Eof::Truncated)]
    {
        let mut pair = pair(|_, _| {});
        let server = &mut pair.server;
        server.receive(second(1), bytes.to_vec());
        server.reader.handle_eof(second(2), &mut server.writer);
        let cause = Cause::Eof(eof);
        assert_eq!(server.ended(), Some((Endpoint::Remote, cause, ClosingHandshake::Incomplete)));
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
    }
}

#[test]
fn an_end_of_stream_behind_a_close_still_lets_the_echo_out() {
    let mut pair = pair(|_, _| {});
    let server = &mut pair.server;
    server.receive(second(1), b"\x88\x82\x00\x00\x00\x00\x03\xE8".to_vec());
    server.reader.handle_eof(second(1), &mut server.writer);
    assert_eq!(
        (server.writer.transport(), &server.output[..]),
        (Transport::Finish, &b"\x88\x02\x03\xE8"[..])
    );
}

#[test]
fn a_writer_that_stalls_is_dropped_after_ten_seconds() {
    let mut pair = pair(off);
    let server = &mut pair.server;
    server.text(second(1), "nobody reads this");
    let left = server.output.len();
    server.writer.handle_sent(second(1), 0, left, &mut server.output);
    for at in 2..11 {
        server.receive(second(at), b"\x81\x81\x00\x00\x00\x00x".to_vec());
        server.writer.handle_timeout(second(at), &mut server.output);
        assert_eq!(server.ended(), None);
    }
    server.writer.handle_timeout(second(11), &mut server.output);
    let cause = Cause::Timeout(Timer::WriteStall);
    assert_eq!(server.ended(), Some((Endpoint::Local, cause, ClosingHandshake::Incomplete)));
    assert_eq!(server.writer.transport(), Transport::Closed);
}

#[test]
fn a_pong_kept_back_goes_out_when_the_output_drains() {
    let mut pair = pair(off);
    let server = &mut pair.server;
    server.text(second(1), &"x".repeat(8 * 1024));
    let waiting = server.output.len();
    server.receive(second(1), b"\x89\x81\x00\x00\x00\x00a\x89\x81\x00\x00\x00\x00b".to_vec());
    assert_eq!(server.output.len(), waiting, "kept back");
    server.output.drain(..100);
    server.writer.handle_sent(second(1), 100, waiting - 100, &mut server.output);
    assert_eq!(server.output.len(), waiting - 100, "too much waits");
    server.output.clear();
    server.writer.handle_sent(second(2), waiting - 100, 0, &mut server.output);
    assert_eq!(server.output, b"\x8A\x01b", "the newest ping is answered");
    server.output.clear();
    server.writer.handle_sent(second(2), 3, 0, &mut server.output);
    assert_eq!(server.output, b"", "once");
}

#[test]
fn a_pair_is_small() {
    assert!(size_of::<(Reader, Writer)>() <= 320, "{} bytes", size_of::<(Reader, Writer)>());
}
