//! The opening handshake of a server: each rule of RFC 6455 §4.2.1, from raw bytes and from a parsed request.
#![allow(clippy::unwrap_used, missing_docs)]

#[cfg(feature = "http")]
mod parsed;
mod table;
mod written;

use std::sync::Arc;
use table::{TABLE, TARGETS, request};
use tidewire_ws::handshake::{Config, HeadReader, MAX_SUBPROTOCOLS, Progress};

/// The status, and how many bytes of the stream the head took.
fn answer<'s>(pieces: impl Iterator<Item = &'s [u8]>) -> (u16, usize) {
    let mut head = HeadReader::new(Arc::new(Config::default()));
    let mut taken = 0;
    for piece in pieces {
        match head.receive(piece) {
            Ok(Progress::NeedMore) => taken += piece.len(),
            Ok(Progress::Complete { consumed }) => {
                let status = match head.request() {
                    Ok(request) => {
                        assert_eq!((request.path(), request.query()), ("/chat", Some("room=1")));
                        101
                    }
                    Err(refusal) => refusal.status(),
                };
                return (status, taken + consumed);
            }
            Err(refusal) => return (refusal.status(), taken),
        }
    }
    (0, taken)
}

/// Class G: what a client sends behind its request is left alone, whatever becomes of the request.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//= type=test
//# including but not limited to any violations of the ABNF grammar
//# specified for the components of the handshake, the server MUST stop
//# processing the client's handshake and return an HTTP response with an
//# appropriate error code (such as 400 Bad Request).
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.3
//= type=test
//# Sec-WebSocket-Protocol-Client = 1#token
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# When a client establishes a WebSocket connection to a server, the server
//# MUST complete the following steps to accept the connection and send the
//# server's opening handshake.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# If this version does not match a version understood by the server, the
//# server MUST abort the WebSocket handshake described in this section and
//# instead send an appropriate HTTP error code (such as 426 Upgrade
//# Required) and a |Sec-WebSocket-Version| header field indicating the
//# version(s) the server is capable of understanding.
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//= type=test
//# If a value is received by either the client or the server during
//# negotiation that does not conform to the ABNF below, the recipient of
//# such malformed data MUST immediately _Fail the WebSocket Connection_.
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
//= type=test
//# If the invalid data is sent during the WebSocket handshake, the server
//# SHOULD return an appropriate HTTP [RFC2616] status code.
#[test]
fn the_table_holds_whole_and_at_every_split() {
    for (change, status) in TABLE {
        let head = request(change);
        let stream = [head.as_bytes(), b"\x81\x80\x00\x00\x00\x00GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(answer([&*stream].into_iter()), (*status, head.len()), "{head}");
        assert_eq!(answer(stream.chunks(1)), (*status, head.len()), "{head}");
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(answer([first, second].into_iter()), (*status, head.len()), "cut at {cut}: {head}");
        }
    }
}

fn status_of(head: &str, config: Config) -> u16 {
    let mut reader = HeadReader::new(Arc::new(config));
    match reader.receive(head.as_bytes()) {
        Ok(Progress::Complete { .. }) => reader.request().map_or_else(|refusal| refusal.status(), |_| 101),
        Ok(Progress::NeedMore) => 0,
        Err(refusal) => {
            assert_eq!(reader.receive(b"\r\n\r\n"), Err(refusal.clone()), "a refusal is final");
            refusal.status()
        }
    }
}

#[test]
fn a_head_at_the_limits_is_taken_and_one_past_each_is_431() {
    let padded = |len: usize| request(&[("", &format!("X-Padding: {}", "x".repeat(len)))]);
    let fixed = padded(0).len();
    let config = Config::default;
    assert_eq!(status_of(&padded(16 * 1024 - fixed), config()), 101);
    assert_eq!(status_of(&padded(16 * 1024 - fixed + 1), config()), 431);
    let counted = |count: usize| request(&vec![("", "X-A: b"); count - 5]);
    assert_eq!(status_of(&counted(100), config()), 101);
    assert_eq!(status_of(&counted(101), config()), 431);
    let mut low = Config::default();
    low.max_headers = 4;
    assert_eq!(status_of(&request(&[]), low), 431);
    // What never ends is refused as soon as it is too long, and its memory given back.
    let mut endless = HeadReader::new(Arc::new(Config::default()));
    let refused = (0..20_000).find_map(|_| endless.receive(b"x").err()).unwrap();
    assert_eq!(refused.status(), 431);
}

#[test]
fn subprotocols_are_counted() {
    let offer = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("p{number}")).collect();
        request(&[("", &format!("Sec-WebSocket-Protocol: {}", names.join(",")))])
    };
    assert_eq!(status_of(&offer(MAX_SUBPROTOCOLS), Config::default()), 101);
    assert_eq!(status_of(&offer(MAX_SUBPROTOCOLS + 1), Config::default()), 431);
}

#[test]
fn empty_lines_before_the_request_count_in_its_length() {
    let padding = 16 * 1024 - request(&[]).len();
    let led = |len: usize| "\n".repeat(len) + &request(&[]);
    assert_eq!(status_of(&led(padding), Config::default()), 101);
    assert_eq!(status_of(&led(padding + 1), Config::default()), 431);
    assert_eq!(status_of(&format!("\r\n\r\n{}", request(&[])), Config::default()), 101);
    assert_eq!(status_of(&format!("\r\r{}", request(&[])), Config::default()), 400);
}

#[test]
fn malformed_heads_are_400() {
    for head in ["\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"]
    {
        assert_eq!(status_of(head, Config::default()), 400, "{head:?}");
    }
    for byte in (0..=255u8).filter(|byte| !matches!(byte, b'\t' | 0x20..=0x7E | 0x80..)) {
        let mut head = request(&[("", "X-A: a@b")]).into_bytes();
        let at = head.iter().position(|found| *found == b'@').unwrap();
        head[at] = byte;
        let mut reader = HeadReader::new(Arc::new(Config::default()));
        let refused = match reader.receive(&head) {
            Ok(Progress::Complete { .. }) => reader.request().err().map(|refusal| refusal.status()),
            Ok(Progress::NeedMore) | Err(_) => panic!("{byte:#04x}"),
        };
        assert_eq!(refused, Some(400), "{byte:#04x}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//= type=test
//# An HTTP/1.1 or higher GET request, including a "Request-URI"
//# [RFC2616] that should be interpreted as a /resource name/
//# defined in Section 3 (or an absolute HTTP/HTTPS URI containing
//# the /resource name/).
//= https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
//= type=test
//# When an origin server receives a request with an absolute-form of
//# request-target, the origin server MUST ignore the received Host header
//# field (if any) and instead use the host information of the
//# request-target.
#[test]
fn a_target_is_a_path_or_an_absolute_uri() {
    for (target, meant) in TARGETS {
        let stream = request(&[("GET", &format!("GET {target} HTTP/1.1"))]);
        let mut head = HeadReader::new(Arc::default());
        head.receive(stream.as_bytes()).unwrap();
        match (head.request(), meant) {
            (Ok(request), Some((host, path, query))) => {
                assert_eq!(
                    (request.host(), request.path(), request.query()),
                    (host.as_bytes(), *path, *query)
                );
                assert_eq!(request.target(), *target);
            }
            (Err(refusal), None) => assert_eq!(refusal.status(), 400, "{target}"),
            (found, _) => panic!("{target}: {found:?}"),
        }
    }
    for byte in 0..=255u8 {
        let mut stream = request(&[("GET", "GET /a@b HTTP/1.1")]).into_bytes();
        stream[6] = byte;
        let mut head = HeadReader::new(Arc::default());
        head.receive(&stream).unwrap();
        // A space ends the target, and what follows it is no version.
        let fits = matches!(byte, 0x21..=0x7E) && byte != b'#';
        assert_eq!(
            head.request().map_or_else(|refusal| refusal.status() == 101, |_| true),
            fits,
            "{byte:#04x}"
        );
    }
}

#[test]
fn debug_shows_no_credentials() {
    let mut head = HeadReader::new(Arc::default());
    head.receive(request(&[("", "Authorization: Bearer secret")]).as_bytes()).unwrap();
    let shown = format!("{head:?} {:?}", head.request().unwrap());
    assert!(shown.contains("Authorization") && !shown.contains("secret"), "{shown}");
}

#[test]
fn headers_are_handed_out_as_they_were_sent_however_often_they_are_asked_for() {
    let sent: [(&str, &[u8]); 5] = [
        ("X-Empty", b""),
        ("x-TWICE", b"a, b"),
        ("X-Obs", b"caf\xE9 \xFF"),
        ("X-Twice", b"c"),
        ("X-Last", b"\"\t\""),
    ];
    let stream = request(&[]);
    let (head, _) = stream.split_at(stream.len() - 2);
    // Empty lines before the first one are passed over (RFC 9112 §2.2).
    let mut stream = [b"\r\n\r\n", head.as_bytes()].concat();
    for (name, value) in sent {
        stream.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    stream.extend(b"\r\n");
    for step in [1, 7, stream.len()] {
        let mut reader = HeadReader::new(Arc::default());
        for piece in stream.chunks(step) {
            reader.receive(piece).unwrap();
        }
        for _ in 0..2 {
            let found = reader.request().unwrap();
            let own: Vec<_> =
                found.headers().filter(|(name, _)| name[..2].eq_ignore_ascii_case("x-")).collect();
            assert_eq!(own, sent, "in pieces of {step}");
            assert_eq!(
                (found.header("x-empty"), found.header("X-tWICE")),
                (Some(&b""[..]), Some(&b"a, b"[..]))
            );
            assert_eq!((found.header("x-obs"), found.header("x-none")), (Some(sent[2].1), None));
        }
    }
}
