//! Encoding and decoding of WebSocket frames, in memory, from 16 bytes to 64 KiB.
#![allow(missing_docs)]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use tidewire_ws::{
    Role,
    frame::{MaskingKey, mask},
    message::{Config, Reader, Writer},
};

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];
const KEY: MaskingKey = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for size in SIZES {
        let payload = vec![b'x'; size];
        let mut output = Vec::with_capacity(size + 14);
        group.throughput(Throughput::Bytes(size as u64));
        let config = Arc::new(Config::default());
        let mut server = Writer::server(config.clone());
        group.bench_function(BenchmarkId::new("unmasked", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                server.send_binary(black_box(&payload), &mut output)
            });
        });
        let mut client = Writer::client(config, || KEY);
        group.bench_function(BenchmarkId::new("masked", size), |bencher| {
            bencher.iter(|| {
                output.clear();
                client.send_binary(black_box(&payload), &mut output)
            });
        });
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for size in SIZES {
        // Many frames in one buffer, as a busy connection reads them.
        let frames = (128 * 1024 / size).max(1);
        let config = Arc::new(Config::default());
        for (name, text) in [("binary", false), ("text", true)] {
            let mut client = Writer::client(config.clone(), || KEY);
            let mut stream = Vec::new();
            for _ in 0..frames {
                let sent = if text {
                    client.send_text(&"x".repeat(size), &mut stream)
                } else {
                    client.send_binary(&vec![b'x'; size], &mut stream)
                };
                assert!(sent.is_ok());
            }
            let mut reader = Reader::new(Role::Server, config.clone());
            let mut writer = Writer::server(config.clone());
            group.throughput(Throughput::Elements(frames as u64));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_batched_ref(
                    || stream.clone(),
                    |input| {
                        let mut output = Vec::new();
                        let mut events = reader.receive(input);
                        while let Some(event) = events.next(&mut writer, &mut output) {
                            assert!(black_box(event).is_ok());
                        }
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        let mut payload = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| mask(black_box(&mut payload), KEY, 0));
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode, unmask);
criterion_main!(benches);
