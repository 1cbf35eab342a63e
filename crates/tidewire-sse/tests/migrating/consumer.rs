//! What people write with `eventsource-stream`; `events` is that crate or ours.

use super::events::{Event, EventStream, EventStreamError, Eventsource};
use crate::Seen;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::{error::Error, fmt, future::ready, pin::Pin, time::Duration};

/// A chunk, or the transport's error.
type Chunk = Result<&'static [u8], &'static str>;

/// Events, whatever they come from.
type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<&'static str>>> + Send>>;

pub(crate) async fn run(chunks: impl Iterator<Item = Chunk> + Clone + Send + 'static) -> Seen {
    let source = || stream::iter(chunks.clone());
    let mut resumed = Client { events: source().eventsource() };
    resumed.events.set_last_event_id("resumed");
    assert_eq!(resumed.events.last_event_id(), "resumed");
    Seen {
        printed: print(source()).await,
        tokens: tokens(Box::pin(EventStream::new(source()))).await,
        stopped_by: match first_error(source()).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        },
        last_event_id: Client { events: source().eventsource() }.last_event_id().await,
        default: show(&Event { retry: None::<Duration>, ..Default::default() }),
    }
}

fn show(event: &Event) -> String {
    format!("{} {} {} {:?}", event.event, event.id, event.data, event.retry)
}

/// The loop of the other crate's front page.
async fn print<S, B, E>(chunks: S) -> Vec<String>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
    E: fmt::Display,
{
    let mut printed = Vec::new();
    let mut stream = chunks.eventsource();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => printed.push(show(&event)),
            Err(EventStreamError::Transport(error)) => printed.push(format!("failed: {error}")),
            Err(error @ (EventStreamError::Utf8(_) | EventStreamError::Parser(_))) => {
                printed.push(format!("bad: {error}"));
            }
        }
    }
    printed
}

/// A model's tokens, up to its sentinel, errors left out.
async fn tokens(events: Events) -> Vec<String> {
    events
        .filter_map(|event| ready(event.ok()))
        .map(|Event { data, .. }| data)
        .take_while(|data| ready(data != "[DONE]"))
        .collect()
        .await
}

/// An error type of the program's own, which takes theirs apart.
#[derive(Debug)]
enum ClientError {
    Bad(String),
    Reset(&'static str),
}

impl From<EventStreamError<&'static str>> for ClientError {
    fn from(error: EventStreamError<&'static str>) -> Self {
        match error {
            EventStreamError::Utf8(error) => Self::Bad(error.utf8_error().to_string()),
            EventStreamError::Parser(error) => Self::Bad(format!("{error:?}")),
            EventStreamError::Transport(error) => Self::Reset(error),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(what) => f.write_str(what),
            Self::Reset(what) => f.write_str(what),
        }
    }
}

impl Error for ClientError {}

async fn first_error(chunks: impl Stream<Item = Chunk>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let all = chunks.eventsource().map_err(ClientError::from).try_collect::<Vec<Event>>().await?;
    assert!(all.iter().all(|event| *event == event.clone()));
    Ok(())
}

/// The type in a struct, without a bound.
struct Client<S> {
    events: EventStream<S>,
}

impl<S: Stream<Item = Chunk> + Unpin> Client<S> {
    async fn last_event_id(mut self) -> String {
        let mut last = String::new();
        while let Some(event) = self.events.next().await {
            if let Ok(Event { id, .. }) = event {
                assert_eq!(id, self.events.last_event_id());
                last = id;
            }
        }
        last
    }
}
