//! tokio-websockets, as its example `server` does it.

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, sync::broadcast};
use tokio_websockets::{Error, Limits, Message, ServerBuilder};

use super::BROADCAST_LEN;
use crate::{Failed, Work, accept_each, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(echo(stream).await) }).await,
        Work::Fanout => {
            let (room, _) = broadcast::channel(BROADCAST_LEN);
            accept_each(move |stream| {
                let room = room.clone();
                async move { drop(fan_out(stream, room).await) }
            })
            .await
        }
        Work::Events | Work::Deflate => Err(unknown(work)),
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let (_, mut websocket) = ServerBuilder::new().limits(Limits::unlimited()).accept(stream).await?;
    while let Some(message) = websocket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            websocket.send(message).await?;
        }
    }
    Ok(())
}

async fn fan_out(stream: TcpStream, room: broadcast::Sender<Message>) -> Result<(), Error> {
    let (_, mut websocket) = ServerBuilder::new().accept(stream).await?;
    let mut heard = room.subscribe();
    loop {
        tokio::select! {
            said = websocket.next() => match said {
                Some(message) => drop(room.send(message?)),
                None => return Ok(()),
            },
            Ok(message) = heard.recv() => websocket.send(message).await?,
        }
    }
}
