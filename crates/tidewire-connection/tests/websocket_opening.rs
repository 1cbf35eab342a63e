//! The opening handshake of both sides: what it makes, how it fails, and how long it may take.
#![cfg(feature = "ws")]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{ANSWER, REQUEST, second};
use std::{sync::Arc, time::Duration};
use tidewire_connection::websocket::{
    Accepting, Answered, Config, Connecting, Failed, Reader, Received, Transport, Writer,
};
use tidewire_lifecycle::Timer;
use tidewire_ws::frame::MaskingKey;
use tidewire_ws::handshake::{
    Config as Handshake, Refusal, Response, client::InvalidResponse, client::Request,
};
use tidewire_ws::message;

fn accepting() -> Accepting {
    Accepting::new(Arc::default(), Config::default(), second(0))
}

fn request() -> Request {
    Request::new("server.example.com", "/chat", *b"the sample nonce").unwrap()
}

fn connecting() -> Connecting {
    let mut output = Vec::new();
    let connecting = Connecting::new(request(), Arc::default(), Config::default(), second(0), &mut output);
    assert!(output.starts_with(b"GET /chat HTTP/1.1\r\n"));
    connecting
}

fn open(
    connecting: Connecting,
    now: Duration,
    opened: &tidewire_ws::handshake::client::Opened,
) -> (Reader, Writer) {
    connecting.open(now, opened, || MaskingKey([1, 2, 3, 4])).unwrap()
}

#[test]
fn both_sides_open_in_any_pieces_and_the_life_counts_from_the_first_byte() {
    for step in [1, 7, usize::MAX] {
        let (mut server, mut client, mut output) = (accepting(), connecting(), Vec::new());
        assert_eq!(server.poll_timeout(), Some((second(5), Timer::Opening)));
        let mut pieces = REQUEST.chunks(step.min(REQUEST.len())).peekable();
        while let Some(piece) = pieces.next() {
            let expected = match pieces.peek() {
                Some(_) => Received::NeedMore,
                None => Received::Request { consumed: piece.len() },
            };
            assert_eq!(server.receive(second(1), piece, &mut output), expected);
        }
        assert_eq!(server.request().unwrap().path(), "/chat");
        for _ in 0..2 {
            server.accept(second(2), &Response::new(), &mut output).unwrap();
            assert_eq!(output, ANSWER, "once");
        }
        assert_eq!(server.poll_timeout(), Some((second(5), Timer::Opening)), "it has to be taken");
        server.handle_sent(second(2), output.len(), 0);
        let (_, writer) = server.open(second(2)).unwrap();
        let usage = writer.usage(second(3));
        assert_eq!((usage.received_bytes, usage.open), (REQUEST.len() as u64, second(3)));
        assert_eq!((usage.sent_bytes, usage.received_messages), (ANSWER.len() as u64, 0));
        assert_eq!(writer.poll_timeout(), Some((second(27), Timer::Heartbeat)), "25 s from the opening");

        client.handle_sent(second(1), 100, 0);
        let mut pieces = output.chunks(step.min(output.len())).peekable();
        let opened = loop {
            let piece = pieces.next().unwrap();
            match (client.receive(second(2), piece), pieces.peek()) {
                (Answered::NeedMore, Some(_)) => {}
                (Answered::Open { opened, consumed }, None) => {
                    assert_eq!(consumed, piece.len());
                    break opened;
                }
                other => panic!("{other:?}"),
            }
        };
        let (_, writer) = open(client, second(2), &opened);
        let usage = writer.usage(second(3));
        assert_eq!((usage.sent_bytes, usage.received_bytes), (100, ANSWER.len() as u64));
    }
}

#[test]
fn frames_behind_either_head_are_left_to_the_connection() {
    let mut output = Vec::new();
    let input = [REQUEST, b"\x81\x80\0\0\0\0"].concat();
    let mut server = accepting();
    assert_eq!(server.receive(second(0), &input, &mut output), Received::Request { consumed: REQUEST.len() });
    assert_eq!(
        server.usage(second(0)).received_bytes,
        REQUEST.len() as u64,
        "frames count when they are received"
    );
    let input = [ANSWER, b"\x81\x00"].concat();
    let mut client = connecting();
    let Answered::Open { consumed, .. } = client.receive(second(0), &input) else { panic!() };
    assert_eq!((consumed, client.usage(second(0)).received_bytes), (ANSWER.len(), ANSWER.len() as u64));
}

#[test]
fn a_bad_request_is_refused_told_and_what_follows_is_thrown_away() {
    let mut config = Handshake::default();
    config.max_head_len = 64;
    for (handshake, request, status) in [
        (Handshake::default(), &b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second"[..], "426"),
        (Handshake::default(), b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        (config, &[b'x'; 65], "431"),
    ] {
        let mut server = Accepting::new(Arc::new(handshake), Config::default(), second(0));
        let mut output = Vec::new();
        let Received::Refused(refusal) = server.receive(second(1), request, &mut output) else { panic!() };
        assert_eq!(refusal.status().to_string(), status);
        let answer = String::from_utf8(output.clone()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!((server.failed(), server.transport()), (Some(Failed::Refused), Transport::ShutDown));
        assert_eq!(server.receive(second(1), REQUEST, &mut output), Received::Over, "nothing behind it");
        assert_eq!(output.len(), answer.len(), "and it is answered once");
        assert_eq!(server.poll_timeout(), Some((second(6), Timer::Closing)));
        server.handle_sent(second(2), answer.len(), 0);
        server.handle_shut_down(second(2));
        assert_eq!(
            (server.transport(), server.poll_timeout()),
            (Transport::Discard, Some((second(4), Timer::Linger)))
        );
        server.handle_discarded(second(3), 256 * 1024);
        assert_eq!(server.transport(), Transport::Discard);
        server.handle_discarded(second(3), 1);
        assert_eq!((server.transport(), server.failed()), (Transport::Closed, Some(Failed::Refused)));
        assert_eq!(server.usage(second(9)).sent_bytes, answer.len() as u64);
    }
}

#[test]
fn the_caller_may_refuse_and_may_not_choose_what_was_not_offered() {
    let mut output = Vec::new();
    let mut server = accepting();
    server.refuse(second(0), &Refusal::new(503, "full"), &mut output);
    assert!(output.starts_with(b"HTTP/1.1 503 "), "before a request has come, too");
    assert_eq!(server.failed(), Some(Failed::Refused));
    server.handle_eof(second(0));
    assert_eq!(server.transport(), Transport::Finish);
    server.handle_eof(second(0));
    server.handle_shut_down(second(0));
    assert_eq!(server.transport(), Transport::Closed);

    output.clear();
    let mut server = accepting();
    server.receive(second(0), REQUEST, &mut output);
    let chosen = Response::new().subprotocol("chat").unwrap();
    let refusal = server.accept(second(0), &chosen, &mut output).unwrap_err();
    assert_eq!(refusal.status(), 500);
    assert!(output.starts_with(b"HTTP/1.1 500 "), "{:?}", String::from_utf8_lossy(&output));
    assert_eq!((server.failed(), server.transport()), (Some(Failed::Refused), Transport::ShutDown));
    assert!(server.open(second(0)).is_err());
}

#[test]
fn there_is_nothing_to_accept_before_a_request_and_behind_an_end() {
    let mut output = Vec::new();
    let mut server = accepting();
    server.accept(second(0), &Response::new(), &mut output).unwrap();
    assert!(output.is_empty(), "no request has come");
    let server = server.open(second(0)).unwrap_err();
    assert_eq!((server.failed(), server.transport()), (None, Transport::Open));
    // The client does not take its 101.
    let mut server = accepting();
    server.receive(second(0), REQUEST, &mut output);
    server.accept(second(0), &Response::new(), &mut output).unwrap();
    server.handle_sent(second(0), 5, output.len() - 5);
    server.handle_timeout(second(5));
    let mut server = server.open(second(6)).unwrap_err();
    assert_eq!(server.failed(), Some(Failed::Timeout(Timer::Opening)));
    output.clear();
    server.accept(second(6), &Response::new(), &mut output).unwrap();
    assert!(output.is_empty());
}

#[test]
fn each_side_gives_up_in_time() {
    let (mut server, mut client) = (accepting(), connecting());
    server.receive(second(4), b"GET / HTTP/1.1\r\n", &mut Vec::new());
    server.handle_timeout(Duration::from_millis(4999));
    client.handle_timeout(Duration::from_millis(4999));
    assert_eq!((server.failed(), client.failed()), (None, None));
    server.handle_timeout(second(5));
    client.handle_timeout(second(5));
    let timeout = Some(Failed::Timeout(Timer::Opening));
    assert_eq!((server.failed(), client.failed()), (timeout, timeout));
    assert_eq!((server.transport(), client.transport()), (Transport::Closed, Transport::Closed));
    assert_eq!((server.poll_timeout(), client.poll_timeout()), (None, None));
    // A server that takes nothing of the request, for long enough.
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.opening_timeout = None;
    let config = Config::new(message::Config::default(), lifecycle);
    let mut client = Connecting::new(request(), Arc::default(), config, second(0), &mut Vec::new());
    client.handle_sent(second(1), 10, 100);
    assert_eq!(client.poll_timeout(), Some((second(11), Timer::WriteStall)));
    client.handle_timeout(second(11));
    assert_eq!(client.failed(), Some(Failed::Timeout(Timer::WriteStall)));
}

#[test]
fn a_stream_or_a_transport_that_ends_is_told_apart() {
    for (part, transport) in [(0, false), (10, false), (10, true)] {
        let (mut server, mut client) = (accepting(), connecting());
        server.receive(second(0), &REQUEST[..part], &mut Vec::new());
        let _ = client.receive(second(0), &ANSWER[..part]);
        let expected = if transport {
            server.handle_transport_error(second(1));
            client.handle_transport_error(second(1));
            Failed::Transport
        } else {
            server.handle_eof(second(1));
            assert!(matches!(client.handle_eof(second(1)), Answered::Invalid(InvalidResponse::Truncated)));
            Failed::Eof
        };
        assert_eq!((server.failed(), client.failed()), (Some(expected), Some(expected)));
        assert_eq!((server.transport(), client.transport()), (Transport::Closed, Transport::Closed));
    }
}

#[test]
fn a_server_that_declines_is_heard_out_and_one_that_lies_is_dropped() {
    let mut client = connecting();
    let Answered::Declined(declined) =
        client.receive(second(0), b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
    else {
        panic!()
    };
    assert_eq!((declined.status(), declined.body()), (401, &b"no"[..]));
    assert_eq!((client.failed(), client.transport()), (Some(Failed::Refused), Transport::Finish));
    assert!(matches!(client.receive(second(0), ANSWER), Answered::NeedMore), "nothing behind it counts");
    assert!(matches!(client.handle_eof(second(0)), Answered::NeedMore));
    client.handle_shut_down(second(0));
    assert_eq!(client.transport(), Transport::Closed);

    let mut client = connecting();
    assert!(matches!(client.receive(second(0), b"HTTP/1.1 401 No\r\n\r\nhal"), Answered::NeedMore));
    assert_eq!(client.declined().map(|declined| declined.status()), Some(401));
    let Answered::Declined(declined) = client.handle_eof(second(0)) else { panic!() };
    assert_eq!((declined.body(), client.failed()), (&b"hal"[..], Some(Failed::Refused)));

    let mut client = connecting();
    let lie = String::from_utf8_lossy(ANSWER).replace("s3pPLM", "t3pPLM");
    assert!(matches!(client.receive(second(0), lie.as_bytes()), Answered::Invalid(InvalidResponse::Accept)));
    assert_eq!((client.failed(), client.transport()), (Some(Failed::Refused), Transport::Finish));
    assert!(client.open(second(0), &Default::default(), || MaskingKey([0; 4])).is_err());
}

#[test]
fn failures_say_what_happened() {
    for (failed, text) in [
        (Failed::Refused, "the opening handshake was refused"),
        (Failed::Timeout(Timer::Opening), "timeout: opening handshake"),
        (Failed::Eof, "the stream ended before the opening handshake was complete"),
        (Failed::Transport, "the transport failed during the opening handshake"),
    ] {
        assert_eq!(failed.to_string(), text);
    }
}
