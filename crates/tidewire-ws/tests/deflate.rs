//! permessage-deflate on the wire: the standard's examples, round trips, pieces, limits, misuse of RSV1 (RFC 7692).
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_testkit::splits::{self, Seeded};
use tidewire_ws::Role;
use tidewire_ws::deflate::{Agreement, Broadcast, Config, ContextTakeover, Pool, WindowBits};
use tidewire_ws::frame::{CloseCode, MaskingKey, ProtocolError, Rsv};
use tidewire_ws::message::{self, Event, Fragment, MessageKind, Piece, Reader, SendError, Writer};

/// A pool that compresses everything, and keeps what it is told to keep.
fn pool(takeover: ContextTakeover, bits: u8, level: u8) -> Pool {
    let mut config = Config::default();
    config.min_len = 0;
    config.level = level;
    (config.send_takeover, config.receive_takeover) = (takeover, takeover);
    config.send_max_window_bits = WindowBits::new(bits).unwrap();
    Pool::new(config)
}

/// Both ends of one negotiation.
fn agree(server: &Pool, client: &Pool) -> (Agreement, Agreement) {
    let offer = client.offer();
    let server = server.accept([offer.header_value().as_bytes()]).unwrap();
    let client = offer.agree([server.header_value().as_bytes()]).unwrap().unwrap();
    (server, client)
}

struct End {
    reader: Reader,
    writer: Writer,
    output: Vec<u8>,
}

impl End {
    fn new(agreement: &Agreement, max_message_len: usize) -> Self {
        let mut config = message::Config::default();
        config.max_message_len = max_message_len;
        let config = Arc::new(config);
        let writer = match agreement.role() {
            Role::Server => Writer::server(config.clone()),
            Role::Client => Writer::client(config.clone(), || MaskingKey([0x37, 0xFA, 0x21, 0x3D])),
        };
        Self {
            reader: Reader::new(agreement.role(), config).with_deflate(agreement),
            writer: writer.with_deflate(agreement),
            output: Vec::new(),
        }
    }

    fn receive(&mut self, inputs: &[&[u8]]) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let mut messages = Vec::new();
        for input in inputs {
            let mut input = input.to_vec();
            let mut events = self.reader.receive(&mut input);
            while let Some(event) = events.next(&mut self.writer, &mut self.output) {
                match event? {
                    Event::Text(text) => messages.push(text.as_bytes().to_vec()),
                    Event::Binary(bytes) => messages.push(bytes.into_owned()),
                    Event::Ping(_) | Event::Pong(_) | Event::Close(_) => {}
                }
            }
        }
        Ok(messages)
    }

    fn receive_pieces(&mut self, inputs: &[&[u8]]) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let (mut messages, mut joined) = (Vec::new(), Vec::new());
        for input in inputs {
            let mut input = input.to_vec();
            let mut pieces = self.reader.receive_pieces(&mut input);
            while let Some(piece) = pieces.next(&mut self.writer, &mut self.output) {
                let fragment = match piece? {
                    Piece::Text(text, fragment) => {
                        joined.extend_from_slice(text.as_bytes());
                        fragment
                    }
                    Piece::Binary(bytes, fragment) => {
                        joined.extend_from_slice(&bytes);
                        fragment
                    }
                    Piece::Ping(_) | Piece::Pong(_) | Piece::Close(_) => continue,
                };
                if fragment == Fragment::Final {
                    messages.push(std::mem::take(&mut joined));
                }
            }
        }
        Ok(messages)
    }
}

/// An end that receives what a server sends, unmasked, so that the bytes can be written down as the standard does.
fn client(takeover: ContextTakeover, max_message_len: usize) -> End {
    let (_, client) = agree(&pool(takeover, 15, 6), &pool(takeover, 15, 6));
    End::new(&client, max_message_len)
}

const HELLO: [u8; 9] = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

#[test]
fn the_examples_of_the_standard_are_received() {
    let examples: [(&[u8], &[&str]); 7] = [
        // §7.2.3.1: one compressed DEFLATE block, whole and in two frames.
        (&HELLO, &["Hello"]),
        (&[0x41, 0x03, 0xF2, 0x48, 0xCD, 0x80, 0x04, 0xC9, 0xC9, 0x07, 0x00], &["Hello"]),
        // §7.2.3.3: a block with no compression.
        (&[0xC1, 0x0B, 0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], &["Hello"]),
        // §7.2.3.4: a block with BFINAL.
        (&[0xC1, 0x08, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], &["Hello"]),
        // §7.2.3.5: two blocks in one message.
        (
            &[0xC1, 0x0D, 0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
            &["Hello"],
        ),
        // A block with BFINAL ends the message's bytes, and an empty frame the message.
        (
            &[0x41, 0x07, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0x80, 0x00, 0x81, 0x01, 0x21],
            &["Hello", "!"],
        ),
        // §7.2.3.6: an empty message; and one that is not compressed.
        (&[0xC1, 0x01, 0x00, 0x81, 0x02, 0x48, 0x69], &["", "Hi"]),
    ];
    for (stream, expected) in examples {
        for takeover in [ContextTakeover::Off, ContextTakeover::On] {
            for inputs in [splits::whole(stream), splits::bytewise(stream)] {
                let messages = client(takeover, 100).receive(&inputs).unwrap();
                assert_eq!(messages, expected.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
                assert_eq!(client(takeover, 100).receive_pieces(&inputs).unwrap(), messages);
            }
        }
    }
}

/// §7.2.3.2: with the context taken over the second "Hello" is a reference to the first.
#[test]
fn the_window_is_shared_where_it_is_taken_over_and_nowhere_else() {
    let stream = [&HELLO[..], &[0xC1, 0x05, 0xF2, 0x00, 0x11, 0x00, 0x00]].concat();
    assert_eq!(client(ContextTakeover::On, 100).receive(&[&stream]).unwrap(), [b"Hello", b"Hello"]);
    let mut forgetful = client(ContextTakeover::Off, 100);
    assert_eq!(forgetful.receive(&[&stream]), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn what_we_send_is_what_the_standard_shows() {
    let (server, _) = agree(&pool(ContextTakeover::On, 15, 6), &pool(ContextTakeover::On, 15, 6));
    let mut end = End::new(&server, 100);
    end.writer.send_text("Hello", &mut end.output).unwrap();
    end.writer.send_text("Hello", &mut end.output).unwrap();
    assert_eq!(end.output, [&HELLO[..], &[0xC1, 0x05, 0xF2, 0x00, 0x11, 0x00, 0x00]].concat());
    end.output.clear();
    end.writer.send_text("", &mut end.output).unwrap();
    assert_eq!(end.output, [0xC1, 0x01, 0x00], "§7.2.3.6: an empty message");
}

#[test]
fn messages_round_trip_at_every_setting_whole_and_in_pieces() {
    let mut source = Seeded::new(7);
    let mut messages: Vec<Vec<u8>> =
        [0, 1, 125, 126, 1_000, 40_000].iter().map(|len| vec![b'x'; *len]).collect();
    messages.push((0..70_000).map(|_| source.next_u64() as u8).collect());
    messages.push((0..70_000).map(|index| b"tidewire"[index % 8] ^ (source.below(9) == 0) as u8).collect());
    for bits in 8..=15 {
        for (level, takeover) in
            [(1, ContextTakeover::Off), (6, ContextTakeover::On), (9, ContextTakeover::Off)]
        {
            let (server, client) = agree(&pool(takeover, bits, level), &pool(takeover, bits, level));
            for (from, to) in [(&server, &client), (&client, &server)] {
                let (mut from, mut to) = (End::new(from, 1 << 20), End::new(to, 1 << 20));
                let mut sent = Vec::new();
                for message in &messages {
                    from.writer.send_binary(message, &mut sent).unwrap();
                    let (head, tail) = message.split_at(message.len() / 3);
                    from.writer.send_binary_piece(head, Fragment::More, &mut sent).unwrap();
                    from.writer.send_binary_piece(b"", Fragment::More, &mut sent).unwrap();
                    from.writer.send_binary_piece(tail, Fragment::Final, &mut sent).unwrap();
                }
                let inputs = splits::random(&sent, u64::from(bits));
                let received = match bits % 2 {
                    0 => to.receive(&inputs).unwrap(),
                    _ => to.receive_pieces(&inputs).unwrap(),
                };
                let twice: Vec<&Vec<u8>> = messages.iter().flat_map(|message| [message, message]).collect();
                assert!(received.iter().eq(twice), "{bits} bits, level {level}, {takeover:?}");
                assert_eq!(to.reader.held_len_bytes(), 0);
            }
        }
    }
}

#[test]
fn rsv1_belongs_to_the_first_frame_of_a_message_where_compression_was_agreed_to() {
    let bits = |bits| ProtocolError::ReservedBits(Rsv::from_bits(bits));
    for (stream, error) in [
        (&[0xC9, 0x00][..], bits(0b100)),
        (&[0xCA, 0x00], bits(0b100)),
        (&[0xC8, 0x00], bits(0b100)),
        (&[0x41, 0x01, 0xF2, 0xC0, 0x01, 0x48], bits(0b100)),
        (&[0x01, 0x01, 0x61, 0xC0, 0x01, 0x48], bits(0b100)),
        (&[0xA1, 0x00], bits(0b010)),
        (&[0xD1, 0x00], bits(0b101)),
        (&[0xF1, 0x00], bits(0b111)),
        (&[0xC0, 0x00], bits(0b100)),
    ] {
        let mut end = client(ContextTakeover::Off, 100);
        assert_eq!(end.receive(&[stream]), Err(error), "{stream:02X?}");
        assert_eq!(end.receive(&[&HELLO]), Ok(vec![]), "nothing comes after it");
    }
    let config = Arc::new(message::Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let mut writer = Writer::client(config, || MaskingKey([0; 4]));
    let mut input = HELLO;
    let mut events = reader.receive(&mut input);
    assert_eq!(events.next(&mut writer, &mut Vec::new()), Some(Err(bits(0b100))), "it was not agreed to");
}

#[test]
fn what_is_not_deflate_or_not_whole_is_1007() {
    let frame = |payload: &[u8]| [&[0xC2, payload.len() as u8], payload].concat();
    for payload in [
        &[0x06][..],                                       // BTYPE 11 is reserved
        &[0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48],             // LEN and NLEN disagree
        &[0xF2, 0x48, 0xCD, 0xC9],                         // cut in a block
        &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65],       // cut in a stored block
        &[0x02, 0x00, 0x11, 0x00, 0x00],                   // a distance before the beginning
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x06], // a final block, then nonsense
    ] {
        let mut end = client(ContextTakeover::Off, 100);
        let stream = frame(payload);
        assert_eq!(end.receive(&[&stream]), Err(ProtocolError::InvalidDeflate), "{payload:02X?}");
        assert_eq!(end.output[6] ^ end.output[2], 0x03);
        assert_eq!(end.output[7] ^ end.output[3], 0xEF, "1007");
    }
    // Text inside is still text.
    let mut text = client(ContextTakeover::Off, 100);
    assert_eq!(
        text.receive(&[&[0xC1, 0x07, 0x00, 0x01, 0x00, 0xFE, 0xFF, 0xFF, 0x00]]),
        Err(ProtocolError::InvalidUtf8)
    );
}

/// With a context that is taken over, too, and nothing of what came spills into the next message.
#[test]
fn a_cut_message_fails_and_an_empty_one_does_not_with_takeover_too() {
    let cut = [0xC2, 0x04, 0xF2, 0x48, 0xCD, 0xC9];
    assert_eq!(client(ContextTakeover::On, 100).receive(&[&cut]), Err(ProtocolError::InvalidDeflate));
    for takeover in [ContextTakeover::Off, ContextTakeover::On] {
        let stream = [&HELLO[..], &[0xC1, 0x00], &HELLO, &[0xC1, 0x00], &HELLO].concat();
        let messages = client(takeover, 100).receive(&[&stream]).unwrap();
        assert_eq!(messages, [&b"Hello"[..], b"", b"Hello", b"", b"Hello"], "{takeover:?}");
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit_inflated_and_not_a_byte_longer() {
    let (server, _) = agree(&pool(ContextTakeover::Off, 15, 6), &Pool::default());
    for (len, fits) in [(999, true), (1_000, true), (1_001, false), (1_000_000, false)] {
        for fragments in [1, 2, 7] {
            let mut sender = End::new(&server, 1 << 20);
            let payload = vec![0; len];
            let mut sent = Vec::new();
            for (index, piece) in payload.chunks(len.div_ceil(fragments)).enumerate() {
                let fragment = if index + 1 == fragments { Fragment::Final } else { Fragment::More };
                sender.writer.send_binary_piece(piece, fragment, &mut sent).unwrap();
            }
            for inputs in [splits::whole(&sent), splits::bytewise(&sent)] {
                for pieces in [false, true] {
                    let mut end = client(ContextTakeover::Off, 1_000);
                    let received = if pieces { end.receive_pieces(&inputs) } else { end.receive(&inputs) };
                    let expected = match fits {
                        true => Ok(vec![payload.clone()]),
                        false => Err(ProtocolError::MessageTooLong { message_len: 1_001 }),
                    };
                    assert_eq!(received, expected, "{len} bytes in {fragments}, in pieces: {pieces}");
                }
            }
        }
    }
    // What is compressed is limited by itself: an eighth and 64 bytes more than the message may have.
    let mut end = client(ContextTakeover::Off, 1_000);
    assert_eq!(end.receive(&[&[0xC2, 0x7E, 0x04, 0xA5]]), Ok(vec![]), "1,189 bytes announced");
    let mut end = client(ContextTakeover::Off, 1_000);
    let too_long = Err(ProtocolError::MessageTooLong { message_len: 1_190 });
    assert_eq!(end.receive(&[&[0xC2, 0x7E, 0x04, 0xA6]]), too_long);
}

#[test]
fn short_messages_and_those_that_gain_nothing_go_out_as_they_are() {
    let (server, _) = agree(&Pool::default(), &Pool::default());
    let mut end = End::new(&server, 1 << 20);
    end.writer.send_text(&"a".repeat(255), &mut end.output).unwrap();
    assert_eq!(end.output[0], 0x81, "one byte under the least length");
    end.output.clear();
    end.writer.send_text(&"a".repeat(256), &mut end.output).unwrap();
    assert_eq!(end.output[0], 0xC1);
    assert!(end.output.len() < 20);
    end.output.clear();
    let mut source = Seeded::new(1);
    let noise: Vec<u8> = (0..1_000).map(|_| source.next_u64() as u8).collect();
    end.writer.send_binary(&noise, &mut end.output).unwrap();
    assert_eq!(end.output[..4], [0x82, 0x7E, 0x03, 0xE8]);
}

#[test]
fn within_a_compressed_message_no_plain_piece_goes_out() {
    let (server, _) = agree(&Pool::default(), &Pool::default());
    let mut end = End::new(&server, 1 << 20);
    end.writer.send_text_piece("a", Fragment::More, &mut end.output).unwrap();
    assert_eq!(end.output[0], 0x41);
    let within = Some(SendError::WithinMessage(MessageKind::Text));
    assert_eq!(end.writer.admit_piece(MessageKind::Text, 1, Fragment::Final).err(), within);
    assert_eq!(end.writer.admit_encoded().err(), within);
    end.writer.send_text_piece("b", Fragment::Final, &mut end.output).unwrap();
    assert!(end.writer.admit_piece(MessageKind::Text, 1, Fragment::Final).is_ok());
}

#[test]
fn an_idle_connection_holds_nothing_and_the_pool_no_more_than_its_limit() {
    let mut config = Config::default();
    config.max_idle = 2;
    let pool = Pool::new(config);
    let (server, client) = agree(&pool, &pool);
    assert_eq!(pool.idle_len_bytes(), 0);
    let mut ends: Vec<(End, End)> =
        (0..5).map(|_| (End::new(&server, 1 << 20), End::new(&client, 1 << 20))).collect();
    let text = "tide ".repeat(100);
    for (from, _) in &mut ends {
        // Five messages in progress at once: five compressors.
        from.writer.send_text_piece(&text, Fragment::More, &mut from.output).unwrap();
    }
    assert_eq!(pool.idle_len_bytes(), 0);
    for (from, to) in &mut ends {
        from.writer.send_text_piece("", Fragment::Final, &mut from.output).unwrap();
        let sent = std::mem::take(&mut from.output);
        assert_eq!(to.receive(&[&sent]).unwrap(), [text.as_bytes()]);
        assert_eq!(to.reader.held_len_bytes(), 0);
    }
    let idle = pool.idle_len_bytes();
    assert!(
        (2 * 300_000..=2 * 410_000 + 50_000).contains(&idle),
        "{idle}: two compressors, one decompressor"
    );
    // A connection that ends in the middle of a message gives back what it held, too.
    let (from, _) = &mut ends[0];
    from.writer.send_text_piece(&text, Fragment::More, &mut from.output).unwrap();
    assert!(pool.idle_len_bytes() < idle);
    from.writer.close(Some((CloseCode::NORMAL, "")), &mut from.output).unwrap();
    assert_eq!(pool.idle_len_bytes(), idle);
}

#[test]
fn decompressors_come_back_up_to_the_limit() {
    let mut config = Config::default();
    (config.max_idle, config.level) = (2, 1);
    let pool = Pool::new(config);
    let (server, client) = agree(&pool, &pool);
    let mut source = Seeded::new(3);
    let noise: Vec<u8> = (0..20_000).map(|_| source.next_u64() as u8).collect();
    let mut from = End::new(&server, 1 << 20);
    let mut sent = Vec::new();
    from.writer.send_binary_piece(&noise, Fragment::Final, &mut sent).unwrap();
    assert_eq!(End::new(&client, 1 << 20).receive(&[&sent]).unwrap(), [&noise[..]]);
    let before = pool.idle_len_bytes();
    // Up to 8 KiB a message waits as it came, without the decompressor that is idle; beyond it holds one.
    const HEADER_LEN: usize = 4;
    let (waiting, rest) = sent.split_at(HEADER_LEN + 8 * 1024);
    let mut ends: Vec<End> = (0..5).map(|_| End::new(&client, 1 << 20)).collect();
    for (index, end) in ends.iter_mut().enumerate() {
        let idle = pool.idle_len_bytes();
        assert!(end.receive(&[&waiting[..5_000], &waiting[5_000..]]).unwrap().is_empty());
        let held = end.reader.held_len_bytes();
        assert!((8 * 1024..=16 * 1024).contains(&held), "{index}: {held} bytes held");
        assert_eq!(pool.idle_len_bytes(), idle);
        assert!(end.receive(&[&rest[..1]]).unwrap().is_empty());
        assert_eq!(pool.idle_len_bytes(), before - 48 * 1024);
        assert!(end.reader.held_len_bytes() >= 8 * 1024);
    }
    for (count, end) in ends.iter_mut().enumerate() {
        assert_eq!(end.receive(&[&rest[1..]]).unwrap(), [&noise[..]]);
        assert_eq!(end.reader.held_len_bytes(), 0);
        assert_eq!(pool.idle_len_bytes(), before + count.min(1) * 48 * 1024);
    }
}

#[test]
fn compressors_for_different_windows_are_kept_apart() {
    let pool = Pool::default();
    let mut source = Seeded::new(9);
    let block: Vec<u8> = (0..1_000).map(|_| source.next_u64() as u8).collect();
    let twice = block.repeat(2);
    let mut sizes = Vec::new();
    for offer in ["=15", "=9", "=12", "=9", "=15"] {
        let offer = format!("permessage-deflate; server_max_window_bits{offer}");
        let agreement = pool.accept([offer.as_bytes()]).unwrap();
        let mut end = End::new(&agreement, 1 << 20);
        end.writer.send_binary(&twice, &mut end.output).unwrap();
        sizes.push(end.output.len());
    }
    // The second half is a reference to the first, unless the window is too small for it.
    assert!(sizes[0] < 1_100 && sizes[2] < 1_100 && sizes[4] < 1_100, "{sizes:?}");
    assert!(sizes[1] > 1_900 && sizes[3] > 1_900, "{sizes:?}");
    assert_eq!(pool.idle_len_bytes(), 3 * 392 * 1024, "one for each window");
}

#[test]
fn a_broadcast_is_compressed_once_per_window_and_shared_where_it_may_be() {
    let pool = Pool::default();
    let server = |offer: &str, pool: &Pool| {
        let agreement = pool.accept([offer.as_bytes()]).unwrap();
        Writer::server(Arc::default()).with_deflate(&agreement)
    };
    let wide = server("permessage-deflate", &pool);
    let wide_too = server("permessage-deflate; client_max_window_bits", &pool);
    let narrow = server("permessage-deflate; server_max_window_bits=9", &pool);
    let plain = Writer::server(Arc::default());
    let mut takeover = Config::default();
    takeover.send_takeover = ContextTakeover::On;
    let takeover = server("permessage-deflate", &Pool::new(takeover));

    let text = "the same thing again and again, ".repeat(40);
    let message = Broadcast::text(&text, &pool);
    let address = |writer: &Writer| message.frame_for(writer).unwrap().bytes().as_ptr();
    assert_eq!(address(&wide), address(&wide_too), "compressed once");
    assert_ne!(address(&wide), address(&narrow));
    assert_eq!(address(&plain), message.plain().bytes().as_ptr());
    assert_eq!(address(&takeover), address(&plain), "its own context has not seen the shared frame");
    assert_eq!(message.frame_for(&wide).unwrap().bytes()[0], 0xC1);
    for writer in [&wide, &narrow, &plain] {
        let frame = message.frame_for(writer).unwrap().bytes().clone();
        assert_eq!(client(ContextTakeover::Off, 10_000).receive(&[&frame]).unwrap(), [text.as_bytes()]);
    }
    let least = Broadcast::binary(&[0; 256], &pool);
    assert_ne!(least.frame_for(&wide).unwrap(), least.plain());
    let short = Broadcast::binary(&[0; 255], &pool);
    assert_eq!(short.frame_for(&wide).unwrap(), short.plain());
    let (_, of_client) = agree(&Pool::default(), &Pool::default());
    let client = End::new(&of_client, 10);
    assert_eq!(message.frame_for(&client.writer).err(), Some(SendError::MustMask));
}

#[test]
fn a_character_cut_between_pieces_of_a_compressed_text_is_whole_again() {
    let text = "höhe €uro 𝄞 ".repeat(600);
    let (server, client) = agree(&pool(ContextTakeover::Off, 15, 6), &Pool::default());
    let mut from = End::new(&server, 1 << 20);
    let mut sent = Vec::new();
    from.writer.send_text(&text, &mut sent).unwrap();
    for seed in 0..50 {
        let mut source = Seeded::new(seed);
        let mut to = End::new(&client, 1 << 20);
        let mut joined = String::new();
        for input in splits::random(&sent, seed) {
            // Whole and in pieces take turns: the rest of a message comes as a message.
            let pieces = source.below(2) == 0;
            let mut input = input.to_vec();
            if pieces {
                let mut pieces = to.reader.receive_pieces(&mut input);
                while let Some(piece) = pieces.next(&mut to.writer, &mut to.output) {
                    let Ok(Piece::Text(text, _)) = piece else { panic!("{piece:?}") };
                    joined.push_str(&text);
                }
            } else {
                let mut events = to.reader.receive(&mut input);
                while let Some(event) = events.next(&mut to.writer, &mut to.output) {
                    let Ok(Event::Text(text)) = event else { panic!("{event:?}") };
                    joined.push_str(&text);
                }
            }
        }
        assert_eq!(joined, text, "seed {seed}");
    }
}

#[test]
fn an_agreement_of_the_other_endpoint_is_told_from_ours() {
    let (server, client) = agree(&Pool::default(), &Pool::default());
    for (role, wrong) in [(Role::Server, &client), (Role::Client, &server)] {
        let reader = std::panic::catch_unwind(|| {
            _ = Reader::new(role, Arc::default()).with_deflate(wrong);
        });
        assert!(reader.is_err());
    }
    assert!(std::panic::catch_unwind(|| _ = Writer::server(Arc::default()).with_deflate(&client)).is_err());
}

/// Class D, in time: a block that ends the stream costs what it is long, and not what there is room for.
#[test]
#[expect(clippy::disallowed_methods, reason = "a ratio of times, of work that no counter sees")]
fn many_final_blocks_take_linear_time() {
    let elapsed = |blocks: usize| {
        let payload = [&[0x01, 0x01, 0x00, 0xFE, 0xFF, b'a'].repeat(blocks)[..], &[0x00]].concat();
        let mut stream = vec![0xC2, 0x7F];
        stream.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        stream.extend_from_slice(&payload);
        let once = || {
            let start = std::time::Instant::now();
            let messages = client(ContextTakeover::Off, 1 << 20).receive(&[&stream]).unwrap();
            assert_eq!(messages, [vec![b'a'; blocks]]);
            start.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap()
    };
    let (few, many) = (elapsed(11_000), elapsed(176_000));
    assert!(many < few * 80, "16 times the blocks: {few:?}, {many:?}");
}
