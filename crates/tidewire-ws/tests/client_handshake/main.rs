//! The client's opening handshake as a table: what a server may answer, and what a hostile one does (RFC 6455 §4.1).
#![allow(clippy::unwrap_used, missing_docs)]

mod declined;
mod tunnel;

use std::sync::Arc;
use tidewire_testkit::splits;
use tidewire_ws::handshake::client::{Answer, Declined, InvalidResponse, Request, ResponseReader};
use tidewire_ws::handshake::{Config, HeadReader, InvalidField, MAX_SUBPROTOCOLS, Progress, Response};

const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const NONCE: [u8; 16] = *b"the sample nonce";

fn request() -> Request {
    let request = Request::new("server.example.com", "/chat", NONCE).unwrap();
    request.subprotocol("chat").unwrap().subprotocol("superchat").unwrap()
}

fn reader(config: Config) -> ResponseReader {
    request().into_reader(Arc::new(config))
}

/// A good 101 with some lines replaced, dropped or added, and a frame behind it.
fn response(change: &[(&str, &str)]) -> Vec<u8> {
    let mut lines: Vec<String> =
        ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", ACCEPT]
            .map(str::to_owned)
            .to_vec();
    for (old, new) in change {
        match lines.iter().position(|line| line.starts_with(old)) {
            Some(at) if !old.is_empty() && new.is_empty() => drop(lines.remove(at)),
            Some(at) if !old.is_empty() => lines[at] = (*new).to_owned(),
            Some(_) | None => lines.push((*new).to_owned()),
        }
    }
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Open { subprotocol: Option<String>, consumed: usize },
    Declined(Declined),
    Failed(InvalidResponse),
    Waiting,
}

fn outcome(mut reader: ResponseReader, pieces: &[&[u8]], eof: bool) -> Outcome {
    let mut before = 0;
    let answered = |answer, before| match answer {
        Ok(Answer::NeedMore) => None,
        Ok(Answer::Open { opened, consumed }) => Some(Outcome::Open {
            subprotocol: opened.subprotocol().map(str::to_owned),
            consumed: before + consumed,
        }),
        Ok(Answer::Declined(declined)) => Some(Outcome::Declined(declined)),
        Err(error) => Some(Outcome::Failed(error)),
    };
    for piece in pieces {
        if let Some(outcome) = answered(reader.receive(piece), before) {
            if let Outcome::Failed(error) = outcome {
                assert_eq!(reader.receive(b"HTTP/1.1 200 OK\r\n\r\n").err(), Some(error), "it is final");
                assert_eq!(reader.handle_eof().err(), Some(error));
            }
            return outcome;
        }
        before += piece.len();
    }
    match (eof, reader.handle_eof()) {
        (true, Ok(declined)) => Outcome::Declined(declined),
        (true, Err(error)) => Outcome::Failed(error),
        (false, _) => Outcome::Waiting,
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST contain a |Host| header field whose value
//# contains /host/ plus optionally ":" followed by /port/ (when not
//# using the default port).
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The method of the request MUST be GET, and the HTTP version MUST
//# be at least 1.1.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST contain an |Upgrade| header field whose value
//# MUST include the "websocket" keyword.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST contain a |Connection| header field whose value
//# MUST include the "Upgrade" token.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST include a header field with the name
//# |Sec-WebSocket-Version|.  The value of this header field MUST be
//# 13.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST include a header field with the name
//# |Sec-WebSocket-Key|.  The value of this header field MUST be a
//# nonce consisting of a randomly selected 16-byte value that has
//# been base64-encoded (see Section 4 of [RFC4648]).
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# Once a connection to the server has been established (including a
//# connection via a proxy or over a TLS-encrypted tunnel), the client MUST
//# send an opening handshake to the server.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The "Request-URI" part of the request MUST match the /resource name/
//# defined in Section 3 (a relative URI) or be an absolute http/https URI
//# that, when parsed, has a /resource name/, /host/, and /port/ that match
//# the corresponding ws/wss URI.
#[test]
fn the_request_is_that_of_the_standard() {
    let mut output = Vec::new();
    let request = request().header("Origin", "http://example.com").unwrap();
    request.encode(&mut output);
    let expected = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\n\r\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The handshake MUST be a valid HTTP request as specified by [RFC2616].
#[test]
fn our_server_takes_what_our_client_sends_and_back() {
    let mut sent = Vec::new();
    request().encode(&mut sent);
    let mut head = HeadReader::new(Arc::default());
    assert_eq!(head.receive(&sent), Ok(Progress::Complete { consumed: sent.len() }));
    let accepted = head.request().unwrap();
    let chosen = Response::new().choose_subprotocol(accepted.subprotocols(), |name| name == "superchat");
    let mut answer = Vec::new();
    accepted.accept(&chosen, &mut answer).unwrap();
    let expected = Outcome::Open { subprotocol: Some("superchat".to_owned()), consumed: answer.len() };
    assert_eq!(outcome(reader(Config::default()), &[&answer], false), expected);
}

#[test]
fn what_the_101_says_beside_the_handshake_is_told() {
    let answer = response(&[("", "Set-Cookie: a=1")]);
    let Ok(Answer::Open { opened, .. }) = reader(Config::default()).receive(&answer) else { panic!() };
    assert_eq!((opened.header("set-COOKIE"), opened.header("x")), (Some(&b"a=1"[..]), None));
    assert!(opened.headers().any(|(name, value)| (name, value) == ("Set-Cookie", b"a=1")));
    assert!(!format!("{opened:?}").contains("a=1"), "a value may be a credential");
}

/// What is changed in a good 101, and what fails because of it.
type Row = (&'static [(&'static str, &'static str)], Option<InvalidResponse>);

const TABLE: &[Row] = {
    use InvalidResponse::{Accept, Connection, Extension, Malformed, Subprotocol, Upgrade};
    &[
        (&[], None),
        (&[("HTTP", "HTTP/1.1 101")], None),
        (&[("HTTP", "HTTP/1.1 101 ")], None),
        (&[("HTTP", "HTTP/1.1 101 Whatever\u{e9}")], None),
        (&[("HTTP", "HTTP/1.0 101 Switching Protocols")], Some(Malformed)),
        (&[("HTTP", "HTTP/2 101 Switching Protocols")], Some(Malformed)),
        (&[("HTTP", "ICY 101 OK")], Some(Malformed)),
        (&[("HTTP", "HTTP/1.1 10 Short")], Some(Malformed)),
        (&[("HTTP", "HTTP/1.1 099 Low")], Some(Malformed)),
        (&[("", "no colon")], Some(Malformed)),
        (&[("", "Bad Name: a")], Some(Malformed)),
        (&[("", "X: a\0b")], Some(Malformed)),
        (&[("Upgrade", "")], Some(Upgrade)),
        (&[("Upgrade", "Upgrade: WebSocket")], None),
        (&[("Upgrade", "upgrade: \t websocket ")], None),
        (&[("Upgrade", "Upgrade: h2c")], Some(Upgrade)),
        (&[("Upgrade", "Upgrade: websocket, h2c")], Some(Upgrade)),
        (&[("", "Upgrade: websocket")], Some(Upgrade)),
        (&[("Connection", "")], Some(Connection)),
        (&[("Connection", "Connection: close")], Some(Connection)),
        (&[("Connection", "Connection: keep-alive, upgrade")], None),
        (&[("Connection", "Connection: keep-alive"), ("", "Connection: Upgrade")], None),
        (&[("Connection", "Connection: upgraded")], Some(Connection)),
        (&[("Sec-WebSocket-Accept", "")], Some(Accept)),
        (&[("", ACCEPT)], Some(Accept)),
        (&[("Sec-WebSocket-Accept", "Sec-WebSocket-Accept:")], Some(Accept)),
        (&[("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=")], Some(Accept)),
        (&[("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=")], Some(Accept)),
        (&[("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==")], Some(Accept)),
        (&[("Sec-WebSocket-Accept", "sec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t")], None),
        (&[("", "Sec-WebSocket-Protocol: chat")], None),
        (&[("", "Sec-WebSocket-Protocol: superchat")], None),
        (&[("", "Sec-WebSocket-Protocol: Chat")], Some(Subprotocol)),
        (&[("", "Sec-WebSocket-Protocol: other")], Some(Subprotocol)),
        (&[("", "Sec-WebSocket-Protocol:")], Some(Subprotocol)),
        (&[("", "Sec-WebSocket-Protocol: chat, superchat")], Some(Subprotocol)),
        (&[("", "Sec-WebSocket-Protocol: chat"), ("", "Sec-WebSocket-Protocol: chat")], Some(Subprotocol)),
        (&[("", "Sec-WebSocket-Extensions: permessage-deflate")], Some(Extension)),
        (&[("", "Sec-WebSocket-Extensions: foo")], Some(Extension)),
        (&[("", "Sec-WebSocket-Extensions:")], Some(Extension)),
        (&[("Upgrade", "Upgrade:")], Some(Upgrade)),
        (&[("Upgrade", "Upgrade: websocket/13")], Some(Upgrade)),
        (&[("Connection", "Connection: \"Upgrade\"")], Some(Connection)),
        (&[("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: \"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"")], Some(Accept)),
        (&[("", "Sec-WebSocket-Extensions: foo"), ("", "Sec-WebSocket-Extensions: bar")], Some(Extension)),
        (&[("", "Sec-WebSocket-Version: 8")], None),
        (&[("", "Set-Cookie: a=1"), ("", "Set-Cookie: b=2")], None),
        (&[("", " folded")], Some(Malformed)),
        (&[("", "X-Anything: else")], None),
        (&[("", "Content-Length: 5")], None),
    ]
};

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the response lacks an |Upgrade| header field or the |Upgrade|
//# header field contains a value that is not an ASCII case-
//# insensitive match for the value "websocket", the client MUST
//# _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the response lacks a |Connection| header field or the
//# |Connection| header field doesn't contain a token that is an
//# ASCII case-insensitive match for the value "Upgrade", the client
//# MUST _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the response lacks a |Sec-WebSocket-Accept| header field or
//# the |Sec-WebSocket-Accept| contains a value other than the
//# base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-
//# Key| (as a string, not base64-decoded) with the string "258EAFA5-
//# E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and
//# trailing whitespace, the client MUST _Fail the WebSocket
//# Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the response includes a |Sec-WebSocket-Extensions| header
//# field and this header field indicates the use of an extension
//# that was not present in the client's handshake (the server has
//# indicated an extension not requested by the client), the client
//# MUST _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the response includes a |Sec-WebSocket-Protocol| header field
//# and this header field indicates the use of a subprotocol that was
//# not present in the client's handshake (the server has indicated a
//# subprotocol not requested by the client), the client MUST _Fail
//# the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the server's response does not conform to the requirements for the
//# server's handshake as defined in this section and in Section 4.2.2,
//# the client MUST _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The client MUST validate the server's response as follows:
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.1
//= type=test
//# To do so, the client MUST _Fail the WebSocket Connection_ as defined in
//# Section 7.1.7.
#[test]
fn the_table_holds_whole_and_at_every_split() {
    for (change, error) in TABLE {
        let head = response(change);
        let stream = [&head[..], &[0x81, 0x00]].concat();
        let chosen = change.iter().find_map(|(_, line)| line.strip_prefix("Sec-WebSocket-Protocol: "));
        let expected = match error {
            None => Outcome::Open { subprotocol: chosen.map(str::to_owned), consumed: head.len() },
            Some(error) => Outcome::Failed(*error),
        };
        let name = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(outcome(reader(Config::default()), &[&stream], false), expected, "{name}");
        assert_eq!(outcome(reader(Config::default()), &splits::bytewise(&stream), false), expected, "{name}");
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(
                outcome(reader(Config::default()), &[first, second], false),
                expected,
                "{cut}: {name}"
            );
        }
    }
}

#[test]
fn interim_responses_are_passed_over_within_the_limit_of_a_head() {
    let good = response(&[]);
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let last = b"HTTP/1.1 199 Of No Meaning\r\n\r\n";
    let stream = [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], interim, last, &good].concat();
    let expected = Outcome::Open { subprotocol: None, consumed: stream.len() };
    for pieces in [splits::whole(&stream), splits::bytewise(&stream)] {
        assert_eq!(outcome(reader(Config::default()), &pieces, false), expected);
    }
    // Class O: without an end.
    let endless = interim.repeat(1_000);
    let failed = Outcome::Failed(InvalidResponse::HeadTooLong);
    for pieces in [splits::whole(&endless), splits::bytewise(&endless)] {
        assert_eq!(outcome(reader(Config::default()), &pieces, false), failed);
    }
    let mut config = Config::default();
    config.max_head_len = stream.len();
    assert_eq!(
        outcome(reader(config.clone()), &[&stream], false),
        expected,
        "at the limit, all heads together"
    );
    config.max_head_len -= 1;
    assert_eq!(outcome(reader(config), &[&stream], false), failed);
}

#[test]
fn a_head_without_an_end_and_one_with_too_many_fields_fail() {
    let padded = |len: usize| response(&[("", &format!("X-Padding: {}", "x".repeat(len)))]);
    let fixed = padded(0).len();
    for (len, fits) in [(16 * 1024, true), (16 * 1024 + 1, false)] {
        let outcome = outcome(reader(Config::default()), &[&padded(len - fixed)], false);
        match fits {
            true => assert_eq!(outcome, Outcome::Open { subprotocol: None, consumed: len }),
            false => assert_eq!(outcome, Outcome::Failed(InvalidResponse::HeadTooLong)),
        }
    }
    let counted = |count: usize| response(&vec![("", "X-A: b"); count - 3]);
    let opened = |stream: &[u8]| outcome(reader(Config::default()), &[stream], false);
    assert!(matches!(opened(&counted(100)), Outcome::Open { .. }));
    assert_eq!(opened(&counted(101)), Outcome::Failed(InvalidResponse::TooManyHeaders));
    let mut endless = reader(Config::default());
    let failed = (0..20_000).find_map(|_| endless.receive(b"x").err());
    assert_eq!(failed, Some(InvalidResponse::HeadTooLong));
}

#[test]
fn a_stream_that_ends_within_the_head_is_truncated() {
    let good = response(&[]);
    for cut in 0..good.len() {
        assert_eq!(
            outcome(reader(Config::default()), &[&good[..cut]], true),
            Outcome::Failed(InvalidResponse::Truncated),
            "{cut}"
        );
    }
}

/// Class J: whatever byte stands in whatever field, the request is one head with the fields that were given.
#[test]
fn no_byte_in_any_field_makes_another_line() {
    for byte in 0..=255u8 {
        let text = String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
        let target = format!("/{text}");
        let built = [
            Request::new(&text, "/", NONCE),
            Request::new("a", &target, NONCE),
            Request::new("a", "/", NONCE).and_then(|request| request.subprotocol(&text)),
            Request::new("a", "/", NONCE).and_then(|request| request.header(&text, "v")),
            Request::new("a", "/", NONCE).and_then(|request| request.header("X-A", &text)),
        ];
        for (field, built) in built.into_iter().enumerate() {
            let Ok(request) = built else { continue };
            let mut output = Vec::new();
            request.encode(&mut output);
            let fields = if field < 2 { 5 } else { 6 };
            let lines = output.split(|byte| *byte == b'\n').count();
            assert_eq!(lines, 1 + fields + 2, "{byte:#04x} in field {field}");
            assert_eq!(output.iter().filter(|byte| matches!(byte, b'\r')).count(), lines - 1);
            assert!(!output.contains(&0));
        }
    }
}

#[test]
fn debug_shows_no_credentials() {
    let shown = format!("{:?}", request().header("Authorization", "Bearer secret").unwrap());
    assert!(shown.contains("Authorization") && !shown.contains("secret"), "{shown}");
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The components of the WebSocket URI passed into this algorithm (/host/,
//# /port/, /resource name/, and /secure/ flag) MUST be valid according to
//# the specification of WebSocket URIs specified in Section 3.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If any of the components are invalid, the client MUST _Fail the
//# WebSocket Connection_ and abort these steps.
#[test]
fn what_is_no_field_is_refused() {
    let request = || Request::new("a", "/", NONCE).unwrap();
    let refused = |built: Result<Request, InvalidField>| built.err();
    for authority in ["", "a/b", "u@a", "a b", "a:x", "a\r\nX: y"] {
        assert_eq!(
            refused(Request::new(authority, "/", NONCE)),
            Some(InvalidField::Authority),
            "{authority:?}"
        );
    }
    for target in ["", "a", "*", "/a b", "/a#b", "/\u{e9}", "http://a/", "/\r\nX: y"] {
        assert_eq!(refused(Request::new("a", target, NONCE)), Some(InvalidField::Target), "{target:?}");
    }
    assert_eq!(refused(request().header("Host", "b")), Some(InvalidField::ReservedName));
    assert_eq!(refused(request().header("sec-websocket-key", "b")), Some(InvalidField::ReservedName));
    assert_eq!(refused(request().header("a b", "c")), Some(InvalidField::Name));
    let twice = request().subprotocol("a").unwrap().subprotocol("a");
    assert_eq!(refused(twice), Some(InvalidField::Subprotocol));
    let many = (0..MAX_SUBPROTOCOLS)
        .try_fold(request(), |request, number| request.subprotocol(&format!("p{number}")));
    assert_eq!(refused(many.unwrap().subprotocol("one-more")), Some(InvalidField::Subprotocol));
}

#[cfg(feature = "deflate")]
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//= type=test
//# Note that the client is only offering to use any advertised extensions
//# and MUST NOT use them unless the server indicates that it wishes to use
//# the extension.
#[test]
fn an_offer_is_answered_or_declined_or_the_connection_fails() {
    use tidewire_ws::deflate::{InvalidAgreement, Pool};
    let offering = || request().deflate(Pool::default().offer()).into_reader(Arc::default());
    let mut sent = Vec::new();
    request().deflate(Pool::default().offer()).encode(&mut sent);
    let line = "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
        client_no_context_takeover; client_max_window_bits\r\n";
    assert!(String::from_utf8(sent).unwrap().contains(line));
    for (value, agreed) in [
        ("permessage-deflate; server_no_context_takeover", Ok(true)),
        ("", Ok(false)),
        ("permessage-deflate", Err(InvalidAgreement::Parameters)),
        ("foo", Err(InvalidAgreement::NotOffered)),
    ] {
        let header = format!("Sec-WebSocket-Extensions: {value}");
        let answer = if value.is_empty() { response(&[]) } else { response(&[("", &header)]) };
        let found = match offering().receive(&answer) {
            Ok(Answer::Open { opened, .. }) => Ok(opened.agreement().is_some()),
            Ok(other) => panic!("{other:?}"),
            Err(InvalidResponse::Deflate(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(found, agreed, "{value}");
    }
}

#[cfg(feature = "http")]
#[test]
fn an_http_library_carries_the_same_request_and_its_response_gets_the_same_verdict() {
    let sent = request().header("Origin", "http://example.com").unwrap().to_http().unwrap();
    assert_eq!((sent.method(), sent.uri().path()), (&http::Method::GET, "/chat"));
    let mut plain = Vec::new();
    request().header("Origin", "http://example.com").unwrap().encode(&mut plain);
    let lines: Vec<String> = String::from_utf8(plain)
        .unwrap()
        .trim_end()
        .lines()
        .skip(1)
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            format!("{}: {value}", name.to_ascii_lowercase())
        })
        .collect();
    let fields: Vec<String> =
        sent.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(fields, lines);

    for (change, error) in TABLE {
        // What is no HTTP does not come out of a library.
        if *error == Some(InvalidResponse::Malformed) {
            continue;
        }
        let text = String::from_utf8(response(change)).unwrap();
        let mut parsed = http::Response::builder().status(101);
        for line in text.trim_end().lines().skip(1) {
            let (name, value) = line.split_once(':').unwrap();
            parsed = parsed.header(name, value.trim());
        }
        let verdict = request().check(&parsed.body(()).unwrap());
        assert_eq!(verdict.err(), *error, "{text}");
    }
    for (version, error) in [
        (http::Version::HTTP_10, Some(InvalidResponse::Malformed)),
        (http::Version::HTTP_11, Some(InvalidResponse::Upgrade)),
        (http::Version::HTTP_2, Some(InvalidResponse::Malformed)),
    ] {
        let bare = http::Response::builder().status(101).version(version).body(()).unwrap();
        assert_eq!(request().check(&bare).err(), error);
    }
    let declined = http::Response::builder().status(200).body(()).unwrap();
    assert!(request().check(&declined).unwrap().is_none());
}

#[test]
fn a_limit_that_is_off_costs_nothing() {
    let mut config = Config::default();
    config.max_headers = usize::MAX;
    let head = b"HTTP/1.1 404 x\r\nA: b\r\nContent-Length: 0\r\n\r\n";
    let Outcome::Declined(declined) = outcome(reader(config), &[head], false) else { panic!() };
    assert_eq!(declined.headers().count(), 2);
}
