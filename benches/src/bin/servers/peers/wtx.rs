//! wtx: one frame after the other, plain or compressed by a compressor for each connection.

use tokio::net::TcpStream;
use wtx::{
    collection::Vector,
    web_socket::{
        Compression, OpCode, WebSocketAcceptor, WebSocketPayloadOrigin,
        compression::{Flate2, NegotiatedCompression},
    },
};

use crate::{Failed, Work, accept_each, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(|stream| async { drop(echo(stream, ()).await) }).await,
        Work::Deflate => accept_each(|stream| async { drop(echo(stream, Flate2::default()).await) }).await,
        Work::Fanout | Work::Events => Err(unknown(work)),
    }
}

async fn echo<C>(stream: TcpStream, compression: C) -> wtx::Result<()>
where
    C: Compression<false>,
    C::NegotiatedCompression: NegotiatedCompression,
{
    let mut websocket = WebSocketAcceptor::default().compression(compression).accept(stream).await?;
    let mut buffer = Vector::new();
    let (mut common, mut reader, mut writer) = websocket.split_mut();
    loop {
        let mut frame = reader.read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive).await?;
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}
