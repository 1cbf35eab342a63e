//! sockudo-ws: as its examples `simple_echo` and `pubsub_echo` do it, and compressed as its default has it; and a loop of ours over its codec, which answers all that one
//! read brought by one write.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{
    CompressedWebSocketStream, Config, Error, Message, OpCode, RawMessage, Role, WebSocketStream,
    deflate::{DeflateConfig, negotiate_server_deflate},
    frame::encode_frame_header,
    handshake::{build_response, generate_accept_key, parse_request},
    protocol::Protocol,
    pubsub::PubSub,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

use crate::{Failed, Work, accept_each, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(echo(stream).await) }).await,
        Work::Fanout => {
            let room = Arc::new(PubSub::new());
            accept_each(move |stream| {
                let room = Arc::clone(&room);
                async move { drop(fan_out(stream, &room).await) }
            })
            .await
        }
        Work::Deflate => accept_each(|stream| async { drop(echo_compressed(stream).await) }).await,
        Work::Events => Err(unknown(work)),
    }
}

/// The loop over the codec.
pub(super) async fn serve_batching(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(echo_batching(stream).await) }).await,
        Work::Fanout | Work::Events | Work::Deflate => Err(unknown(work)),
    }
}

/// The opening handshake; what came behind it.
async fn open(stream: &mut TcpStream) -> sockudo_ws::Result<BytesMut> {
    let mut head = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((request, len)) = parse_request(&head)? {
            let response = build_response(&generate_accept_key(request.key), None, None);
            stream.write_all(&response).await?;
            head.advance(len);
            return Ok(head);
        }
    }
}

async fn echo(mut stream: TcpStream) -> sockudo_ws::Result<()> {
    open(&mut stream).await?;
    let mut websocket = WebSocketStream::server(stream, Config::default());
    while let Some(message) = websocket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => websocket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => break,
        }
    }
    Ok(())
}

async fn echo_compressed(mut stream: TcpStream) -> sockudo_ws::Result<()> {
    let mut head = BytesMut::with_capacity(4096);
    let compression = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        let Some((request, _)) = parse_request(&head)? else { continue };
        let offers = request.extensions.unwrap_or_default();
        let agreed =
            negotiate_server_deflate(offers, &DeflateConfig::default()).ok_or(Error::ConnectionClosed)?;
        let response =
            build_response(&generate_accept_key(request.key), None, Some(&agreed.to_response_header()));
        stream.write_all(&response).await?;
        break agreed.config;
    };
    let mut websocket = CompressedWebSocketStream::server(stream, Config::default(), compression);
    while let Some(message) = websocket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => websocket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => break,
        }
    }
    Ok(())
}

async fn fan_out(mut stream: TcpStream, room: &PubSub) -> sockudo_ws::Result<()> {
    const TOPIC: &str = "room";
    open(&mut stream).await?;
    let (mut reader, mut writer) = WebSocketStream::server(stream, Config::default()).split();
    let (sender, mut heard) = mpsc::unbounded_channel();
    let subscriber = room.create_subscriber(sender);
    room.subscribe(subscriber, TOPIC);
    loop {
        tokio::select! {
            said = reader.next() => match said {
                Some(Ok(message @ Message::Binary(_))) => drop(room.publish(TOPIC, message)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
            },
            Some(message) = heard.recv() => writer.send(message).await?,
        }
    }
    room.remove_subscriber(subscriber);
    Ok(())
}

async fn echo_batching(mut stream: TcpStream) -> sockudo_ws::Result<()> {
    let mut unread = open(&mut stream).await?;
    let config = Config::default();
    let mut protocol = Protocol::new(Role::Server, config.max_frame_size, config.max_message_size);
    let (mut messages, mut output) = (Vec::new(), BytesMut::new());
    loop {
        protocol.process_raw_into(&mut unread, &mut messages)?;
        for message in messages.drain(..) {
            let (opcode, payload) = match message {
                RawMessage::Text(payload) => (OpCode::Text, payload),
                RawMessage::Binary(payload) => (OpCode::Binary, payload),
                RawMessage::Ping(payload) => (OpCode::Pong, payload),
                RawMessage::Pong(_) => continue,
                RawMessage::Close(_) => return Ok(()),
            };
            encode_frame_header(&mut output, opcode, payload.len(), true, None);
            output.extend_from_slice(&payload);
        }
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
        if stream.read_buf(&mut unread).await? == 0 {
            return Ok(());
        }
    }
}
