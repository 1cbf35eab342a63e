//! Servers in memory, one for each attempt of a client, which follow a script.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

use tidewire_tokio::{
    accept::Acceptor,
    connect::{ConnectError, Connector},
    reconnect::{Builder, Error, ReconnectingWebSocket, Resume, Update},
    websocket::Message,
};
use tidewire_ws::{
    frame::CloseCode,
    handshake::{Refusal, Response},
};
use tokio::io::{DuplexStream, duplex};

/// What a server does with one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// There is none.
    Nobody,
    /// It refuses, with a `Retry-After` in seconds where there is one.
    Refuse(u16, Option<u32>),
    /// It says these, and then leaves without a word.
    Drop(&'static [&'static str]),
    /// It says these, and then closes with a code.
    Close(&'static [&'static str], u16),
    /// It says these, and what it is told.
    Echo(&'static [&'static str]),
}

/// What the servers have seen: of each attempt its target and its token.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

/// A client of these servers, one for each attempt; behind the last of them there is none.
pub(crate) fn client(acts: impl IntoIterator<Item = Act>) -> (Builder<(), DuplexStream>, Seen) {
    let seen = Seen::default();
    let mut acts: VecDeque<Act> = acts.into_iter().collect();
    let (targets, connector) = (seen.clone(), Arc::new(Connector::default()));
    let builder = ReconnectingWebSocket::builder("ws://example.org/ws").connect_by(move |request| {
        let (client, server) = duplex(64 * 1024);
        let act = acts.pop_front().unwrap_or(Act::Nobody);
        let is_nobody = matches!(act, Act::Nobody);
        tokio::spawn(serve(server, act, targets.clone()));
        let (connector, targets) = (connector.clone(), targets.clone());
        async move {
            if is_nobody {
                targets.lock().unwrap().push("nobody".into());
                return Err(ConnectError::Io(io::ErrorKind::ConnectionRefused.into()));
            }
            connector.connect_over(client, request).await
        }
    });
    (builder.entropy(1), seen)
}

async fn serve(io: DuplexStream, act: Act, seen: Seen) {
    let answer = |request: &tidewire_ws::handshake::Request<'_>| {
        let token = request.header("authorization").map(String::from_utf8_lossy);
        seen.lock().unwrap().push([request.target(), &token.unwrap_or_default()].join(" ").trim().into());
        match act {
            Act::Refuse(status, after) => {
                let refusal = Refusal::new(status, "no");
                Err(match after {
                    Some(after) => refusal.header("Retry-After", &after.to_string()).unwrap(),
                    None => refusal,
                })
            }
            Act::Nobody | Act::Drop(_) | Act::Close(..) | Act::Echo(_) => Ok(Response::new()),
        }
    };
    let Ok(mut websocket) = Acceptor::default().accept_with(io, answer).await else { return };
    let (said, code) = match act {
        Act::Drop(said) | Act::Echo(said) => (said, None),
        Act::Close(said, code) => (said, CloseCode::new(code).ok()),
        Act::Nobody | Act::Refuse(..) => (&[][..], None),
    };
    for text in said {
        websocket.send(Message::Text((*text).into())).await.unwrap();
    }
    if let Some(code) = code {
        websocket.close(code, "").await.unwrap();
    }
    if let Act::Echo(_) = act {
        while let Some(message) = websocket.next().await {
            let _ = websocket.send(message).await;
        }
    }
}

/// One word for what happened.
pub(crate) fn word(update: Option<Result<Update, Error>>) -> String {
    match update {
        Some(Ok(Update::Open(_))) => "open".into(),
        Some(Ok(Update::Message(Message::Text(text)))) => text,
        Some(Ok(Update::Message(Message::Binary(payload)))) => format!("{payload:?}"),
        Some(Ok(Update::Lost { loss, .. })) => format!("lost: {loss}"),
        Some(Ok(other)) => format!("{other:?}"),
        Some(Err(error)) => format!("error: {error}"),
        None => "end".into(),
    }
}

/// So many things that happen, or fewer if it ends.
pub(crate) async fn words<R: Resume>(
    client: &mut ReconnectingWebSocket<R, DuplexStream>,
    count: usize,
) -> Vec<String> {
    let mut said = Vec::new();
    while said.len() < count && said.last().is_none_or(|last| last != "end") {
        said.push(word(client.next_update().await));
    }
    said
}
