//! The same answers to requests that an HTTP library has parsed, and the extended CONNECT (RFC 8441).

use crate::table::{self, TABLE, TARGETS};
use http::{Method, Version};
use tidewire_ws::handshake::http::{accept, accept_any, accept_connect, is_asked_for};
use tidewire_ws::handshake::{Config, InvalidField, Response};

#[test]
fn a_parsed_request_gets_the_same_answer() {
    for (change, status) in TABLE {
        let head = table::request(change);
        let mut lines = head.trim_end().split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let mut parsed = http::Request::builder().method(first.next().unwrap()).uri(first.next().unwrap());
        if first.next() == Some("HTTP/1.0") {
            parsed = parsed.version(Version::HTTP_10);
        }
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            parsed = parsed.header(name, value.trim());
        }
        let answered = match accept(&parsed.body(()).unwrap(), &Config::default()) {
            Ok(accepted) => accepted.respond(&Response::new()).unwrap(),
            Err(refusal) => refusal.to_http(Version::HTTP_11),
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
        let headers: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
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
fn a_parsed_target_is_judged_too() {
    for (target, meant) in TARGETS {
        // The library itself takes the fragment off, and refuses what is no URI at all.
        let Ok(uri) = target.parse::<http::Uri>() else { continue };
        if target.contains('#') {
            continue;
        }
        let plain = connect(|request| {
            *request.method_mut() = Method::GET;
            *request.version_mut() = Version::HTTP_11;
            *request.uri_mut() = uri.clone();
            for line in table::request(&[]).trim_end().split("\r\n").skip(1) {
                let (name, value) = line.split_once(": ").unwrap();
                let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        });
        let found = accept(&plain, &Config::default()).map_err(|refusal| refusal.status());
        assert_eq!(found.err(), meant.is_none().then_some(400), "{target}");
        // An extended CONNECT has all of a URI.
        let extended = connect(|request| *request.uri_mut() = uri);
        let found = accept_connect(&extended, "websocket", &Config::default());
        let is_whole = meant.is_some() && target.contains("://");
        let status = found.map_err(|refusal| refusal.status()).err();
        assert_eq!(status, (!is_whole).then_some(400), "{target}");
    }
}

#[test]
fn refusals_of_a_connect_say_what_would_do() {
    let get = connect(|request| *request.method_mut() = Method::GET);
    let refused = accept_connect(&get, "websocket", &Config::default()).unwrap_err();
    assert_eq!(refused.to_http(Version::HTTP_2).headers()["allow"], "CONNECT");
    let old = connect(|request| {
        request.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    });
    let refused = accept_connect(&old, "websocket", &Config::default()).unwrap_err();
    assert_eq!(refused.to_http(Version::HTTP_2).headers()["sec-websocket-version"], "13");
}

#[test]
fn cookies_and_only_what_was_offered_go_into_a_parsed_response() {
    let accepted = accept_connect(&connect(|_| {}), "websocket", &Config::default()).unwrap();
    let cookies = Response::new().header("Set-Cookie", "a=1").unwrap().header("Set-Cookie", "b=2").unwrap();
    let answer = accepted.respond(&cookies).unwrap();
    let found: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(found, ["a=1", "b=2"]);
    let other = Response::new().subprotocol("other").unwrap();
    assert_eq!(accepted.respond(&other).unwrap_err(), InvalidField::NotOffered);
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

#[test]
fn the_version_decides_by_which_rules_a_request_is_judged() {
    let old = |change: fn(&mut http::Request<()>)| {
        connect(|request| {
            *request.method_mut() = Method::GET;
            *request.version_mut() = Version::HTTP_11;
            for line in table::request(&[]).trim_end().split("\r\n").skip(1) {
                let (name, value) = line.split_once(": ").unwrap();
                let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            change(request);
        })
    };
    let new = |change: fn(&mut http::Request<()>)| connect(change);
    let websocket = Some("WEBSOCKET");
    let table = [
        (old(|_| {}), None, true, 101),
        (old(|request| drop(request.headers_mut().remove("upgrade"))), None, false, 426),
        (old(|request| drop(request.headers_mut().remove("sec-websocket-key"))), None, true, 400),
        // A protocol is nothing that HTTP/1.1 has.
        (old(|request| drop(request.headers_mut().remove("upgrade"))), websocket, false, 426),
        (new(|_| {}), websocket, true, 200),
        (new(|_| {}), Some("connect-udp"), false, 501),
        (new(|_| {}), None, false, 501),
        (new(|request| *request.method_mut() = Method::GET), None, false, 405),
        (new(|request| *request.version_mut() = Version::HTTP_3), websocket, true, 200),
    ];
    for (request, protocol, asked_for, status) in table {
        assert_eq!(is_asked_for(&request, protocol), asked_for, "{request:?}");
        let parts = request.into_parts().0;
        let found = match accept_any(&parts, protocol, &Config::default()) {
            Ok(accepted) => accepted.respond(&Response::new()).unwrap().status().as_u16(),
            Err(refusal) => refusal.status(),
        };
        assert_eq!(found, status, "{parts:?}");
    }
}

#[test]
fn debugging_a_head_tells_no_credentials() {
    let request = connect(|request| {
        *request.uri_mut() = "https://a/chat?token=secret".parse().unwrap();
        request.headers_mut().insert("authorization", "secret".parse().unwrap());
    });
    let head = tidewire_ws::handshake::http::Head::from(&request);
    assert_eq!(format!("{head:?}"), "Head { method: CONNECT, path: \"/chat\", version: HTTP/2.0, .. }");
}
