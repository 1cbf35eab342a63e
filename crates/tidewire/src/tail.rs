//! `tidewire tail`: follows an event stream and prints a JSON object a line for each event.

use crate::Failure;
use crate::cli::Tail;
use crate::terminal::{Printable, say};
use serde::Serialize;
use std::io::{self, BufWriter, Read, Write};
use tidewire_sse::{Item, Parser};
use tidewire_tokio::event_source::{
    Builder, Config, Error, EventSource, InvalidRequest, InvalidUrl, Loss, Update,
};

/// Bytes read from standard input at a time.
const READ_LEN: usize = 64 * 1024;

/// A line of the output.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Event {
        event: &'a str,
        data: &'a str,
        id: &'a str,
    },
    Comment {
        comment: &'a str,
    },
    /// In milliseconds.
    Retry {
        retry: u128,
    },
}

/// How it ended.
enum End {
    /// The input did, as it may.
    Input,
    /// Whoever read the output is gone: nobody wants more.
    Output,
    /// What went wrong.
    Failed(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Output } else { Self::Failed(error.to_string()) }
    }
}

/// Follows what the options name to its end.
///
/// # Errors
/// What went wrong, for humans.
pub(crate) fn run(options: &Tail) -> Result<(), Failure> {
    let mut output = Output { options, writer: BufWriter::new(io::stdout().lock()) };
    let end = match options.url.as_str() {
        "-" => output.copy(io::stdin().lock()),
        _ => output.follow(request(options)?),
    };
    match end.unwrap_or_else(|end| end) {
        End::Input | End::Output => Ok(()),
        End::Failed(message) => Err(Failure::Failed(message)),
    }
}

/// The limits of one stream: whoever follows it by hand wants all of it.
fn limits(options: &Tail) -> tidewire_sse::Config {
    let mut limits = tidewire_sse::Config::default();
    // A line is a name, a colon and a value.
    limits.max_line_len = options.max_event.saturating_add(16);
    limits.max_data_len = options.max_event;
    limits.max_event_type_len = options.max_event;
    limits.max_id_len = options.max_event;
    limits
}

struct Output<'o, W> {
    options: &'o Tail,
    writer: W,
}

impl<W: Write> Output<'_, W> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), End> {
        let wanted = match line {
            Line::Event { .. } => true,
            Line::Comment { .. } => self.options.comments,
            Line::Retry { .. } => self.options.retry,
        };
        if wanted {
            let mut json = serde_json::Serializer::with_formatter(&mut self.writer, Printable);
            line.serialize(&mut json).map_err(|error| End::from(io::Error::from(error)))?;
            self.writer.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Parses `input` to its end.
    fn copy(&mut self, mut input: impl Read) -> Result<End, End> {
        let last_event_id = self.options.last_event_id.clone().unwrap_or_default();
        let mut parser = Parser::resuming(limits(self.options), last_event_id);
        let mut buffer = vec![0; READ_LEN];
        loop {
            let len = match input.read(&mut buffer) {
                Ok(0) => return Ok(End::Input),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(End::Failed(format!("cannot read standard input: {error}"))),
            };
            for chunk in buffer[..len].chunks(self.options.chunk.unwrap_or(READ_LEN)) {
                let mut items = parser.receive(chunk);
                while let Some(item) = items.next() {
                    match item {
                        Ok(Item::Event(event)) => self.line(&Line::Event {
                            event: event.event_type,
                            data: event.data,
                            id: event.last_event_id,
                        })?,
                        Ok(Item::Comment(comment)) => self.line(&Line::Comment { comment: &comment })?,
                        Ok(Item::Retry(time)) => self.line(&Line::Retry { retry: time.as_millis() })?,
                        Err(exceeded) => say(format_args!("an event is lost: {exceeded}")),
                    }
                }
            }
            self.writer.flush()?;
        }
    }

    /// Follows a URL until its server says that there is no more.
    fn follow(&mut self, request: Builder) -> Result<End, End> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut source = request.connect().map_err(|error| End::Failed(error.to_string()))?;
            loop {
                let update = tokio::select! {
                    // What is there is printed before the output is flushed.
                    biased;
                    update = source.next_update() => update,
                    () = std::future::ready(()) => {
                        self.writer.flush()?;
                        source.next_update().await
                    }
                };
                match update {
                    None => {
                        self.writer.flush()?;
                        return Ok(End::Input);
                    }
                    Some(Ok(Update::Event(event))) => self.line(&Line::Event {
                        event: &event.event_type,
                        data: &event.data,
                        id: &event.last_event_id,
                    })?,
                    Some(Ok(Update::Comment(comment))) => self.line(&Line::Comment { comment: &comment })?,
                    Some(Ok(Update::Retry(time))) => self.line(&Line::Retry { retry: time.as_millis() })?,
                    Some(Ok(Update::Lost { loss, source, .. })) if self.options.once => {
                        self.writer.flush()?;
                        if loss == Loss::Eof {
                            return Ok(End::Input);
                        }
                        return Ok(End::Failed(lost(loss, source.as_deref())));
                    }
                    Some(Ok(Update::Lost { loss, source, delay })) => {
                        let lost = lost(loss, source.as_deref());
                        say(format_args!("{lost}, back in {:.1} s", delay.as_secs_f64()));
                    }
                    Some(Ok(Update::Open | _)) => {}
                    Some(Err(Error::LimitExceeded(exceeded))) => {
                        say(format_args!("an event is lost: {exceeded}"));
                    }
                    Some(Err(error)) => {
                        self.writer.flush()?;
                        return Ok(End::Failed(chain(&error)));
                    }
                }
            }
        })
    }
}

/// The request that the options make.
fn request(options: &Tail) -> Result<Builder, Failure> {
    let mut config = Config::default();
    // The ID goes back in a request: longer than the client's limit most servers refuse it.
    let max_id_len = config.parser.max_id_len.min(options.max_event);
    config.parser = limits(options);
    config.parser.max_id_len = max_id_len;
    let mut builder = EventSource::builder(&options.url).config(config);
    for (name, value) in &options.header {
        builder = builder.header(name, value);
    }
    if let Some(id) = &options.last_event_id {
        builder = builder.last_event_id(id);
    }
    if let Some(len) = options.chunk {
        builder = builder.max_chunk_len(len);
    }
    if options.retry_trouble {
        builder = builder.retry_server_trouble();
    }
    match builder.check() {
        Ok(()) => Ok(builder),
        Err(error @ InvalidRequest::Url(InvalidUrl::Syntax(_))) => {
            Err(Failure::Usage(format!("{error} (a file is read with: tidewire tail - < FILE)")))
        }
        Err(error) => Err(Failure::Usage(error.to_string())),
    }
}

/// How a connection was lost, and what the transport says of it.
fn lost(loss: Loss, source: Option<&(dyn std::error::Error + Send + Sync + 'static)>) -> String {
    source.map_or_else(|| loss.to_string(), |source| format!("{loss} ({})", chain(source)))
}

/// An error and what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(input: &[u8], change: impl FnOnce(&mut Tail)) -> String {
        let mut options = Tail {
            url: "-".into(),
            comments: false,
            retry: false,
            once: false,
            chunk: None,
            last_event_id: None,
            header: Vec::new(),
            retry_trouble: false,
            max_event: 1000,
        };
        change(&mut options);
        let mut output = Output { options: &options, writer: Vec::new() };
        assert!(matches!(output.copy(input), Ok(End::Input)));
        String::from_utf8(output.writer).unwrap()
    }

    const STREAM: &[u8] =
        b"\xEF\xBB\xBF: hi\nretry: 7\ndata: a\"b\ndata: \xFF\n\nid: 1\nevent: e\ndata: x\r\n\r\ndata: cut";

    #[test]
    fn an_event_is_a_line() {
        let lines = "{\"event\":\"message\",\"data\":\"a\\\"b\\n\u{FFFD}\",\"id\":\"\"}\n\
            {\"event\":\"e\",\"data\":\"x\",\"id\":\"1\"}\n";
        assert_eq!(tail(STREAM, |_| {}), lines);
        for chunk in 1..9 {
            assert_eq!(tail(STREAM, |options| options.chunk = Some(chunk)), lines, "{chunk}");
        }
    }

    #[test]
    fn comments_and_reconnection_times_come_if_they_are_wanted() {
        let all = tail(STREAM, |options| (options.comments, options.retry) = (true, true));
        assert!(all.starts_with("{\"comment\":\" hi\"}\n{\"retry\":7}\n{\"event\":"), "{all}");
        assert!(tail(STREAM, |options| options.retry = true).starts_with("{\"retry\":7}\n{\"event\":"));
    }

    #[test]
    fn what_was_received_before_is_the_last_event_id() {
        let line = tail(b"data: x\n\n", |options| options.last_event_id = Some("7".into()));
        assert_eq!(line, "{\"event\":\"message\",\"data\":\"x\",\"id\":\"7\"}\n");
    }

    #[test]
    fn an_event_may_be_as_long_as_the_limit() {
        for (len, lines) in [(1000, 2), (1001, 1)] {
            let stream = format!("data: {}\n\ndata: x\n\n", "x".repeat(len));
            assert_eq!(tail(stream.as_bytes(), |_| {}).lines().count(), lines, "{len}");
        }
    }
}
