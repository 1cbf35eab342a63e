//! `GET /topics` and `GET /healthz`: what exists, and that we live.

use crate::app::App;
use crate::error::json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use tidewire_hub::{Position, TopicName};

/// Topics in one answer; `total` tells how many there are.
pub(crate) const MAX_LISTED: usize = 1_000;

#[derive(Serialize)]
struct Listing<'a> {
    topics: Vec<Listed<'a>>,
    total: usize,
}

#[derive(Serialize)]
struct Listed<'a> {
    topic: &'a str,
    epoch: String,
    /// The newest message's; 0 before the first.
    offset: u64,
    messages: usize,
    bytes: usize,
    subscribers: usize,
}

/// What is copied while the hub is locked.
struct Row {
    name: TopicName,
    head: Position,
    messages: usize,
    bytes: usize,
    subscribers: usize,
}

/// Lists the topics.
pub(crate) async fn topics(State(app): State<Arc<App>>) -> Response {
    let (mut rows, mut total) = (Vec::new(), 0);
    app.hub().topics(|topic| {
        total += 1;
        if rows.len() < MAX_LISTED && !topic.name.is_reserved() {
            rows.push(Row {
                name: topic.name.clone(),
                head: topic.head,
                messages: topic.messages,
                bytes: topic.bytes,
                subscribers: topic.subscribers,
            });
        }
    });
    rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let topics = rows
        .iter()
        .map(|row| Listed {
            topic: row.name.as_str(),
            epoch: row.head.epoch.to_string(),
            offset: row.head.offset,
            messages: row.messages,
            bytes: row.bytes,
            subscribers: row.subscribers,
        })
        .collect();
    json(StatusCode::OK, &Listing { topics, total })
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// Answers as long as the process does.
pub(crate) async fn healthz() -> Response {
    json(StatusCode::OK, &Health { status: "ok" })
}
