//! How it ends: by us, by a server that has done its work, and by one that would refuse again.

use crate::world::{Act, client, words};
use tidewire_tokio::{
    reconnect::{Loss, Resume, Task},
    websocket::{Cause, Endpoint},
};
use tidewire_ws::{frame::CloseCode, message::SendError};

/// Comes back whatever happens.
#[derive(Debug)]
struct Stubborn;

impl Resume for Stubborn {
    fn comes_back(&mut self, _: &Loss) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_code_says_whether_to_come_back() {
    for (code, end) in [
        (1000, "end"),
        (1001, "lost: remote close 1001"),
        (1002, "error: remote close 1002"),
        (1008, "error: remote close 1008"),
        (1011, "lost: remote close 1011"),
        (1012, "lost: remote close 1012"),
        (1013, "lost: remote close 1013"),
        (4401, "error: remote close 4401"),
        (4429, "lost: remote close 4429"),
    ] {
        let (builder, _) = client([Act::Close(&["x"], code)]);
        let mut client = builder.connect().unwrap();
        assert_eq!(words(&mut client, 3).await, ["open", "x", end]);
        assert!(
            matches!(&client.last_ended().unwrap().cause, Cause::Close { code: Some(found), .. } if found.value() == code)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_says_whether_to_come_back() {
    for (status, back) in [(400, false), (401, false), (404, false), (429, true), (500, true), (503, true)] {
        let (builder, seen) = client([Act::Refuse(status, None), Act::Echo(&["x"])]);
        let mut client = builder.connect().unwrap();
        let first = format!("declined with status {status}: no");
        let said = words(&mut client, 3).await;
        let expected = if back {
            vec![format!("lost: {first}"), "open".into(), "x".into()]
        } else {
            vec![format!("error: {first}"), "end".into()]
        };
        assert_eq!((said, seen.lock().unwrap().len()), (expected, if back { 2 } else { 1 }));
    }
}

#[tokio::test(start_paused = true)]
async fn our_close_is_the_end_whatever_it_is_doing() {
    // Before it began, while it connects, open, and while it waits.
    for (steps, task) in [(0, Task::Connect), (1, Task::Wait), (2, Task::Open), (4, Task::Wait)] {
        let acts = [Act::Nobody, Act::Drop(&["x"]), Act::Echo(&[])];
        let (builder, seen) = client(acts);
        let mut client = builder.resume(Stubborn).connect().unwrap();
        words(&mut client, steps).await;
        assert_eq!(client.task(), task);
        let attempts = seen.lock().unwrap().len();
        client.close(CloseCode::NORMAL, "bye").await.unwrap();
        assert_eq!(client.task(), Task::Done);
        assert_eq!(words(&mut client, 9).await, ["end"]);
        assert_eq!(client.feed_text("x"), Err(SendError::NotOpen));
        assert_eq!(seen.lock().unwrap().len(), attempts, "it comes back no more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_waits_for_is_finished_by_the_next_call() {
    let (builder, seen) = client([Act::Echo(&[]), Act::Echo(&[])]);
    let mut client = builder.resume(Stubborn).connect().unwrap();
    assert_eq!(words(&mut client, 1).await, ["open"]);
    tokio::select! {
        biased;
        _ = client.close(CloseCode::GOING_AWAY, "bye") => panic!("nobody answered"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(client.task(), Task::Close);
    assert_eq!(words(&mut client, 9).await, ["end"]);
    let ended = client.last_ended().unwrap();
    assert_eq!((ended.by, seen.lock().unwrap().len()), (Endpoint::Local, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_is_too_long_closes_nothing() {
    let (builder, _) = client([Act::Echo(&[])]);
    let mut client = builder.connect().unwrap();
    assert_eq!(words(&mut client, 1).await, ["open"]);
    let refused = client.close(CloseCode::NORMAL, &"x".repeat(124)).await;
    assert!(matches!(refused, Err(SendError::ReasonTooLong { .. })));
    client.feed_text("still here").unwrap();
    assert_eq!(words(&mut client, 1).await, ["still here"]);
}
