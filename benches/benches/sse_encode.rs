//! Encoding of events in memory, beside the peer that encodes and the least that any encoder must do. Ours writes from
//! borrowed text into a vector that is there, or into a `Bytes`. The peer owns its text and makes a `Bytes` of it: it is
//! measured from the same borrowed text, and with strings that it is given.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tidewire_bench::sse::{Case, EVENT_TYPE, Fields, least_encode};
use tidewire_sse::Event;

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse-encode");
    for case in Case::encoded() {
        let (data, id) = (case.data(7), Case::id(7));
        let lines: Vec<&str> = data.split('\n').collect();
        let mut output = Vec::with_capacity(2 * data.len() + 64);
        let event = match case.fields {
            Fields::Data => Event::new().data(&data),
            Fields::All => Event::new().id(&id).event(EVENT_TYPE).data(&data),
        };
        group.bench_function(BenchmarkId::new("tidewire", case.name), |bencher| {
            bencher.iter(|| {
                output.clear();
                assert!(black_box(event).encode(&mut output).is_ok());
                black_box(&output);
            });
        });
        assert_eq!(output, case.block(7).as_bytes());
        group.bench_function(BenchmarkId::new("limit", case.name), |bencher| {
            bencher.iter(|| {
                output.clear();
                least_encode(black_box(case.fields), black_box(&id), black_box(&lines), &mut output);
                black_box(&output);
            });
        });
        group.bench_function(BenchmarkId::new("tidewire-bytes", case.name), |bencher| {
            bencher.iter(|| black_box(event).to_bytes());
        });
        #[cfg(feature = "peers")]
        {
            let fields = case.fields;
            group.bench_function(BenchmarkId::new("sse-stream", case.name), |bencher| {
                bencher.iter(|| peer(black_box(fields), black_box(&id), black_box(&data)).encode());
            });
            group.bench_function(BenchmarkId::new("sse-stream-given", case.name), |bencher| {
                bencher.iter_batched(
                    || peer(fields, &id, &data),
                    |event| event.encode(),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

#[cfg(feature = "peers")]
fn peer(fields: Fields, id: &str, data: &str) -> sse_stream::Sse {
    let event = sse_stream::Sse::default().data(data);
    match fields {
        Fields::Data => event,
        Fields::All => event.id(id).event(EVENT_TYPE),
    }
}

criterion_group! {
    name = encode_benches;
    config = tidewire_bench::short();
    targets = encode
}
criterion_main!(encode_benches);
