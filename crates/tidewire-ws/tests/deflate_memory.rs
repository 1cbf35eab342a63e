//! What compression costs in memory, counted. One test, because the counters are those of the whole process.
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Config, ContextTakeover, Pool, WindowBits};
use tidewire_ws::frame::MaskingKey;
use tidewire_ws::message::{self, Fragment, Reader, Writer};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Allocations made while `work` runs, and bytes that are held behind it.
fn count(work: impl FnOnce()) -> (u64, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    work();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    (stats.total_blocks, stats.curr_bytes)
}

/// A server that sends, and a client that receives.
struct Ends {
    writer: Writer,
    reader: Reader,
    answers: Writer,
    stream: Vec<u8>,
}

impl Ends {
    fn new(pool: &Pool) -> Self {
        let limits = Arc::<message::Config>::default();
        let offer = pool.offer();
        let server = pool.accept([offer.header_value().as_bytes()]).unwrap();
        let client = offer.agree([server.header_value().as_bytes()]).unwrap().unwrap();
        Self {
            writer: Writer::server(limits.clone()).with_deflate(&server),
            reader: Reader::new(Role::Client, limits.clone()).with_deflate(&client),
            answers: Writer::client(limits, || MaskingKey([0; 4])),
            stream: Vec::with_capacity(1 << 20),
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.stream.clear();
        self.writer.send_binary_piece(payload, Fragment::Final, &mut self.stream).unwrap();
    }

    fn receive(&mut self) {
        let mut events = self.reader.receive(&mut self.stream);
        while let Some(event) = events.next(&mut self.answers, &mut Vec::new()) {
            assert!(event.is_ok());
        }
    }
}

/// Bytes of 32 values: they can be compressed, and fill every window.
fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|index: usize| (index * index / 7 % 32) as u8 + b'0').collect()
}

fn config(takeover: ContextTakeover, bits: u8, level: u8) -> Config {
    let mut config = Config::default();
    (config.send_takeover, config.receive_takeover) = (takeover, takeover);
    config.send_max_window_bits = WindowBits::new(bits).unwrap();
    config.level = level;
    config
}

/// A compressor and a decompressor hold no more than the pool says, at any setting and whatever they have done; and
/// with the largest window not much less.
fn the_pool_says_how_much_it_holds() {
    let payload = payload(300_000);
    for bits in 9..=15 {
        for level in 1..=9 {
            let pool = Pool::new(config(ContextTakeover::Off, bits, level));
            let mut ends = Ends::new(&pool);
            let (_, deflater) =
                count(|| [0, 300, 300_000, 20_000].iter().for_each(|len| ends.send(&payload[..*len])));
            let deflater_said = pool.idle_len_bytes();
            let (_, inflater) = count(|| ends.receive());
            let inflater_said = pool.idle_len_bytes() - deflater_said;
            for (held, said) in [(deflater, deflater_said), (inflater, inflater_said)] {
                assert!(held <= said, "{bits} bits, level {level}: {held} bytes held, {said} said");
                assert!(bits < 15 || held > said * 9 / 10, "{held} bytes held, {said} said");
            }
        }
    }
}

/// What connections with a context hold is what they have reserved, and nothing else.
fn a_context_that_is_taken_over_holds_what_was_reserved() {
    let payload = payload(300_000);
    let pool = Pool::new(config(ContextTakeover::On, 15, 6));
    let mut ends = Ends::new(&pool);
    let reserved = pool.reserved_len_bytes();
    let (_, held) = count(|| {
        for len in [300_000, 20_000] {
            ends.send(&payload[..len]);
            ends.receive();
        }
    });
    // One side compresses, the other one inflates; both have reserved both.
    assert!(held <= reserved / 2 && held > reserved * 9 / 20, "{held} of {reserved}");
    assert_eq!(pool.idle_len_bytes(), 0);
}

/// Compressing a stream of messages allocates nothing, whether the compressor is kept or borrowed.
fn sending_compressed_allocates_nothing() {
    let payload = payload(1_024);
    for takeover in [ContextTakeover::Off, ContextTakeover::On] {
        let pool = Pool::new(config(takeover, 15, 1));
        let mut ends = Ends::new(&pool);
        ends.send(&payload);
        let (allocations, held) = count(|| {
            for _ in 0..100 {
                ends.stream.clear();
                ends.writer.send_binary(&payload, &mut ends.stream).unwrap();
                assert_eq!(ends.stream[0], 0xC2);
                ends.writer.send_binary_piece(&payload, Fragment::More, &mut ends.stream).unwrap();
                ends.writer.send_binary_piece(&payload, Fragment::Final, &mut ends.stream).unwrap();
            }
        });
        assert_eq!((allocations, held), (0, 0), "{takeover:?}");
    }
}

#[test]
fn compression_costs_what_it_says() {
    the_pool_says_how_much_it_holds();
    a_context_that_is_taken_over_holds_what_was_reserved();
    sending_compressed_allocates_nothing();
}
