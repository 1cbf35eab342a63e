//! WebSocket: records, mistakes, limits.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::json;
use support::websocket::{Received, UPGRADE, WebSocket};
use support::{Gateway, text};
use tidewire_ws::frame::CloseCode;

#[test]
fn records_publish_with_event_and_reference() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::open(&gateway, "/ws?topic=t&format=json");
    assert_eq!(text(&socket.record(), "type"), "open");
    socket.send(r#"{"type":"ping"}"#);
    assert_eq!(socket.text(), r#"{"type":"pong"}"#);
    socket.send(r#"{"type":"publish","topic":"t","data":"hi","event":"e"}"#);
    let message = socket.record();
    assert_eq!((text(&message, "data"), text(&message, "event")), ("hi".to_owned(), "e".to_owned()));
    socket.send(r#"{"type":"publish","topic":"other","data":"x","ref":7}"#);
    let published = socket.record();
    let epoch = text(&published, "epoch");
    assert_eq!(published, json!({"type":"published","topic":"other","epoch":epoch,"offset":1,"ref":7}));
    let polled = gateway.get("/poll?topic=other&cursor=0").json();
    assert_eq!(text(&polled["messages"][0], "data"), "x");
}

#[test]
fn the_fourth_mistake_closes_with_1008() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::open(&gateway, "/ws?topic=t&format=json");
    socket.record();
    socket.send("no json");
    let error = socket.record();
    assert_eq!((text(&error, "type"), text(&error, "error")), ("error".to_owned(), "bad_request".to_owned()));
    socket.send_binary(b"{}");
    assert_eq!(text(&socket.record(), "type"), "error");
    socket.send(r#"{"type":"publish","topic":"$t","data":"","ref":"r1"}"#);
    let error = socket.record();
    assert_eq!((text(&error, "field"), text(&error, "ref")), ("topic".to_owned(), "r1".to_owned()));
    // What is right goes on being served, and forgives nothing.
    socket.send(r#"{"type":"ping"}"#);
    assert_eq!(socket.text(), r#"{"type":"pong"}"#);
    socket.send("{}");
    assert!(matches!(socket.next(), Received::Close(Some(1008), _)));
    assert_eq!(socket.next(), Received::End);
}

#[test]
fn the_longest_message_is_taken_and_one_byte_more_is_1009() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::open(&gateway, "/ws/t");
    let longest = vec![b'x'; 64 * 1024];
    socket.send_binary(&longest);
    assert_eq!(socket.next(), Received::Binary(longest.clone()));
    socket.send_binary(&[&longest[..], b"x"].concat());
    assert!(matches!(socket.next(), Received::Close(Some(1009), _)));
    assert_eq!(socket.next(), Received::End);
    assert_eq!(gateway.get("/topics").json()["topics"][0]["offset"], 1);
}

#[test]
fn a_violation_closes_and_nothing_behind_it_is_published() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::open(&gateway, "/ws/t");
    // An unmasked text frame, then a good one.
    socket.write(&[0x81, 0x01, b'x', 0x81, 0x81, 0, 0, 0, 0, b'y']);
    assert!(matches!(socket.next(), Received::Close(Some(1002), _)));
    assert_eq!(gateway.get("/poll?topic=t&cursor=0&wait=0").json()["messages"], json!([]));
}

#[test]
fn frames_sent_with_the_request_are_not_lost() {
    let gateway = Gateway::start();
    let mut reader = WebSocket::open(&gateway, "/ws/t");
    let mut connection = gateway.connect();
    let mut request = "GET /ws/t HTTP/1.1\r\nHost: t\r\n".to_owned();
    for (name, value) in UPGRADE {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let early = [request.as_bytes(), &[0x81, 0x85, 0, 0, 0, 0], b"early"].concat();
    connection.write(&early);
    assert_eq!(connection.head().status, 101);
    assert_eq!(reader.text(), "early");
}

#[test]
fn a_close_is_answered_and_leaves_no_subscriber() {
    let gateway = Gateway::start();
    let mut socket = WebSocket::open(&gateway, "/ws/t");
    socket.close(CloseCode::NORMAL);
    assert_eq!(socket.next(), Received::Close(Some(1000), String::new()));
    assert_eq!(socket.next(), Received::End);
    drop(socket);
    let mut connection = gateway.connect();
    for _ in 0..100_000 {
        connection.send("GET", "/topics", &[], b"");
        if connection.response("GET").json()["topics"][0]["subscribers"] == 0 {
            return;
        }
    }
    panic!("the topic is still followed");
}

#[test]
fn who_does_not_read_is_a_cursor_that_lags_and_no_queue() {
    const MESSAGES: u32 = 2000;
    let gateway = Gateway::start();
    let mut lagging = WebSocket::open(&gateway, "/ws/t");
    let mut publisher = WebSocket::open(&gateway, "/ws/t?exclude_self=1");
    for number in 0..MESSAGES {
        publisher.send(&format!("{number:010000}"));
    }
    let mut connection = gateway.connect();
    loop {
        connection.send("GET", "/topics", &[], b"");
        if connection.response("GET").json()["topics"][0]["offset"] == MESSAGES {
            break;
        }
    }
    // What fell out of the history meanwhile is told by 4010; all else comes, once and in order.
    let mut next = 0;
    let mut gaps = 0;
    while next != MESSAGES {
        match lagging.next() {
            Received::Text(text) => {
                let number = text.parse::<u32>().unwrap();
                assert!(number == next || (number > next && gaps == 1), "{number} after {next}");
                next = number + 1;
            }
            Received::Close(Some(4010), cursor) => {
                gaps += 1;
                lagging = WebSocket::open(&gateway, &format!("/ws/t?cursor={cursor}"));
            }
            other @ (Received::Binary(_) | Received::Close(..) | Received::End) => panic!("{other:?}"),
        }
    }
    assert_eq!(gaps, 1);
}
