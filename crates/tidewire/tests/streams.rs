//! Messages across the transports: positions, resume, gaps, exclusion.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::websocket::{Received, WebSocket};
use support::{Gateway, text};

fn data(messages: &Value) -> Vec<&str> {
    messages.as_array().unwrap().iter().map(|message| message["data"].as_str().unwrap()).collect()
}

#[test]
fn one_publish_reaches_every_transport() {
    let gateway = Gateway::start();
    let mut sse = gateway.stream("/sse?topic=t", &[]);
    let (start, opening) = sse.event();
    assert_eq!(opening, ["retry: 3000"]);
    assert_eq!(sse.head.header("tidewire-cursor"), Some(&*start));
    let mut ndjson = gateway.stream("/ndjson?topic=t", &[]);
    let open = ndjson.record();
    assert_eq!((&open["type"], text(&open, "cursor")), (&"open".into(), start.clone()));
    let mut raw = WebSocket::open(&gateway, "/ws/t");
    assert_eq!(raw.head.header("tidewire-cursor"), Some(&*start));
    let mut json = WebSocket::open(&gateway, "/ws?topic=t&format=json");
    let open = json.record();
    assert_eq!((text(&open, "connection").as_str(), text(&open, "cursor")), (json.id(), start.clone()));

    let published = gateway.publish("topic=t&event=greeting", "hello\nworld");
    let cursor = text(&published, "cursor");
    let expected = ["event: greeting", "data: hello", "data: world"].map(str::to_owned).to_vec();
    assert_eq!(sse.event(), (cursor.clone(), expected));
    let record = ndjson.record();
    assert_eq!((text(&record, "type"), text(&record, "topic")), ("message".to_owned(), "t".to_owned()));
    assert_eq!((&record["epoch"], &record["offset"]), (&published["epoch"], &published["offset"]));
    assert_eq!((text(&record, "cursor"), text(&record, "event")), (cursor.clone(), "greeting".to_owned()));
    assert_eq!(text(&record, "data"), "hello\nworld");
    assert!(record["time"].as_u64().unwrap() > 1_577_836_800_000);
    assert_eq!(raw.text(), "hello\nworld");
    assert_eq!(json.record(), record);
    let polled = gateway.get(&format!("/poll?topic=t&cursor={start}")).json();
    assert_eq!(polled, serde_json::json!({ "messages": [record], "gaps": [], "cursor": cursor }));
}

#[test]
fn streams_say_what_they_are_and_that_nobody_may_hold_them_back() {
    let gateway = Gateway::start();
    for (path, content_type) in
        [("/sse?topic=t", "text/event-stream"), ("/ndjson?topic=t", "application/x-ndjson")]
    {
        let stream = gateway.stream(path, &[]);
        assert_eq!(stream.head.header("content-type"), Some(content_type));
        assert_eq!(stream.head.header("cache-control"), Some("no-cache"));
        assert_eq!(stream.head.header("x-accel-buffering"), Some("no"));
        assert_eq!(stream.head.header("tidewire-connection").map(str::len), Some(16));
    }
    let poll = gateway.get("/poll?topic=t&wait=0");
    assert_eq!(poll.header("cache-control"), Some("no-store"));
}

#[test]
fn websocket_messages_reach_sse_and_binary_keeps_its_bytes() {
    let gateway = Gateway::start();
    let mut sse = gateway.stream("/sse?topic=t", &[]);
    sse.event();
    let mut ndjson = gateway.stream("/ndjson?topic=t", &[]);
    ndjson.record();
    let mut socket = WebSocket::open(&gateway, "/ws?topic=t&topic=u");
    socket.send("text");
    assert_eq!(sse.event().1, ["data: text"]);
    assert_eq!(socket.text(), "text");
    socket.send_binary(&[0, 0xFF]);
    assert_eq!(sse.event().1, ["event: message;base64", "data: AP8="]);
    assert_eq!(socket.next(), Received::Binary(vec![0, 0xFF]));
    ndjson.record();
    let record = ndjson.record();
    assert_eq!((text(&record, "encoding"), text(&record, "data")), ("base64".to_owned(), "AP8=".to_owned()));
    // Delivered from both of its topics.
    gateway.publish("topic=u", "second topic");
    assert_eq!(socket.text(), "second topic");
}

#[test]
fn every_transport_resumes_where_another_left_off() {
    let gateway = Gateway::start();
    let cursors: Vec<String> =
        (1..=4).map(|n| text(&gateway.publish("topic=t", &n.to_string()), "cursor")).collect();
    let after = &cursors[1];
    let mut sse = gateway.stream(&format!("/sse?topic=t&cursor={after}"), &[]);
    assert_eq!(sse.event().0, *after);
    assert_eq!(sse.event(), (cursors[2].clone(), vec!["data: 3".to_owned()]));
    assert_eq!(sse.event(), (cursors[3].clone(), vec!["data: 4".to_owned()]));
    // A browser repeats the URL and adds what it has seen since: the header is newer.
    let target = format!("/sse?topic=t&cursor={}", cursors[0]);
    let mut sse = gateway.stream(&target, &[("Last-Event-ID", &cursors[2])]);
    assert_eq!(sse.event().0, cursors[2]);
    assert_eq!(sse.event().1, ["data: 4"]);
    let mut ndjson = gateway.stream(&format!("/ndjson?topic=t&cursor={after}"), &[]);
    assert_eq!(text(&ndjson.record(), "cursor"), *after);
    assert_eq!([ndjson.record(), ndjson.record()].map(|record| text(&record, "data")), ["3", "4"]);
    let polled = gateway.get(&format!("/poll?topic=t&cursor={after}")).json();
    assert_eq!(data(&polled["messages"]), ["3", "4"]);
    let mut raw = WebSocket::open(&gateway, &format!("/ws?topic=t&cursor={after}"));
    assert_eq!(raw.head.header("tidewire-cursor"), Some(&**after));
    assert_eq!([raw.text(), raw.text()], ["3", "4"]);
    let mut json = WebSocket::open(&gateway, &format!("/ws?topic=t&cursor={after}&format=json"));
    assert_eq!(text(&json.record(), "cursor"), *after);
    assert_eq!(text(&json.record(), "data"), "3");
}

#[test]
fn zero_is_the_earliest_held() {
    let gateway = Gateway::start();
    for message in ["1", "2"] {
        gateway.publish("topic=t", message);
    }
    for headers in [&[][..], &[("Last-Event-ID", "0")]] {
        let query = if headers.is_empty() { "&cursor=0" } else { "" };
        let mut sse = gateway.stream(&format!("/sse?topic=t{query}"), headers);
        sse.event();
        assert_eq!([sse.event().1, sse.event().1], [["data: 1"], ["data: 2"]]);
    }
    assert_eq!(data(&gateway.get("/poll?topic=t&cursor=0").json()["messages"]), ["1", "2"]);
    let mut socket = WebSocket::open(&gateway, "/ws/t?cursor=0");
    assert_eq!([socket.text(), socket.text()], ["1", "2"]);
}

#[test]
fn a_drop_before_the_first_message_loses_nothing() {
    let gateway = Gateway::start();
    let mut sse = gateway.stream("/sse?topic=t&topic=u", &[]);
    let (start, _) = sse.event();
    drop(sse);
    gateway.publish("topic=t", "1");
    gateway.publish("topic=u", "2");
    let mut sse = gateway.stream("/sse?topic=t&topic=u", &[("Last-Event-ID", &start)]);
    sse.event();
    let (cursor, first) = sse.event();
    let (_, second) = sse.event();
    assert_eq!([first, second], [["data: 1"], ["data: 2"]]);
    // The cursor covers both topics.
    let polled = gateway.get(&format!("/poll?topic=u&topic=t&cursor={cursor}")).json();
    assert_eq!(data(&polled["messages"]), ["2"]);
}

#[test]
fn a_last_event_id_that_cannot_be_used_is_a_gap() {
    let gateway = Gateway::start();
    let foreign = text(&Gateway::start().publish("topic=t", "elsewhere"), "cursor");
    gateway.publish("topic=t", "held");
    let garbage = "x".repeat(10_000);
    for (id, reason) in [("nonsense", "unknown"), (&garbage, "unknown"), (&foreign, "epoch")] {
        let mut sse = gateway.stream("/sse?topic=t", &[("Last-Event-ID", id)]);
        sse.event();
        let (cursor, gap) = sse.event();
        assert_eq!(gap[0], "event: gap");
        let record: Value = serde_json::from_str(gap[1].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!((text(&record, "type"), text(&record, "reason")), ("gap".to_owned(), reason.to_owned()));
        assert_eq!(text(&record, "cursor"), cursor);
        assert_eq!((record["from"].is_null(), &record["to"]["offset"]), (reason == "unknown", &0.into()));
        assert_eq!(sse.event().1, ["data: held"]);
    }
    // The same foreign cursor elsewhere: 200 and a gap, since it is well formed.
    let polled = gateway.get(&format!("/poll?topic=t&cursor={foreign}")).json();
    assert_eq!(text(&polled["gaps"][0], "reason"), "epoch");
    assert_eq!(data(&polled["messages"]), ["held"]);
    let mut ndjson = gateway.stream(&format!("/ndjson?topic=t&cursor={foreign}"), &[]);
    ndjson.record();
    assert_eq!(text(&ndjson.record(), "type"), "gap");
    let mut json = WebSocket::open(&gateway, &format!("/ws/t?format=json&cursor={foreign}"));
    json.record();
    assert_eq!(text(&json.record(), "type"), "gap");
    assert_eq!(text(&json.record(), "data"), "held");
}

#[test]
fn a_gap_closes_a_raw_websocket_with_the_cursor_to_go_on_from() {
    let gateway = Gateway::start_with(&["--history", "2"]);
    let before = text(&gateway.publish("topic=t", "0"), "cursor");
    let start = gateway.get("/poll?topic=t&topic=u&wait=0").json();
    for message in ["1", "2", "3"] {
        gateway.publish("topic=t", message);
        gateway.publish("topic=u", message);
    }
    let mut socket = WebSocket::open(&gateway, &format!("/ws?topic=t&cursor={before}"));
    let Received::Close(Some(4010), cursor) = socket.next() else { panic!("expected the close of a gap") };
    assert_eq!(socket.next(), Received::End);
    let mut socket = WebSocket::open(&gateway, &format!("/ws?topic=t&cursor={cursor}"));
    assert_eq!([socket.text(), socket.text()], ["2", "3"]);
    // Gaps in two topics are told at once.
    let target = format!("/ws?topic=t&topic=u&cursor={}", text(&start, "cursor"));
    let mut socket = WebSocket::open(&gateway, &target);
    let Received::Close(Some(4010), cursor) = socket.next() else { panic!("expected the close of a gap") };
    let polled = gateway.get(&format!("/poll?topic=t&topic=u&cursor={cursor}")).json();
    let mut messages = data(&polled["messages"]);
    messages.sort_unstable();
    assert_eq!((messages, &polled["gaps"]), (vec!["2", "2", "3", "3"], &Value::Array(vec![])));
    // An evicted place says from where to where.
    let polled = gateway.get(&format!("/poll?topic=t&cursor={before}")).json();
    let gap = &polled["gaps"][0];
    assert_eq!(text(gap, "reason"), "evicted");
    assert_eq!((&gap["from"]["offset"], &gap["to"]["offset"]), (&1.into(), &2.into()));
}

#[test]
fn the_sender_can_be_left_out() {
    let gateway = Gateway::start();
    let mut sse = gateway.stream("/sse?topic=t", &[]);
    sse.event();
    let mut other = WebSocket::open(&gateway, "/ws/t");
    let mut silent = WebSocket::open(&gateway, "/ws/t?exclude_self=1");
    silent.send("from the silent");
    assert_eq!(other.text(), "from the silent");
    other.send("from the other");
    // Its own message was skipped.
    assert_eq!(silent.text(), "from the other");
    assert_eq!(other.text(), "from the other");
    gateway.publish(&format!("topic=t&exclude={}", other.id()), "by HTTP");
    gateway.publish("topic=t", "to all");
    assert_eq!(other.text(), "to all");
    assert_eq!([silent.text(), silent.text()], ["by HTTP", "to all"]);
    let connection = sse.head.header("tidewire-connection").unwrap().to_owned();
    gateway.publish(&format!("topic=t&exclude={connection}"), "not for sse");
    gateway.publish("topic=t", "last");
    let seen: Vec<Vec<String>> = (0..5).map(|_| sse.event().1).collect();
    assert_eq!(seen.last().unwrap(), &["data: last"]);
    assert!(!seen.contains(&vec!["data: not for sse".to_owned()]), "{seen:?}");
}

#[test]
fn a_poll_waits_for_a_message_and_no_longer_than_it_said() {
    let gateway = Gateway::start();
    let empty = gateway.get("/poll?topic=t&wait=0").json();
    assert_eq!((data(&empty["messages"]), data(&empty["gaps"])), (vec![], vec![]));
    let cursor = text(&empty, "cursor");
    let mut waiting = gateway.connect();
    waiting.send("GET", &format!("/poll?topic=t&cursor={cursor}&wait=60"), &[], b"");
    wait_for_subscribers(&gateway, 1);
    gateway.publish("topic=t", "at last");
    let polled = waiting.response("GET").json();
    assert_eq!(data(&polled["messages"]), ["at last"]);
    let timed_out = gateway.get(&format!("/poll?topic=t&cursor={}&wait=1", text(&polled, "cursor"))).json();
    assert_eq!(timed_out, serde_json::json!({ "messages": [], "gaps": [], "cursor": polled["cursor"] }));
    // Without a cursor it starts at the head.
    assert_eq!(data(&gateway.get("/poll?topic=t&wait=0").json()["messages"]), Vec::<&str>::new());
    // A client that goes away leaves nobody behind.
    let mut gone = gateway.connect();
    gone.send("GET", "/poll?topic=t&wait=60", &[], b"");
    wait_for_subscribers(&gateway, 1);
    drop(gone);
    wait_for_subscribers(&gateway, 0);
}

/// Asks until the topic `t` has so many subscribers.
fn wait_for_subscribers(gateway: &Gateway, subscribers: u64) {
    let mut connection = gateway.connect();
    for _ in 0..100_000 {
        connection.send("GET", "/topics", &[], b"");
        let listing = connection.response("GET").json();
        let topic = listing["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == "t");
        if topic.map_or(0, |topic| topic["subscribers"].as_u64().unwrap()) == subscribers {
            return;
        }
    }
    panic!("never {subscribers} subscribers");
}

#[test]
fn an_answer_to_a_poll_is_capped_in_messages_and_in_bytes() {
    let gateway = Gateway::start();
    let mut connection = gateway.connect();
    for _ in 0..1001 {
        connection.send("POST", "/publish?topic=many", &[], b"x");
        assert_eq!(connection.response("POST").status, 200);
    }
    let first = gateway.get("/poll?topic=many&cursor=0").json();
    assert_eq!(first["messages"].as_array().unwrap().len(), 1000);
    let rest = gateway.get(&format!("/poll?topic=many&cursor={}", text(&first, "cursor"))).json();
    assert_eq!(rest["messages"].as_array().unwrap().len(), 1);
    assert_eq!(rest["messages"][0]["offset"], 1001);

    let body = vec![b'x'; 60_000];
    for _ in 0..20 {
        connection.send("POST", "/publish?topic=large", &[], &body);
        assert_eq!(connection.response("POST").status, 200);
    }
    let first = gateway.get("/poll?topic=large&cursor=0");
    assert!(first.body.len() <= 1024 * 1024 + 1000, "{}", first.body.len());
    let first = first.json();
    let count = first["messages"].as_array().unwrap().len();
    assert_eq!(count, 17);
    let rest = gateway.get(&format!("/poll?topic=large&cursor={}", text(&first, "cursor"))).json();
    assert_eq!(rest["messages"][0]["offset"], 18);
    assert_eq!(rest["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn a_stream_of_several_topics_carries_cursors_over_all_of_them() {
    let gateway = Gateway::start();
    let mut ndjson = gateway.stream("/ndjson?topic=a&topic=b", &[]);
    ndjson.record();
    for n in 0..3 {
        gateway.publish("topic=a", &format!("a{n}"));
        gateway.publish("topic=b", &format!("b{n}"));
    }
    let records: Vec<Value> = (0..6).map(|_| ndjson.record()).collect();
    for (index, record) in records.iter().enumerate() {
        let polled =
            gateway.get(&format!("/poll?topic=b&topic=a&wait=0&cursor={}", text(record, "cursor"))).json();
        assert_eq!(polled["messages"].as_array().unwrap().len(), 5 - index);
        assert_eq!(polled["gaps"], Value::Array(vec![]));
    }
}
