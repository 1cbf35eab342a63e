//! Class E: every combination of permessage-deflate's parameters, in offers and in responses (RFC 7692 §5, §7.1).
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_ws::deflate::{Config, ContextTakeover, InvalidAgreement, Pool, WindowBits};

/// What may stand as the value of a `…_max_window_bits`, and what it means: `Some(None)` is no value at all.
const BITS: [(&str, Option<u8>); 17] = [
    ("=8", Some(8)),
    ("=9", Some(9)),
    ("=10", Some(10)),
    ("=14", Some(14)),
    ("=15", Some(15)),
    ("=\"12\"", Some(12)),
    ("=0", None),
    ("=7", None),
    ("=16", None),
    ("=08", None),
    ("=010", None),
    ("=+9", None),
    ("=-9", None),
    ("=0x9", None),
    ("=9.0", None),
    ("=99", None),
    ("=a", None),
];

fn accept(offer: &str) -> Option<String> {
    Pool::default().accept([offer.as_bytes()]).map(|agreement| agreement.header_value())
}

const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

//= https://www.rfc-editor.org/rfc/rfc7692#section-7.1
//= type=test
//# A server MUST decline an extension negotiation offer for this
//# extension if any of the following conditions are met:
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//= type=test
//# The parameters supplied with any given extension MUST be defined for
//# that extension.
#[test]
fn every_combination_in_an_offer_is_answered_or_declined() {
    let mut tried = 0;
    for snct in ["", "; server_no_context_takeover", "; server_no_context_takeover=1"] {
        for cnct in ["", "; client_no_context_takeover", "; client_no_context_takeover=true"] {
            let server_bits = BITS.iter().map(|(text, bits)| (*text, *bits)).chain([("-", None), ("", None)]);
            for (server_text, server) in server_bits {
                let client_bits =
                    BITS.iter().map(|(text, bits)| (*text, *bits)).chain([("-", None), ("", None)]);
                for (client_text, client) in client_bits {
                    // "-" stands for no parameter, "" for a parameter without a value.
                    let parameter = |name: &str, text: &str| match text {
                        "-" => String::new(),
                        value => format!("; {name}{value}"),
                    };
                    let offer = format!(
                        "permessage-deflate{snct}{cnct}{}{}",
                        parameter("server_max_window_bits", server_text),
                        parameter("client_max_window_bits", client_text),
                    );
                    let flags_fit = !snct.contains('=') && !cnct.contains('=');
                    let server_fits = server_text == "-" || server.is_some_and(|bits| bits >= 9);
                    let client_fits = matches!(client_text, "-" | "") || client.is_some();
                    let expected = (flags_fit && server_fits && client_fits).then(|| {
                        let mut response = PLAIN.to_owned();
                        if let Some(bits) = server {
                            response += &format!("; server_max_window_bits={bits}");
                        }
                        if let Some(bits) = client {
                            response += &format!("; client_max_window_bits={bits}");
                        }
                        response
                    });
                    assert_eq!(accept(&offer), expected, "{offer}");
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 9 * 19 * 19);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# If the server supports multiple extensions, then the value MUST be
//# derived from the client's handshake, specifically by selecting one or
//# more of the values from the |Sec-WebSocket-Extensions| field.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.8
//= type=test
//# The endpoints of a connection MUST negotiate the use of any extensions
//# during the opening handshake.
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//= type=test
//# Any extension-token used MUST be a registered token
#[test]
fn the_first_offer_that_fits_is_taken() {
    for (offers, expected) in [
        ("permessage-deflate", Some(PLAIN.to_owned())),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", Some(PLAIN.to_owned())),
        (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            Some(format!("{PLAIN}; server_max_window_bits=10")),
        ),
        ("permessage-deflate; foo, x-webkit-deflate-frame, permessage-deflate", Some(PLAIN.to_owned())),
        ("permessage-deflate; foo", None),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", None),
        ("Permessage-Deflate", None),
        ("permessage-bzip2", None),
        ("permessage-deflate; ", None),
        ("", None),
    ] {
        assert_eq!(accept(offers), expected, "{offers}");
    }
    let two_headers = [&b"foo"[..], b"permessage-deflate"];
    assert_eq!(Pool::default().accept(two_headers).unwrap().header_value(), PLAIN);
    assert!(Pool::default().accept([]).is_none());
}

#[test]
fn a_server_narrows_its_own_window_and_asks_the_client_where_it_may() {
    let mut config = Config::default();
    config.send_max_window_bits = WindowBits::new(11).unwrap();
    config.receive_max_window_bits = WindowBits::new(10).unwrap();
    let pool = Pool::new(config);
    for (offer, bits) in [
        ("permessage-deflate", "; server_max_window_bits=11"),
        ("permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9"),
        (
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits",
            "; server_max_window_bits=11; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits=9",
            "; server_max_window_bits=11; client_max_window_bits=9",
        ),
    ] {
        let agreement = pool.accept([offer.as_bytes()]).unwrap();
        assert_eq!(agreement.header_value(), format!("{PLAIN}{bits}"), "{offer}");
        assert!(agreement.sending().max_window_bits.value() <= 11);
    }
}

fn with_takeover() -> Config {
    let mut config = Config::default();
    (config.send_takeover, config.receive_takeover) = (ContextTakeover::On, ContextTakeover::On);
    config
}

#[test]
fn a_context_is_taken_over_where_both_want_it_and_the_budget_allows_it() {
    let pool = Pool::new(with_takeover());
    let both = pool.accept([&b"permessage-deflate"[..]]).unwrap();
    assert_eq!(both.header_value(), "permessage-deflate");
    assert_eq!(both.sending().takeover, ContextTakeover::On);
    assert_eq!(both.receiving().takeover, ContextTakeover::On);
    let one = pool.accept([&b"permessage-deflate; server_no_context_takeover"[..]]).unwrap();
    assert_eq!(one.header_value(), "permessage-deflate; server_no_context_takeover");
    assert_eq!(one.sending().takeover, ContextTakeover::Off);

    // Room for one compressor and one decompressor: whoever comes next keeps no context.
    let needed = pool.reserved_len_bytes();
    drop((both, one));
    assert_eq!(pool.reserved_len_bytes(), 0, "what ends gives back");
    let both = pool.accept([&b"permessage-deflate"[..]]).unwrap();
    let each = pool.reserved_len_bytes();
    assert!(each < needed);
    drop(both);
    let mut config = with_takeover();
    config.takeover_budget = each;
    let pool = Pool::new(config);
    let first = pool.accept([&b"permessage-deflate"[..]]).unwrap();
    let second = pool.accept([&b"permessage-deflate"[..]]).unwrap();
    assert_eq!(first.header_value(), "permessage-deflate");
    assert_eq!(second.header_value(), PLAIN);
    drop(first);
    assert_eq!(pool.accept([&b"permessage-deflate"[..]]).unwrap().header_value(), "permessage-deflate");
    let mut config = with_takeover();
    config.takeover_budget = each - 1;
    let tight = Pool::new(config).accept([&b"permessage-deflate"[..]]).unwrap();
    assert_eq!(tight.header_value(), "permessage-deflate; client_no_context_takeover");
}

//= https://www.rfc-editor.org/rfc/rfc7692#section-7.1
//= type=test
//# A client MUST _Fail the WebSocket Connection_ if the peer server
//# accepted an extension negotiation offer for this extension with an
//# extension negotiation response meeting any of the following
//# conditions:
#[test]
fn every_combination_in_a_response_is_taken_or_fails_the_connection() {
    for offered_bits in [None, Some(11)] {
        let mut tried = 0;
        for snct in ["", "; server_no_context_takeover", "; server_no_context_takeover=1"] {
            for cnct in ["", "; client_no_context_takeover", "; client_no_context_takeover=1"] {
                for (server_text, server) in BITS.iter().copied().chain([("-", None), ("", None)]) {
                    for (client_text, client) in BITS.iter().copied().chain([("-", None), ("", None)]) {
                        let parameter = |name: &str, text: &str| match text {
                            "-" => String::new(),
                            value => format!("; {name}{value}"),
                        };
                        let response = format!(
                            "permessage-deflate{snct}{cnct}{}{}",
                            parameter("server_max_window_bits", server_text),
                            parameter("client_max_window_bits", client_text),
                        );
                        let mut config = Config::default();
                        if let Some(bits) = offered_bits {
                            config.send_max_window_bits = WindowBits::new(bits).unwrap();
                        }
                        // We asked for server_no_context_takeover, so it has to be there.
                        let fits = snct == "; server_no_context_takeover"
                            && !cnct.contains('=')
                            && (server_text == "-" || server.is_some())
                            && (client_text == "-"
                                || client.is_some_and(|bits| bits <= offered_bits.unwrap_or(15)));
                        let agreed = Pool::new(config).offer().agree([response.as_bytes()]);
                        match agreed {
                            Ok(Some(agreement)) => {
                                assert!(fits, "{response}");
                                let most = client.unwrap_or(15).min(offered_bits.unwrap_or(15));
                                assert_eq!(agreement.sending().max_window_bits.value(), most, "{response}");
                            }
                            Ok(None) => panic!("{response}: there was a response"),
                            Err(error) => {
                                assert!(!fits, "{response}");
                                assert_eq!(error, InvalidAgreement::Parameters);
                            }
                        }
                        tried += 1;
                    }
                }
            }
        }
        assert_eq!(tried, 9 * 19 * 19);
    }
}

#[test]
fn a_response_answers_one_of_the_offers_or_fails_the_connection() {
    let mut config = with_takeover();
    config.receive_max_window_bits = WindowBits::new(10).unwrap();
    let pool = Pool::new(config);
    assert_eq!(
        pool.offer().header_value(),
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
         permessage-deflate; client_max_window_bits"
    );
    for (response, expected) in [
        ("permessage-deflate; server_max_window_bits=10", Ok(true)),
        ("permessage-deflate; server_max_window_bits=9", Ok(true)),
        // These answer the second offer, which says nothing about the server's window.
        ("permessage-deflate", Ok(true)),
        ("permessage-deflate; server_max_window_bits=12", Ok(true)),
        ("permessage-deflate; server_no_context_takeover", Ok(true)),
        ("permessage-deflate; client_max_window_bits", Err(InvalidAgreement::Parameters)),
        ("foo", Err(InvalidAgreement::NotOffered)),
        ("permessage-deflate, foo", Err(InvalidAgreement::NotOffered)),
        ("permessage-deflate, permessage-deflate", Err(InvalidAgreement::Twice)),
        ("permessage-deflate; foo", Err(InvalidAgreement::Parameters)),
    ] {
        let agreed = pool.offer().agree([response.as_bytes()]);
        assert_eq!(agreed.map(|agreement| agreement.is_some()), expected, "{response}");
    }
    assert!(pool.offer().agree([]).unwrap().is_none(), "a server may decline");
    let malformed = pool.offer().agree([&b"permessage-deflate;"[..]]).unwrap_err();
    assert_eq!(malformed.to_string(), "expected a token as each name and value in Sec-WebSocket-Extensions");
    assert_eq!(pool.reserved_len_bytes(), 0);
}

#[test]
fn a_client_that_may_only_use_8_bits_sends_nothing_compressed() {
    let response = b"permessage-deflate; server_no_context_takeover; client_max_window_bits=8";
    let agreement = Pool::default().offer().agree([&response[..]]).unwrap().unwrap();
    assert_eq!(agreement.sending().max_window_bits, WindowBits::MIN);
    let key = || tidewire_ws::frame::MaskingKey([0; 4]);
    let mut writer =
        tidewire_ws::message::Writer::client(std::sync::Arc::default(), key).with_deflate(&agreement);
    let mut output = Vec::new();
    writer.send_text(&"a".repeat(10_000), &mut output).unwrap();
    assert_eq!(output[0], 0x81);
    output.clear();
    writer.send_text_piece("a", tidewire_ws::message::Fragment::More, &mut output).unwrap();
    assert_eq!(output, [0x01, 0x81, 0, 0, 0, 0, b'a']);
}

/// An answer that fits one request does not fit every other.
#[test]
fn an_agreement_answers_an_offer_of_its_own_request() {
    use std::sync::Arc;
    use tidewire_ws::handshake::{HeadReader, InvalidField, Response};
    let respond = |offer: &str, agreed_to: &str| {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Extensions: {offer}\r\n\r\n"
        );
        let mut reader = HeadReader::new(Arc::default());
        reader.receive(head.as_bytes()).unwrap();
        let agreement = Pool::default().accept([agreed_to.as_bytes()]).unwrap();
        let response = Response::new().deflate(&agreement);
        assert_eq!(response.agreement(), Some(&agreement));
        reader.request().unwrap().accept(&response, &mut Vec::new())
    };
    let narrow = "permessage-deflate; client_max_window_bits=9";
    let bare = "permessage-deflate";
    for (offer, agreed_to, fits) in [
        (bare, bare, true),
        (narrow, narrow, true),
        ("foo, permessage-deflate; client_max_window_bits", narrow, true),
        // Nobody said that the client knows client_max_window_bits.
        (bare, narrow, false),
        ("permessage-deflate; client_max_window_bits=8", narrow, false),
        ("permessage-deflate; server_max_window_bits=9", bare, false),
        (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9",
            true,
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=9",
            true,
        ),
        (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=10",
            false,
        ),
        ("foo", bare, false),
    ] {
        let expected = if fits { Ok(()) } else { Err(InvalidField::NotOffered) };
        assert_eq!(respond(offer, agreed_to), expected, "{offer} | {agreed_to}");
    }
}
