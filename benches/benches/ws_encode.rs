//! Encoding of frames in memory, beside the peers that encode without a transport.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use tidewire_bench::frames::KEY;
use tidewire_ws::{
    frame::{MaskingKey, Opcode, encode_frame},
    message::{Config, MessageKind, Writer},
};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

fn unmasked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode-unmasked");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut output = Vec::with_capacity(size + 14);
        let mut server = Writer::server(Arc::new(Config::default()));
        group.bench_function(BenchmarkId::new("tidewire", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                assert!(server.send_binary(black_box(&payload), &mut output).is_ok());
                black_box(&output);
            });
        });
        let mut buffer = vec![0; size + 14];
        group.bench_function(BenchmarkId::new("tidewire-slice", size), |bencher| {
            bencher.iter(|| {
                let len = encode_frame(Opcode::Binary, None, black_box(&payload), &mut buffer);
                black_box(&buffer);
                len
            });
        });
        #[cfg(feature = "peers")]
        {
            let mut buffer = vec![0; size + 14];
            let mut writer = nexus_web::ws::FrameWriter::new(nexus_web::ws::Role::Server);
            group.bench_function(BenchmarkId::new("nexus-web", size), |bencher| {
                bencher.iter(|| {
                    let len = writer.encode_binary(black_box(&payload), &mut buffer);
                    black_box(&buffer);
                    len
                });
            });
            let mut buffer = bytes::BytesMut::with_capacity(size + 14);
            group.bench_function(BenchmarkId::new("sockudo-ws", size), |bencher| {
                bencher.iter(|| {
                    buffer.clear();
                    let opcode = sockudo_ws::OpCode::Binary;
                    sockudo_ws::frame::encode_frame(&mut buffer, opcode, black_box(&payload), true, None);
                    black_box(&buffer);
                });
            });
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
    }
    group.finish();
}

fn masked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode-masked");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut output = Vec::with_capacity(size + 14);
        let mut client = Writer::client(Arc::new(Config::default()), || MaskingKey(black_box(KEY)));
        group.bench_function(BenchmarkId::new("tidewire", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                assert!(client.send_binary(black_box(&payload), &mut output).is_ok());
                black_box(&output);
            });
        });
        #[cfg(feature = "peers")]
        {
            let mut buffer = vec![0; size + 14];
            let mut writer = nexus_web::ws::FrameWriter::new(nexus_web::ws::Role::Client);
            group.bench_function(BenchmarkId::new("nexus-web", size), |bencher| {
                bencher.iter(|| {
                    let len = writer.encode_binary(black_box(&payload), &mut buffer);
                    black_box(&buffer);
                    len
                });
            });
            let mut buffer = bytes::BytesMut::with_capacity(size + 14);
            group.bench_function(BenchmarkId::new("sockudo-ws", size), |bencher| {
                bencher.iter(|| {
                    buffer.clear();
                    let (opcode, key) = (sockudo_ws::OpCode::Binary, Some(black_box(KEY)));
                    sockudo_ws::frame::encode_frame(&mut buffer, opcode, black_box(&payload), true, key);
                    black_box(&buffer);
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = encode_benches;
    config = tidewire_bench::short();
    targets = unmasked, by_reference, masked
}
criterion_main!(encode_benches);
