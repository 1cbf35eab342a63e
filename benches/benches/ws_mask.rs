//! Masking alone, from 16 bytes to 64 KiB, beside the fastest loops of the peers.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tidewire_bench::frames::KEY;
use tidewire_ws::frame::{MaskingKey, mask};

const SIZES: [usize; 8] = [16, 37, 64, 125, 512, 1024, 16 * 1024, 64 * 1024];

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        let mut payload = vec![b'x'; size];
        group.bench_function(BenchmarkId::new("tidewire", size), |bencher| {
            bencher.iter(|| mask(black_box(&mut payload), black_box(MaskingKey(KEY)), 0));
        });
        #[cfg(feature = "peers")]
        {
            group.bench_function(BenchmarkId::new("nexus-web", size), |bencher| {
                bencher.iter(|| nexus_web::ws::apply_mask(black_box(&mut payload), black_box(KEY)));
            });
            group.bench_function(BenchmarkId::new("fastwebsockets", size), |bencher| {
                bencher.iter(|| fastwebsockets::unmask(black_box(&mut payload), black_box(KEY)));
            });
            group.bench_function(BenchmarkId::new("yawc", size), |bencher| {
                bencher.iter(|| yawc::mask::apply_mask(black_box(&mut payload), black_box(KEY)));
            });
            group.bench_function(BenchmarkId::new("sockudo-ws", size), |bencher| {
                bencher.iter(|| sockudo_ws::simd::apply_mask(black_box(&mut payload), black_box(KEY)));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = mask_benches;
    config = tidewire_bench::short();
    targets = benches
}
criterion_main!(mask_benches);
