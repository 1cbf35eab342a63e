//! The four transports as a client sees them: what it asks for, and what it reads out of the bytes that come.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, de::IgnoredAny};
use tidewire_bench::{chance::Chance, http, upgrade_request, websocket};
use tidewire_sse::{Item, Parser};
use tidewire_ws::message::{Event, Reader, Writer};

use crate::ledger::{Ledger, Message, News, Origin, Violation};

/// How long an answer may be held back, in seconds.
const POLL_WAIT_SECONDS: u32 = 5;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    Sse,
    Ndjson,
    Poll,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::WebSocket, Self::Sse, Self::Ndjson, Self::Poll];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "WebSocket",
            Self::Sse => "SSE",
            Self::Ndjson => "NDJSON",
            Self::Poll => "long polling",
        })
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has come.
    Asked,
    /// The head of the response has.
    Answered,
    /// The position that the connection begins with has.
    Positioned,
}

/// How many messages came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
}

impl Came {
    fn count(&mut self, news: News) {
        match news {
            News::Delivered => self.delivered += 1,
            News::Duplicate => self.duplicates += 1,
        }
    }
}

/// One connection, but for its socket.
pub(crate) struct Wire {
    form: Form,
    response: http::Response,
    /// What has come of the body and is not understood yet.
    body: Vec<u8>,
    pub(crate) stage: Stage,
    pub(crate) came: Came,
    /// What is to be sent.
    pub(crate) output: Vec<u8>,
}

/// What the body is, and what reads it.
enum Form {
    WebSocket(Box<(Reader, Writer)>),
    Sse(Box<Parser>),
    Ndjson,
    /// The target, but for where it goes on.
    Poll(String),
}

/// A record, and an item of a poll.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    topic: Cow<'a, str>,
    #[serde(default)]
    offset: u64,
    #[serde(default, borrow)]
    cursor: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Cow<'a, str>,
}

/// The answer to a poll.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    messages: Vec<Record<'a>>,
    gaps: Vec<IgnoredAny>,
    #[serde(borrow)]
    cursor: Cow<'a, str>,
}

impl Wire {
    /// A connection that asks for the ledger's topics.
    pub(crate) fn new(transport: Transport, ledger: &Ledger, from: &Origin, chance: &mut Chance) -> Self {
        let topics: Vec<String> = ledger.topics().map(|name| format!("topic={name}")).collect();
        let topics = topics.join("&");
        let cursor = match from {
            Origin::Live => String::new(),
            Origin::Earliest => "&cursor=0".to_owned(),
            Origin::Cursor(cursor) => format!("&cursor={cursor}"),
        };
        let (request, form) = match (transport, from) {
            (Transport::WebSocket, _) => (
                upgrade_request(&format!("/ws?format=json&{topics}{cursor}")),
                Form::WebSocket(Box::new(websocket::client())),
            ),
            // As a browser that comes back by itself, or as a program with a position from elsewhere.
            (Transport::Sse, Origin::Cursor(id)) if chance.one_in(2) => {
                let header = format!("Last-Event-ID: {id}\r\n");
                (http::get(&format!("/sse?{topics}"), &header), Form::Sse(Box::default()))
            }
            (Transport::Sse, _) => {
                (http::get(&format!("/sse?{topics}{cursor}"), ""), Form::Sse(Box::default()))
            }
            (Transport::Ndjson, _) => (http::get(&format!("/ndjson?{topics}{cursor}"), ""), Form::Ndjson),
            (Transport::Poll, _) => {
                // Who has no position asks for one, and that does not wait.
                let wait = if matches!(from, Origin::Live) { 0 } else { POLL_WAIT_SECONDS };
                let target = format!("/poll?{topics}");
                (http::get(&format!("{target}{cursor}&wait={wait}"), ""), Form::Poll(target))
            }
        };
        Self {
            form,
            response: http::Response::default(),
            body: Vec::new(),
            stage: Stage::Asked,
            came: Came::default(),
            output: request.into_bytes(),
        }
    }

    /// Bytes came.
    pub(crate) fn receive(&mut self, mut input: &mut [u8], ledger: &mut Ledger) -> Result<(), Violation> {
        while !input.is_empty() {
            if self.response.is_over() {
                return self.frames(input, ledger);
            }
            let taken = self.response.receive(input, &mut self.body)?;
            input = &mut input[taken..];
            let expected = if matches!(self.form, Form::WebSocket(_)) { 101 } else { 200 };
            match self.response.status() {
                None => continue,
                Some(status) if status == expected => {}
                Some(status) => {
                    let body = String::from_utf8_lossy(&self.body).into_owned();
                    return Err(Violation(format!("expected {expected}, got {status}: {body}")));
                }
            }
            if self.stage == Stage::Asked {
                self.stage = Stage::Answered;
            }
            match &self.form {
                Form::WebSocket(_) => {}
                Form::Poll(_) => self.page(ledger)?,
                Form::Sse(_) | Form::Ndjson if self.response.is_over() => {
                    return Err(Violation("the gateway ended the stream".into()));
                }
                Form::Sse(_) => self.events(ledger)?,
                Form::Ndjson => self.lines(ledger)?,
            }
        }
        Ok(())
    }

    fn frames(&mut self, input: &mut [u8], ledger: &mut Ledger) -> Result<(), Violation> {
        let Form::WebSocket(halves) = &mut self.form else {
            return Err(Violation("more came behind the response".into()));
        };
        let (reader, writer) = &mut **halves;
        let (stage, came, response) = (&mut self.stage, &mut self.came, &self.response);
        let mut events = reader.receive(input);
        while let Some(event) = events.next(writer, &mut self.output) {
            match event? {
                Event::Text(text) => record(&text, response, stage, came, ledger)?,
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Binary(_) => {
                    return Err(Violation("expected a text message, got a binary one".into()));
                }
                Event::Close(frame) => return Err(Violation(format!("the gateway closed: {frame:?}"))),
            }
        }
        Ok(())
    }

    fn lines(&mut self, ledger: &mut Ledger) -> Result<(), Violation> {
        let mut done = 0;
        while let Some(len) = self.body[done..].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&self.body[done..done + len])?;
            record(line, &self.response, &mut self.stage, &mut self.came, ledger)?;
            done += len + 1;
        }
        self.body.drain(..done);
        Ok(())
    }

    fn events(&mut self, ledger: &mut Ledger) -> Result<(), Violation> {
        let Form::Sse(parser) = &mut self.form else { return Ok(()) };
        let mut at = 0;
        // The first block dispatches nothing: it only sets the last event ID, which is seen between two bytes.
        while self.stage != Stage::Positioned && at < self.body.len() {
            while parser.receive(&self.body[at..=at]).next().transpose()?.is_some() {}
            at += 1;
            if !parser.last_event_id().is_empty() {
                begin(&self.response, parser.last_event_id(), &mut self.stage, ledger)?;
            }
        }
        let mut items = parser.receive(&self.body[at..]);
        while let Some(item) = items.next().transpose()? {
            match item {
                Item::Event(event) if event.event_type == "message" => {
                    let message = Message { cursor: event.last_event_id, place: None, data: event.data };
                    self.came.count(ledger.message(&message)?);
                }
                Item::Event(event) => {
                    return Err(Violation(format!(
                        "expected a message, got {}: {}",
                        event.event_type, event.data
                    )));
                }
                Item::Comment(_) | Item::Retry(_) => {}
            }
        }
        drop(items);
        self.body.clear();
        Ok(())
    }

    /// The answer to a poll, once it is whole; the next request is to be sent then.
    fn page(&mut self, ledger: &mut Ledger) -> Result<(), Violation> {
        let Form::Poll(target) = &self.form else { return Ok(()) };
        if !self.response.is_over() {
            return Ok(());
        }
        let page: Page<'_> = serde_json::from_slice(&self.body)?;
        if !page.gaps.is_empty() {
            return Err(Violation(format!("expected no gap, got {}", page.gaps.len())));
        }
        for item in &page.messages {
            self.came.count(ledger.message(&item.message())?);
        }
        ledger.position(&page.cursor)?;
        self.stage = Stage::Positioned;
        let cursor = ledger.cursor().unwrap_or("0");
        self.output =
            http::get(&format!("{target}&cursor={cursor}&wait={POLL_WAIT_SECONDS}"), "").into_bytes();
        self.response = http::Response::default();
        self.body.clear();
        Ok(())
    }
}

impl Record<'_> {
    fn message(&self) -> Message<'_> {
        Message { cursor: &self.cursor, place: Some((&self.topic, self.offset)), data: &self.data }
    }
}

/// A record of a WebSocket or of a line.
fn record(
    text: &str,
    response: &http::Response,
    stage: &mut Stage,
    came: &mut Came,
    ledger: &mut Ledger,
) -> Result<(), Violation> {
    let record: Record<'_> = serde_json::from_str(text)?;
    match &*record.kind {
        "message" => came.count(ledger.message(&record.message())?),
        "open" => begin(response, &record.cursor, stage, ledger)?,
        "ping" => {}
        _ => return Err(Violation(format!("expected a message, got {text}"))),
    }
    Ok(())
}

/// The position that a connection begins with came, as its head said.
fn begin(
    response: &http::Response,
    cursor: &str,
    stage: &mut Stage,
    ledger: &mut Ledger,
) -> Result<(), Violation> {
    if response.cursor() != Some(cursor) {
        return Err(Violation(format!("expected the head's position {:?}, got {cursor}", response.cursor())));
    }
    *stage = Stage::Positioned;
    ledger.position(cursor)
}
