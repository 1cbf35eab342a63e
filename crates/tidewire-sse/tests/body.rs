//! The response body: its frames, its end, and what is refused before it.
#![cfg(feature = "http-body")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body::Body as _;
use tidewire_sse::{Encoded, Event, Field, InvalidField, body::Body};

type Polled<E> = Poll<Option<Result<Bytes, E>>>;

fn poll<S: Stream<Item = Result<Encoded, E>> + Unpin, E>(body: &mut Body<S>) -> Polled<E> {
    let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
}

fn ready<E>(text: &'static str) -> Polled<E> {
    Poll::Ready(Some(Ok(Bytes::from_static(text.as_bytes()))))
}

#[test]
fn each_event_is_a_frame_and_the_end_of_the_stream_that_of_the_body() {
    let items = [
        Encoded::retry(Duration::from_secs(3)),
        Encoded::comment("a\nb"),
        Event::new().id("1").data("x\ny").encoded().unwrap(),
        Encoded::keep_alive(),
    ];
    let mut body = Body::new(stream::iter(items).map(Ok::<_, Infallible>));
    for text in ["retry: 3000\n", ": a\n: b\n", "id: 1\ndata: x\ndata: y\n\n", ": keepalive\n\n"] {
        assert!(!body.is_end_stream());
        assert_eq!(poll(&mut body), ready(text));
    }
    for _ in 0..2 {
        assert_eq!(poll(&mut body), Poll::Ready(None));
        assert!(body.is_end_stream());
    }
}

#[test]
fn an_event_that_would_inject_is_its_producers_error_and_ends_the_body_if_it_is_handed_on() {
    let types = ["a", "b\ndata: injected", "c"];
    let mut body = Body::new(stream::iter(types.map(|name| Event::new().event(name).data("x").encoded())));
    assert_eq!(poll(&mut body), ready("event: a\ndata: x\n\n"));
    let refused = InvalidField { field: Field::Event, character: '\n', offset: 1 };
    assert_eq!(poll(&mut body), Poll::Ready(Some(Err(refused))));
    assert!(body.is_end_stream());
    assert_eq!(poll(&mut body), Poll::Ready(None));
}

#[test]
fn the_stream_is_asked_once_for_each_frame() {
    let mut asked = 0;
    let events = stream::poll_fn(|_| {
        asked += 1;
        Poll::Ready(Some(Ok::<_, Infallible>(Encoded::retry(Duration::from_millis(asked)))))
    });
    let mut body = Body::new(events);
    assert_eq!(poll(&mut body), ready("retry: 1\n"));
    assert_eq!(poll(&mut body), ready("retry: 2\n"));
    assert_eq!(asked, 2);
}

#[test]
fn the_stream_is_dropped_at_its_end_at_its_error_and_with_the_body() {
    for last in [None, Some(Err("lost"))] {
        let held = Arc::new(());
        let (source, said) = (Arc::clone(&held), last.clone());
        let events = stream::poll_fn(move |_| {
            assert_eq!(Arc::strong_count(&source), 2);
            Poll::Ready(said.clone())
        });
        let mut body = Body::new(events);
        assert_eq!(Arc::strong_count(&held), 2);
        assert!(matches!(poll(&mut body), Poll::Ready(None | Some(Err("lost")))));
        assert_eq!(Arc::strong_count(&held), 1, "{last:?}");
    }
    let held = Arc::new(());
    let source = Arc::clone(&held);
    let mut body = Body::new(stream::poll_fn(move |_| {
        let _held = &source;
        Poll::<Option<Result<Encoded, Infallible>>>::Pending
    }));
    assert_eq!(poll(&mut body), Poll::Pending);
    drop(body);
    assert_eq!(Arc::strong_count(&held), 1);
}
