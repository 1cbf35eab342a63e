//! What errors say to humans: what was expected, and what came; and what debugging shows, and does not.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::handshake::client::InvalidResponse;
use tidewire_ws::handshake::{HeadReader, InvalidField, Refusal};
use tidewire_ws::message::{Fragment, SendError, Writer};

/// Each is a sentence of its own that says what was expected.
fn all_differ(sentences: &[String]) {
    for (index, sentence) in sentences.iter().enumerate() {
        assert!(sentence.starts_with("expected ") && sentence.len() > 20, "{sentence}");
        assert!(!sentences[..index].contains(sentence), "{sentence}");
    }
}

#[test]
fn a_response_that_is_none_says_what_is_wrong_with_it() {
    use InvalidResponse as R;
    let all = [
        R::Malformed,
        R::HeadTooLong,
        R::TooManyHeaders,
        R::Truncated,
        R::Upgrade,
        R::Connection,
        R::Accept,
        R::Subprotocol,
        R::Extension,
    ];
    all_differ(&all.map(|error| error.to_string()));
    #[cfg(feature = "deflate")]
    {
        use tidewire_ws::deflate::InvalidAgreement;
        let error = InvalidAgreement::Twice;
        assert_eq!(R::Deflate(error).to_string(), error.to_string());
    }
}

#[test]
fn a_field_that_cannot_be_written_says_why() {
    use InvalidField as F;
    let all = [F::Name, F::ReservedName, F::Value, F::Subprotocol, F::NotOffered, F::Authority, F::Target];
    all_differ(&all.map(|error| error.to_string()));
}

#[test]
fn what_is_not_sent_says_why() {
    let config = Arc::default();
    let mut server = Writer::server(Arc::clone(&config));
    let mut output = Vec::new();
    let long = server.send_ping(&[0; 126], &mut output).unwrap_err();
    assert_eq!(long.to_string(), "expected at most 125 bytes in a control frame, got 126");
    let reason = "x".repeat(124);
    let reason = server.close(Some((CloseCode::NORMAL, &reason)), &mut output).unwrap_err();
    assert_eq!(reason, SendError::ReasonTooLong { reason_len: 124 });
    assert!(reason.to_string().contains("123") && reason.to_string().contains("124"), "{reason}");
    server.send_text_piece("x", Fragment::More, &mut output).unwrap();
    let within = server.send_binary(&[1], &mut output).unwrap_err();
    assert_eq!(
        within.to_string(),
        "expected the next piece of the Text message in progress, got something else"
    );
    server.close(None, &mut output).unwrap();
    let closed = server.send_text("x", &mut output).unwrap_err();
    assert_eq!(closed.to_string(), "the connection is closing or over: nothing more is sent");
    let client = Writer::client(config, || MaskingKey([1; 4]));
    assert_eq!(client.admit_encoded().unwrap_err().to_string(), "a client cannot send an unmasked frame");
}

#[test]
fn a_refusal_has_the_phrase_of_its_status() {
    for (status, phrase) in [
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (418, "Refused"),
    ] {
        let refusal = Refusal::new(status, "because");
        assert_eq!(refusal.to_string(), format!("{status} {phrase}: because"));
        let mut output = Vec::new();
        refusal.encode(&mut output);
        assert!(output.starts_with(format!("HTTP/1.1 {status} {phrase}\r\n").as_bytes()));
    }
}

#[test]
fn debugging_shows_names_and_states_and_no_secrets() {
    let mut head = HeadReader::new(Arc::default());
    let request =
        b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: secret\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    head.receive(request).unwrap();
    let shown = format!("{:?}", head.request().unwrap());
    assert!(shown.contains("/a") && shown.contains("Cookie") && !shown.contains("secret"), "{shown}");
    let client = Writer::client(Arc::default(), || MaskingKey([0x37; 4]));
    let shown = format!("{client:?}");
    assert!(shown.contains("Client") && shown.contains("Open"), "{shown}");
    #[cfg(feature = "deflate")]
    {
        use tidewire_ws::deflate::Pool;
        let shown = format!("{:?}", Pool::default());
        assert!(shown.contains("idle_len_bytes: 0") && shown.contains("takeover_budget"), "{shown}");
    }
}
