//! The opening handshake as a table: each rule of RFC 6455 §4.2.1, from raw bytes and from a parsed request.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::handshake::{
    Config, HeadReader, InvalidField, MAX_SUBPROTOCOLS, Progress, Refusal, Response,
};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// A request line and the headers, a line each, with some replaced, dropped or added.
fn request(change: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = [
        "GET /chat?room=1 HTTP/1.1",
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        KEY,
        "Sec-WebSocket-Version: 13",
    ]
    .map(str::to_owned)
    .to_vec();
    for (old, new) in change {
        match lines.iter().position(|line| line.starts_with(old)) {
            Some(at) if !old.is_empty() && new.is_empty() => drop(lines.remove(at)),
            Some(at) if !old.is_empty() => lines[at] = (*new).to_owned(),
            Some(_) | None => lines.push((*new).to_owned()),
        }
    }
    lines.join("\r\n") + "\r\n\r\n"
}

/// What is changed in a good request, and the status of its answer.
const TABLE: &[(&[(&str, &str)], u16)] = &[
    (&[], 101),
    (&[("GET", "POST /chat HTTP/1.1")], 405),
    (&[("GET", "get /chat HTTP/1.1")], 405),
    (&[("GET", "GET /chat HTTP/1.0")], 400),
    (&[("Host", "")], 400),
    (&[("Host", "Host:")], 400),
    (&[("", "Host: other.example.com")], 400),
    (&[("Host", "hOsT: server.example.com")], 101),
    (&[("Upgrade", "")], 426),
    (&[("Upgrade", "Upgrade: h2c")], 426),
    (&[("Upgrade", "Upgrade: websockets")], 426),
    (&[("Upgrade", "Upgrade: WebSocket")], 101),
    (&[("Upgrade", "uPGRADE: h2c, WEBSOCKET")], 101),
    (&[("Upgrade", "Upgrade: h2c"), ("", "Upgrade: websocket")], 101),
    (&[("Connection", "")], 426),
    (&[("Connection", "Connection: keep-alive")], 426),
    (&[("Connection", "Connection: upgraded")], 426),
    (&[("Connection", "Connection: keep-alive, Upgrade")], 101),
    (&[("Connection", "Connection: ,,upgrade ,")], 101),
    (&[("Connection", "connection: keep-alive"), ("", "Connection: UPGRADE")], 101),
    (&[(KEY, "")], 400),
    (&[("", KEY)], 400),
    (&[(KEY, "Sec-WebSocket-Key: short")], 400),
    (&[(KEY, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=")], 400),
    (&[(KEY, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==")], 400),
    (&[(KEY, "Sec-WebSocket-Key:  dGhlIHNhbXBsZSBub25jZQ==\t")], 101),
    (&[("Sec-WebSocket-Version", "")], 426),
    (&[("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")], 426),
    (&[("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8")], 426),
    (&[("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013")], 426),
    (&[("", "Sec-WebSocket-Version: 13")], 426),
    (&[("", "Content-Length: 5")], 400),
    (&[("", "Content-Length: 0")], 101),
    (&[("", "Transfer-Encoding: chunked")], 400),
    (&[("", "Sec-WebSocket-Protocol: chat, superchat")], 101),
    (&[("", "Sec-WebSocket-Protocol: chat"), ("", "Sec-WebSocket-Protocol: superchat")], 101),
    (&[("", "Sec-WebSocket-Protocol: chat, chat")], 400),
    (&[("", "Sec-WebSocket-Protocol: chat"), ("", "Sec-WebSocket-Protocol: chat")], 400),
    (&[("", "Sec-WebSocket-Protocol: ch at")], 400),
    (&[("", "Sec-WebSocket-Protocol: \"chat\"")], 400),
    (&[("", "Sec-WebSocket-Protocol: ,")], 400),
    (&[("", "Sec-WebSocket-Protocol:")], 400),
    (&[("", "Sec-WebSocket-Protocol: chat"), ("", "Sec-WebSocket-Protocol: ,")], 400),
    (&[("", "Sec-WebSocket-Protocol: ,chat,, superchat,")], 101),
    (&[("Host", "Host: a/b")], 400),
    (&[("Host", "Host: user@a")], 400),
    (&[("Host", "Host: a, b")], 400),
    (&[("Host", "Host: a:b")], 400),
    (&[("Host", "Host: a:65536")], 400),
    (&[("Host", "Host: [::1]:8080")], 101),
    (&[("Upgrade", "Upgrade: websocket/13")], 426),
    (&[("Upgrade", "Upgrade: \"websocket\"")], 426),
    (&[("Upgrade", "Upgrade: web socket")], 426),
    (&[("Connection", "Connection: \"Upgrade\"")], 426),
    (&[("Connection", "Connection: close;Upgrade")], 426),
    (&[("", "Content-Length: 0"), ("", "Content-Length: 0")], 400),
    (&[("", "Content-Length: +0")], 400),
    (&[("", "Content-Length:")], 400),
    (&[("", "Transfer-Encoding: identity")], 400),
    (&[("", "Sec-WebSocket-Extensions: foo, bar; baz=2; qux=\"3\"")], 101),
    (&[("", "Sec-WebSocket-Extensions:")], 400),
    (&[("", "Sec-WebSocket-Extensions: foo;")], 400),
    (&[("", "Sec-WebSocket-Extensions: foo; a=\"b")], 400),
    (&[("", "Sec-WebSocket-Extensions: foo"), ("", "Sec-WebSocket-Extensions: b c")], 400),
    (&[("", "Sec-WebSocket-Extensions: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a")], 431),
    (&[("", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")], 101),
    (&[("", "Origin: http://example.com")], 101),
    (&[("", "Origin: http://example.com"), ("", "Origin: http://evil.example")], 400),
];

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

#[cfg(feature = "http")]
#[test]
fn a_parsed_request_gets_the_same_answer() {
    for (change, status) in TABLE {
        let head = request(change);
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let mut parsed = http::Request::builder().method(first.next().unwrap()).uri(first.next().unwrap());
        if first.next() == Some("HTTP/1.0") {
            parsed = parsed.version(http::Version::HTTP_10);
        }
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            parsed = parsed.header(name, value.trim());
        }
        let answered =
            match tidewire_ws::handshake::http::accept(&parsed.body(()).unwrap(), &Config::default()) {
                Ok(accepted) => accepted.respond(&Response::new()).unwrap(),
                Err(refusal) => refusal.to_http(http::Version::HTTP_11),
            };
        assert_eq!(answered.status().as_u16(), *status, "{head}");
        match *status {
            101 => assert_eq!(answered.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            426 => assert_eq!(answered.headers()["sec-websocket-version"], "13"),
            405 => assert_eq!(answered.headers()["allow"], "GET"),
            _ => assert_eq!(answered.headers()["connection"], "close"),
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

#[test]
fn the_101_names_what_was_chosen_and_only_what_was_offered() {
    let mut head = HeadReader::new(Arc::new(Config::default()));
    let stream =
        request(&[("", "Sec-WebSocket-Protocol: chat, superchat"), ("", "Origin: http://example.com")]);
    head.receive(stream.as_bytes()).unwrap();
    let request = head.request().unwrap();
    assert_eq!(request.subprotocols(), ["chat", "superchat"]);
    assert_eq!(
        (request.host(), request.origin()),
        (&b"server.example.com"[..], Some(&b"http://example.com"[..]))
    );
    let mut output = Vec::new();
    let other = Response::new().subprotocol("other").unwrap();
    assert_eq!(request.accept(&other, &mut output), Err(InvalidField::NotOffered));
    assert!(output.is_empty());
    let chosen = Response::new().subprotocol("superchat").unwrap().header("X-Served-By", "a 1").unwrap();
    request.accept(&chosen, &mut output).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\n\
        X-Served-By: a 1\r\n\r\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//= type=test
//# An HTTP/1.1 or higher GET request, including a "Request-URI"
//# [RFC2616] that should be interpreted as a /resource name/
//# defined in Section 3 (or an absolute HTTP/HTTPS URI containing
//# the /resource name/).
#[test]
fn a_target_is_a_path_or_a_uri_of_the_same_host() {
    for (target, status) in [
        ("/", 101),
        ("/a?b", 101),
        ("/a%20b", 101),
        ("http://server.example.com/chat", 101),
        ("https://SERVER.example.com", 101),
        ("ws://server.example.com/chat?room=1", 101),
        ("http://other.example.com/chat", 400),
        ("http://user@server.example.com/chat", 400),
        ("ftp://server.example.com/", 400),
        ("server.example.com:80", 400),
        ("*", 400),
        ("chat", 400),
        ("/chat#part", 400),
        ("/ch\u{e9}t", 400),
    ] {
        let head = request(&[("GET", &format!("GET {target} HTTP/1.1"))]);
        assert_eq!(status_of(&head, Config::default()), status, "{target}");
    }
}

#[test]
fn a_refusal_of_the_callers_own_is_one_response_that_nothing_can_split() {
    for byte in 0..=255u8 {
        let text = String::from_utf8_lossy(&[b'a', byte]).into_owned();
        let fits = matches!(byte, b'\t' | 0x20..=0x7E);
        let refusal = Refusal::new(302, "elsewhere").header("Location", &text);
        assert_eq!(refusal.is_ok(), fits, "{byte:#04x}");
        let mut output = Vec::new();
        let Ok(refusal) = refusal else { continue };
        refusal.encode(&mut output);
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) = parsed.parse(&output).unwrap() else { panic!("{output:?}") };
        assert_eq!((parsed.code, parsed.headers.len()), (Some(302), 4));
        assert_eq!(&output[len..], b"elsewhere\n");
    }
}

#[cfg(feature = "http")]
mod parsed {
    use super::*;
    use http::{Method, Version};
    use tidewire_ws::handshake::http::{accept, accept_connect};

    fn connect(change: impl FnOnce(&mut http::Request<()>)) -> http::Request<()> {
        let mut request = http::Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = "https://server.example.com/chat".parse().unwrap();
        request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "chat, superchat".parse().unwrap());
        change(&mut request);
        request
    }

    //= https://www.rfc-editor.org/rfc/rfc8441#section-5
    //= type=test
    //# Implementations using this extended CONNECT to bootstrap WebSockets do not
    //# do the processing of the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields
    #[test]
    fn an_extended_connect_is_answered_with_a_200_and_no_key() {
        for protocol in ["websocket", "WebSocket"] {
            let accepted = accept_connect(&connect(|_| {}), protocol, &Config::default()).unwrap();
            let response = Response::new()
                .choose_subprotocol(accepted.subprotocols(), |name| name == "superchat")
                .header("X-A", "b")
                .unwrap();
            let answer = accepted.respond(&response).unwrap();
            assert_eq!(answer.status(), 200);
            let headers: Vec<_> = answer
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            assert_eq!(headers, [("sec-websocket-protocol", "superchat"), ("x-a", "b")]);
        }
    }

    #[test]
    fn an_extended_connect_that_is_none_is_refused() {
        type Change = fn(&mut http::Request<()>);
        let table: [(Change, &str, u16); 7] = [
            (|request| *request.method_mut() = Method::GET, "websocket", 405),
            (|request| *request.version_mut() = Version::HTTP_11, "websocket", 400),
            (|_| {}, "connect-udp", 501),
            (|request| drop(request.headers_mut().remove("sec-websocket-version")), "websocket", 400),
            (
                |request| drop(request.headers_mut().insert("content-length", "1".parse().unwrap())),
                "websocket",
                400,
            ),
            (
                |request| {
                    request.headers_mut().insert("sec-websocket-protocol", "a b".parse().unwrap());
                },
                "websocket",
                400,
            ),
            (
                |request| {
                    request.headers_mut().insert("sec-websocket-extensions", ";".parse().unwrap());
                },
                "websocket",
                400,
            ),
        ];
        for (change, protocol, status) in table {
            let refusal = accept_connect(&connect(change), protocol, &Config::default()).unwrap_err();
            assert_eq!(refusal.status(), status);
            let answer = refusal.header("Retry-After", "5").unwrap().to_http(Version::HTTP_2);
            assert_eq!(answer.headers()["retry-after"], "5");
            assert!(!answer.headers().contains_key("connection"), "HTTP/2 has no such header");
        }
    }

    #[test]
    fn headers_are_counted_in_a_parsed_request_too() {
        let mut request = connect(|_| {});
        let mut config = Config::default();
        config.max_headers = 2;
        assert!(accept_connect(&request, "websocket", &config).is_ok());
        request.headers_mut().insert("x-a", "b".parse().unwrap());
        assert_eq!(accept_connect(&request, "websocket", &config).unwrap_err().status(), 431);
        assert_eq!(accept(&request, &config).unwrap_err().status(), 431);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn the_101_says_what_was_agreed_to_about_compression() {
    let stream = request(&[
        ("", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8"),
        ("", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    ]);
    let mut head = HeadReader::new(Arc::new(Config::default()));
    head.receive(stream.as_bytes()).unwrap();
    let request = head.request().unwrap();
    let agreement = tidewire_ws::deflate::Pool::default().accept(request.extensions()).unwrap();
    let mut output = Vec::new();
    request.accept(&Response::new().deflate(&agreement), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.ends_with(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
         client_no_context_takeover\r\n\r\n"
    ));
}
