//! What an event stream's HTTP response says, and what its client makes of it (WHATWG HTML §9.2.2, §9.2.3).

/// The media type of an event stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The headers, with lowercase names, that every event stream is served with: without the last two, caches and
/// buffering proxies hold events back.
pub const HEADERS: [(&str, &str); 3] =
    [("content-type", CONTENT_TYPE), ("cache-control", "no-cache"), ("x-accel-buffering", "no")];

/// Whether a `Content-Type` is an event stream's, whatever its parameters: the text is UTF-8 in any case.
#[must_use]
pub fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim_matches([' ', '\t']).eq_ignore_ascii_case(CONTENT_TYPE)
}

/// What a client does with a response's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Reads the stream.
    Open,
    /// Stops for good, as the server asks for.
    Stop,
    /// Fails: an error, and no reconnection.
    Fail,
}

/// What a client does with a response, redirects apart, by its status and `Content-Type`.
#[must_use]
pub fn verdict(status: u16, content_type: Option<&str>) -> Verdict {
    match status {
        200 if content_type.is_some_and(is_event_stream) => Verdict::Open,
        204 => Verdict::Stop,
        _ => Verdict::Fail,
    }
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
        ] {
            assert_eq!(verdict(200, Some(open)), Verdict::Open, "{open}");
        }
        for fail in ["", "x bogus", "text/x-bogus", "text/event-streams", "text/event-stream x"] {
            assert_eq!(verdict(200, Some(fail)), Verdict::Fail, "{fail}");
        }
        assert_eq!(verdict(200, None), Verdict::Fail);
    }

    #[test]
    fn any_status_but_200_fails_and_204_stops() {
        for status in [205, 210, 299, 404, 410, 500, 503] {
            assert_eq!(verdict(status, Some(CONTENT_TYPE)), Verdict::Fail, "{status}");
        }
        assert_eq!(verdict(204, None), Verdict::Stop);
    }
}
