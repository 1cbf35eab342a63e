//! The HTTP surface: every path, what it answers, and what it refuses.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::BufRead;
use std::time::Duration;
use support::websocket::{UPGRADE, WebSocket};
use support::{DEADLINE, Gateway, assert_refused, text};

#[test]
fn the_page_and_health_are_served() {
    let gateway = Gateway::start();
    let page = gateway.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().to_ascii_lowercase().starts_with("<!doctype html>"));
    let head = gateway.request("HEAD", "/", &[], b"");
    assert_eq!(head.header("content-length"), page.header("content-length"));
    let health = gateway.get("/healthz");
    assert_eq!((health.status, health.text()), (200, r#"{"status":"ok"}"#));
    assert_eq!(health.header("cache-control"), Some("no-store"));
}

#[test]
fn publishing_answers_with_the_place() {
    let gateway = Gateway::start();
    let first = gateway.publish("topic=a%20b", "one");
    let keys: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["cursor", "epoch", "offset", "topic"]);
    assert_eq!((text(&first, "topic"), &first["offset"]), ("a b".to_owned(), &1.into()));
    let second = gateway.publish("topic=a+b&unknown=1", "");
    assert_eq!((&second["offset"], &second["epoch"]), (&2.into(), &first["epoch"]));
    let since_first = gateway.get(&format!("/poll?topic=a+b&cursor={}", text(&first, "cursor"))).json();
    assert_eq!(since_first["messages"].as_array().unwrap().len(), 1);
    assert_eq!(since_first["cursor"], second["cursor"]);
}

#[test]
fn bodies_are_text_binary_or_refused() {
    let gateway = Gateway::start();
    let post = |content_type: &str, body: &[u8]| {
        gateway.request("POST", "/publish?topic=t", &[("Content-Type", content_type)], body)
    };
    for content_type in ["text/plain; charset=utf-8", "application/json", "application/x-www-form-urlencoded"]
    {
        assert_eq!(post(content_type, b"a=1&b=%20+").status, 200);
    }
    assert_eq!(post("application/octet-stream", b"\xFF\x00").status, 200);
    let polled = gateway.get("/poll?topic=t&cursor=0").json();
    let messages = polled["messages"].as_array().unwrap();
    assert!(messages[..3].iter().all(|message| message["data"] == "a=1&b=%20+"));
    assert_eq!((&messages[3]["encoding"], &messages[3]["data"]), (&"base64".into(), &"/wA=".into()));
    let refused = post("image/png", b"x");
    assert_refused(&refused, 415, "unsupported_media_type", Some("content-type"));
    assert_refused(&post("text/plain", b"\xFF"), 400, "bad_request", Some("body"));
    let coded = gateway.request("POST", "/publish?topic=t", &[("Content-Encoding", "gzip")], b"x");
    assert_refused(&coded, 415, "unsupported_media_type", Some("content-encoding"));
}

#[test]
fn the_longest_body_is_taken_and_one_byte_more_is_413() {
    let gateway = Gateway::start();
    let post = |len: usize| gateway.request("POST", "/publish?topic=t", &[], &vec![b'x'; len]);
    assert_eq!(post(64 * 1024).status, 200);
    assert_refused(&post(64 * 1024 + 1), 413, "payload_too_large", Some("body"));
    assert_refused(&post(3 * 1024 * 1024), 413, "payload_too_large", Some("body"));
    // More than is thrown away: the answer arrives all the same, and the connection ends.
    let mut connection = gateway.connect();
    connection.write(b"POST /publish?topic=t HTTP/1.1\r\nHost: t\r\nContent-Length: 9999999999\r\n\r\n");
    let block = vec![b'x'; 64 * 1024];
    for _ in 0..66 {
        connection.write(&block);
    }
    let response = connection.response("POST");
    assert_refused(&response, 413, "payload_too_large", Some("body"));
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(connection.rest(), b"");
}

#[test]
fn a_chunked_body_is_held_to_the_same_limit_and_the_connection_goes_on() {
    let gateway = Gateway::start_with(&["--max-message", "10"]);
    let mut connection = gateway.connect();
    let chunked = b"POST /publish?topic=t HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write(chunked);
    connection.write(b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
    assert_eq!(connection.response("POST").status, 200);
    connection.write(chunked);
    connection.write(b"5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n");
    let refused = connection.response("POST");
    assert_refused(&refused, 413, "payload_too_large", Some("body"));
    assert_eq!(refused.header("connection"), None);
    connection.send("GET", "/healthz", &[], b"");
    assert_eq!(connection.response("GET").status, 200);
}

#[test]
fn who_asks_before_sending_is_refused_at_once() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    let expecting = [("Expect", "100-continue"), ("Content-Length", "99999")];
    connection.send("GET", "/healthz", &[], b"");
    assert_eq!(connection.response("GET").status, 200);
    let mut head = "POST /publish?topic=t HTTP/1.1\r\nHost: t\r\n".to_owned();
    for (name, value) in expecting {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    connection.write(format!("{head}\r\n").as_bytes());
    assert_refused(&connection.response("POST"), 413, "payload_too_large", Some("body"));
    assert_eq!(connection.rest(), b"");
}

#[test]
fn bad_parameters_are_named() {
    let gateway = Gateway::start();
    let long = "x".repeat(256);
    let many: String = (0..129).map(|index| format!("topic=t{index}&")).collect();
    for path in ["/sse", "/ndjson", "/poll"] {
        for (query, field) in [
            ("", "topic"),
            ("topic=", "topic"),
            ("topic=%24user", "topic"),
            ("topic=a%0Ab", "topic"),
            ("topic=a%7F", "topic"),
            ("topic=%FF", "topic"),
            (&format!("topic={long}"), "topic"),
            (&many, "topic"),
            ("topic=t&cursor=", "cursor"),
            ("topic=t&cursor=nonsense", "cursor"),
            ("topic=t&cursor=0&cursor=0", "cursor"),
            ("topic=t&%FF=1", "query"),
        ] {
            let response = gateway.get(&format!("{path}?{query}"));
            assert_refused(&response, 400, "bad_request", Some(field));
            let mut connection = gateway.connect();
            connection.send("GET", &format!("/ws?{query}"), &UPGRADE, b"");
            let response = connection.response("GET");
            assert_refused(&response, 400, "bad_request", Some(field));
            assert_eq!(response.header("connection"), Some("close"));
        }
    }
    for wait in ["-1", "61", "x", "", "1.5", "99999999999999999999"] {
        let response = gateway.get(&format!("/poll?topic=t&wait={wait}"));
        assert_refused(&response, 400, "bad_request", Some("wait"));
    }
    for (query, field) in [
        ("", "topic"),
        ("topic=a&topic=b", "topic"),
        ("topic=%24x", "topic"),
        ("topic=t&event=", "event"),
        ("topic=t&event=gap", "event"),
        ("topic=t&event=a%0Ab", "event"),
        ("topic=t&event=a%0Db", "event"),
        ("topic=t&event=a%00b", "event"),
        ("topic=t&event=x;base64", "event"),
        (&format!("topic=t&event={long}"), "event"),
        ("topic=t&exclude=1", "exclude"),
        ("topic=t&exclude=000000000000001F", "exclude"),
    ] {
        let response = gateway.request("POST", &format!("/publish?{query}"), &[], b"x");
        assert_refused(&response, 400, "bad_request", Some(field));
    }
    assert_eq!(gateway.get("/topics").text(), r#"{"topics":[],"total":0}"#);
}

#[test]
fn unknown_paths_and_methods_are_refused_with_a_body() {
    let gateway = Gateway::start();
    for path in ["/nothing", "/sse/", "/ws/", "/ws/a/b", "/publish/x"] {
        assert_refused(&gateway.get(path), 404, "not_found", None);
    }
    for (method, path, allow) in [
        ("POST", "/", "GET, HEAD"),
        ("POST", "/sse?topic=t", "GET"),
        ("DELETE", "/ndjson?topic=t", "GET"),
        ("PUT", "/poll?topic=t", "GET"),
        ("POST", "/ws?topic=t", "GET"),
        ("POST", "/ws/t", "GET"),
        ("GET", "/publish?topic=t", "POST"),
        ("POST", "/topics", "GET, HEAD"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
    ] {
        let response = gateway.request(method, path, &[], b"");
        assert_refused(&response, 405, "method_not_allowed", None);
        assert_eq!(response.header("allow"), Some(allow), "{method} {path}");
    }
    // HEAD would open a stream for nobody.
    for path in ["/sse?topic=t", "/ndjson?topic=t", "/poll?topic=t", "/ws?topic=t"] {
        let response = gateway.request("HEAD", path, &[], b"");
        assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    }
}

#[test]
fn refused_upgrades_get_one_answer_and_the_end() {
    let gateway = Gateway::start();
    let plain = gateway.get("/ws?topic=t");
    assert_refused(&plain, 426, "upgrade_required", None);
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    let with = |name: &'static str, value: &'static str| {
        let mut headers = UPGRADE.to_vec();
        headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        headers.push((name, value));
        headers
    };
    for (target, headers, status) in [
        ("/ws?topic=t", with("Sec-WebSocket-Version", "8"), 426),
        ("/ws?topic=t", with("Sec-WebSocket-Key", "short"), 400),
        ("/ws?topic=t", with("Transfer-Encoding", "chunked"), 400),
        ("/ws?topic=t", with("Upgrade", "h2c"), 426),
        ("/ws?topic=t", with("Connection", "keep-alive"), 426),
        ("/ws?topic=%24t", UPGRADE.to_vec(), 400),
        ("/ws?topic=t&format=xml", UPGRADE.to_vec(), 400),
        ("/ws?topic=t&exclude_self=yes", UPGRADE.to_vec(), 400),
        ("/nothing", UPGRADE.to_vec(), 404),
    ] {
        let mut connection = gateway.connect();
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: t\r\n");
        for (name, value) in &headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request
            .push_str("\r\nPOST /publish?topic=smuggled HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx");
        // More than is read before the answer: a reset would destroy it.
        request.push_str(&"x".repeat(100_000));
        connection.write(request.as_bytes());
        let response = connection.response("GET");
        assert_eq!(response.status, status, "{target} {headers:?} {}", response.text());
        assert_eq!(response.json()["detail"].as_str().map(str::is_empty), Some(false));
        assert!(response.header("connection").unwrap().ends_with("close"));
        if status == 426 {
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
        assert_eq!(connection.rest(), b"", "{target} {headers:?}");
    }
    assert_eq!(gateway.get("/topics").text(), r#"{"topics":[],"total":0}"#);
}

#[test]
fn topics_are_listed_with_what_they_hold() {
    let gateway = Gateway::start();
    let published = gateway.publish("topic=a", "x");
    let socket = WebSocket::open(&gateway, "/ws/b");
    let listing = gateway.get("/topics").json();
    assert_eq!(listing["total"], 2);
    let [a, b] = &listing["topics"].as_array().unwrap()[..] else { panic!("{listing}") };
    assert_eq!((&a["topic"], &a["epoch"], &a["offset"]), (&"a".into(), &published["epoch"], &1.into()));
    assert_eq!((&a["messages"], &a["subscribers"]), (&1.into(), &0.into()));
    assert!(a["bytes"].as_u64().unwrap() > 1);
    assert_eq!((&b["topic"], &b["offset"], &b["subscribers"]), (&"b".into(), &0.into(), &1.into()));
    drop(socket);
}

#[test]
fn a_long_head_many_headers_and_nonsense_do_no_harm() {
    let gateway = Gateway::start();
    for (request, status) in [
        (format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(17_000)), "431"),
        (format!("GET /healthz HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101)), "431"),
        ("\x16\x03\x01 nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let mut connection = gateway.connect();
        connection.write(request.as_bytes());
        let answer = String::from_utf8(connection.rest()).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert_eq!(gateway.get("/healthz").status, 200);
}

#[test]
fn a_websocket_keeps_its_place_among_the_connections() {
    let gateway = Gateway::start_with(&["--max-connections", "1"]);
    let socket = WebSocket::open(&gateway, "/ws/t");
    let mut waiting = gateway.connect();
    waiting.send("GET", "/healthz", &[], b"");
    waiting.reader.get_ref().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(waiting.reader.fill_buf().is_err(), "served beyond the cap");
    waiting.reader.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    drop(socket);
    assert_eq!(waiting.response("GET").status, 200);
}

#[test]
fn a_refusal_arrives_though_the_body_was_not_read() {
    let gateway = Gateway::start();
    let body = vec![b'x'; 200_000];
    for (target, headers, status) in [
        ("/publish", &[][..], 400),
        ("/publish?topic=t", &[("Content-Type", "image/png")], 415),
        ("/nothing", &[], 404),
        ("/sse?topic=t", &[], 405),
    ] {
        let response = gateway.request("POST", target, headers, &body);
        assert_eq!(response.status, status, "{target}");
        assert!(!response.json()["detail"].is_null());
    }
}
