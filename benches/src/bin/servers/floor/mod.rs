//! The floor: what cannot be avoided, by hand on tokio's sockets, one task a connection. It reads into a buffer of its thread,
//! unmasks in place, and answers all frames of one read by one write. It knows no limits, no pings and no close: who sends
//! anything but whole binary messages is cut off.

mod echo;
mod events;
mod fanout;
mod frames;
mod handshake;

use crate::{Failed, Work, accept_each, unknown};

/// Serves for ever.
pub(crate) async fn serve(work: Work) -> Result<(), Failed> {
    match work {
        Work::Echo => accept_each(echo::serve).await,
        Work::Fanout => {
            let room = fanout::Room::default();
            accept_each(move |stream| fanout::serve(stream, room.clone())).await
        }
        Work::Events => {
            let room = fanout::Room::default();
            accept_each(move |stream| events::serve(stream, room.clone())).await
        }
        Work::Deflate => Err(unknown(work)),
    }
}
