//! The chat of the examples does what it says, over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../examples/chat.rs"]
#[allow(dead_code, reason = "its main")]
mod chat;

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tidewire_tokio::{
    drain,
    drain::Drain,
    hub::{Config, SharedHub},
    listener::{Limits, Listener},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The server, and where it listens.
struct Chat {
    address: SocketAddr,
    drain: Drain,
}

impl Chat {
    fn start() -> Self {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = drain::Config::default();
        config.spread = Duration::from_millis(10);
        let drain = Drain::with_config(config);
        let end = drain.clone();
        tokio::spawn(async move { chat::serve(listener, SharedHub::new(Config::default()), &end).await });
        Self { address, drain }
    }

    /// Waits until so many are served.
    async fn serves(&self, guests: usize) {
        while self.drain.running() != guests {
            tokio::task::yield_now().await;
        }
    }
}

/// A guest's socket.
struct Guest {
    socket: TcpStream,
}

impl Guest {
    async fn join(chat: &Chat, target: &str) -> Self {
        let mut socket = TcpStream::connect(chat.address).await.unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.socket.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Says something, under an all-zero masking key.
    async fn say(&mut self, text: &str) {
        let header = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        self.socket.write_all(&[&header, text.as_bytes()].concat()).await.unwrap();
    }

    /// The next frame: its first byte and payload.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.socket.read_u8().await.unwrap();
        let len = match self.socket.read_u8().await.unwrap() {
            126 => self.socket.read_u16().await.unwrap() as usize,
            len => len as usize,
        };
        let mut payload = vec![0; len];
        self.socket.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    /// The next record, and its cursor.
    async fn hears(&mut self) -> (Value, String) {
        let (first, payload) = timeout(Duration::from_secs(60), self.frame()).await.unwrap();
        assert_eq!(first, 0x81);
        let mut record: Value = serde_json::from_slice(&payload).unwrap();
        let cursor = record["cursor"].take().as_str().unwrap_or_default().to_owned();
        record.as_object_mut().unwrap().remove("cursor");
        (record, cursor)
    }

    async fn hears_line(&mut self, text: &str) -> String {
        let (record, cursor) = self.hears().await;
        assert_eq!(record, serde_json::json!({ "type": "line", "text": text }));
        cursor
    }
}

#[tokio::test]
async fn who_is_cut_off_comes_back_and_misses_nothing() {
    let chat = Chat::start();
    let mut anna = Guest::join(&chat, "/kitchen").await;
    assert!(anna.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(anna.hears().await.0, serde_json::json!({ "type": "open", "name": "guest 1" }));
    let mut ben = Guest::join(&chat, "/kitchen").await;
    assert!(ben.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(ben.hears().await.0, serde_json::json!({ "type": "open", "name": "guest 2" }));
    anna.say("tea?").await;
    anna.hears_line("guest 1: tea?").await;
    let cursor = ben.hears_line("guest 1: tea?").await;
    drop(ben.socket);
    chat.serves(1).await;
    anna.say("ben?").await;
    anna.hears_line("guest 1: ben?").await;

    let mut ben = Guest::join(&chat, &format!("/kitchen?{cursor}")).await;
    ben.head().await;
    ben.hears().await;
    ben.hears_line("guest 1: ben?").await;
    let mut late = Guest::join(&chat, "/kitchen").await;
    late.head().await;
    late.hears().await;
    late.hears_line("guest 1: tea?").await;
    late.hears_line("guest 1: ben?").await;
    let mut broken = Guest::join(&chat, "/kitchen?nonsense").await;
    broken.head().await;
    broken.hears().await;
    assert_eq!(broken.hears().await.0, serde_json::json!({ "type": "gap", "reason": "unknown" }));

    chat.drain.begin();
    for mut guest in [anna, ben, late] {
        let (first, payload) = timeout(Duration::from_secs(60), guest.frame()).await.unwrap();
        assert_eq!((first, &payload[..2]), (0x88, &1001u16.to_be_bytes()[..]));
    }
    drop(broken);
    assert_eq!(chat.drain.wind_up().await, 0);
}

#[tokio::test]
async fn what_cannot_be_is_told() {
    let chat = Chat::start();
    let mut nowhere = Guest::join(&chat, "/$user:1").await;
    assert!(nowhere.head().await.starts_with("HTTP/1.1 404 "));
    let mut guest = Guest::join(&chat, "/kitchen").await;
    guest.head().await;
    guest.hears().await;
    guest.socket.write_all(b"\x82\x80\0\0\0\0").await.unwrap();
    let error = serde_json::json!({ "type": "error", "detail": "expected text, got bytes" });
    assert_eq!(guest.hears().await.0, error);
}
