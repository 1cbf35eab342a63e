//! A room whose lines are event streams, and a client that reads chunks.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Request, Response, body::Body, body::Incoming, server::conn::http1, service::service_fn};
use tidewire_lifecycle::Config;
use tidewire_sse::Event;
use tidewire_tokio::{
    drain::Drain,
    hub::{
        Config as HubConfig, ConnectionId, Delivered, Policy, PublishOptions, Reader, SharedHub, Start,
        Subscriber, TopicName,
    },
    sse::{Encoded, Outbox, SendError, Sse},
    stream_server::{Limits, StreamServer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    task::{JoinHandle, yield_now},
    time::timeout,
};

pub(crate) type Line = Arc<str>;
pub(crate) type Hub = SharedHub<Line>;

pub(crate) const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) const KEEP_ALIVE: &str = ": keepalive\n\n";

pub(crate) fn hub() -> Hub {
    Hub::new(HubConfig::default())
}

pub(crate) fn topic() -> TopicName {
    TopicName::new("room").unwrap()
}

pub(crate) fn publish(hub: &Hub, line: &str) {
    hub.publish(&topic(), line.into(), &PublishOptions::new()).unwrap();
}

/// What a test wants of its stream.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) policy: Policy,
    pub(crate) drain: Option<Drain>,
    pub(crate) lifecycle: Option<Arc<Config>>,
    pub(crate) limits: Limits,
    pub(crate) first: Vec<Encoded>,
    pub(crate) content_encoding: Option<&'static str>,
}

pub(crate) fn reader(hub: &Hub, policy: Policy) -> Subscriber<Line> {
    let mut reader = hub.subscriber(ConnectionId::new(1)).unwrap();
    reader.subscribe_with(&topic(), Start::Live, policy).unwrap();
    reader
}

/// An event for each line, and what some lines ask for.
pub(crate) fn hand(reader: &mut Reader<'_, Line>, delivered: &Delivered<Line>, outbox: &mut Outbox<'_>) {
    let cursor = reader.cursor_after(delivered).encode();
    let data = |text: &str| Event::new().data(text).encoded().unwrap();
    match delivered {
        Delivered::Message(kept) => match &*kept.message {
            "panic" => panic!("a hand that panics"),
            "end" => {
                outbox.feed(&data("bye")).unwrap();
                outbox.end();
                assert_eq!(outbox.feed(&data("nobody hears this")), Err(SendError::NotOpen));
            }
            "inject" => assert!(outbox.feed_event(&Event::new().id("a\nb")).is_err()),
            "own" => outbox.feed_event(&Event::new().id(&cursor).data("own")).unwrap(),
            "silence" => {}
            "follow" => {
                let past = TopicName::new("past").unwrap();
                reader.subscribe(&past, Start::Earliest).unwrap();
            }
            line => outbox.feed(&data(line)).unwrap(),
        },
        Delivered::Gap(_) => outbox.feed(&data("!")).unwrap(),
        Delivered::Dismissed(_) => outbox.feed(&data("too slow")).unwrap(),
        Delivered::Direct(line) => outbox.feed(&data(&format!("to you: {line}"))).unwrap(),
    }
}

pub(crate) fn respond(
    reader: Subscriber<Line>,
    wanted: &Wanted,
) -> Response<impl Body<Data = Bytes, Error = Infallible> + use<>> {
    let mut sse = Sse::deliver(reader, hand);
    for first in &wanted.first {
        sse = sse.begin_with(first.clone());
    }
    if let Some(drain) = &wanted.drain {
        sse = sse.drain(drain);
    }
    if let Some(lifecycle) = &wanted.lifecycle {
        sse = sse.lifecycle(Arc::clone(lifecycle));
    }
    let mut response = sse.into_http();
    if let Some(encoding) = wanted.content_encoding {
        response.headers_mut().insert("content-encoding", encoding.parse().unwrap());
    }
    response
}

/// A stream out of the hub, whose request was sent.
pub(crate) struct Served {
    pub(crate) client: DuplexStream,
    pub(crate) task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn new(hub: &Hub, width: usize) -> Self {
        Self::with(hub, width, Wanted::default()).await
    }

    pub(crate) async fn with(hub: &Hub, width: usize, wanted: Wanted) -> Self {
        let (client, server) = duplex(width);
        Self::over(hub, client, server, ASK, wanted).await
    }

    pub(crate) async fn over<IO>(
        hub: &Hub,
        client: DuplexStream,
        server: IO,
        ask: &str,
        wanted: Wanted,
    ) -> Self
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let readers = Mutex::new(Some(reader(hub, wanted.policy)));
        let limits = wanted.limits;
        let service = service_fn(move |_: Request<Incoming>| {
            let response = respond(readers.lock().unwrap().take().unwrap(), &wanted);
            async { Ok::<_, Infallible>(response) }
        });
        let serving =
            StreamServer::new(http1::Builder::new(), limits).serve(server, service, std::future::pending());
        let task = tokio::spawn(async move { serving.await.unwrap() });
        let mut served = Self { client, task };
        served.client.write_all(ask.as_bytes()).await.unwrap();
        served
    }

    /// What comes, up to and with `last`.
    pub(crate) async fn until(&mut self, last: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(last.as_bytes()) {
            let octet = timeout(Duration::from_secs(100), self.client.read_u8()).await;
            heard.push(octet.expect("nothing came").unwrap());
        }
        String::from_utf8(heard).unwrap()
    }

    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The next chunk; nothing at the end.
    pub(crate) async fn chunk(&mut self) -> String {
        let line = self.until("\r\n").await;
        let digits = line.trim_end();
        let len = usize::from_str_radix(digits, 16).unwrap();
        assert_eq!(format!("{len:x}"), digits, "no digit too many");
        let mut chunk = vec![0; len + 2];
        self.client.read_exact(&mut chunk).await.unwrap();
        assert_eq!(chunk.split_off(len), b"\r\n");
        String::from_utf8(chunk).unwrap()
    }

    /// The next so many lines of data, in however many chunks.
    pub(crate) async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.extend(data_lines(&self.chunk().await));
        }
        lines
    }

    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

pub(crate) fn data_lines(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("data: ").map(str::to_owned)).collect()
}

pub(crate) async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}
