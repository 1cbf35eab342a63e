//! Event streams for the SSE benches, and the least that any parser or encoder of them must do.

use std::fmt::Write;

/// How much of a stream is parsed at a time.
pub const STREAM_LEN: usize = 256 * 1024;

/// The event type of the cases that have one.
pub const EVENT_TYPE: &str = "token";

/// What the events of a stream look like.
#[derive(Clone, Debug)]
pub struct Case {
    /// Ends with the bytes of data, so that a table can be sorted.
    pub name: &'static str,
    /// The data lines.
    pub lines: Vec<String>,
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
    fn new(name: &'static str, count: usize, line_len: usize, fields: Fields) -> Self {
        Self { name, lines: vec!["x".repeat(line_len); count], fields }
    }

    /// The cases that are parsed.
    #[must_use]
    pub fn parsed() -> Vec<Self> {
        vec![
            Self::new("20", 1, 20, Fields::Data),
            Self::new("fields-128", 1, 128, Fields::All),
            Self::new("200", 1, 200, Fields::Data),
            Self::new("fields-1024", 1, 1024, Fields::All),
            Self::new("lines-1024", 13, 78, Fields::Data),
        ]
    }

    /// The cases that are encoded.
    #[must_use]
    pub fn encoded() -> Vec<Self> {
        vec![
            Self::new("20", 1, 20, Fields::Data),
            Self::new("fields-128", 1, 128, Fields::All),
            Self::new("fields-1024", 1, 1024, Fields::All),
            Self::new("lines-1024", 13, 78, Fields::Data),
            Self::new("16384", 1, 16 * 1024, Fields::Data),
        ]
    }

    /// The data, its lines joined.
    #[must_use]
    pub fn data(&self) -> String {
        self.lines.join("\n")
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
        for line in &self.lines {
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

fn append_line(data: &mut Vec<u8>, line: &[u8]) {
    data.extend_from_slice(line);
    data.push(b'\n');
}

#[expect(clippy::expect_used, reason = "the streams are ours")]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("our own streams are UTF-8")
}

/// What no encoder can do without: room for the whole, and a copy of each part into it; the lines are known.
pub fn least_encode(case: &Case, id: &str, output: &mut Vec<u8>) {
    let data_len: usize = case.lines.iter().map(|line| line.len() + 7).sum();
    output.reserve(data_len + id.len() + EVENT_TYPE.len() + 16);
    if case.fields == Fields::All {
        append_field(output, b"id: ", id);
        append_field(output, b"event: ", EVENT_TYPE);
    }
    for line in &case.lines {
        append_field(output, b"data: ", line);
    }
    output.push(b'\n');
}

fn append_field(output: &mut Vec<u8>, name: &[u8], value: &str) {
    output.extend_from_slice(name);
    append_line(output, value.as_bytes());
}
