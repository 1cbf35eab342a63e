//! `GET /poll`: long polling. Nothing is kept between two polls; the cursor is all that the next one needs.

use crate::app::{App, Delivered, Subscriber};
use crate::error::ApiError;
use crate::params::Params;
use crate::record::Record;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use std::sync::Arc;
use tidewire_hub::Cursor;
use tidewire_tokio::hub::{Budget, Kept};

/// The most messages in one answer.
pub(crate) const MAX_MESSAGES: usize = 1_000;

/// The most bytes of records in one answer, unless the first message alone is longer.
pub(crate) const MAX_LEN_BYTES: usize = 1024 * 1024;

/// What is taken from the hub at a time: what does not fit the answer any more is pulled in vain, so it is little.
const ROUND: usize = 64;

/// Answers at once when there is something, else when there is, or with nothing when the wait is over.
pub(crate) async fn poll(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let params = Params::parse(request.uri().query())?;
    let topics = params.topics(None)?;
    let resume = params.resume()?;
    let wait = params.wait()?;
    let (mut subscriber, _) = app.subscriber(&topics, resume.as_ref())?;
    let mut batch = Vec::new();
    if subscriber.try_batch(round(), &mut batch) == 0 && !wait.is_zero() {
        tokio::select! {
            _ = subscriber.batch(round(), &mut batch) => {}
            () = tokio::time::sleep(wait) => {}
            () = app.drain().begun() => {}
        }
    }
    let mut response = Response::new(Body::from(answer(&mut subscriber, batch)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A fresh budget for one round.
fn round() -> Budget {
    Budget { max_messages: ROUND, max_bytes: MAX_LEN_BYTES }
}

/// The answer from what is there already, `batch` first.
fn answer(subscriber: &mut Subscriber, mut batch: Vec<Delivered>) -> Vec<u8> {
    let mut page = Page::new(subscriber.cursor());
    loop {
        let nothing_left = batch.is_empty();
        let full = batch.drain(..).any(|delivered| page.add(subscriber, &delivered) == Fit::Full);
        if full || nothing_left {
            return page.encode();
        }
        subscriber.try_batch(round(), &mut batch);
    }
}

/// Whether something found its place.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Added,
    Full,
}

/// One answer as it grows.
#[derive(Debug)]
struct Page {
    /// Records with commas between them.
    messages: Vec<u8>,
    gaps: Vec<u8>,
    count: usize,
    /// The cursor behind what was added last. What was pulled and not added lies behind it and comes again.
    cursor: Cursor,
}

impl Page {
    fn new(cursor: Cursor) -> Self {
        Self { messages: Vec::new(), gaps: Vec::new(), count: 0, cursor }
    }

    fn add(&mut self, subscriber: &mut Subscriber, delivered: &Delivered) -> Fit {
        let cursor = subscriber.cursor_after(delivered);
        match delivered {
            // The gateway gives nobody the address of a connection.
            Delivered::Direct(_) => {}
            // The next request makes another subscriber.
            Delivered::Dismissed(_) => return Fit::Full,
            Delivered::Gap(gap) => {
                if !self.gaps.is_empty() {
                    self.gaps.push(b',');
                }
                Record::gap(gap, &cursor).encode(&mut self.gaps);
                self.cursor = cursor;
            }
            Delivered::Message(Kept { topic, position, message, .. }) => {
                let mut token = String::new();
                let pieces = message.record(topic, *position).pieces(&cursor, &mut token);
                let len: usize = pieces.iter().map(|piece| piece.len()).sum();
                let over = self.count == MAX_MESSAGES || self.messages.len() + len > MAX_LEN_BYTES;
                if over && self.count > 0 {
                    return Fit::Full;
                }
                for piece in pieces {
                    self.messages.extend_from_slice(piece);
                }
                // The line feed of NDJSON makes room for the comma of an array.
                if let Some(last) = self.messages.last_mut() {
                    *last = b',';
                }
                self.count += 1;
                self.cursor = cursor;
            }
        }
        Fit::Added
    }

    fn encode(mut self) -> Vec<u8> {
        self.messages.pop();
        let token = self.cursor.encode();
        let pieces: [&[u8]; 7] = [
            br#"{"messages":["#,
            &self.messages,
            br#"],"gaps":["#,
            &self.gaps,
            br#"],"cursor":""#,
            token.as_bytes(),
            br#""}"#,
        ];
        pieces.concat()
    }
}
