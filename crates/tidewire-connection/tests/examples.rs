//! The examples do what they say, over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(all(feature = "ws", feature = "sse"))]

#[path = "../examples/blocking_echo.rs"]
#[allow(dead_code, reason = "its main")]
mod blocking_echo;
#[path = "../examples/blocking_events.rs"]
#[allow(dead_code, reason = "its main")]
mod blocking_events;
mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tidewire_connection::websocket::Config;
use tidewire_lifecycle::{self as lifecycle, Heartbeat};

/// A client's socket, and what serves it: how it ended.
fn served<Serve>(serve: Serve) -> (TcpStream, JoinHandle<String>)
where
    Serve: FnOnce(TcpStream) -> std::io::Result<String> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, thread::spawn(move || serve(server).unwrap()))
}

fn echo(config: Config) -> (TcpStream, JoinHandle<String>) {
    served(|stream| blocking_echo::serve(stream, config))
}

/// An opening handshake that asks for `path`.
fn request(path: &str) -> Vec<u8> {
    let request = std::str::from_utf8(common::REQUEST).unwrap();
    request.replacen("/chat", path, 1).into_bytes()
}

/// Reads as much as `expected` has, and it is that.
fn expect(client: &mut TcpStream, expected: &[u8]) {
    let mut read = vec![0; expected.len()];
    client.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(expected));
}

#[test]
fn a_message_is_echoed_and_a_close_is_answered() {
    let (mut client, server) = echo(Config::default());
    // The first message comes with the request, cut in two.
    let (first, second) = b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58".split_at(4);
    client.write_all(&[&request("/"), first].concat()).unwrap();
    client.write_all(second).unwrap();
    expect(&mut client, common::ANSWER);
    expect(&mut client, b"\x81\x05Hello");
    client.write_all(b"\x88\x82\x00\x00\x00\x00\x03\xE8").unwrap();
    expect(&mut client, b"\x88\x02\x03\xE8");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    assert_eq!(server.join().unwrap(), "remote close 1000");
}

#[test]
fn another_path_is_refused_and_the_refusal_arrives() {
    let (mut client, server) = echo(Config::default());
    // What comes behind the request would, left unread, reset the connection and destroy the answer.
    client.write_all(&[request("/other"), vec![b'x'; 100_000]].concat()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    drop(client);
    assert_eq!(server.join().unwrap(), "the opening handshake was refused");
}

#[test]
fn a_client_that_never_answers_is_pinged_and_dropped() {
    let mut life = lifecycle::Config::default();
    life.heartbeat =
        Heartbeat::Probe { interval: Duration::from_millis(50), timeout: Duration::from_millis(50) };
    let (mut client, server) = echo(Config::new(Default::default(), life));
    client.write_all(&request("/")).unwrap();
    expect(&mut client, common::ANSWER);
    expect(&mut client, b"\x89\x04\x00\x00\x00\x01");
    let mut close = Vec::new();
    client.read_to_end(&mut close).unwrap();
    assert_eq!(close[..4], [0x88, close.len() as u8 - 2, 0x03, 0xE9], "a close frame with 1001");
    assert_eq!(server.join().unwrap(), "local timeout: no reply to a heartbeat");
}

fn events(head: &str) -> (TcpStream, JoinHandle<String>) {
    let (mut client, server) =
        served(|stream| blocking_events::serve(stream, Arc::new(lifecycle::Config::event_stream())));
    client.write_all(head.as_bytes()).unwrap();
    (client, server)
}

#[test]
fn a_stream_goes_on_behind_the_last_event_id_and_ends() {
    let (mut client, server) = events("GET / HTTP/1.1\r\nHost: a\r\nLAST-event-id: 8\r\n\r\n");
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(": text/event-stream"), "{head}");
    assert_eq!(body, "retry: 1000\nid: 8\n\nid: 9\ndata: event 9\n\nid: 10\ndata: event 10\n\n");
    drop(client);
    assert_eq!(server.join().unwrap(), "local end of stream");
}

#[test]
fn a_client_that_goes_ends_its_stream() {
    let (client, server) = events("GET / HTTP/1.1\r\n\r\n");
    drop(client);
    let ended = server.join().unwrap();
    assert!(["remote end of stream", "remote transport error"].contains(&&*ended), "{ended}");
}
