//! Event streams as responses, in paused time: headers, keep-alives, ends, and what is dropped with them.
#![cfg(feature = "http-body")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use http_body::Body as _;
use http_body_util::BodyExt;
use tidewire_lifecycle::{Config, Heartbeat};
use tidewire_sse::{Encoded, Event, InvalidField};
use tidewire_tokio::{
    drain::Drain,
    sse::{Body, Sse},
};
use tokio::{
    sync::mpsc,
    time::{Instant, advance, sleep},
};

const KEEP_ALIVE: &str = ": keepalive\n\n";

fn data(text: &str) -> Result<Encoded, InvalidField> {
    Event::new().data(text).encoded()
}

/// A body that can be asked where it stands.
type Boxed<S> = Pin<Box<Body<S>>>;

fn boxed<S>(sse: Sse<S>) -> Boxed<S> {
    Box::pin(sse.into_http().into_body())
}

/// A body whose events come through a channel.
fn channel() -> (mpsc::UnboundedSender<&'static str>, Boxed<impl Stream<Item = Result<Encoded, InvalidField>>>)
{
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let events = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(data);
    (sender, boxed(Sse::new(events)))
}

/// The next frame as text; `None` at the end.
async fn next<S, E>(body: &mut Boxed<S>) -> Option<Result<String, E>>
where
    S: Stream<Item = Result<Encoded, E>>,
{
    let frame = body.frame().await?;
    Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap_or_default().to_vec()).unwrap()))
}

async fn text<S, E: std::fmt::Debug>(body: &mut Boxed<S>) -> String
where
    S: Stream<Item = Result<Encoded, E>>,
{
    next(body).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_response_is_a_200_with_the_headers_of_an_event_stream() {
    let response = Sse::new(stream::iter([data("a"), data("b")])).into_http();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().len(), 3);
    for (name, value) in
        [("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]
    {
        assert_eq!(response.headers()[name], value);
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "data: a\n\ndata: b\n\n");
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn axum_answers_with_the_same() {
    use axum::response::IntoResponse;
    async fn handler() -> Sse<impl Stream<Item = Result<Encoded, Infallible>>> {
        let silence = stream::once(sleep(Duration::from_secs(16)));
        Sse::new(silence.map(|()| Ok(Encoded::retry(Duration::from_millis(7)))))
    }
    let response = handler().await.into_response();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, ": keepalive\n\nretry: 7\n");
}

#[tokio::test(start_paused = true)]
async fn fifteen_silent_seconds_are_followed_by_a_keep_alive_and_fewer_are_not() {
    let (sender, mut body) = channel();
    let start = Instant::now();
    assert_eq!(text(&mut body).await, KEEP_ALIVE);
    assert_eq!(start.elapsed(), Duration::from_secs(15));

    // An event puts the next one off.
    advance(Duration::from_millis(14_999)).await;
    sender.send("late").unwrap();
    assert_eq!(text(&mut body).await, "data: late\n\n");
    let event = Instant::now();
    assert_eq!(text(&mut body).await, KEEP_ALIVE);
    assert_eq!(event.elapsed(), Duration::from_secs(15));

    // And so does a keep-alive; the idle rule never ends what speaks by itself.
    let long = Instant::now();
    for _ in 0..100 {
        assert_eq!(text(&mut body).await, KEEP_ALIVE);
    }
    assert_eq!(long.elapsed(), Duration::from_secs(1500));
}

#[tokio::test(start_paused = true)]
async fn an_event_goes_before_a_keep_alive_that_is_due_and_stands_for_it() {
    let (sender, mut body) = channel();
    advance(Duration::from_secs(20)).await;
    sender.send("a").unwrap();
    assert_eq!(text(&mut body).await, "data: a\n\n");
    let start = Instant::now();
    assert_eq!(text(&mut body).await, KEEP_ALIVE);
    assert_eq!(start.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_events_is_that_of_the_body() {
    let (sender, mut body) = channel();
    sender.send("last").unwrap();
    drop(sender);
    assert_eq!(text(&mut body).await, "data: last\n\n");
    assert!(!body.is_end_stream());
    for _ in 0..2 {
        assert_eq!(next(&mut body).await, None);
        assert!(body.is_end_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_handed_on_and_ends_the_body() {
    let held = Arc::new(());
    let source = Arc::clone(&held);
    let names = stream::iter(["a", "b\ndata: injected", "c"]);
    let events = names.map(move |name| {
        let _held = &source;
        Event::new().event(name).data("x").encoded()
    });
    let mut body = boxed(Sse::new(events));
    assert_eq!(text(&mut body).await, "event: a\ndata: x\n\n");
    assert_eq!(next(&mut body).await.unwrap().unwrap_err().character, '\n');
    assert_eq!(Arc::strong_count(&held), 1, "the events are dropped");
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_drops_the_events() {
    let (sender, mut body) = channel();
    let waiting = tokio::time::timeout(Duration::from_secs(3), next(&mut body));
    assert!(waiting.await.is_err());
    assert!(!sender.is_closed());
    drop(body);
    assert!(sender.is_closed(), "the producer hears of it");
}

#[tokio::test(start_paused = true)]
async fn the_events_are_asked_for_one_at_a_time() {
    let given = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&given);
    let events = stream::poll_fn(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(data("x")))
    });
    let mut body = boxed(Sse::new(events));
    assert_eq!(given.load(Ordering::Relaxed), 0);
    for asked in 1..=3 {
        assert_eq!(text(&mut body).await, "data: x\n\n");
        // A client that reads nothing for an hour is asked nothing.
        advance(Duration::from_secs(3600)).await;
        assert_eq!(given.load(Ordering::Relaxed), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn without_keep_alives_the_idle_rule_ends_the_body_and_drops_the_events() {
    let mut config = Config::event_stream();
    config.heartbeat = Heartbeat::Off;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let events = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(data);
    let mut body = boxed(Sse::new(events).lifecycle(Arc::new(config)));
    let start = Instant::now();
    sender.send("a").unwrap();
    assert_eq!(text(&mut body).await, "data: a\n\n");
    assert_eq!(next(&mut body).await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(300));
    assert!(body.is_end_stream() && sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn with_every_limit_off_it_waits_for_the_events_alone() {
    let mut config = Config::event_stream();
    (config.heartbeat, config.idle_timeout) = (Heartbeat::Off, None);
    let late = stream::once(sleep(Duration::from_secs(86_400))).map(|()| data("late"));
    let mut body = boxed(Sse::new(late).lifecycle(Arc::new(config)));
    let pending = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
    assert_eq!(text(&mut body).await, "data: late\n\n");
}

#[tokio::test(start_paused = true)]
async fn an_interval_of_ones_own() {
    let seconds = Duration::from_secs;
    let silent = || Sse::new(stream::pending::<Result<Encoded, Infallible>>());
    let (mut two, mut off) = (Config::event_stream(), Config::event_stream());
    two.heartbeat = Heartbeat::KeepAlive { interval: seconds(2) };
    off.heartbeat = Heartbeat::Off;
    for sse in [
        silent().lifecycle(Arc::new(two)),
        silent().keep_alive(seconds(2)),
        silent().keep_alive(seconds(2)).lifecycle(Arc::new(off.clone())),
        silent().lifecycle(Arc::new(off)).keep_alive(seconds(2)),
    ] {
        let mut body = boxed(sse);
        let start = Instant::now();
        for elapsed in [2, 4, 6] {
            assert_eq!(text(&mut body).await, KEEP_ALIVE);
            assert_eq!(start.elapsed(), seconds(elapsed));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_pauses_gets_no_older_than_it_may() {
    let mut config = Config::event_stream();
    config.max_age = Some(Duration::from_secs(10));
    let mut body = boxed(Sse::new(stream::repeat("tick").map(data)).lifecycle(Arc::new(config)));
    for second in 0..10 {
        assert_eq!(text(&mut body).await, "data: tick\n\n", "{second}");
        advance(Duration::from_secs(1)).await;
    }
    assert!(next(&mut body).await.is_none());
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_loses_no_event_to_its_silence() {
    let mut config = Config::event_stream();
    config.idle_timeout = Some(Duration::from_secs(5));
    let mut body = boxed(Sse::new(stream::repeat("tick").map(data)).lifecycle(Arc::new(config)));
    for _ in 0..3 {
        assert_eq!(text(&mut body).await, "data: tick\n\n");
        advance(Duration::from_secs(60)).await;
    }
}

/// Ten streams of each kind, told over the drain's ten seconds.
#[tokio::test(start_paused = true)]
async fn a_drain_ends_silent_and_busy_streams_in_their_turns() {
    let (drain, start) = (Drain::new(), Instant::now());
    let mut ends = Vec::new();
    for _ in 0..10 {
        let mut silent = boxed(Sse::new(stream::pending::<Result<Encoded, InvalidField>>()).drain(&drain));
        ends.push(tokio::spawn(async move {
            while let Some(frame) = next(&mut silent).await {
                assert_eq!(frame.unwrap(), KEEP_ALIVE);
            }
            start.elapsed()
        }));
        let mut busy = boxed(Sse::new(stream::repeat_with(|| data("a"))).drain(&drain));
        ends.push(tokio::spawn(async move {
            while next(&mut busy).await.is_some() {
                sleep(Duration::from_millis(50)).await;
            }
            start.elapsed()
        }));
    }
    sleep(Duration::from_secs(60)).await;
    // A busy one hears of it when it is asked for more.
    drain.begin();
    let mut seconds = Vec::new();
    for end in ends {
        seconds.push((end.await.unwrap() - Duration::from_secs(60)).as_secs_f64());
    }
    seconds.sort_unstable_by(f64::total_cmp);
    assert_eq!(seconds.len(), 20);
    for (index, ended) in seconds.iter().enumerate() {
        let turn = index as f64 * 0.5;
        assert!((turn..turn + 0.1).contains(ended), "{index}: {ended}");
    }
}
