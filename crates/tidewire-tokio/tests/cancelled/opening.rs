//! The opening handshakes: they own the transport, and drop it.

use tidewire_tokio::accept::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::cut::everywhere;

pub(crate) const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn accept_drops_the_transport_and_leaves_nothing_behind() {
    let points = everywhere(async |cut| {
        let (mut client, server) = duplex(1);
        let client = tokio::spawn(async move {
            let mut answer = Vec::new();
            let is_taken = client.write_all(REQUEST).await.is_ok();
            let _ = client.read_to_end(&mut answer).await;
            (is_taken, answer)
        });
        let accepted = cut.once(Acceptor::default().accept(server)).await;
        let is_accepted = accepted.is_some_and(|accepted| accepted.is_ok());
        // The end comes, whether it was taken or not.
        let (is_taken, answer) = client.await.unwrap();
        assert!(is_taken || !is_accepted);
        assert_eq!(is_accepted, answer.ends_with(b"\r\n\r\n"), "{cut:?}");
    })
    .await;
    assert!(points > 100, "{points}");
}
