//! fastwebsockets behind hyper, as its examples `echo_server` and, for fan-out, `echo_server_split` do it.

use bytes::Bytes;
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError,
    upgrade::{UpgradeFut, upgrade},
};
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::broadcast};

use super::BROADCAST_LEN;
use crate::{Failed, Work, accept_each, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => {
            accept_each(|stream| connection(stream, |upgrading| async { drop(echo(upgrading).await) })).await
        }
        Work::Fanout => {
            let (room, _) = broadcast::channel(BROADCAST_LEN);
            accept_each(move |stream| {
                let room = room.clone();
                connection(stream, move |upgrading| {
                    let room = room.clone();
                    async move { drop(fan_out(upgrading, room).await) }
                })
            })
            .await
        }
        Work::Events | Work::Deflate => Err(unknown(work)),
    }
}

async fn connection<F>(stream: TcpStream, open: impl Fn(UpgradeFut) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        let upgraded: Result<Response<Empty<Bytes>>, WebSocketError> =
            upgrade(&mut request).map(|(response, upgrading)| {
                tokio::spawn(tokio::task::unconstrained(open(upgrading)));
                response
            });
        async { upgraded }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await);
}

async fn echo(upgrading: UpgradeFut) -> Result<(), WebSocketError> {
    let mut websocket = FragmentCollector::new(upgrading.await?);
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => websocket.write_frame(frame).await?,
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

async fn fan_out(upgrading: UpgradeFut, room: broadcast::Sender<Bytes>) -> Result<(), WebSocketError> {
    let (reader, mut writer) = upgrading.await?.split(tokio::io::split);
    let mut reader = FragmentCollectorRead::new(reader);
    let mut heard = room.subscribe();
    let hear = tokio::spawn(async move {
        while let Ok(message) = heard.recv().await {
            if writer.write_frame(Frame::binary(Payload::Borrowed(&message))).await.is_err() {
                return;
            }
        }
    });
    let ended = loop {
        // The load sends nothing that has to be answered.
        let frame = reader.read_frame::<_, WebSocketError>(&mut |_| async { Ok(()) }).await;
        match frame {
            Ok(frame) if frame.opcode == OpCode::Binary => {
                drop(room.send(Bytes::copy_from_slice(&frame.payload)));
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    hear.abort();
    ended
}
