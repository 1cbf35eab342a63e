//! Every way in which a stream ends, and what ends with it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::Instant,
};

use crate::served::{ASK, Served, Wanted, hub, publish, settle};

#[tokio::test(start_paused = true)]
async fn a_hand_ends_it_behind_what_it_fed() {
    let hub = hub();
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    for line in ["one", "end", "two"] {
        publish(&hub, line);
    }
    let whole = stream.rest().await;
    assert_eq!(whole, "16\r\ndata: one\n\ndata: bye\n\n\r\n0\r\n\r\n");
    drop(stream.client);
    stream.task.await.unwrap();
    assert_eq!(hub.usage().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn an_end_waits_for_a_socket_that_is_full() {
    let hub = hub();
    let mut stream = Served::new(&hub, 4).await;
    stream.head().await;
    for line in ["a line that is longer than the socket is wide", "end", "two"] {
        publish(&hub, line);
        settle().await;
    }
    let whole = stream.rest().await;
    assert!(whole.ends_with("\r\nb\r\ndata: bye\n\n\r\n0\r\n\r\n"), "{whole}");
    assert_eq!(hub.usage().subscribers, 0, "nothing is delivered any more, though it lingers");
}

#[tokio::test(start_paused = true)]
async fn a_hand_that_panics_breaks_off_its_stream_and_no_other() {
    let hub = hub();
    let mut bad = Served::new(&hub, 1 << 16).await;
    bad.head().await;
    publish(&hub, "one");
    assert_eq!(bad.chunk().await, "data: one\n\n");
    publish(&hub, "panic");
    assert_eq!(bad.rest().await, "", "no last chunk");
    bad.task.await.unwrap();
    assert_eq!(hub.usage().subscribers, 0);
    let mut good = Served::new(&hub, 1 << 16).await;
    good.head().await;
    publish(&hub, "on");
    assert_eq!(good.chunk().await, "data: on\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_its_subscription() {
    let hub = hub();
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    // It has nothing to say, and may say it.
    stream.client.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
    publish(&hub, "one");
    assert_eq!(stream.chunk().await, "data: one\n\n");
    assert_eq!(hub.usage().subscribers, 1);
    drop(stream.client);
    stream.task.await.unwrap();
    assert_eq!(hub.usage().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_closes_its_socket() {
    let hub = hub();
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    stream.task.abort();
    assert!(stream.task.await.unwrap_err().is_cancelled());
    assert_eq!(hub.usage().subscribers, 0);
    assert_eq!(stream.client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let hub = hub();
    let mut stream = Served::new(&hub, 64).await;
    stream.head().await;
    let start = Instant::now();
    for _ in 0..1000 {
        publish(&hub, "ten bytes.");
    }
    // It takes something now and then.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        let mut some = [0; 10];
        stream.client.read_exact(&mut some).await.unwrap();
    }
    stream.task.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 37);
    assert_eq!(hub.usage().subscribers, 0);
}

/// A transport that fails, or panics, when it is written to the second time.
struct Bad {
    inner: DuplexStream,
    writes: usize,
    fails: fn() -> io::Error,
}

impl AsyncRead for Bad {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, room)
    }
}

impl AsyncWrite for Bad {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes += 1;
        match self.writes {
            1 => Pin::new(&mut self.inner).poll_write(cx, bytes),
            _ => Poll::Ready(Err((self.fails)())),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_or_panics_stops_nobody_else() {
    let hub = hub();
    let mut good = Served::new(&hub, 1 << 16).await;
    good.head().await;
    for fails in [|| io::Error::other("fails"), || panic!("a transport that panics")] {
        let (client, inner) = duplex(1 << 16);
        let io = Bad { inner, writes: 0, fails };
        let mut bad = Served::over(&hub, client, io, ASK, Wanted::default()).await;
        bad.head().await;
        for line in ["one", "two"] {
            publish(&hub, line);
            assert_eq!(good.chunk().await, format!("data: {line}\n\n"));
        }
        assert_eq!(bad.rest().await, "");
        bad.task.await.unwrap();
        assert_eq!(hub.usage().subscribers, 1);
    }
}
