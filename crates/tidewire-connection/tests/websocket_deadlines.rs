//! Ends that are set from outside, paused reading, and what a client makes of an end.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{close_of, off, pair, second};
use tidewire_connection::websocket::{Cause, ClosingHandshake, Ended, Endpoint, Transport};
use tidewire_lifecycle::Timer;
use tidewire_ws::frame::{CloseCode, ProtocolError};
use tidewire_ws::message::Eof;

#[test]
fn each_end_that_is_set_from_outside_is_told_to_the_peer_with_its_code() {
    let endings: [(Timer, CloseCode, &str); 4] = [
        (Timer::CredentialExpiry, CloseCode::POLICY_VIOLATION, "credentials expired"),
        (Timer::Drain, CloseCode::GOING_AWAY, "going away"),
        (Timer::MaxAge, CloseCode::GOING_AWAY, "maximum age"),
        (Timer::Quiet, CloseCode::GOING_AWAY, "timeout: no messages"),
    ];
    for (timer, code, reason) in endings {
        let mut pair = pair(|_, lifecycle| {
            lifecycle.max_age = (timer == Timer::MaxAge).then_some(second(100));
            lifecycle.quiet_timeout = (timer == Timer::Quiet).then_some(second(100));
        });
        let expiry = (timer == Timer::CredentialExpiry).then_some(second(100));
        pair.server.writer.set_credential_expiry(second(0), expiry);
        if timer == Timer::Drain {
            pair.server.writer.begin_drain(second(0), second(100));
        }
        // Only the server keeps time: both ends have the same settings.
        pair.run(second(99));
        let server = &mut pair.server;
        server.writer.handle_timeout(second(100), &mut server.output);
        pair.now = second(100);
        pair.settle();
        let local = (Endpoint::Local, Cause::Timeout(timer), ClosingHandshake::Complete);
        let remote = (Endpoint::Remote, close_of(code, reason), ClosingHandshake::Complete);
        assert_eq!((pair.server.ended(), pair.client.ended()), (Some(local), Some(remote)));
        assert!(pair.server.asked(second(100)).is_some() && pair.client.asked(second(100)).is_some());
    }
}

#[test]
fn a_reader_that_pauses_misses_no_pong() {
    let mut pair = pair(off);
    let mut config = tidewire_lifecycle::Config::default();
    config.idle_timeout = None;
    pair.server = common::End::new(tidewire_connection::websocket::server(
        &tidewire_connection::websocket::Config::new(tidewire_ws::message::Config::default(), config),
        second(0),
    ));
    pair.server.writer.handle_read_paused(second(1));
    for _ in 0..20 {
        let server = &mut pair.server;
        let (at, timer) = server.writer.poll_timeout().unwrap();
        assert_eq!(timer, Timer::Heartbeat);
        server.writer.handle_timeout(at, &mut server.output);
        let sent = std::mem::take(&mut server.output).len();
        server.writer.handle_sent(at, sent, 0, &mut server.output);
        pair.now = at;
    }
    assert_eq!((pair.now, pair.server.ended()), (second(500), None));
    assert_eq!(pair.server.writer.lifecycle().last_seen(), second(0));
    let server = &mut pair.server;
    server.writer.handle_read_resumed(second(510));
    assert_eq!(server.writer.poll_timeout(), Some((second(525), Timer::Heartbeat)));
    server.writer.handle_timeout(second(525), &mut server.output);
    assert_eq!(server.output[..2], [0x89, 4]);
    assert_eq!(server.writer.poll_timeout(), Some((second(533), Timer::HeartbeatReply)), "from here on");
}

#[test]
fn round_trips_are_measured() {
    let mut pair = pair(|_, _| {});
    pair.run(second(60));
    assert_eq!(pair.server.writer.lifecycle().round_trip_time(), Some(second(0)), "the wire takes no time");
    assert_eq!(pair.server.writer.lifecycle().quiet_since(second(60)), Some(second(0)));
    assert_eq!(pair.server.writer.lifecycle().last_seen(), second(50));
}

#[test]
fn a_client_comes_back_where_that_is_of_use() {
    let closed = |by, code: Option<u16>| Ended {
        by,
        cause: Cause::Close { code: code.map(|code| CloseCode::new(code).unwrap()), reason: "".into() },
        closing_handshake: ClosingHandshake::Complete,
    };
    for (code, back) in [
        (1000, false),
        (1001, true),
        (1002, false),
        (1003, false),
        (1007, false),
        (1008, false),
        (1009, false),
        (1010, false),
        (1011, true),
        (1012, true),
        (1013, true),
        (1014, true),
        (3000, false),
        (3001, true),
        (3003, false),
        (4000, true),
        (4399, true),
        (4400, false),
        (4401, false),
        (4408, true),
        (4425, true),
        (4429, true),
        (4499, false),
        (4500, true),
    ] {
        assert_eq!(closed(Endpoint::Remote, Some(code)).invites_back(), back, "{code}");
        assert!(!closed(Endpoint::Local, Some(code)).invites_back(), "we closed");
    }
    assert!(closed(Endpoint::Remote, None).invites_back());
    for (cause, back) in [
        (Cause::Timeout(Timer::HeartbeatReply), true),
        (Cause::Eof(Eof::WithoutClose), true),
        (Cause::Transport, true),
        (Cause::Violation(ProtocolError::ReservedOpcode(3)), false),
    ] {
        let closing_handshake = ClosingHandshake::Incomplete;
        let ended = Ended { by: Endpoint::Remote, cause, closing_handshake };
        assert_eq!(ended.invites_back(), back, "{ended}");
    }
}

#[test]
fn behind_a_drain_the_transport_is_left_as_the_protocol_asks() {
    let mut pair = pair(off);
    pair.server.writer.begin_drain(second(1), second(2));
    pair.run(second(2));
    assert_eq!(pair.server.writer.transport(), Transport::Closed);
    assert_eq!(pair.client.writer.transport(), Transport::Closed);
}

/// Class Q: what keeps a connection alive, and what does not.
#[test]
fn fragments_are_traffic_and_no_message_until_the_last() {
    let mut pair = pair(off);
    let server = &mut pair.server;
    server.receive(second(1), b"\x01\x81\0\0\0\0a".to_vec());
    for minute in 1..60 {
        let now = second(60 * minute);
        // One byte of a fragment at a time, a fragment in seven minutes.
        let fragment = b"\x00\x81\0\0\0\0b";
        server.receive(now, vec![fragment[(minute as usize - 1) % fragment.len()]]);
        server.writer.handle_timeout(now, &mut server.output);
        assert_eq!(server.ended(), None, "minute {minute}");
    }
    let life = server.writer.lifecycle();
    assert_eq!((life.last_seen(), life.quiet_since(second(3600))), (second(3540), Some(second(0))));
    assert!(server.heard.is_empty());
    server.writer.handle_timeout(second(3540 + 300), &mut server.output);
    assert_eq!(server.output[..2], [0x88, 2 + 13], "silence for 5 min closes all the same");
}

/// Class Q: every deadline runs while a write blocks.
#[test]
fn a_blocked_write_holds_no_deadline_up() {
    for (timer, at) in [(Timer::CredentialExpiry, 7), (Timer::Drain, 8), (Timer::WriteStall, 11)] {
        let mut pair = pair(|_, _| {});
        let server = &mut pair.server;
        server.text(second(1), "stuck");
        let left = server.output.len();
        server.writer.handle_sent(second(1), 0, left, &mut server.output);
        let expiry = (timer == Timer::CredentialExpiry).then_some(second(7));
        server.writer.set_credential_expiry(second(1), expiry);
        if timer == Timer::Drain {
            server.writer.begin_drain(second(1), second(8));
        }
        assert_eq!(server.writer.poll_timeout(), Some((second(at), timer)));
        server.writer.handle_timeout(second(at), &mut server.output);
        // The close frame cannot be sent either: the stall ends it.
        if server.writer.transport() != Transport::Closed {
            assert_eq!(server.writer.poll_timeout(), Some((second(11), Timer::WriteStall)));
            server.writer.handle_timeout(second(11), &mut server.output);
        }
        let (by, cause, _) = server.ended().unwrap();
        assert_eq!((by, cause), (Endpoint::Local, Cause::Timeout(timer)));
        assert_eq!((server.writer.transport(), server.writer.poll_timeout()), (Transport::Closed, None));
    }
}

/// Class Q: a peer that only reads, or only idles, is answered by the connection itself.
#[test]
fn pings_are_answered_though_the_application_does_nothing() {
    let mut pair = pair(off);
    for minute in 1..10 {
        pair.server.receive(second(60 * minute), b"\x89\x81\0\0\0\0p".to_vec());
        let answer = std::mem::take(&mut pair.server.output);
        assert_eq!(answer, b"\x8A\x01p");
        pair.server.writer.handle_sent(second(60 * minute), answer.len(), 0, &mut pair.server.output);
    }
    assert_eq!(pair.server.ended(), None);
}
