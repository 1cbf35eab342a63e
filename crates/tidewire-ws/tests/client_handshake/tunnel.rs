//! A proxy that is asked for a tunnel, and what it may answer (RFC 6455 §4.1, RFC 9110 §9.3.6).

use super::{Outcome, outcome};
use std::sync::Arc;
use tidewire_testkit::splits;
use tidewire_ws::handshake::client::{InvalidResponse, ResponseReader, Tunnel};
use tidewire_ws::handshake::{Config, InvalidField};

fn reader() -> ResponseReader {
    Tunnel::new("server.example.com:443").unwrap().into_reader(Arc::default())
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the client is configured to use a proxy when using the
//# WebSocket Protocol to connect to host /host/ and port /port/,
//# then the client SHOULD connect to that proxy and ask it to open a
//# TCP connection to the host given by /host/ and the port given by
//# /port/.
#[test]
fn a_proxy_is_asked_for_a_host_and_a_port() {
    for authority in ["example.com:443", "[::1]:80", "192.0.2.1:1"] {
        let mut output = Vec::new();
        let tunnel = Tunnel::new(authority).unwrap().header("Proxy-Authorization", "Basic dTpw").unwrap();
        tunnel.encode(&mut output);
        let expected = format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
        );
        assert_eq!(String::from_utf8(output).unwrap(), expected);
        assert!(!format!("{tunnel:?}").contains("dTpw"), "credentials are not shown");
    }
    for nowhere in
        ["", "example.com", "example.com:", "[::1]", "a b:80", "a:b", "u@a:80", "a:80/x", "a:70000"]
    {
        assert_eq!(Tunnel::new(nowhere).err(), Some(InvalidField::Authority), "{nowhere}");
    }
    let tunnel = || Tunnel::new("a:1").unwrap();
    assert_eq!(tunnel().header("X", "a\r\nb").err(), Some(InvalidField::Value));
    assert_eq!(tunnel().header("Host", "b").err(), Some(InvalidField::ReservedName));
}

#[test]
fn any_success_is_a_tunnel_and_everything_else_declines() {
    for (response, tail, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", "\x15\x03", Some(())),
        ("HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n", "", Some(())),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 Odd\r\nContent-Length: 9\r\n\r\n", "", Some(())),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "", None),
        ("SSH-2.0-OpenSSH_9\r\n\r\n", "", None),
    ] {
        let stream = [response, tail].concat();
        for pieces in [splits::whole(stream.as_bytes()), splits::bytewise(stream.as_bytes())] {
            let found = outcome(reader(), &pieces, false);
            match expected {
                Some(()) => {
                    assert_eq!(found, Outcome::Open { subprotocol: None, consumed: response.len() });
                }
                None => assert_eq!(found, Outcome::Failed(InvalidResponse::Malformed), "{response}"),
            }
        }
    }
    for status in [300, 403, 407, 502] {
        let stream = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
        let found = outcome(reader(), &[stream.as_bytes()], false);
        let Outcome::Declined(declined) = found else { panic!("{found:?}") };
        assert_eq!((declined.status(), declined.body()), (status, &b"no"[..]));
    }
}

#[test]
fn a_proxy_is_no_more_trusted_than_a_server() {
    let max_head_len = Config::default().max_head_len;
    let fields = "X: y\r\n".repeat(max_head_len / 6);
    let endless = format!("HTTP/1.1 200 OK\r\n{fields}{fields}");
    assert_eq!(
        outcome(reader(), &[endless.as_bytes()], false),
        Outcome::Failed(InvalidResponse::HeadTooLong)
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(
        outcome(reader(), &[many.as_bytes()], false),
        Outcome::Failed(InvalidResponse::TooManyHeaders)
    );
    let cut = b"HTTP/1.1 200 O";
    assert_eq!(outcome(reader(), &[cut], true), Outcome::Failed(InvalidResponse::Truncated));
}
