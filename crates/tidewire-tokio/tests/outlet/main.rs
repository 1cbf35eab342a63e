//! From the hub straight to the sockets: all of it, in order, in few writes, and never more than a socket takes.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/counted.rs"]
mod counted;
mod ends;
mod feeds;

use std::{sync::Arc, time::Duration};

use tidewire_tokio::{
    hub::{
        Config as HubConfig, ConnectionId, Delivered, OnLag, Policy, PublishOptions, SharedHub, Start,
        TopicName,
    },
    websocket::{Config, Delivering, ReadHalf, WebSocket, WriteHalf},
};
use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    task::yield_now,
    time::{sleep, timeout},
};

use counted::Counted;

type Line = Arc<str>;
type Hub = SharedHub<Line>;
type Halves<IO> = (ReadHalf<IO>, WriteHalf<IO>, Delivering<Line>);

fn topic() -> TopicName {
    TopicName::new("room").unwrap()
}

fn publish(hub: &Hub, line: &str) {
    hub.publish(&topic(), line.into(), &PublishOptions::new()).unwrap();
}

/// A connection whose socket is handed every line of the room, and `!` where some are lost.
fn deliver<IO>(hub: &Hub, number: u64, io: IO) -> Halves<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    deliver_with(hub, number, io, Policy::default())
}

fn deliver_with<IO>(hub: &Hub, number: u64, io: IO, policy: Policy) -> Halves<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut reader = hub.subscriber(ConnectionId::new(number)).unwrap();
    reader.subscribe_with(&topic(), Start::Live, policy).unwrap();
    let (read, write) = WebSocket::accepted(io, b"", &Config::default()).split();
    let delivering = write.deliver(reader, |_, delivered, outbox| match delivered {
        Delivered::Message(kept) if &*kept.message == "panic" => panic!("a hand that panics"),
        Delivered::Message(kept) => outbox.feed_text(&kept.message).unwrap(),
        Delivered::Gap(_) => outbox.feed_text("!").unwrap(),
        Delivered::Dismissed(_) => outbox.start_close(CloseCode::TRY_AGAIN_LATER, "too slow").unwrap(),
        Delivered::Direct(line) => outbox.feed_binary(line.as_bytes()).unwrap(),
    });
    (read, write, delivering)
}

/// The payload of the next frame, of at most 125 bytes.
async fn frame(client: &mut DuplexStream) -> String {
    let mut header = [0; 2];
    timeout(Duration::from_secs(1), client.read_exact(&mut header)).await.expect("nothing came").unwrap();
    let mut payload = vec![0; header[1].into()];
    client.read_exact(&mut payload).await.unwrap();
    String::from_utf8_lossy(&payload).into_owned()
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_full_is_handed_nothing_and_then_everything() {
    let hub = Hub::new(HubConfig::default());
    let ((mut slow, slow_socket), (mut fast, fast_socket)) = (duplex(8), duplex(1 << 16));
    let (_slow, _fast) = (deliver(&hub, 1, slow_socket), deliver(&hub, 2, fast_socket));
    for number in 0..500 {
        publish(&hub, &format!("line {number}"));
        settle().await;
    }
    for number in 0..500 {
        assert_eq!(frame(&mut fast).await, format!("line {number}"), "the others feel nothing");
    }
    for number in 0..500 {
        assert_eq!(frame(&mut slow).await, format!("line {number}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_gets_what_its_policy_says() {
    let hub = Hub::new(HubConfig::default());
    let policy = |on_lag| {
        let mut policy = Policy::default();
        (policy.max_lag_messages, policy.on_lag) = (3, on_lag);
        policy
    };
    let (dismissed, skips) = (policy(OnLag::Disconnect), policy(OnLag::SkipToNewest));
    let ((mut first, first_socket), (mut second, second_socket)) = (duplex(4), duplex(4));
    let _first = deliver_with(&hub, 1, first_socket, dismissed);
    let _second = deliver_with(&hub, 2, second_socket, skips);
    for number in 0..10 {
        publish(&hub, &format!("line {number}"));
        settle().await;
    }
    assert_eq!(frame(&mut first).await, "line 0");
    assert!(frame(&mut first).await.ends_with("too slow"));
    assert_eq!(frame(&mut second).await, "line 0");
    assert_eq!(frame(&mut second).await, "!");
}

#[tokio::test(start_paused = true)]
async fn more_topics_join_and_inboxes_too() {
    let hub = Hub::new(HubConfig::default());
    let (mut client, io) = duplex(1024);
    let (_read, _write, delivering) = deliver(&hub, 1, io);
    for number in 0..20 {
        let other = TopicName::new(&format!("other {number}")).unwrap();
        delivering.reader(|reader| reader.subscribe(&other, Start::Live)).unwrap().unwrap();
        hub.publish(&other, "from another".into(), &PublishOptions::new()).unwrap();
        assert_eq!(frame(&mut client).await, "from another");
    }
    for (start, first) in [(Start::Earliest, "from another"), (Start::Unknown, "!")] {
        let again = TopicName::new("other 7").unwrap();
        delivering.reader(|reader| {
            reader.unsubscribe(&again);
            reader.subscribe(&again, start).unwrap();
        });
        assert_eq!(frame(&mut client).await, first, "what is there comes at once");
        if first == "!" {
            assert_eq!(frame(&mut client).await, "from another");
        }
    }
    let address = delivering.reader(|reader| reader.address().unwrap()).unwrap();
    address.send("to you alone".into()).unwrap();
    assert_eq!(frame(&mut client).await, "to you alone");
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_those_of_who_reads() {
    let hub = Hub::new(HubConfig::default());
    let (client, io) = duplex(4);
    let (mut read, _write, _delivering) = deliver(&hub, 1, io);
    let reading = tokio::spawn(async move {
        let message = read.next().await;
        (message, read.ended())
    });
    publish(&hub, "more than it takes");
    sleep(Duration::from_secs(11)).await;
    let (message, ended) = reading.await.unwrap();
    assert_eq!((message, ended.is_some()), (None, true), "its write deadline is past");
    drop(client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_deliver_everything_once_and_in_order() {
    let hub = Hub::new(HubConfig::default());
    let clients: Vec<_> = (1..=40)
        .map(|number| {
            let (client, io) = duplex(64);
            (client, deliver(&hub, number, io))
        })
        .collect();
    let reading: Vec<_> = clients
        .into_iter()
        .map(|(mut client, (mut read, write, delivering))| {
            // What comes wakes the reading half, too, and both write.
            let reader = tokio::spawn(async move { read.next().await });
            tokio::spawn(async move {
                let (mut lines, mut pongs) = (0, 0);
                while (lines, pongs) != (500, 10) {
                    match frame(&mut client).await.as_str() {
                        "" => pongs += 1,
                        line => {
                            assert_eq!(line, lines.to_string());
                            if lines % 50 == 0 {
                                client.write_all(b"\x89\x80\0\0\0\0").await.unwrap();
                            }
                            lines += 1;
                        }
                    }
                }
                drop((client, write, delivering));
                reader.await.unwrap()
            })
        })
        .collect();
    for number in 0..500 {
        publish(&hub, &number.to_string());
        if number % 7 == 0 {
            yield_now().await;
        }
    }
    for client in reading {
        client.await.unwrap();
    }
}
