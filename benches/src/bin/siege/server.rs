//! The server that is attacked: an echo by the documentation's loop, which ends itself where it sees what nobody may.

use std::{io, net::SocketAddr, process, time::Duration};

use tidewire_bench::{Server, pin};
use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    listener::{Limits, Listener, Peer, Stream},
    server,
    websocket::{Config, Message, WebSocket},
};
use tidewire_ws::{
    deflate::Pool,
    frame::CloseCode,
    handshake::{Refusal, Request, Response},
};

use crate::{
    Failed,
    options::{Messages, Serve},
};

/// Where the second request of two goes, which nobody may see.
pub(crate) const SMUGGLED: &str = "/smuggled";

/// Where nobody may go.
pub(crate) const FORBIDDEN: &str = "/forbidden";

/// A message that is answered with a close.
pub(crate) const CLOSE: &[u8] = b"close, please";

/// What the server ends with when it sees what it should not.
const SAW_IT: i32 = 70;

/// Starts it as a process of its own.
pub(crate) fn start(settings: &Serve) -> io::Result<Server> {
    let mut command = process::Command::new(std::env::current_exe()?);
    command.arg("serve").args(["--hurry", &settings.hurry.to_string()]);
    match settings.messages {
        Messages::Default => {}
        Messages::Catalogue => {
            command.args(["--messages", "catalogue"]);
        }
    }
    if let Some(count) = settings.open_files {
        command.args(["--open-files", &count.to_string()]);
    }
    Server::start(&mut command)
}

/// Serves for ever.
pub(crate) fn serve(settings: &Serve) -> Result<(), Failed> {
    match settings.open_files {
        Some(count) => pin::limit_open_files(count)?,
        None => {
            pin::raise_open_files()?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut limits = Limits::default();
        limits.write_timeout /= settings.hurry;
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits)?;
        println!("listening on ws://{}", listener.local_addr()?);
        server::Server::new(acceptor(settings))
            .respond(respond)
            .run(listener, &Drain::new(), |websocket, _| echo(websocket))
            .await;
        Ok(())
    })
}

fn acceptor(settings: &Serve) -> Acceptor {
    let lifecycle = hurried(settings.hurry);
    match settings.messages {
        Messages::Default => Acceptor::new(Config::new(Default::default(), lifecycle)),
        Messages::Catalogue => {
            let mut acceptor = Acceptor::new(Config::new(tidewire_testkit::catalogue::config(), lifecycle));
            acceptor.deflate = Some(Pool::default());
            acceptor
        }
    }
}

/// The default deadlines, divided.
fn hurried(by: u32) -> tidewire_lifecycle::Config {
    use tidewire_lifecycle::Heartbeat;
    let mut config = tidewire_lifecycle::Config::default();
    let hurry = |time: Duration| time / by;
    config.opening_timeout = config.opening_timeout.map(hurry);
    config.write_stall_timeout = config.write_stall_timeout.map(hurry);
    config.closing_timeout = config.closing_timeout.map(hurry);
    config.linger_timeout = config.linger_timeout.map(hurry);
    config.heartbeat = match config.heartbeat {
        Heartbeat::Probe { interval, timeout } => {
            Heartbeat::Probe { interval: interval / by, timeout: timeout / by }
        }
        other @ (Heartbeat::Off | Heartbeat::KeepAlive { .. }) => other,
    };
    config
}

fn respond(request: &Request<'_>, _: &Peer) -> Result<(Response, ()), Refusal> {
    match request.path() {
        SMUGGLED => process::exit(SAW_IT),
        FORBIDDEN => Err(Refusal::new(403, "expected someone who may")),
        _ => Ok((Response::new(), ())),
    }
}

async fn echo(mut websocket: WebSocket<Stream>) {
    while let Some(message) = websocket.next().await {
        if message.as_bytes() == CLOSE {
            let _ = websocket.close(CloseCode::NORMAL, "").await;
            return;
        }
        let echoed = match message {
            Message::Text(text) => websocket.feed_text(&text),
            Message::Binary(payload) => websocket.feed_binary(&payload),
        };
        // No message comes behind a violation, which our close frame answers, nor behind the peer's close.
        if echoed.is_err() {
            process::exit(SAW_IT);
        }
    }
}
