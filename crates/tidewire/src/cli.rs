//! The command line.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;

/// Real-time gateway: WebSocket, SSE, NDJSON and long polling from one binary.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C (the default command).
    Serve(Serve),
    /// Follow an event stream, and print a JSON object a line for each event.
    Tail(Tail),
}

/// What `tail` takes.
#[derive(Clone, Debug, Args, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Tail {
    /// The stream's address, `http` or `https`; `-` reads it from standard input.
    pub(crate) url: String,
    /// Print comments, too: `{"comment"}`.
    #[arg(long)]
    pub(crate) comments: bool,
    /// Print reconnection times, too: `{"retry"}`, in milliseconds.
    #[arg(long)]
    pub(crate) retry: bool,
    /// Stop where the connection ends, and do not come back.
    #[arg(long)]
    pub(crate) once: bool,
    /// Come back behind 429, 500, 502, 503 and 504, too.
    #[arg(long)]
    pub(crate) retry_trouble: bool,
    /// Feed the parser so many bytes at a time.
    #[arg(long, value_name = "BYTES", value_parser = count)]
    pub(crate) chunk: Option<usize>,
    /// Go on behind this event; 4096 bytes at most.
    #[arg(long, value_name = "ID", value_parser = last_event_id)]
    pub(crate) last_event_id: Option<String>,
    /// Send this header, `Name: value`; may come more than once.
    #[arg(short = 'H', long, value_name = "HEADER", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// The longest event, in bytes; a longer one is told of and passed over.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024, value_parser = count)]
    pub(crate) max_event: usize,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Serve(Serve),
    Tail(Tail),
}

/// What `serve` takes.
#[derive(Clone, Debug, Args, PartialEq, Eq)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The longest message, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024, value_parser = message_len)]
    pub(crate) max_message: usize,
    /// Connections open at the same time; further ones wait to be accepted.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = count)]
    pub(crate) max_connections: usize,
    /// Messages that each topic keeps for those who resume.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = count)]
    pub(crate) history: usize,
}

/// The largest value of `--max-message`, in bytes.
const MAX_MAX_MESSAGE: usize = 16 * 1024 * 1024;

fn message_len(text: &str) -> Result<usize, String> {
    let len = text.parse().ok().filter(|len| (1..=MAX_MAX_MESSAGE).contains(len));
    len.ok_or_else(|| format!("expected a number of bytes, 1 to {MAX_MAX_MESSAGE}"))
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "expected a number, 1 at least".to_owned())
}

/// The longest value of `--last-event-id`, in bytes: servers take heads of some 8 KiB.
const MAX_LAST_EVENT_ID_LEN: usize = 4096;

fn last_event_id(text: &str) -> Result<String, String> {
    match text.len() {
        0..=MAX_LAST_EVENT_ID_LEN => Ok(text.to_owned()),
        len => Err(format!("expected at most {MAX_LAST_EVENT_ID_LEN} bytes, got {len}")),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl Cli {
    /// What is to be done; without a command it is to serve.
    pub(crate) fn into_task(self) -> Task {
        match self.command {
            Some(Command::Serve(serve)) => Task::Serve(serve),
            Some(Command::Tail(tail)) => Task::Tail(tail),
            None => Task::Serve(self.serve),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Serve {
        match Cli::try_parse_from(arguments).unwrap().into_task() {
            Task::Serve(serve) => serve,
            Task::Tail(tail) => panic!("{tail:?}"),
        }
    }

    #[test]
    fn tail_takes_a_stream_and_what_to_say_of_it() {
        let parse =
            |arguments: &[&str]| match Cli::try_parse_from([&["tidewire", "tail"], arguments].concat())
                .unwrap()
                .into_task()
            {
                Task::Tail(tail) => tail,
                Task::Serve(serve) => panic!("{serve:?}"),
            };
        let plain = parse(&["-"]);
        assert_eq!((plain.url.as_str(), plain.comments, plain.retry, plain.once), ("-", false, false, false));
        assert_eq!((plain.chunk, plain.max_event), (None, 64 * 1024 * 1024));
        let full = parse(&[
            "http://a/",
            "--comments",
            "--retry",
            "--once",
            "--chunk",
            "1",
            "--last-event-id",
            "7",
            "-H",
            "A: b",
            "-H",
            "C: d",
        ]);
        assert_eq!((full.comments, full.retry, full.once, full.chunk), (true, true, true, Some(1)));
        assert_eq!((full.last_event_id.as_deref(), full.header.len()), (Some("7"), 2));
        for wrong in [&["tail"][..], &["tail", "-", "--chunk", "0"], &["tail", "-", "--max-event", "x"]] {
            assert!(Cli::try_parse_from([&["tidewire"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_last_event_id_has_at_most_4096_bytes() {
        let long = "é".repeat(2048);
        assert!(Cli::try_parse_from(["tidewire", "tail", "-", "--last-event-id", &long]).is_ok());
        let longer = format!("{long}x");
        let error = Cli::try_parse_from(["tidewire", "tail", "-", "--last-event-id", &longer]).unwrap_err();
        assert!(error.to_string().contains("expected at most 4096 bytes, got 4097"), "{error}");
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_command() {
        let default = parse(&["tidewire"]);
        assert_eq!(default.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(
            (default.max_message, default.max_connections, default.history),
            (65_536, 100_000, 10_000)
        );
        assert_eq!(parse(&["tidewire", "serve"]), default);
        let other = parse(&["tidewire", "serve", "--listen", "[::1]:0"]);
        assert_eq!(other.listen.to_string(), "[::1]:0");
        assert_eq!(parse(&["tidewire", "--listen", "[::1]:0"]), other);
    }

    #[test]
    fn a_message_has_at_least_one_byte_and_at_most_16_mib() {
        assert_eq!(parse(&["tidewire", "--max-message", "16777216"]).max_message, MAX_MAX_MESSAGE);
        for wrong in ["0", "16777217", "-1", "64K"] {
            assert!(Cli::try_parse_from(["tidewire", "--max-message", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_at_least_one() {
        for option in ["--history", "--max-connections"] {
            assert!(Cli::try_parse_from(["tidewire", option, "1"]).is_ok());
            for wrong in ["0", "-1", "x"] {
                assert!(Cli::try_parse_from(["tidewire", option, wrong]).is_err(), "{option} {wrong}");
            }
        }
    }
}
