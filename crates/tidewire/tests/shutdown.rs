//! Starting and stopping the process.
#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(unix)]

mod support;

use std::io::Read;
use std::net::TcpStream;
use std::process::Command;
use support::Gateway;
use support::websocket::{Received, WebSocket};

#[test]
fn a_signal_ends_every_transport_in_its_own_way() {
    for signal in ["TERM", "INT"] {
        let gateway = Gateway::start();
        let address = gateway.address;
        let mut socket = WebSocket::open(&gateway, "/ws/t");
        let mut sse = gateway.stream("/sse?topic=t", &[]);
        sse.event();
        let mut ndjson = gateway.stream("/ndjson?topic=t", &[]);
        ndjson.record();
        let mut poll = gateway.connect();
        poll.send("GET", "/poll?topic=t&wait=60", &[], b"");
        let mut idle = gateway.connect();
        idle.send("GET", "/healthz", &[], b"");
        idle.response("GET");
        let mut deaf = gateway.stream("/sse?topic=t", &[]);
        deaf.event();
        // The poll is under way once it is counted among the subscribers.
        let mut asking = gateway.connect();
        loop {
            asking.send("GET", "/topics", &[], b"");
            if asking.response("GET").json()["topics"][0]["subscribers"] == 5 {
                break;
            }
        }
        gateway.signal(signal);
        assert!(matches!(socket.next(), Received::Close(Some(1001), _)));
        assert_eq!(socket.next(), Received::End);
        assert_eq!((sse.line(), ndjson.line()), (None, None));
        let polled = poll.response("GET");
        assert_eq!(polled.status, 200);
        assert_eq!(polled.json()["messages"], serde_json::json!([]));
        assert_eq!(idle.rest(), b"");
        assert!(TcpStream::connect(address).is_err(), "the listener is still open");
        // `deaf` neither reads nor closes, and is not waited for.
        assert_eq!(gateway.wait(), (Some(0), String::new()));
        drop(deaf);
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let gateway = Gateway::start();
    // A client that never answers a close keeps the first signal busy for its deadline.
    let mut socket = WebSocket::open(&gateway, "/ws/t");
    gateway.signal("TERM");
    let mut frame = [0; 4];
    socket.read_exact(&mut frame);
    assert_eq!(frame[0], 0x88);
    gateway.signal("TERM");
    assert_eq!(gateway.wait().0, Some(1));
}

#[test]
fn an_address_in_use_is_said_and_fails() {
    let gateway = Gateway::start();
    let output = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["--listen", &gateway.address.to_string()])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("cannot listen on {}", gateway.address)), "{message}");
}

#[test]
fn a_silent_connection_is_given_up_after_the_time_for_a_head() {
    let gateway = Gateway::start();
    let mut silent = gateway.connect();
    silent.write(b"GET / HTTP/1.1\r\nHost:");
    let mut rest = Vec::new();
    // Within the deadline of ten seconds that the socket has; hyper says nothing or 408.
    silent.reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

#[test]
fn nobody_who_reads_the_log_is_no_reason_to_fall_over() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(theirs);
    let gateway = Gateway::start_telling(std::os::fd::OwnedFd::from(ours).into());
    assert_eq!(gateway.get("/healthz").status, 200);
    gateway.signal("TERM");
    assert_eq!(gateway.wait().0, Some(0));
}
