//! What hands feed: in order, and in one write.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tidewire_tokio::{
    hub::{Config as HubConfig, ConnectionId, Start},
    websocket::{Config, Message, WebSocket},
};
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::MessageKind,
};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use super::{Counted, Halves, Hub, deliver, frame, publish, settle, topic};

#[tokio::test(start_paused = true)]
async fn a_burst_reaches_each_of_very_many_in_one_write() {
    let hub = Hub::new(HubConfig::default());
    let writes = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for number in 1..=300 {
        let (client, inner) = duplex(1024);
        clients.push((client, deliver(&hub, number, Counted::new(inner, &writes))));
    }
    for number in 0..8 {
        publish(&hub, &number.to_string());
    }
    for (client, _) in &mut clients {
        for number in 0..8 {
            assert_eq!(frame(client).await, number.to_string());
        }
    }
    assert_eq!(writes.load(Ordering::Relaxed), 300);
}

/// A connection to which a hand feeds one thing for each letter of a line.
fn deliver_letters<IO>(hub: &Hub, io: IO) -> Halves<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut reader = hub.subscriber(ConnectionId::new(1)).unwrap();
    reader.subscribe(&topic(), Start::Live).unwrap();
    let (read, write) = WebSocket::accepted(io, b"", &Config::default()).split();
    let delivering = write.deliver(reader, |_, delivered, outbox| {
        for letter in delivered.message().unwrap().message.chars() {
            let waits = outbox.output_len();
            match letter {
                'e' => outbox.feed_encoded(&EncodedFrame::text("e")).unwrap(),
                'l' => outbox.feed_encoded(&EncodedFrame::text(&"l".repeat(120))).unwrap(),
                't' => outbox.feed_text("t").unwrap(),
                'b' => outbox.feed_binary(b"b").unwrap(),
                'm' => outbox.feed(Message::Text("m".into())).unwrap(),
                'p' => outbox.feed_pieces(MessageKind::Text, &[Bytes::from_static(b"p")]).unwrap(),
                'c' => outbox.start_close(CloseCode::NORMAL, "c").unwrap(),
                _ => panic!("a hand that panics"),
            }
            assert!(outbox.output_len() > waits);
        }
    });
    (read, write, delivering)
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_feeds_goes_out_in_order_and_in_one_write_however_it_is_fed() {
    for room in [1, 7, 1 << 16] {
        let (hub, writes) = (Hub::new(HubConfig::default()), Arc::new(AtomicUsize::new(0)));
        let (mut client, inner) = duplex(room);
        let _halves = deliver_letters(&hub, Counted::new(inner, &writes));
        let lines = ["e", "l", "ee", "et", "te", "eb", "em", "ep", "lel", "tel", "eeeec"];
        for line in lines {
            publish(&hub, line);
            settle().await;
            for letter in line.chars() {
                let frame = frame(&mut client).await;
                assert!(frame.trim_start_matches('\u{3}').trim_start_matches('\u{FFFD}').starts_with(letter));
            }
        }
        if room > 1000 {
            assert_eq!(writes.load(Ordering::Relaxed), lines.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_fed_before_a_hand_panics_goes_out_before_the_close() {
    let hub = Hub::new(HubConfig::default());
    let (mut client, inner) = duplex(1024);
    let _halves = deliver_letters(&hub, inner);
    publish(&hub, "e!");
    assert_eq!(frame(&mut client).await, "e");
    assert_eq!(frame(&mut client).await.len(), "\u{FFFD}".len() + 1, "1011");
}
