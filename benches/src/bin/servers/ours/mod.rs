//! Ours, by its documentation: the loops of `tidewire-tokio`'s README and examples.

mod echo;
mod events;
mod fanout;

use std::{io, net::SocketAddr};

use tidewire_tokio::listener::{Limits, Listener};

use crate::{Failed, Work, say};

/// Serves for ever.
pub(crate) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => echo::serve(None).await,
        Work::Deflate => echo::serve(Some(tidewire_ws::deflate::Config::default())).await,
        Work::Fanout => fanout::serve().await,
        Work::Events => events::serve().await,
    }
}

/// A listener on a free port.
fn listen() -> io::Result<Listener> {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default())?;
    say(listener.local_addr()?);
    Ok(listener)
}
