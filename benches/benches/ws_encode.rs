//! Encoding of frames in memory, beside the peers that encode without a transport, or through one that is a vector.
//!
//! All who take a buffer write into the same one, from the same payload, since where memory lies is worth a nanosecond or
//! two. Masked frames come twice: with a key that is given, and with one that each draws from `ChaCha8`, because nexus-web
//! takes none from outside.
#![allow(missing_docs)]

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use std::{hint::black_box, sync::Arc};
use tidewire_bench::frames::KEY;
use tidewire_ws::{
    frame::{MAX_HEADER_LEN, MaskingKey, Opcode, encode_frame},
    message::{Config, MessageKind, Writer},
};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// A `Writer` that appends to a vector.
fn tidewire(group: &mut Group<'_>, payload: &[u8], output: &mut Vec<u8>, mut writer: Writer) {
    group.bench_function(BenchmarkId::new("tidewire", payload.len()), |bencher| {
        bencher.iter(|| {
            output.clear();
            assert!(writer.send_binary(black_box(payload), output).is_ok());
            black_box(&output);
        });
    });
    output.resize(payload.len() + MAX_HEADER_LEN, 0);
}

/// `encode_frame` into a slice.
fn tidewire_slice(group: &mut Group<'_>, payload: &[u8], buffer: &mut [u8], key: Option<MaskingKey>) {
    group.bench_function(BenchmarkId::new("tidewire-slice", payload.len()), |bencher| {
        bencher.iter(|| {
            let len = encode_frame(Opcode::Binary, black_box(key), black_box(payload), buffer);
            black_box(&buffer);
            len
        });
    });
}

fn unmasked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode-unmasked");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut buffer = vec![0; size + MAX_HEADER_LEN];
        tidewire(&mut group, &payload, &mut buffer, Writer::server(Arc::new(Config::default())));
        tidewire_slice(&mut group, &payload, &mut buffer, None);
        #[cfg(feature = "peers")]
        {
            peers::nexus_web(&mut group, &payload, &mut buffer, nexus_web::ws::Role::Server);
            peers::sockudo_ws(&mut group, &payload, None);
            peers::wtx::<false>(&mut group, &payload);
        }
    }
    group.finish();
}

/// The header alone: the payload stays where it is.
fn by_reference(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode-by-reference");
    for size in [16 * 1024, 64 * 1024, 1024 * 1024] {
        let server = Writer::server(Arc::new(Config::default()));
        group.bench_function(BenchmarkId::new("tidewire", size), |bencher| {
            bencher.iter(|| black_box(server.admit_payload(MessageKind::Binary, black_box(size)).is_ok()));
        });
        #[cfg(feature = "peers")]
        peers::wtx_by_reference(&mut group, &mut vec![b'x'; size]);
    }
    group.finish();
}

/// With a key that is given.
fn masked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode-masked");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut buffer = vec![0; size + MAX_HEADER_LEN];
        let keys = || MaskingKey(black_box(KEY));
        tidewire(&mut group, &payload, &mut buffer, Writer::client(Arc::new(Config::default()), keys));
        tidewire_slice(&mut group, &payload, &mut buffer, Some(MaskingKey(KEY)));
        #[cfg(feature = "peers")]
        {
            peers::sockudo_ws(&mut group, &payload, Some(KEY));
            peers::wtx::<true>(&mut group, &payload);
        }
    }
    group.finish();
}

/// With a key that is drawn for each frame.
#[cfg(feature = "peers")]
fn masked_with_a_drawn_key(criterion: &mut Criterion) {
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    let mut group = criterion.benchmark_group("encode-masked-drawn-key");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut buffer = vec![0; size + MAX_HEADER_LEN];
        let mut chance = rand_chacha::ChaCha8Rng::from_seed([7; 32]);
        let keys = move || MaskingKey(chance.next_u32().to_le_bytes());
        tidewire(&mut group, &payload, &mut buffer, Writer::client(Arc::new(Config::default()), keys));
        peers::nexus_web(&mut group, &payload, &mut buffer, nexus_web::ws::Role::Client);
    }
    group.finish();
}

#[cfg(not(feature = "peers"))]
fn masked_with_a_drawn_key(_: &mut Criterion) {}

#[cfg(feature = "peers")]
mod peers {
    use super::{BenchmarkId, Group, KEY, MAX_HEADER_LEN, black_box};
    use bytes::BytesMut;
    use tidewire_bench::memory::now;
    use wtx::{
        rng::Rng,
        stream::{StreamReader, StreamWriter},
        web_socket::{Frame, OpCode, WebSocket, WebSocketBuffer},
    };

    pub(super) fn nexus_web(
        group: &mut Group<'_>,
        payload: &[u8],
        buffer: &mut [u8],
        role: nexus_web::ws::Role,
    ) {
        let mut writer = nexus_web::ws::FrameWriter::new(role);
        group.bench_function(BenchmarkId::new("nexus-web", payload.len()), |bencher| {
            bencher.iter(|| {
                let len = writer.encode_binary(black_box(payload), buffer);
                black_box(&buffer);
                len
            });
        });
    }

    pub(super) fn sockudo_ws(group: &mut Group<'_>, payload: &[u8], key: Option<[u8; 4]>) {
        let mut buffer = BytesMut::with_capacity(payload.len() + MAX_HEADER_LEN);
        group.bench_function(BenchmarkId::new("sockudo-ws", payload.len()), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                let opcode = sockudo_ws::OpCode::Binary;
                sockudo_ws::frame::encode_frame(
                    &mut buffer,
                    opcode,
                    black_box(payload),
                    true,
                    black_box(key),
                );
                black_box(&buffer);
            });
        });
    }

    /// Masks where the payload lies and then writes it, so that a copy is made as by the others.
    pub(super) fn wtx<const IS_CLIENT: bool>(group: &mut Group<'_>, payload: &[u8]) {
        let mut payload = payload.to_vec();
        let output = Output::Copied(Vec::with_capacity(payload.len() + MAX_HEADER_LEN));
        let buffer = WebSocketBuffer::new();
        let mut socket = WebSocket::<_, _, _, _, IS_CLIENT>::new((), false, Given, output, buffer);
        group.bench_function(BenchmarkId::new("wtx", payload.len()), |bencher| {
            bencher.iter(|| {
                let mut frame = Frame::new_fin(OpCode::Binary, black_box(&mut payload[..]));
                assert!(now(socket.write_frame(&mut frame)).is_some_and(|written| written.is_ok()));
            });
        });
    }

    pub(super) fn wtx_by_reference(group: &mut Group<'_>, payload: &mut [u8]) {
        let buffer = WebSocketBuffer::new();
        let mut socket = WebSocket::<_, _, _, _, false>::new((), false, Given, Output::Seen, buffer);
        group.bench_function(BenchmarkId::new("wtx", payload.len()), |bencher| {
            bencher.iter(|| {
                let mut frame = Frame::new_fin(OpCode::Binary, black_box(&mut *payload));
                assert!(now(socket.write_frame(&mut frame)).is_some_and(|written| written.is_ok()));
            });
        });
    }

    /// Where a frame of wtx goes.
    enum Output {
        /// Into a vector, emptied before each frame.
        Copied(Vec<u8>),
        /// Nowhere: it is only seen, in its two parts.
        Seen,
    }

    impl StreamReader for Output {
        async fn read(&mut self, _: &mut [u8]) -> wtx::Result<usize> {
            Ok(0)
        }
    }

    impl StreamWriter for Output {
        async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
            self.write_all_vectored(&[bytes]).await
        }

        #[inline]
        async fn write_all_vectored(&mut self, parts: &[&[u8]]) -> wtx::Result<()> {
            match self {
                Self::Copied(output) => {
                    output.clear();
                    for part in parts {
                        output.extend_from_slice(part);
                    }
                    black_box(&*output);
                }
                Self::Seen => {
                    black_box(parts);
                }
            }
            Ok(())
        }
    }

    /// The key that all are given; wtx draws nothing else here.
    struct Given;

    impl Rng for Given {
        #[inline]
        fn u8_4(&mut self) -> [u8; 4] {
            black_box(KEY)
        }

        fn u8_8(&mut self) -> [u8; 8] {
            [0; 8]
        }

        fn u8_16(&mut self) -> [u8; 16] {
            [0; 16]
        }

        fn u8_32(&mut self) -> [u8; 32] {
            [0; 32]
        }
    }
}

criterion_group! {
    name = encode_benches;
    config = tidewire_bench::short();
    targets = unmasked, by_reference, masked, masked_with_a_drawn_key
}
criterion_main!(encode_benches);
