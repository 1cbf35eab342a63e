//! Parameters of a request: its query, read strictly, and where a client wants to go on.
//!
//! Names that no path knows are ignored, so that a client of a later version is served. A parameter that a path
//! takes once and that comes twice is refused: whichever of the two we took, the other was meant by somebody.

use crate::error::ApiError;
use std::borrow::Cow;
use std::time::Duration;
use tidewire_hub::{ConnectionId, Cursor, Start, TopicName};

/// The topics that one client may follow (reliability: a cap on everything that can be counted).
pub(crate) const MAX_TOPICS: usize = 128;

/// The longest event name, in bytes.
pub(crate) const MAX_EVENT_LEN: usize = 255;

/// How long a poll waits when it does not say, in seconds.
pub(crate) const DEFAULT_WAIT_SECONDS: u64 = 25;

/// The longest wait that a poll may ask for, in seconds.
pub(crate) const MAX_WAIT_SECONDS: u64 = 60;

/// Event names that carry our own notices.
const RESERVED_EVENTS: [&str; 6] = ["open", "error", "gap", "done", "presence", "typing"];

/// What marks base64 in an event name of SSE, so no text may be published under a name that ends so.
pub(crate) const BASE64_SUFFIX: &str = ";base64";

/// A decoded query string, in its order.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Decodes a query (`application/x-www-form-urlencoded`).
    ///
    /// # Errors
    /// A name or value that is not UTF-8.
    pub(crate) fn parse(query: Option<&'a str>) -> Result<Self, ApiError> {
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let name = decode(name, Plus::IsSpace)
                    .ok_or_else(|| ApiError::field("query", "a parameter's name is not UTF-8"))?;
                let value = decode(value, Plus::IsSpace)
                    .ok_or_else(|| ApiError::field(known(&name), "the value is not UTF-8"))?;
                Ok((name, value))
            })
            .collect::<Result<_, ApiError>>()?;
        Ok(Self { pairs })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |pair| pair.0 == name).map(|pair| &*pair.1)
    }

    /// The value of a parameter that comes at most once.
    pub(crate) fn single(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::field(name, "the parameter is given more than once"));
        }
        Ok(first)
    }

    /// The topics to follow, in the order given, each once: `first` (from the path), then those of the query.
    ///
    /// # Errors
    /// None at all, more than [`MAX_TOPICS`], or a name that no topic can have.
    pub(crate) fn topics(&self, first: Option<TopicName>) -> Result<Vec<TopicName>, ApiError> {
        let mut topics: Vec<TopicName> = first.into_iter().collect();
        for name in self.values("topic") {
            let topic = topic(name)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
            if topics.len() > MAX_TOPICS {
                return Err(ApiError::field("topic", format!("more than {MAX_TOPICS} topics")));
            }
        }
        if topics.is_empty() {
            return Err(ApiError::field("topic", "the parameter is missing"));
        }
        Ok(topics)
    }

    /// The one topic to publish to.
    pub(crate) fn topic(&self) -> Result<TopicName, ApiError> {
        let name = self.single("topic")?;
        topic(name.ok_or_else(|| ApiError::field("topic", "the parameter is missing"))?)
    }

    /// `cursor`: where to go on.
    pub(crate) fn resume(&self) -> Result<Option<Resume>, ApiError> {
        self.single("cursor")?.map(Resume::from_cursor).transpose()
    }

    /// `event`: the name to publish under.
    pub(crate) fn event(&self) -> Result<Option<&str>, ApiError> {
        self.single("event")?.map(event).transpose()
    }

    /// `exclude`: the connection that the message is not for.
    pub(crate) fn exclude(&self) -> Result<Option<ConnectionId>, ApiError> {
        let text = self.single("exclude")?;
        text.map(|text| text.parse().map_err(|error| ApiError::field("exclude", format!("{error}"))))
            .transpose()
    }

    /// `wait`: how long a poll may take.
    pub(crate) fn wait(&self) -> Result<Duration, ApiError> {
        let seconds = match self.single("wait")? {
            None => Some(DEFAULT_WAIT_SECONDS),
            // `u64::parse` takes a sign, which no number of seconds has.
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => None,
            Some(text) => text.parse().ok().filter(|seconds| *seconds <= MAX_WAIT_SECONDS),
        };
        seconds.map(Duration::from_secs).ok_or_else(|| {
            ApiError::field("wait", format!("the wait is a whole number of seconds, 0 to {MAX_WAIT_SECONDS}"))
        })
    }

    /// One of two words, the first where the parameter is absent.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: [(&'static str, T); 2],
    ) -> Result<T, ApiError> {
        let [(default, _), (other, _)] = choices;
        let word = self.single(name)?.unwrap_or(default);
        let chosen = choices.iter().find(|(choice, _)| *choice == word);
        chosen
            .map(|(_, value)| *value)
            .ok_or_else(|| ApiError::field(name, format!("the parameter is `{default}` or `{other}`")))
    }
}

/// Names that a refusal may repeat; any other is only called the query.
fn known(name: &str) -> &'static str {
    const NAMES: [&str; 7] = ["topic", "cursor", "event", "exclude", "wait", "format", "exclude_self"];
    NAMES.into_iter().find(|known| *known == name).unwrap_or("query")
}

/// A topic name that a client gave.
pub(crate) fn topic(name: &str) -> Result<TopicName, ApiError> {
    TopicName::new(name).map_err(|error| ApiError::field("topic", format!("{error}")))
}

/// The topic in a path's segment.
pub(crate) fn topic_in_path(segment: &str) -> Result<TopicName, ApiError> {
    let name = decode(segment, Plus::IsPlus);
    topic(&name.ok_or_else(|| ApiError::field("topic", "the value is not UTF-8"))?)
}

/// An event name that a client may publish under.
pub(crate) fn event(name: &str) -> Result<&str, ApiError> {
    let wrong = if name.is_empty() {
        "an event name must not be empty"
    } else if name.len() > MAX_EVENT_LEN {
        "an event name has at most 255 bytes"
    } else if name.contains(['\r', '\n', '\0']) {
        "an event name must not contain CR, LF or NUL"
    } else if RESERVED_EVENTS.contains(&name) {
        "the event name is reserved"
    } else if name.ends_with(BASE64_SUFFIX) {
        "event names that end in `;base64` are reserved"
    } else {
        return Ok(name);
    };
    Err(ApiError::field("event", wrong))
}

/// Where a client wants to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// `0`: with the earliest message held.
    Earliest,
    /// Behind what it has seen.
    After(Cursor),
    /// Behind a place that cannot be read: what it missed is not known, which it is told by a gap.
    Unreadable,
}

impl Resume {
    /// From the parameter `cursor`, which a program wrote: what cannot be read is a mistake to point out.
    pub(crate) fn from_cursor(text: &str) -> Result<Self, ApiError> {
        if text == "0" {
            return Ok(Self::Earliest);
        }
        Cursor::parse(text).map(Self::After).map_err(|error| ApiError::field("cursor", format!("{error}")))
    }

    /// From the header `Last-Event-ID`, which a browser repeats by itself: any status but 200 would end its
    /// `EventSource` for good, so what cannot be read becomes a gap. `None` when the header is empty.
    pub(crate) fn from_last_event_id(value: &[u8]) -> Option<Self> {
        match value {
            b"" => None,
            b"0" => Some(Self::Earliest),
            _ => Some(
                std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| Cursor::parse(text).ok())
                    .map_or(Self::Unreadable, Self::After),
            ),
        }
    }

    /// Where a subscription to `topic` starts; live for who does not resume.
    pub(crate) fn start(resume: Option<&Self>, topic: &TopicName) -> Start {
        match resume {
            None => Start::Live,
            Some(Self::Earliest) => Start::Earliest,
            Some(Self::After(cursor)) => cursor.start(topic),
            Some(Self::Unreadable) => Start::Unknown,
        }
    }
}

/// What `+` stands for.
#[derive(Clone, Copy)]
enum Plus {
    /// A space, in a query.
    IsSpace,
    /// Itself, in a path.
    IsPlus,
}

/// Percent-decoding as in the URL standard: a `%` without two hex digits stands for itself. `None` when the
/// result is not UTF-8.
fn decode(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after, plus) {
            (b'%', [high, low, behind @ ..], _) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = behind;
            }
            (b'+', _, Plus::IsSpace) => decoded.push(b' '),
            _ => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of an ASCII hex digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params<'_> {
        Params::parse(Some(query)).unwrap()
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (Option<&'static str>, String) {
        let error = result.unwrap_err();
        assert_eq!(error.code().status(), 400);
        (error.field_name(), error.detail().to_owned())
    }

    #[test]
    fn queries_are_decoded_as_forms_are() {
        let decoded = params("a=1+2&b=%7b%7D&&c&d=%C3%A9%&e==&%66=%2&a=%zz");
        let pairs: Vec<(&str, &str)> =
            decoded.pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected =
            [("a", "1 2"), ("b", "{}"), ("c", ""), ("d", "é%"), ("e", "="), ("f", "%2"), ("a", "%zz")];
        assert_eq!(pairs, expected);
        assert!(Params::parse(None).unwrap().pairs.is_empty());
        assert_eq!(topic_in_path("a+b%2Fc").unwrap().as_str(), "a+b/c");
    }

    #[test]
    fn what_is_not_utf8_is_refused_by_name() {
        assert_eq!(refused(Params::parse(Some("topic=%FF"))).0, Some("topic"));
        assert_eq!(refused(Params::parse(Some("evil%22=%FF"))).0, Some("query"));
        assert_eq!(refused(Params::parse(Some("%C3=x"))).0, Some("query"));
        assert_eq!(refused(topic_in_path("%C3")).0, Some("topic"));
    }

    #[test]
    fn topics_keep_their_order_and_come_once() {
        let topics = params("topic=b&topic=a&topic=b&other=c").topics(None).unwrap();
        assert_eq!(topics.iter().map(TopicName::as_str).collect::<Vec<_>>(), ["b", "a"]);
        let first = TopicName::new("a").unwrap();
        let topics = params("topic=b&topic=a").topics(Some(first)).unwrap();
        assert_eq!(topics.iter().map(TopicName::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(params("topic=x").topic().unwrap().as_str(), "x");
    }

    #[test]
    fn bad_topics_are_named() {
        let long = "x".repeat(256);
        for (query, detail) in [
            ("", "the parameter is missing"),
            ("topic=", "a topic name must not be empty"),
            ("topic=a&topic=$user", "topic names that start with `$` are reserved"),
            ("topic=a%0Ab", "a topic name must not contain control characters"),
            ("topic=%C2%85", "a topic name must not contain control characters"),
            (&format!("topic={long}"), "a topic name has at most 255 bytes"),
        ] {
            assert_eq!(refused(params(query).topics(None)), (Some("topic"), detail.to_owned()), "{query}");
        }
        assert!(params(&format!("topic={}", &long[1..])).topics(None).is_ok());
        assert_eq!(refused(params("topic=a&topic=b").topic()).0, Some("topic"));
    }

    #[test]
    fn the_number_of_topics_is_capped() {
        let query = |count: usize| (0..count).map(|index| format!("topic=t{index}&")).collect::<String>();
        assert_eq!(params(&query(MAX_TOPICS)).topics(None).unwrap().len(), MAX_TOPICS);
        assert_eq!(refused(params(&query(MAX_TOPICS + 1)).topics(None)).1, "more than 128 topics");
    }

    #[test]
    fn waits_are_whole_seconds_within_a_minute() {
        for (query, seconds) in [("", 25), ("wait=0", 0), ("wait=60", 60), ("wait=007", 7)] {
            assert_eq!(params(query).wait().unwrap(), Duration::from_secs(seconds), "{query}");
        }
        for query in ["wait=61", "wait=-1", "wait=%2B5", "wait=1.5", "wait=", "wait=x", "wait=1&wait=1"] {
            assert_eq!(refused(params(query).wait()).0, Some("wait"), "{query}");
        }
        assert_eq!(refused(params("wait=99999999999999999999").wait()).0, Some("wait"));
    }

    #[test]
    fn event_names_cannot_break_a_stream_or_pass_for_ours() {
        let longest = "x".repeat(MAX_EVENT_LEN);
        for name in ["message", "a b", "Open", "é", &longest] {
            assert_eq!(event(name).unwrap(), name);
        }
        let too_long = "x".repeat(MAX_EVENT_LEN + 1);
        for name in ["", "a\rb", "a\nb", "a\0b", "x;base64", &too_long].iter().chain(&RESERVED_EVENTS) {
            assert_eq!(refused(event(name)).0, Some("event"), "{name:?}");
        }
    }

    #[test]
    fn a_broken_cursor_is_refused_and_a_broken_last_event_id_is_a_gap() {
        let topic = TopicName::new("t").unwrap();
        let start = |resume: Option<Resume>| Resume::start(resume.as_ref(), &topic);
        assert_eq!(start(None), Start::Live);
        assert_eq!(start(params("cursor=0").resume().unwrap()), Start::Earliest);
        assert_eq!(start(Resume::from_last_event_id(b"0")), Start::Earliest);
        assert_eq!(start(Resume::from_last_event_id(b"")), Start::Live);
        for broken in ["x", "00", "-1", "AAAA", "\u{e9}"] {
            assert_eq!(refused(params(&format!("cursor={broken}")).resume()).0, Some("cursor"));
            assert_eq!(start(Resume::from_last_event_id(broken.as_bytes())), Start::Unknown);
        }
        assert_eq!(refused(params("cursor=").resume()).0, Some("cursor"));
        assert_eq!(refused(params("cursor=0&cursor=0").resume()).0, Some("cursor"));
        assert_eq!(start(Resume::from_last_event_id(b"\xFF")), Start::Unknown);
    }

    #[test]
    fn choices_and_exclusions_are_exact() {
        let exclude_self = [("0", false), ("1", true)];
        assert!(!params("").choice("exclude_self", exclude_self).unwrap());
        assert!(params("exclude_self=1").choice("exclude_self", exclude_self).unwrap());
        let wrong = refused(params("exclude_self=yes").choice("exclude_self", exclude_self));
        assert_eq!(wrong, (Some("exclude_self"), "the parameter is `0` or `1`".to_owned()));
        let id = ConnectionId::new(0x1f);
        assert_eq!(params("exclude=000000000000001f").exclude().unwrap(), Some(id));
        assert_eq!(refused(params("exclude=1F").exclude()).0, Some("exclude"));
    }
}
