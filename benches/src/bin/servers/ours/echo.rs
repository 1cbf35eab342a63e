//! Echo: what is fed goes out, all in one write, when the input is drained.

use std::{pin::pin, sync::Arc};

use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    websocket::{Message, WebSocket},
};
use tidewire_ws::{deflate, frame::CloseCode};
use tokio::net::TcpStream;

use super::listen;
use crate::Failed;

pub(super) async fn serve(compression: Option<deflate::Config>) -> Result<(), Failed> {
    let mut acceptor = Acceptor::default();
    acceptor.deflate = compression.map(deflate::Pool::new);
    let acceptor = Arc::new(acceptor);
    let listener = listen()?;
    let drain = Drain::new();
    loop {
        let (stream, _, permit) = listener.accept().await;
        let (acceptor, end) = (Arc::clone(&acceptor), drain.clone());
        drain.spawn(async move {
            if let Ok(websocket) = acceptor.accept(stream).await {
                echo(websocket, end).await;
            }
            drop(permit);
        });
    }
}

async fn echo(mut websocket: WebSocket<TcpStream>, drain: Drain) {
    let mut end = pin!(drain.begun());
    loop {
        let message = tokio::select! {
            message = websocket.next() => message,
            () = &mut end => {
                let _ = websocket.close(CloseCode::GOING_AWAY, "shutting down").await;
                return;
            }
        };
        let fed = match message {
            Some(Message::Text(text)) => websocket.feed_text(&text),
            Some(Message::Binary(payload)) => websocket.feed_binary(&payload),
            None => return,
        };
        // Once our close frame is out there is nobody to echo to.
        let _ = fed;
    }
}
