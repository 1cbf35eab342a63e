//! What an event stream's HTTP response says, and what its client makes of it (WHATWG HTML §9.2.2, §9.2.3).

pub use crate::media_type::essence;

/// The media type of an event stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The headers, with lowercase names, that every event stream is served with: without the last two, caches and
/// buffering proxies hold events back.
pub const HEADERS: [(&str, &str); 3] =
    [("content-type", CONTENT_TYPE), ("cache-control", "no-cache"), ("x-accel-buffering", "no")];

/// Whether a `Content-Type` is an event stream's, whatever its parameters: the text is UTF-8 in any case. Of several fields
/// give the values joined by `", "`; [`essence`] says which counts.
#[must_use]
pub fn is_event_stream(content_type: &str) -> bool {
    essence(content_type).is_some_and(|essence| essence.eq_ignore_ascii_case(CONTENT_TYPE))
}

/// Whether a `Content-Encoding` leaves the body as it is (RFC 9110 §8.4).
#[must_use]
pub fn is_identity(content_encoding: &str) -> bool {
    content_encoding.split(',').all(|coding| {
        let coding = coding.trim_matches([' ', '\t']);
        coding.is_empty() || coding.eq_ignore_ascii_case("identity")
    })
}

/// The headers, with lowercase names, that a client asks with; the one with the last event ID apart. The last is for
/// clients that do not decompress.
pub const REQUEST_HEADERS: [(&str, &str); 3] =
    [("accept", CONTENT_TYPE), ("cache-control", "no-cache"), ("accept-encoding", "identity")];

/// The name of the request header that carries the last event ID, in UTF-8. It is left out where there is none.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// What a client does with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Reads the stream.
    Open,
    /// Asks again where `Location` says.
    Redirect,
    /// Stops for good, as the server asks for.
    Stop,
    /// Fails: an error, and no reconnection.
    Fail,
}

/// What a client does with a response, by its status and `Content-Type`; of several fields, their values joined by `", "`.
#[must_use]
pub fn verdict(status: u16, content_type: Option<&str>) -> Verdict {
    match status {
        200 if content_type.is_some_and(is_event_stream) => Verdict::Open,
        204 => Verdict::Stop,
        301 | 302 | 303 | 307 | 308 => Verdict::Redirect,
        _ => Verdict::Fail,
    }
}

/// Whether a redirect of this status asks for the new place with GET and without a body, whatever the method was (Fetch
/// §4.4: a 303 for every method but HEAD, a 301 and a 302 for POST).
#[must_use]
pub fn redirects_to_get(status: u16, method: &str) -> bool {
    match status {
        303 => method != "HEAD",
        301 | 302 => method == "POST",
        _ => false,
    }
}

/// Whether a failed response tells of a state that may pass: too many requests, or a server in trouble. The standard
/// fails on them all the same.
#[must_use]
pub fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_decides_and_its_parameters_do_not() {
        for open in [
            "text/event-stream",
            "text/event-stream;",
            "text/event-stream;charset=windows-1252",
            "Text/Event-Stream ; charset=utf-8",
            "text/html, text/event-stream, */*",
        ] {
            assert_eq!(verdict(200, Some(open)), Verdict::Open, "{open}");
        }
        for fail in [
            "",
            "x bogus",
            "text/x-bogus",
            "text/event-streams",
            "text/event-stream x",
            "text/event-stream, text/html",
        ] {
            assert_eq!(verdict(200, Some(fail)), Verdict::Fail, "{fail}");
        }
        assert_eq!(verdict(200, None), Verdict::Fail);
    }

    #[test]
    fn a_content_encoding_leaves_the_body_alone_or_not() {
        for left in ["", "identity", "Identity", " identity , identity\t", ",", ", identity"] {
            assert!(is_identity(left), "{left:?}");
        }
        for changed in ["gzip", "identity, br", "identity gzip", "x-identity", "identity;q=1"] {
            assert!(!is_identity(changed), "{changed:?}");
        }
    }

    #[test]
    fn any_status_fails_but_200_redirects_and_204_which_stops() {
        for status in (100..600).filter(|status| ![200, 204, 301, 302, 303, 307, 308].contains(status)) {
            assert_eq!(verdict(status, Some(CONTENT_TYPE)), Verdict::Fail, "{status}");
        }
        for content_type in [None, Some(CONTENT_TYPE)] {
            assert_eq!(verdict(204, content_type), Verdict::Stop);
            for status in [301, 302, 303, 307, 308] {
                assert_eq!(verdict(status, content_type), Verdict::Redirect, "{status}");
            }
        }
    }

    #[test]
    fn a_redirect_keeps_the_method_but_where_it_says_to_get() {
        for (status, to_get) in [
            (301, ["POST"].as_slice()),
            (302, &["POST"]),
            (303, &["GET", "POST", "PUT"]),
            (307, &[]),
            (308, &[]),
        ] {
            for method in ["GET", "HEAD", "POST", "PUT"] {
                assert_eq!(redirects_to_get(status, method), to_get.contains(&method), "{status} {method}");
            }
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_another_attempt() {
        let passing: alloc::vec::Vec<u16> = (100..600).filter(|status| is_passing(*status)).collect();
        assert_eq!(passing, [429, 500, 502, 503, 504]);
    }
}
