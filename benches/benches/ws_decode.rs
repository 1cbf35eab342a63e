//! Decoding of masked messages in memory, many in one buffer and in pieces of 1,460 bytes, binary and text, beside the
//! peers. What is copied into a peer's own buffer before it decodes is not counted where its interface allows that.
#![allow(missing_docs)]

use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use std::{hint::black_box, sync::Arc};
use tidewire_bench::frames::{masked_stream, text};
use tidewire_ws::{
    Role,
    message::{Config, Reader, Writer},
};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

fn tidewire(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, stream: &[u8], piece_len: usize) {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Server, config.clone());
    let mut writer = Writer::server(config);
    let mut output = Vec::new();
    group.bench_function(id, |bencher| {
        bencher.iter_batched_ref(
            || stream.to_vec(),
            |input| {
                for piece in input.chunks_mut(piece_len) {
                    let mut events = reader.receive(piece);
                    while let Some(event) = events.next(&mut writer, &mut output) {
                        assert!(black_box(event).is_ok());
                    }
                }
            },
            BatchSize::LargeInput,
        );
    });
}

/// The same, received in the pieces in which it comes: nothing is joined.
fn tidewire_pieces(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, stream: &[u8]) {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Server, config.clone());
    let mut writer = Writer::server(config);
    let mut output = Vec::new();
    group.bench_function(id, |bencher| {
        bencher.iter_batched_ref(
            || stream.to_vec(),
            |input| {
                for piece in input.chunks_mut(1460) {
                    let mut pieces = reader.receive_pieces(piece);
                    while let Some(piece) = pieces.next(&mut writer, &mut output) {
                        assert!(black_box(piece).is_ok());
                    }
                }
            },
            BatchSize::LargeInput,
        );
    });
}

#[cfg(feature = "peers")]
mod peers {
    use super::{BatchSize, BenchmarkGroup, BenchmarkId, WallTime, black_box};
    use bytes::BytesMut;
    use futures_core::Stream;
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };
    use tidewire_bench::memory::{Memory, now};

    type Group<'c> = BenchmarkGroup<'c, WallTime>;

    pub(super) fn all(group: &mut Group<'_>, name: &str, stream: &[u8], count: usize) {
        nexus_web(group, BenchmarkId::new("nexus-web", name), stream);
        sockudo_ws(group, BenchmarkId::new("sockudo-ws", name), stream, count);
        tungstenite(group, BenchmarkId::new("tungstenite", name), stream, count);
        tokio_websockets(group, BenchmarkId::new("tokio-websockets", name), stream, count);
        fastwebsockets(group, BenchmarkId::new("fastwebsockets", name), stream, count);
    }

    fn nexus_web(group: &mut Group<'_>, id: BenchmarkId, stream: &[u8]) {
        group.bench_function(id, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut reader = nexus_web::ws::FrameReader::builder()
                        .role(nexus_web::ws::Role::Server)
                        .buffer_capacity(stream.len() + 64)
                        .message_capacity(128 * 1024)
                        .max_frame_size(1 << 20)
                        .max_message_size(1 << 20)
                        .build();
                    reader.read(stream).expect("there is room");
                    reader
                },
                |reader| {
                    while let Some(message) = reader.next().expect("the stream is good") {
                        black_box(message);
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }

    fn sockudo_ws(group: &mut Group<'_>, id: BenchmarkId, stream: &[u8], count: usize) {
        let mut protocol = sockudo_ws::protocol::Protocol::new(sockudo_ws::Role::Server, 1 << 20, 1 << 20);
        let mut messages = Vec::with_capacity(count);
        group.bench_function(id, |bencher| {
            bencher.iter_batched_ref(
                || BytesMut::from(stream),
                |input| {
                    messages.clear();
                    assert!(protocol.process_into(input, &mut messages).is_ok());
                    assert_eq!(black_box(&messages).len(), count);
                },
                BatchSize::LargeInput,
            );
        });
    }

    fn tungstenite(group: &mut Group<'_>, id: BenchmarkId, stream: &[u8], count: usize) {
        use tungstenite::protocol::{Role, WebSocket};
        group.bench_function(id, |bencher| {
            bencher.iter_batched_ref(
                || WebSocket::from_raw_socket(Memory::new(stream.to_vec()), Role::Server, None),
                |socket| {
                    for _ in 0..count {
                        black_box(socket.read().expect("the stream is good"));
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }

    fn tokio_websockets(group: &mut Group<'_>, id: BenchmarkId, stream: &[u8], count: usize) {
        group.bench_function(id, |bencher| {
            bencher.iter_batched_ref(
                || tokio_websockets::ServerBuilder::new().serve(Memory::new(stream.to_vec())),
                |socket| {
                    let mut context = Context::from_waker(Waker::noop());
                    for _ in 0..count {
                        let message = Pin::new(&mut *socket).poll_next(&mut context);
                        assert!(matches!(black_box(message), Poll::Ready(Some(Ok(_)))));
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }

    fn fastwebsockets(group: &mut Group<'_>, id: BenchmarkId, stream: &[u8], count: usize) {
        use fastwebsockets::{FragmentCollector, Role, WebSocket};
        group.bench_function(id, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let transport = Memory::new(stream.to_vec());
                    FragmentCollector::new(WebSocket::after_handshake(transport, Role::Server))
                },
                |socket| {
                    for _ in 0..count {
                        let frame = now(socket.read_frame()).expect("it need not wait");
                        assert!(black_box(frame).is_ok());
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn binary(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for size in SIZES {
        let (stream, count) = masked_stream(0x2, &vec![b'x'; size]);
        group.throughput(Throughput::Elements(count as u64));
        tidewire(&mut group, BenchmarkId::new("tidewire", size), &stream, usize::MAX);
        #[cfg(feature = "peers")]
        peers::all(&mut group, &size.to_string(), &stream, count);
        tidewire(&mut group, BenchmarkId::new("tidewire-1460", size), &stream, 1460);
        tidewire_pieces(&mut group, BenchmarkId::new("tidewire-1460-pieces", size), &stream);
    }
    group.finish();
}

fn texts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode-text");
    for (name, characters) in [("ascii", "tide "), ("multi-byte", "höhe €uro 潮汐 ")] {
        for size in [1024, 64 * 1024] {
            let (stream, count) = masked_stream(0x1, text(size, characters).as_bytes());
            let name = format!("{name}-{size}");
            group.throughput(Throughput::Elements(count as u64));
            tidewire(&mut group, BenchmarkId::new("tidewire", &name), &stream, usize::MAX);
            #[cfg(feature = "peers")]
            peers::all(&mut group, &name, &stream, count);
        }
    }
    group.finish();
}

criterion_group! {
    name = decode_benches;
    config = tidewire_bench::short();
    targets = binary, texts
}
criterion_main!(decode_benches);
