//! Ours, by its documentation: the loops of `tidewire-tokio`'s README and examples.

mod echo;
mod events;
mod fanout;

use std::{io, net::SocketAddr, num::NonZeroUsize};

use tidewire_tokio::{
    listener::{Limits, Listener},
    runtime::{Threads, Workers},
};

use crate::{Failed, Work, say, unknown};

/// The threads of one of our servers: `tidewire` has one runtime for all of them, `tidewire-each` one for each. `None` for
/// another's.
pub(crate) fn threads(server: &str, count: usize) -> Result<Option<Threads>, Failed> {
    let several = NonZeroUsize::new(count).ok_or("expected threads, got 0")?;
    Ok(match (server, count) {
        ("tidewire", 1) => Some(Threads::One),
        ("tidewire", _) => Some(Threads::Shared(several)),
        ("tidewire-each", _) => Some(Threads::Each(several)),
        (_, _) => None,
    })
}

/// Serves for ever.
pub(crate) async fn serve(work: Work, workers: Workers) -> Result<(), Failed> {
    match work {
        Work::Echo => echo::serve(None, workers).await,
        Work::Deflate => echo::serve(Some(tidewire_ws::deflate::Config::default()), workers).await,
        Work::Fanout => fanout::serve(workers).await,
        Work::Events => events::serve().await,
    }
}

/// Another's server of HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Http {
    /// `axum::serve`.
    Axum,
    /// hyper's connections of HTTP/1.1.
    Hyper,
}

/// The same by another's server.
pub(crate) async fn serve_by(http: Http, work: Work) -> Result<(), Failed> {
    match (work, http) {
        (Work::Events, Http::Axum) => events::serve_by_axum().await,
        (Work::Events, Http::Hyper) => events::serve_by_hyper().await,
        (Work::Echo | Work::Fanout | Work::Deflate, _) => Err(unknown(work)),
    }
}

/// A listener on a free port.
fn listen() -> io::Result<Listener> {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default())?;
    say(listener.local_addr()?);
    Ok(listener)
}
