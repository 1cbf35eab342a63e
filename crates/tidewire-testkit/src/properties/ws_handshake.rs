//! Properties of tidewire-ws's opening handshake.

use std::sync::Arc;
use tidewire_ws::handshake::{Config, HeadReader, Progress, Refusal, Response};

use crate::splits;

/// The status and the bytes of the answer, and how much of the stream belongs to the head; `None` while it lacks its
/// end.
type Answer = Option<(u16, Vec<u8>, usize)>;

fn answer(pieces: &[&[u8]]) -> Answer {
    let mut reader = HeadReader::new(Arc::new(Config::default()));
    let mut taken = 0;
    for piece in pieces {
        match reader.receive(piece) {
            Ok(Progress::NeedMore) => taken += piece.len(),
            Ok(Progress::Complete { consumed }) => {
                let taken = taken + consumed;
                let mut output = Vec::new();
                return Some(match reader.request() {
                    Ok(request) => {
                        request.accept(&Response::new(), &mut output).expect("a bare response fits");
                        (101, output, taken)
                    }
                    Err(refusal) => refused(refusal, taken),
                });
            }
            // How much was read of a head that is too long depends on the pieces.
            Err(refusal) => return Some(refused(refusal, 0)),
        }
    }
    None
}

fn refused(refusal: Refusal, taken: usize) -> (u16, Vec<u8>, usize) {
    let mut output = Vec::new();
    refusal.encode(&mut output);
    (refusal.status(), output, taken)
}

/// A request gets the same answer in any pieces, the answer is one well-formed head, and a 101 comes only for what
/// has the marks of an opening handshake.
///
/// # Panics
/// When it does not.
pub fn head(data: &[u8]) {
    let whole = answer(&splits::whole(data));
    for pieces in [splits::bytewise(data), splits::random(data, data.len() as u64)] {
        assert_eq!(answer(&pieces), whole);
    }
    let Some((status, output, taken)) = whole else { return };
    assert!(taken <= data.len());
    assert!(output.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
    assert!([101, 400, 405, 426, 431].contains(&status), "{status}");
    if status == 101 {
        let head = String::from_utf8_lossy(&data[..taken]).to_ascii_lowercase();
        for mark in
            ["get ", "websocket", "upgrade", "sec-websocket-key", "sec-websocket-version", "host", "13"]
        {
            assert!(head.contains(mark), "a 101 without {mark}");
        }
        assert!(output.ends_with(b"\r\n\r\n"));
    }
}
