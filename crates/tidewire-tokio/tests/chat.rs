//! The chat of the examples does what it says, over real sockets.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../examples/chat.rs"]
#[allow(dead_code, reason = "its main")]
mod chat;

use std::time::Duration;

use serde_json::Value;
use tidewire_tokio::{
    drain::Drain,
    hub::{Config, SharedHub},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// A guest's socket, what it has sent, and the task that serves it.
struct Guest {
    socket: TcpStream,
    served: JoinHandle<()>,
}

impl Guest {
    async fn join(hub: &SharedHub<std::sync::Arc<str>>, number: u64, drain: &Drain, target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (hub, end) = (hub.clone(), drain.clone());
        let served = tokio::spawn(async move {
            let _ = chat::serve(accepted, hub, number, end).await;
        });
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket, served }
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
    let (hub, drain) = (SharedHub::new(Config::default()), Drain::new());
    let mut anna = Guest::join(&hub, 1, &drain, "/kitchen").await;
    let mut ben = Guest::join(&hub, 2, &drain, "/kitchen").await;
    for (guest, name) in [(&mut anna, "guest 1"), (&mut ben, "guest 2")] {
        assert!(guest.head().await.starts_with("HTTP/1.1 101 "));
        assert_eq!(guest.hears().await.0, serde_json::json!({ "type": "open", "name": name }));
    }
    anna.say("tea?").await;
    anna.hears_line("guest 1: tea?").await;
    let cursor = ben.hears_line("guest 1: tea?").await;
    drop(ben.socket);
    ben.served.await.unwrap();
    anna.say("ben?").await;
    anna.hears_line("guest 1: ben?").await;

    let mut ben = Guest::join(&hub, 3, &drain, &format!("/kitchen?{cursor}")).await;
    ben.head().await;
    ben.hears().await;
    ben.hears_line("guest 1: ben?").await;
    let mut late = Guest::join(&hub, 4, &drain, "/kitchen").await;
    late.head().await;
    late.hears().await;
    late.hears_line("guest 1: tea?").await;
    late.hears_line("guest 1: ben?").await;
    let mut broken = Guest::join(&hub, 5, &drain, "/kitchen?nonsense").await;
    broken.head().await;
    broken.hears().await;
    assert_eq!(broken.hears().await.0, serde_json::json!({ "type": "gap", "reason": "unknown" }));

    drain.begin();
    for mut guest in [anna, ben] {
        assert_eq!(timeout(Duration::from_secs(60), guest.frame()).await.unwrap().0, 0x88);
        drop(guest.socket);
        guest.served.await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_is_told() {
    let (hub, drain) = (SharedHub::new(Config::default()), Drain::new());
    let mut nowhere = Guest::join(&hub, 1, &drain, "/$user:1").await;
    assert!(nowhere.head().await.starts_with("HTTP/1.1 404 "));
    let mut guest = Guest::join(&hub, 2, &drain, "/kitchen").await;
    guest.head().await;
    guest.hears().await;
    guest.socket.write_all(b"\x82\x80\0\0\0\0").await.unwrap();
    let error = serde_json::json!({ "type": "error", "detail": "expected text, got bytes" });
    assert_eq!(guest.hears().await.0, error);
}
