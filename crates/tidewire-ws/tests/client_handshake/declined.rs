//! Responses that decline: what is told of them, and how long they are listened to (RFC 6455 §4.1, RFC 9112 §6.3).

use super::{Outcome, outcome, reader};
use tidewire_testkit::splits;
use tidewire_ws::handshake::Config;
use tidewire_ws::handshake::client::{Answer, InvalidResponse};

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the status code received from the server is not 101, the
//# client handles the response per HTTP [RFC2616] procedures.
#[test]
fn whoever_declines_is_heard_out_as_far_as_the_limit() {
    // The response, whether the stream ends behind it, and the body that is kept.
    for (status, lines, body, eof, kept, whole) in [
        (401, "WWW-Authenticate: Basic\r\nContent-Length: 4\r\n", "nope and more", false, "nope", true),
        (301, "Location: /elsewhere\r\nContent-Length: 0\r\n", "", false, "", true),
        (200, "Content-Length: 100\r\n", "cut short", true, "cut short", false),
        (503, "Retry-After: 5\r\n", "until the end", true, "until the end", true),
        (204, "", "", false, "", true),
        (404, "Transfer-Encoding: chunked\r\n", "4\r\nnope\r\n0\r\n\r\n", false, "nope", true),
        (404, "Transfer-Encoding: gzip, Chunked\r\n", "4\r\nnope\r\n", true, "nope", false),
        (404, "Transfer-Encoding: chunked\r\n", "nonsense", false, "", false),
        (404, "Transfer-Encoding: gzip\r\n", "xyz", true, "xyz", true),
        (999, "Content-Length: 1\r\n", "x", false, "x", true),
        // These have no body, whatever they say.
        (304, "Content-Length: 9\r\n", "", false, "", true),
        (204, "Content-Length: 9\r\n", "", false, "", true),
        // A coding counts for more than a length, and a length that is none for nothing.
        (500, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "2\r\nxy\r\n0\r\n", false, "xy", true),
        (500, "Content-Length: +1\r\n", "xyz", true, "xyz", true),
        (500, "Content-Length: 1\r\nContent-Length: 1\r\n", "xyz", true, "xyz", true),
        (500, "Content-Length: 99999999999999999999999\r\n", "xyz", true, "xyz", false),
    ] {
        let stream = format!("HTTP/1.1 {status} Reason\r\n{lines}\r\n{body}");
        for pieces in [splits::whole(stream.as_bytes()), splits::bytewise(stream.as_bytes())] {
            let Outcome::Declined(declined) = outcome(reader(Config::default()), &pieces, eof) else {
                panic!("{stream}")
            };
            assert_eq!((declined.status(), declined.body()), (status, kept.as_bytes()), "{stream}");
            assert_eq!(declined.is_whole(), whole, "{stream}");
            let (name, value) =
                lines.lines().next().and_then(|line| line.split_once(": ")).unwrap_or_default();
            assert_eq!(declined.header(&name.to_uppercase()).unwrap_or_default(), value.as_bytes());
            assert_eq!(declined.location(), (status == 301).then_some(&b"/elsewhere"[..]));
        }
    }
    // A server that knows no better than HTTP/1.0 may still decline.
    let old = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    assert!(
        matches!(outcome(reader(Config::default()), &[old], false), Outcome::Declined(no) if no.status() == 404)
    );
    let old = b"HTTP/1.0 100 Continue\r\n\r\n";
    assert_eq!(
        outcome(reader(Config::default()), &[old], false),
        Outcome::Failed(InvalidResponse::Malformed)
    );
    let mut config = Config::default();
    config.max_body_len = 10;
    let head = "HTTP/1.1 500 Reason\r\n\r\n";
    for (len, kept) in [(9, None), (10, Some(10)), (11, Some(10))] {
        let stream = head.to_owned() + &"x".repeat(len);
        let found = match outcome(reader(config.clone()), &[stream.as_bytes()], false) {
            Outcome::Declined(declined) => Some(declined.body().len()),
            Outcome::Waiting => None,
            other @ (Outcome::Open { .. } | Outcome::Failed(_)) => panic!("{other:?}"),
        };
        assert_eq!(found, kept, "{len} bytes");
    }
    config.max_body_len = 0;
    let Outcome::Declined(declined) = outcome(reader(config), &[head.as_bytes()], false) else { panic!() };
    assert!(declined.body().is_empty());
    // Class O: a body without an end is cut off, and nothing of it is looked at afterwards.
    let mut endless = reader(Config::default());
    endless.receive(head.as_bytes()).unwrap();
    let mut kept = None;
    for _ in 0..1_000 {
        match endless.receive(&[b'x'; 1_000]).unwrap() {
            Answer::Declined(declined) => assert_eq!(kept.replace(declined.body().len()), None),
            Answer::NeedMore => {}
            Answer::Open { .. } => panic!(),
        }
    }
    assert_eq!(kept, Some(4 * 1024));
    assert_eq!(endless.handle_eof().err(), Some(InvalidResponse::Truncated), "the answer was given");
    // Who does not want to wait has what there is.
    let mut slow = reader(Config::default());
    assert!(slow.declined().is_none());
    slow.receive(b"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwait").unwrap();
    let so_far = slow.declined().map(|declined| (declined.status(), declined.body(), declined.is_whole()));
    assert_eq!(so_far, Some((401, &b"wait"[..], false)));
    // A redirect from a status that is none is not followed.
    let stream = b"HTTP/1.1 300 Choices\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n";
    let Outcome::Declined(declined) = outcome(reader(Config::default()), &[stream], false) else { panic!() };
    assert_eq!(declined.location(), None);
}

#[test]
fn a_server_in_trouble_is_come_back_to_and_a_refusal_is_not() {
    for status in (200..=599).chain([999]) {
        let stream = format!("HTTP/1.1 {status} Reason\r\nContent-Length: 0\r\n\r\n");
        let found = outcome(reader(Config::default()), &[stream.as_bytes()], false);
        let Outcome::Declined(declined) = found else { panic!("{status}") };
        let back = [408, 425, 429, 500, 502, 503, 504].contains(&status);
        assert_eq!(declined.invites_back(), back, "{status}");
    }
}

#[test]
fn what_a_server_says_is_shown_without_its_control_characters() {
    for (body, shown) in [
        ("", "declined with status 401"),
        (" \"who\" are you? \n", "declined with status 401: \"who\" are you?"),
        ("\x1b[2J\u{7f}…", "declined with status 401: \\u{1b}[2J\\u{7f}…"),
    ] {
        let stream = format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let found = outcome(reader(Config::default()), &[stream.as_bytes()], false);
        let Outcome::Declined(declined) = found else { panic!("{body}") };
        assert_eq!(declined.to_string(), shown);
    }
}
