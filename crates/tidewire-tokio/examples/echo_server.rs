//! Echoes every message: `cargo run --release -p tidewire-tokio --example echo_server -- 127.0.0.1:9001`.
//!
//! With `--features deflate` it compresses every message with whoever offers it; with `--takeover` behind the address
//! both sides keep their context. `--threads one`, `shared:4` or `each:4` chooses the threads that serve. Its limits are
//! raised far enough for the Autobahn test suite, one of whose messages has 65,536 fragments.

use std::{error::Error, net::SocketAddr};

use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    listener::{Limits, Listener, Stream},
    runtime::{self, Threads, Workers},
    server::Server,
    websocket::{Config, Message, WebSocket},
};
use tidewire_ws::message;

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9001)),
    };
    let mut behind = std::env::args().skip_while(|argument| argument != "--threads").skip(1);
    let threads: Threads = behind.next().as_deref().map_or(Ok(Threads::default()), str::parse)?;
    runtime::run(threads, |workers| serve(address, workers))?
}

async fn serve(address: SocketAddr, workers: Workers) -> Result<(), Box<dyn Error>> {
    let mut messages = message::Config::default();
    messages.max_message_len = 64 * 1024 * 1024;
    messages.max_fragments = 1 << 20;
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut))]
    let mut acceptor = Acceptor::new(Config::new(messages, Default::default()));
    #[cfg(feature = "deflate")]
    {
        acceptor.deflate = Some(compression());
    }

    let listener = Listener::bind(address, Limits::default())?;
    let mut signals = ShutdownSignals::listen()?;
    let drain = Drain::new();
    println!("listening on ws://{}", listener.local_addr()?);
    tokio::select! {
        () = Server::new(acceptor).on(workers).run(listener, &drain, |websocket, _| echo(websocket)) => {}
        _ = signals.next() => {}
    }
    // A second signal does not wait for the connections.
    tokio::select! {
        _ = drain.wind_up() => {}
        _ = signals.next() => {}
    }
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

/// Sends back what comes, until either side ends it, or the drain does. What was fed goes out when the input is drained.
async fn echo(mut websocket: WebSocket<Stream>) {
    while let Some(message) = websocket.next().await {
        let echoed = match message {
            Message::Text(text) => websocket.feed_text(&text),
            Message::Binary(payload) => websocket.feed_binary(&payload),
        };
        // Once our close frame is out there is nobody to echo to; the rest of the closing handshake goes on.
        let _ = echoed;
    }
}
