//! A server that follows a script: what it answers each connection, and how it leaves it.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidewire_lifecycle::reconnect;
use tidewire_tokio::event_source::{Builder, Config, Error, EventSource, Update};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a connection is left with behind its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    /// Cut, with unread input: the peer gets a reset.
    Reset,
    Hang,
    /// The last bytes of the answer, for ever.
    Repeat,
}

pub(crate) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers one connection after the other; behind the last of the script with a 204.
    pub(crate) async fn start<A: AsRef<[u8]>>(script: impl IntoIterator<Item = (A, Then)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let script: Vec<(Vec<u8>, Then)> =
            script.into_iter().map(|(answer, then)| (answer.as_ref().to_vec(), then)).collect();
        let seen = requests.clone();
        tokio::spawn(async move {
            let mut script = script.into_iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, then) =
                    script.next().unwrap_or((b"HTTP/1.1 204 No\r\n\r\n".to_vec(), Then::Close));
                tokio::spawn(serve(stream, answer, then, seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, heads and what came with them.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The values of a header in each request; `None` where it is missing.
    pub(crate) fn header(&self, name: &str) -> Vec<Option<String>> {
        let value = |request: &String| {
            request.lines().find_map(|line| {
                let (known, value) = line.split_once(": ")?;
                known.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        self.requests().iter().map(value).collect()
    }
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, then: Then, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    // The client may be gone.
    let _ = stream.write_all(&answer).await;
    match then {
        Then::Close => _ = stream.shutdown().await,
        Then::Reset => {
            let _ = stream.flush().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.set_zero_linger();
        }
        Then::Hang => std::future::pending().await,
        Then::Repeat => {
            let tail = &answer[answer.len().saturating_sub(1000)..];
            while stream.write_all(tail).await.is_ok() {}
        }
    }
}

/// The head of an event stream, and what it begins with.
pub(crate) fn stream(events: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n{events}").into_bytes()
}

/// A quick schedule, and deadlines that a test can wait for.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut schedule = reconnect::Config::event_stream();
    (schedule.reconnection_time, schedule.min_delay) = (Duration::from_millis(5), Duration::from_millis(1));
    schedule.max_delay = Duration::from_millis(40);
    let mut config = Config::default();
    config.schedule = Arc::new(schedule);
    change(&mut config);
    config
}

pub(crate) fn builder(url: &str) -> Builder {
    EventSource::builder(url).config(config(|_| {}))
}

/// Everything up to the end, the text of each: bounded, for no test may wait for ever.
pub(crate) async fn all(source: &mut EventSource) -> Vec<String> {
    let mut said = Vec::new();
    let read = async {
        while let Some(update) = source.next_update().await {
            said.push(match update {
                Ok(Update::Open) => "open".to_owned(),
                Ok(Update::Event(event)) => event.data,
                Ok(Update::Comment(comment)) => format!(":{comment}"),
                Ok(Update::Retry(time)) => format!("retry {}", time.as_millis()),
                Ok(Update::Lost { loss, .. }) => format!("lost: {loss}"),
                Ok(other) => format!("{other:?}"),
                Err(error @ Error::LimitExceeded(_)) => format!("limit: {error}"),
                Err(error) => format!("error: {error}"),
            });
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), read).await.is_ok(), "no end: {said:?}");
    said
}
