//! One task reads, another writes: `cargo run -p tidewire-tokio --example split -- 127.0.0.1:9004`.
//!
//! `ws://127.0.0.1:9004` gets the seconds since it came, each second, and each text back at once. Both tasks answer pings,
//! echo a close and keep the deadlines; what one finds, the other feels. The first text `bye` closes.

use std::{error::Error, net::SocketAddr, time::Duration};

use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::{Message, ReadHalf, WebSocket, WriteHalf},
};
use tidewire_ws::frame::CloseCode;
use tokio::{sync::mpsc, time::interval};

/// Texts that wait to be sent back: when so many do, reading waits, and the client feels it.
const MAX_WAITING: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9004)),
    };
    let listener = Listener::bind(address, Limits::default())?;
    let mut signals = ShutdownSignals::listen()?;
    let drain = Drain::new();
    println!("listening on ws://{}", listener.local_addr()?);
    let server = Server::new(Acceptor::default());
    tokio::select! {
        () = server.run(listener, &drain, |websocket, _| serve(websocket)) => {}
        _ = signals.next() => {}
    }
    // A second signal does not wait for the connections.
    tokio::select! {
        _ = drain.wind_up() => {}
        _ = signals.next() => {}
    }
    Ok(())
}

async fn serve(websocket: WebSocket<Stream>) {
    let (read, write) = websocket.split();
    let (say, said) = mpsc::channel(MAX_WAITING);
    // Either ends with the connection, and the other then does.
    tokio::join!(listen(read, say), talk(write, said));
}

/// Hands on what comes.
async fn listen(mut read: ReadHalf<Stream>, say: mpsc::Sender<Message>) {
    while let Some(message) = read.next().await {
        if say.send(message).await.is_err() {
            return;
        }
    }
}

/// Sends the time, and what was handed on.
async fn talk(mut write: WriteHalf<Stream>, mut said: mpsc::Receiver<Message>) {
    let (mut seconds, mut tick) = (0, interval(Duration::from_secs(1)));
    loop {
        let message = tokio::select! {
            _ = tick.tick() => {
                seconds += 1;
                Message::text(seconds.to_string())
            }
            Some(message) = said.recv() => message,
            else => return,
        };
        let sent = if message.as_text() == Some("bye") {
            write.close(CloseCode::NORMAL, "bye").await
        } else {
            write.send(message).await
        };
        if sent.is_err() {
            return;
        }
    }
}
