//! Echo: what is fed goes out, all in one write, when the input is drained.

use tidewire_tokio::{
    accept::Acceptor, drain::Drain, listener::Stream, runtime::Workers, server::Server, websocket::WebSocket,
};
use tidewire_ws::deflate;

use super::listen;
use crate::Failed;

pub(super) async fn serve(compression: Option<deflate::Config>, workers: Workers) -> Result<(), Failed> {
    let mut acceptor = Acceptor::default();
    acceptor.deflate = compression.map(deflate::Pool::new);
    Server::new(acceptor).on(workers).run(listen()?, &Drain::new(), |websocket, _| echo(websocket)).await;
    Ok(())
}

async fn echo(mut websocket: WebSocket<Stream>) {
    while let Some(message) = websocket.next().await {
        // Once our close frame is out there is nobody to echo to.
        let _ = websocket.feed(message);
    }
}
