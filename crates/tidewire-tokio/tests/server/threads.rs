//! Servers on one thread, on one runtime of several, and on a runtime for each: a publish reaches all.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
    time::Duration,
};

use futures_util::FutureExt;
use tidewire_tokio::{
    accept::Acceptor,
    drain::{Config, Drain},
    hub::{self, Budget, ConnectionId, Delivered, PublishOptions, SharedHub, Start, TopicName},
    listener::{Limits, Stream},
    runtime::{self, Threads, Workers},
    server::Server,
    websocket::{Message, WebSocket},
};

use crate::client::{frame, listen, open, say, told_to_go};

type Line = Arc<str>;

/// How many connections each thread has served.
type Counts = Arc<Mutex<HashMap<ThreadId, usize>>>;

/// Publishes what its client says, and says what anybody publishes.
async fn talk(mut websocket: WebSocket<Stream>, hub: SharedHub<Line>, threads: Counts) {
    *threads.lock().unwrap().entry(thread::current().id()).or_default() += 1;
    let room = TopicName::new("room").unwrap();
    let mut reader = hub.subscriber(ConnectionId::new(1)).unwrap();
    reader.subscribe(&room, Start::Live).unwrap();
    websocket.feed_text("ready").unwrap();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            message = websocket.next() => match message {
                Some(Message::Text(text)) => {
                    hub.publish(&room, text.into(), &PublishOptions::new()).unwrap();
                }
                Some(Message::Binary(_)) => {}
                None => return,
            },
            _ = reader.batch(Budget::default(), &mut batch) => {
                for delivered in batch.drain(..) {
                    if let Delivered::Message(kept) = delivered {
                        // One that is told to go takes nothing more.
                        let _ = websocket.feed_text(&kept.message);
                    }
                }
            }
        }
    }
}

/// Twelve clients, one of whom says something; which threads served them.
async fn twelve(workers: Workers) -> HashMap<ThreadId, usize> {
    let mut config = Config::default();
    config.spread = Duration::from_millis(10);
    let (drain, hub, threads) =
        (Drain::with_config(config), SharedHub::new(hub::Config::default()), Counts::default());
    let (listener, address) = listen(Limits::default());
    let server = {
        let (drain, threads) = (drain.clone(), threads.clone());
        tokio::spawn(async move {
            let handler = move |websocket, _| talk(websocket, hub.clone(), threads.clone());
            Server::new(Acceptor::default()).on(workers).run(listener, &drain, handler).await;
        })
    };
    let mut clients = Vec::new();
    for _ in 0..12 {
        let mut client = open(address).await.unwrap();
        assert_eq!(frame(&mut client).await.unwrap(), (0x81, b"ready".to_vec()));
        clients.push(client);
    }
    for speaker in [0, 5, 11] {
        say(&mut clients[speaker], "hello").await.unwrap();
        for client in &mut clients {
            assert_eq!(frame(client).await.unwrap(), (0x81, b"hello".to_vec()));
        }
    }
    drain.begin();
    for client in clients {
        told_to_go(client, 1001).await;
    }
    assert_eq!(drain.wind_up().await, 0);
    server.await.unwrap();
    let threads = threads.lock().unwrap();
    threads.clone()
}

const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();

#[test]
fn a_publish_reaches_the_readers_of_every_thread() {
    for threads in [Threads::One, Threads::Shared(THREE), Threads::Each(THREE)] {
        let served = runtime::run(threads, twelve).unwrap();
        assert_eq!(served.values().sum::<usize>(), 12, "{threads}");
        match threads {
            Threads::One => assert_eq!(served.len(), 1),
            Threads::Shared(_) => assert!(served.len() <= 3),
            Threads::Each(_) => {
                // The first has other tasks, too: it is served last, and no other has more than its share.
                assert_eq!(served.len(), 3, "{served:?}");
                assert!(served.values().all(|count| (2..=5).contains(count)), "{served:?}");
            }
        }
    }
}

#[test]
fn what_still_runs_when_the_program_is_over_is_dropped() {
    struct Dropped(Arc<Mutex<usize>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    for threads in [Threads::One, Threads::Shared(THREE), Threads::Each(THREE)] {
        let dropped = Arc::new(Mutex::new(0));
        let handles = runtime::run(threads, |workers| {
            for runtime in workers.handles() {
                let dropped = Dropped(dropped.clone());
                runtime.spawn(async move {
                    std::future::pending::<()>().await;
                    drop(dropped);
                });
            }
            std::future::ready(workers.handles().len())
        });
        assert_eq!(*dropped.lock().unwrap(), handles.unwrap(), "{threads}");
    }
}

#[test]
fn a_thread_that_is_blocked_does_not_hold_up_the_end() {
    let (unblock, blocked) = std::sync::mpsc::channel::<()>();
    let begun = std::time::Instant::now();
    runtime::run(Threads::Each(THREE), |workers| {
        workers.handles()[1].spawn(async move {
            let _ = blocked.recv();
        });
        tokio::time::sleep(Duration::from_millis(20))
    })
    .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
    drop(unblock);
}

#[test]
fn a_panic_of_the_program_is_its_own_and_ends_the_other_threads() {
    let panicked =
        std::panic::catch_unwind(|| runtime::run(Threads::Each(THREE), |_| async { panic!("its own") }));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "its own");
    assert_eq!(runtime::run(Threads::One, |_| async { 7 }.boxed()).unwrap(), 7);
}
