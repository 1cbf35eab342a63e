//! Compressing and inflating a message of 1 KiB of JSON, without a context that is taken over, beside the peers.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use tidewire_bench::frames::json;
use tidewire_ws::{
    Role,
    deflate::{Config, Pool},
    frame::MaskingKey,
    message::{self, Reader, Writer},
};

/// One message from a server to a client, compressed there and inflated here.
fn benches(criterion: &mut Criterion) {
    let payload = json(1024);
    let mut group = criterion.benchmark_group("deflate-inflate");
    for level in [1, 3, 6] {
        let mut config = Config::default();
        config.level = level;
        let pool = Pool::new(config);
        let offer = pool.offer();
        let server = pool.accept([offer.header_value().as_bytes()]).expect("our own offer");
        let client = offer.agree([server.header_value().as_bytes()]).expect("our own response");
        let client = client.expect("an agreement");
        let limits = Arc::new(message::Config::default());
        let mut writer = Writer::server(limits.clone()).with_deflate(&server);
        let mut reader = Reader::new(Role::Client, limits.clone()).with_deflate(&client);
        let mut answers = Writer::client(limits, || MaskingKey([0; 4]));
        let (mut stream, mut output) = (Vec::new(), Vec::new());
        group.bench_function(BenchmarkId::new(format!("tidewire-level-{level}"), payload.len()), |bencher| {
            bencher.iter(|| {
                stream.clear();
                assert!(writer.send_text(black_box(&payload), &mut stream).is_ok());
                let mut events = reader.receive(&mut stream);
                assert!(black_box(events.next(&mut answers, &mut output)).is_some_and(|event| event.is_ok()));
            });
        });
    }
    #[cfg(feature = "peers")]
    {
        use bytes::BytesMut;
        use sockudo_ws::{DeflateConfig, Message, protocol::CompressedProtocol};
        let config = || DeflateConfig {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..DeflateConfig::default()
        };
        let mut server = CompressedProtocol::server(1 << 20, 1 << 20, config());
        let mut client = CompressedProtocol::client(1 << 20, 1 << 20, config());
        let message = Message::text(payload.clone());
        let mut stream = BytesMut::new();
        group.bench_function(BenchmarkId::new("sockudo-ws", payload.len()), |bencher| {
            bencher.iter(|| {
                stream.clear();
                assert!(server.encode_message(black_box(&message), &mut stream).is_ok());
                let messages = client.process(&mut stream);
                assert!(black_box(messages).is_ok_and(|messages| messages.len() == 1));
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = deflate_benches;
    config = tidewire_bench::short();
    targets = benches
}
criterion_main!(deflate_benches);
