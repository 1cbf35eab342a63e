//! Servers for clients: one that echoes, and one that follows a script.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tidewire_tokio::{
    accept::Acceptor,
    connect::{ConnectError, Connector},
    websocket::{Config, Message, WebSocket},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};

/// Says something and hears it again.
pub(crate) async fn exchange<IO: AsyncRead + AsyncWrite + Unpin>(websocket: &mut WebSocket<IO>) {
    for message in [Message::Text("hello".into()), Message::Binary(vec![7; 70_000])] {
        websocket.send(message.clone()).await.unwrap();
        assert_eq!(websocket.next().await, Some(message));
    }
}

/// What a connection is left with behind its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    Hang,
    /// What follows is a WebSocket that echoes: the answer was but what came before.
    Echo,
}

/// A server that reads a head, answers by its script, and goes on as that says.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start<A: Into<String>>(script: impl IntoIterator<Item = (A, Then)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let script: Vec<(String, Then)> =
            script.into_iter().map(|(answer, then)| (answer.into(), then)).collect();
        let seen = requests.clone();
        tokio::spawn(async move {
            for (answer, then) in script {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answer, then, seen.clone()));
            }
        });
        Self { address, requests }
    }

    /// The heads so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: String,
    then: Then,
    seen: Arc<Mutex<Vec<String>>>,
) {
    if then == Then::Echo {
        let acceptor = Acceptor::default();
        let accepted = acceptor.accept_with(stream, |request| {
            let fields = request
                .headers()
                .map(|(name, value)| format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
            let head: String = std::iter::once(format!("{}\r\n", request.path())).chain(fields).collect();
            seen.lock().unwrap().push(head);
            Ok(tidewire_ws::handshake::Response::new())
        });
        let Ok(mut websocket) = accepted.await else { return };
        while let Some(message) = websocket.next().await {
            let _ = websocket.send(message).await;
        }
        return;
    }
    let head = head(&mut stream).await;
    seen.lock().unwrap().push(head);
    let _ = stream.write_all(answer.as_bytes()).await;
    match then {
        Then::Close | Then::Echo => _ = stream.shutdown().await,
        Then::Hang => std::future::pending().await,
    }
}

/// Reads up to the end of a head, byte by byte: nothing that follows is taken.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A connector whose whole may take so long.
pub(crate) fn connector(opening_timeout: Duration) -> Connector {
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.opening_timeout = Some(opening_timeout);
    Connector::new(Config::new(Default::default(), lifecycle))
}

/// The error, whatever the connection would have been.
pub(crate) fn error<T>(outcome: Result<T, ConnectError>) -> ConnectError {
    match outcome {
        Ok(_) => panic!("a connection came of it"),
        Err(error) => error,
    }
}
