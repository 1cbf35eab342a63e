//! Event streams for the SSE benches, and the least that any parser or encoder of them must do.

use std::fmt::Write;

/// How much of a stream is parsed at a time: more than a branch predictor learns by heart.
pub const STREAM_LEN: usize = 1024 * 1024;

/// The event type of the cases that have one.
pub const EVENT_TYPE: &str = "token";

/// What the events of a stream look like.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Ends with the bytes of data, so that a table can be sorted.
    pub name: &'static str,
    /// The bytes of data, line feeds included.
    data_len: usize,
    /// The number of data lines, of different lengths if there are several.
    line_count: usize,
    /// Which other fields there are.
    pub fields: Fields,
}

/// The fields beside the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// None.
    Data,
    /// Event type and ID; each event has an ID of its own.
    All,
}

impl Case {
    const fn new(name: &'static str, data_len: usize, line_count: usize, fields: Fields) -> Self {
        Self { name, data_len, line_count, fields }
    }

    /// The cases that are parsed.
    #[must_use]
    pub fn parsed() -> Vec<Self> {
        vec![
            Self::new("20", 20, 1, Fields::Data),
            Self::new("fields-128", 128, 1, Fields::All),
            Self::new("200", 200, 1, Fields::Data),
            Self::new("fields-1024", 1024, 1, Fields::All),
            Self::new("lines-1024", 1024, 13, Fields::Data),
        ]
    }

    /// The cases that are encoded.
    #[must_use]
    pub fn encoded() -> Vec<Self> {
        vec![
            Self::new("20", 20, 1, Fields::Data),
            Self::new("fields-128", 128, 1, Fields::All),
            Self::new("fields-1024", 1024, 1, Fields::All),
            Self::new("lines-1024", 1024, 13, Fields::Data),
            Self::new("16384", 16 * 1024, 1, Fields::Data),
        ]
    }

    /// The data of the event with this number. Where it has several lines, they break at other places in each event.
    #[must_use]
    pub fn data(&self, number: usize) -> String {
        let mut data = vec![b'x'; self.data_len];
        let mut chance = number as u64;
        let mut line_feeds = 1;
        while line_feeds < self.line_count {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = &mut data[(chance >> 33) as usize % self.data_len];
            line_feeds += usize::from(*place != b'\n');
            *place = b'\n';
        }
        String::from_utf8_lossy(&data).into_owned()
    }

    /// The ID of the event with this number.
    #[must_use]
    pub fn id(number: usize) -> String {
        format!("{number:08}")
    }

    /// One event as text.
    #[must_use]
    pub fn block(&self, number: usize) -> String {
        let mut block = String::new();
        if self.fields == Fields::All {
            let _ = write!(block, "id: {}\nevent: {EVENT_TYPE}\n", Self::id(number));
        }
        for line in self.data(number).split('\n') {
            let _ = writeln!(block, "data: {line}");
        }
        block + "\n"
    }

    /// As many events as make a stream, and how many.
    #[must_use]
    pub fn stream(&self) -> (Vec<u8>, usize) {
        let count = STREAM_LEN / self.block(0).len();
        ((0..count).map(|number| self.block(number)).collect::<String>().into_bytes(), count)
    }
}

/// What no parser can do without: each line's end is searched, the names of the fields are compared, text is checked to
/// be UTF-8, what must outlive its chunk is copied. It knows LF alone, no limit, no bad byte, and one space behind each
/// colon.
#[derive(Debug, Default)]
pub struct Least {
    line: Vec<u8>,
    data: Vec<u8>,
    event_type: String,
    id: String,
}

impl Least {
    /// Calls back for each event that ends in the chunk, with its type, data and ID.
    ///
    /// # Panics
    /// When the stream is not UTF-8.
    pub fn parse(&mut self, chunk: &[u8], mut on_event: impl FnMut(&str, &str, &str)) {
        let mut lent: Option<&[u8]> = None;
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if !self.line.is_empty() {
                self.line.extend_from_slice(line);
                let line = std::mem::take(&mut self.line);
                match line.strip_prefix(b"data: ") {
                    Some(value) => append_line(&mut self.data, value),
                    None => self.field(&line),
                }
                self.line = line;
                self.line.clear();
            } else if let Some(value) = line.strip_prefix(b"data: ") {
                if lent.is_none() && self.data.is_empty() {
                    lent = Some(value);
                } else {
                    if let Some(first) = lent.take() {
                        append_line(&mut self.data, first);
                    }
                    append_line(&mut self.data, value);
                }
            } else if line.is_empty() {
                let data = lent.take().unwrap_or_else(|| &self.data[..self.data.len().saturating_sub(1)]);
                on_event(&self.event_type, text(data), &self.id);
                self.data.clear();
            } else {
                self.field(line);
            }
        }
        if let Some(first) = lent {
            append_line(&mut self.data, first);
        }
        self.line.extend_from_slice(rest);
    }

    fn field(&mut self, line: &[u8]) {
        let (buffer, value) = match (line.strip_prefix(b"id: "), line.strip_prefix(b"event: ")) {
            (Some(value), _) => (&mut self.id, value),
            (None, Some(value)) => (&mut self.event_type, value),
            (None, None) => return,
        };
        buffer.clear();
        buffer.push_str(text(value));
    }
}

#[inline]
fn append_line(data: &mut Vec<u8>, line: &[u8]) {
    data.extend_from_slice(line);
    data.push(b'\n');
}

#[expect(clippy::expect_used, reason = "the streams are ours")]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("our own streams are UTF-8")
}

/// What no encoder can do without: room for the whole, and a copy of each part into it; the lines are known.
pub fn least_encode(fields: Fields, id: &str, lines: &[&str], output: &mut Vec<u8>) {
    let data_len: usize = lines.iter().map(|line| line.len() + 7).sum();
    output.reserve(data_len + id.len() + EVENT_TYPE.len() + 16);
    if fields == Fields::All {
        append_field(output, b"id: ", id);
        append_field(output, b"event: ", EVENT_TYPE);
    }
    for line in lines {
        append_field(output, b"data: ", line);
    }
    output.push(b'\n');
}

fn append_field(output: &mut Vec<u8>, name: &[u8], value: &str) {
    output.extend_from_slice(name);
    append_line(output, value.as_bytes());
}
