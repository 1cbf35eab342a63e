//! Messages that are JSON documents.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidewire_tokio::websocket::{Config, JsonError, Message, WebSocket};
use tidewire_ws::{frame::CloseCode, message::SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    user: String,
    text: String,
}

fn connected() -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(1024);
    (client, WebSocket::accepted(server, b"", &Config::default()))
}

fn masked(first_byte: u8, payload: &str) -> Vec<u8> {
    [&[first_byte, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload.as_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn values_go_and_come() {
    let (mut client, mut websocket) = connected();
    let line = Line { user: "ann".into(), text: "tea?".into() };
    websocket.send_json(&line).await.unwrap();
    let mut back = [0; 2 + 28];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!(back[..2], [0x81, 28]);
    assert_eq!(&back[2..], br#"{"user":"ann","text":"tea?"}"#);
    for first_byte in [0x81, 0x82] {
        client.write_all(&masked(first_byte, r#"{"user":"bob","text":"yes"}"#)).await.unwrap();
        let came: Line = websocket.next_json().await.unwrap().unwrap();
        assert_eq!(came, Line { user: "bob".into(), text: "yes".into() });
    }
    let (mut read, mut write) = websocket.split();
    write.send_json(&1).await.unwrap();
    client.write_all(&masked(0x81, "[2,3]")).await.unwrap();
    assert_eq!(read.next_json::<[u8; 2]>().await.unwrap().unwrap(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_such_value_is_told_and_the_next_comes() {
    let (mut client, mut websocket) = connected();
    client
        .write_all(&[masked(0x81, r#"{"user":7}"#), masked(0x81, "{"), masked(0x81, "5")].concat())
        .await
        .unwrap();
    let error = websocket.next_json::<Line>().await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the message is not what was asked for: invalid type: integer `7`, expected a string at line 1 column 9"
    );
    let JsonError::Deserialize { message, .. } = error else { panic!("{error:?}") };
    assert_eq!(message, Message::text(r#"{"user":7}"#));
    assert!(websocket.next_json::<Line>().await.unwrap().is_err());
    assert_eq!(websocket.next_json::<u8>().await.unwrap().unwrap(), 5);
    drop(client);
    assert!(websocket.next_json::<u8>().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_lost_with_the_connection_is_told() {
    let (client, server) = duplex(16);
    let mut websocket = WebSocket::accepted(server, b"", &Config::default());
    let sending = tokio::spawn(async move { websocket.send_json(&"x".repeat(1000)).await });
    tokio::task::yield_now().await;
    drop(client);
    assert!(matches!(sending.await.unwrap(), Err(JsonError::Send(SendError::NotOpen))));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_form_in_json_is_not_sent() {
    let (mut client, mut websocket) = connected();
    let map = BTreeMap::from([([1, 2], 3)]);
    assert!(matches!(websocket.send_json(&map).await, Err(JsonError::Serialize(_))));
    websocket.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(websocket.feed_json(&1), Err(JsonError::Send(SendError::NotOpen))));
    websocket.flush().await;
    assert_eq!(client.read_u8().await.unwrap(), 0x88, "nothing went before the close");
}
