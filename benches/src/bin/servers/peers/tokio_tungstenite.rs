//! tokio-tungstenite: one message after the other, as its README and its example `autobahn-server` do it; forwarded, as its example
//! `echo-server` does it; and for fan-out a channel for each connection, as its example `server` has it.

use std::{
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    SinkExt, StreamExt, TryStreamExt,
    future::{Either, select},
};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Error, Message},
};

use crate::{Failed, Work, accept_each, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(echo(stream).await) }).await,
        Work::Fanout => {
            let room = Room::default();
            accept_each(move |stream| {
                let room = room.clone();
                async move { drop(fan_out(stream, room).await) }
            })
            .await
        }
        Work::Events | Work::Deflate => Err(unknown(work)),
    }
}

/// The same, each message forwarded from what comes to what goes, which flushes when nothing more has come.
pub(super) async fn serve_forwarding(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(forward(stream).await) }).await,
        Work::Fanout | Work::Events | Work::Deflate => Err(unknown(work)),
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut websocket = accept_async(stream).await?;
    while let Some(message) = websocket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            websocket.send(message).await?;
        }
    }
    Ok(())
}

async fn forward(stream: TcpStream) -> Result<(), Error> {
    let (going, coming) = accept_async(stream).await?.split();
    coming.try_filter(|message| ready(message.is_text() || message.is_binary())).forward(going).await
}

type Room = Arc<Mutex<Vec<UnboundedSender<Message>>>>;

async fn fan_out(stream: TcpStream, room: Room) -> Result<(), Error> {
    let (going, coming) = accept_async(stream).await?.split();
    let (sender, receiver) = unbounded_channel();
    room.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    let publish = coming.try_for_each(|message| {
        if message.is_binary() {
            let members = room.lock().unwrap_or_else(PoisonError::into_inner);
            members.iter().for_each(|member| drop(member.send(message.clone())));
        }
        ready(Ok(()))
    });
    let hear = messages(receiver).map(Ok).forward(going);
    let (Either::Left((ended, _)) | Either::Right((ended, _))) =
        select(Box::pin(publish), Box::pin(hear)).await;
    ended
}

fn messages(receiver: UnboundedReceiver<Message>) -> impl futures_util::Stream<Item = Message> {
    futures_util::stream::unfold(receiver, |mut receiver| async {
        let message = receiver.recv().await?;
        Some((message, receiver))
    })
}
