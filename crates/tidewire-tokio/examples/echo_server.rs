//! Echoes every message: `cargo run --release -p tidewire-tokio --example echo_server -- 127.0.0.1:9001`.
//!
//! With `--features deflate` it compresses every message with whoever offers it; with `--takeover` behind the address
//! both sides keep their context. Its limits are raised far enough for the Autobahn test suite, one of whose messages
//! has 65,536 fragments.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    listener::{Limits, Listener},
    websocket::{Config, Message, WebSocket},
};
use tidewire_ws::{frame::CloseCode, message};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9001)),
    };
    let mut messages = message::Config::default();
    messages.max_message_len = 64 * 1024 * 1024;
    messages.max_fragments = 1 << 20;
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut))]
    let mut acceptor = Acceptor::new(Config::new(messages, Default::default()));
    #[cfg(feature = "deflate")]
    {
        acceptor.deflate = Some(compression());
    }
    let acceptor = Arc::new(acceptor);

    let listener = Listener::bind(address, Limits::default())?;
    let mut signals = ShutdownSignals::listen()?;
    let drain = Drain::new();
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        tokio::select! {
            _ = signals.next() => break,
            (stream, _, permit) = listener.accept() => {
                let acceptor = Arc::clone(&acceptor);
                let end = drain.clone();
                drain.spawn(async move {
                    if let Ok(websocket) = acceptor.accept(stream).await {
                        echo(websocket, end).await;
                    }
                    drop(permit);
                });
            }
        }
    }
    drain.begin();
    drain.finished(Duration::from_secs(10)).await;
    Ok(())
}

#[cfg(feature = "deflate")]
fn compression() -> tidewire_ws::deflate::Pool {
    use tidewire_ws::deflate::{Config, ContextTakeover, Pool};
    let mut config = Config::default();
    config.min_len = 0;
    if std::env::args().any(|argument| argument == "--takeover") {
        (config.send_takeover, config.receive_takeover) = (ContextTakeover::On, ContextTakeover::On);
    }
    Pool::new(config)
}

/// Sends back what comes, until either side ends it. What was fed goes out when the input is drained.
async fn echo(mut websocket: WebSocket<TcpStream>, end: Drain) {
    let end = end.begun();
    tokio::pin!(end);
    loop {
        let message = tokio::select! {
            message = websocket.next() => message,
            () = &mut end => {
                // The reason is short enough, and a close that is under way goes on.
                let _ = websocket.close(CloseCode::GOING_AWAY, "shutting down").await;
                return;
            }
        };
        let echoed = match message {
            Some(Message::Text(text)) => websocket.feed_text(&text),
            Some(Message::Binary(payload)) => websocket.feed_binary(&payload),
            None => return,
        };
        // Once our close frame is out there is nobody to echo to; the rest of the closing handshake goes on.
        let _ = echoed;
    }
}
