//! A task that keeps a connection alive for an application that neither reads nor writes for long times.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tidewire_ws::frame::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    ReadHalf, WebSocket, WriteHalf,
    connection::{Ahead, Connection},
    shared::{Party, Shared},
    split::halves,
};

/// How much a driver keeps for the application. When it is reached nothing more is read, which the peer feels: what it
/// sends then waits in the transport, its pings too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadAhead {
    /// Messages that wait for the application, at least one. Default 64.
    pub max_messages: usize,
    /// Bytes of their payloads from which on no other is added: the last may go beyond it. Default 64 KiB.
    pub max_bytes: usize,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self { max_messages: 64, max_bytes: 64 * 1024 }
    }
}

/// What the halves of a driven connection hold: with the last of them the driver closes.
#[derive(Debug)]
pub(super) struct Handle<IO> {
    shared: Arc<Shared<IO>>,
    dropped: Arc<AtomicBool>,
}

impl<IO> Drop for Handle<IO> {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Release);
        self.shared.wake();
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<IO> {
    /// The two halves of [`split`](Self::split), and a task that does what is due while neither is polled: it reads a few
    /// messages ahead, answers pings, echoes a close, writes what was fed, and keeps the deadlines. When both halves are
    /// dropped it closes with 1001, and ends with the connection. What came before the end is still handed out behind it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn into_driven(self, limits: &ReadAhead) -> (ReadHalf<IO>, WriteHalf<IO>) {
        let (read, write, driver) = self.with_driver(limits);
        tokio::spawn(driver);
        (read, write)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The same with the driver as a future, for who tracks their tasks: it is ready when the connection is over. Cancel
    /// safe: dropped before, it has lost nothing, and the connection is one that nobody drives.
    #[must_use = "the driver is to be polled"]
    pub fn with_driver(
        self,
        limits: &ReadAhead,
    ) -> (ReadHalf<IO>, WriteHalf<IO>, impl Future<Output = ()> + use<IO>) {
        let mut connection = *self.connection;
        let at_most = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        connection.ahead =
            Ahead { messages: at_most(limits.max_messages.max(1)), bytes: at_most(limits.max_bytes) };
        let shared = Shared::new(connection);
        let dropped = Arc::new(AtomicBool::new(false));
        let handle = Arc::new(Handle { shared: Arc::clone(&shared), dropped: Arc::clone(&dropped) });
        let (read, write) = halves(&shared, Some(handle));
        (read, write, drive(shared, dropped))
    }
}

async fn drive<IO: AsyncRead + AsyncWrite + Unpin>(shared: Arc<Shared<IO>>, dropped: Arc<AtomicBool>) {
    let go_away = |connection: &mut Connection<IO>| {
        if connection.writer.is_open() {
            // It is open, and there is no reason that could be too long.
            let _ = connection.start_close(CloseCode::GOING_AWAY, "");
        }
    };
    poll_fn(|cx| {
        shared.poll(Party::Driver, cx, |connection, cx| {
            if dropped.load(Ordering::Acquire) {
                go_away(connection);
                return connection.poll_closed(cx);
            }
            connection.poll_driven(cx)
        })
    })
    .await;
}
