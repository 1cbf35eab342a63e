//! Parsing of event streams in memory, in large and in small chunks, beside the peers and the least that any parser must
//! do; and one long line in small chunks against the same in large ones.
#![allow(missing_docs)]

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use std::hint::black_box;
use tidewire_bench::sse::{Case, Least};
use tidewire_sse::{Config, Item, Parser};

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// The number of events in a stream.
fn count(parser: &mut Parser, stream: &[u8], chunk_len: usize) -> usize {
    let mut count = 0;
    for chunk in stream.chunks(chunk_len) {
        let mut items = parser.receive(chunk);
        while let Some(item) = items.next() {
            match item {
                Ok(Item::Event(event)) => {
                    black_box(event);
                    count += 1;
                }
                Ok(Item::Comment(_) | Item::Retry(_)) | Err(_) => panic!("only events are here"),
            }
        }
    }
    count
}

fn tidewire(group: &mut Group<'_>, name: &str, stream: &[u8], chunk_len: usize, events: usize) {
    group.bench_function(BenchmarkId::new("tidewire", name), |bencher| {
        bencher.iter(|| assert_eq!(count(&mut Parser::default(), black_box(stream), chunk_len), events));
    });
}

fn least(group: &mut Group<'_>, name: &str, stream: &[u8], chunk_len: usize, events: usize) {
    group.bench_function(BenchmarkId::new("limit", name), |bencher| {
        bencher.iter(|| {
            let (mut least, mut count) = (Least::default(), 0);
            for chunk in black_box(stream).chunks(chunk_len) {
                least.parse(chunk, |event_type, data, id| {
                    black_box((event_type, data, id));
                    count += 1;
                });
            }
            assert_eq!(count, events);
        });
    });
}

fn chunks(criterion: &mut Criterion, group: &str, chunk_len: usize) {
    let mut group = criterion.benchmark_group(group);
    for case in Case::parsed() {
        let (stream, events) = case.stream();
        group.throughput(Throughput::Elements(events as u64));
        tidewire(&mut group, case.name, &stream, chunk_len, events);
        least(&mut group, case.name, &stream, chunk_len, events);
        #[cfg(feature = "peers")]
        peers::all(&mut group, case.name, &stream, chunk_len, events);
    }
    group.finish();
}

fn large_chunks(criterion: &mut Criterion) {
    chunks(criterion, "sse-parse-64-KiB-chunks", 64 * 1024);
}

fn small_chunks(criterion: &mut Criterion) {
    chunks(criterion, "sse-parse-128-byte-chunks", 128);
}

/// 1 MiB in one line: linear if the small chunks cost no more per byte.
fn one_line(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse-parse-one-line-of-1-MiB");
    let stream = [&b"data: "[..], &vec![b'x'; 1024 * 1024], b"\n\n"].concat();
    let mut config = Config::default();
    (config.max_line_len, config.max_data_len) = (stream.len(), stream.len());
    for chunk_len in [64, 64 * 1024] {
        group.bench_function(BenchmarkId::new("tidewire", chunk_len), |bencher| {
            bencher.iter(|| {
                let mut parser = Parser::new(config.clone());
                assert_eq!(count(&mut parser, black_box(&stream), chunk_len), 1);
            });
        });
        least(&mut group, &chunk_len.to_string(), &stream, chunk_len, 1);
    }
    group.finish();
}

#[cfg(feature = "peers")]
mod peers {
    use super::{BenchmarkId, Group, black_box};
    use bytes::Bytes;
    use criterion::BatchSize;
    use futures_core::Stream;
    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    pub(super) fn all(group: &mut Group<'_>, name: &str, stream: &[u8], chunk_len: usize, events: usize) {
        let chunks: Vec<Bytes> = stream.chunks(chunk_len).map(Bytes::copy_from_slice).collect();
        streamed(group, BenchmarkId::new("sse-stream", name), &chunks, events, |chunks| {
            sse_stream::SseByteStream::new(chunks)
        });
        streamed(group, BenchmarkId::new("eventsource-stream", name), &chunks, events, |chunks| {
            eventsource_stream::EventStream::new(chunks)
        });
        group.bench_function(BenchmarkId::new("sse-parse", name), |bencher| {
            bencher.iter(|| {
                let (mut parser, mut count) = (sse_parse::SseParser::new(), 0);
                for chunk in black_box(stream).chunks(chunk_len) {
                    parser.feed(chunk);
                    while let Some(event) = parser.next_event() {
                        black_box(event);
                        count += 1;
                    }
                }
                assert_eq!(count, events);
            });
        });
    }

    /// A peer that decodes a stream of chunks.
    fn streamed<S: Stream<Item = Result<T, E>>, T, E>(
        group: &mut Group<'_>,
        id: BenchmarkId,
        chunks: &[Bytes],
        events: usize,
        decoder: impl Fn(Chunks) -> S,
    ) {
        group.bench_function(id, |bencher| {
            bencher.iter_batched(
                || Chunks(chunks.iter().cloned().collect()),
                |chunks| {
                    let (mut decoder, mut count) = (pin!(decoder(chunks)), 0);
                    let mut context = Context::from_waker(Waker::noop());
                    while let Poll::Ready(Some(event)) = decoder.as_mut().poll_next(&mut context) {
                        assert!(event.is_ok());
                        let _ = black_box(event);
                        count += 1;
                    }
                    assert_eq!(count, events);
                },
                BatchSize::LargeInput,
            );
        });
    }

    /// Chunks that are all there.
    struct Chunks(VecDeque<Bytes>);

    impl Stream for Chunks {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }
}

criterion_group! {
    name = parse_benches;
    config = tidewire_bench::short();
    targets = large_chunks, small_chunks, one_line
}
criterion_main!(parse_benches);
