//! Echoes every message without a runtime, a thread a connection:
//! `cargo run -p tidewire-connection --example blocking_echo -- 127.0.0.1:9007`.
//!
//! It shows what the owner of a connection has to do, whatever moves its bytes: tell the time, write the output, do with
//! the transport what [`Transport`] says, and read until the next deadline.
#![expect(clippy::disallowed_methods, reason = "here is the clock that the composites are told the time by")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidewire_connection::lifecycle::Timer;
use tidewire_connection::websocket::{Accepting, Config, Event, Reader, Received, Transport, Writer};
use tidewire_connection::ws::handshake::{Refusal, Response};

/// A thread that writes looks at its deadlines at least so often, and so does one that has none.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9007".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let config = Config::default();
    for stream in listener.incoming() {
        let (stream, config) = (stream?, config.clone());
        thread::spawn(move || match serve(stream, config) {
            Ok(end) => println!("{end}"),
            Err(error) => eprintln!("{error}"),
        });
    }
    Ok(())
}

/// Serves one connection from its first byte to its last, and tells how it ended.
///
/// # Errors
/// The socket cannot be set up.
pub(crate) fn serve(stream: TcpStream, config: Config) -> io::Result<String> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(LONGEST_WAIT))?;
    let mut socket = Socket { stream, start: Instant::now(), output: Vec::new(), room: vec![0; 16 * 1024] };
    match open(&mut socket, config)? {
        Ok((reader, writer, unread)) => echo(&mut socket, reader, writer, unread),
        Err(failed) => Ok(failed),
    }
}

/// A blocking transport, and the clock.
struct Socket {
    stream: TcpStream,
    start: Instant,
    output: Vec<u8>,
    room: Vec<u8>,
}

/// What came of a read.
enum Came {
    Bytes(usize),
    Eof,
    /// Nothing came in time.
    Nothing,
    Failed,
}

impl Socket {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Writes once: how many bytes were taken, none of them if the peer takes nothing; `None` when the transport failed.
    fn write(&mut self) -> Option<usize> {
        match self.stream.write(&self.output) {
            Ok(len) => {
                self.output.drain(..len);
                Some(len)
            }
            Err(error) if is_timeout(&error) => Some(0),
            Err(_) => None,
        }
    }

    /// Reads once, until the next deadline at most.
    fn read(&mut self, deadline: Option<(Duration, Timer)>) -> io::Result<Came> {
        let wait = deadline.map_or(LONGEST_WAIT, |(at, _)| at.saturating_sub(self.now()));
        // A socket takes no timeout of zero.
        self.stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        Ok(match self.stream.read(&mut self.room) {
            Ok(0) => Came::Eof,
            Ok(len) => Came::Bytes(len),
            Err(error) if is_timeout(&error) => Came::Nothing,
            Err(_) => Came::Failed,
        })
    }

    fn shut_down(&self) {
        // Of a socket that is gone already the next read tells.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// What an opening handshake comes to: a connection and what was read behind the request, or why there is none.
type Opened = Result<(Reader, Writer, Vec<u8>), String>;

/// The opening handshake.
fn open(socket: &mut Socket, config: Config) -> io::Result<Opened> {
    let mut accepting = Accepting::new(Arc::default(), config, socket.now());
    let mut unread = None;
    loop {
        accepting.handle_timeout(socket.now());
        if !socket.output.is_empty() && accepting.transport() != Transport::Closed {
            let written = socket.write();
            match written {
                Some(len) => accepting.handle_sent(socket.now(), len, socket.output.len()),
                None => accepting.handle_transport_error(socket.now()),
            }
            continue;
        }
        match accepting.transport() {
            Transport::Closed => {
                return Ok(Err(accepting.failed().map_or(String::new(), |failed| failed.to_string())));
            }
            Transport::ShutDown | Transport::Finish => {
                socket.shut_down();
                accepting.handle_shut_down(socket.now());
                continue;
            }
            Transport::Open | Transport::Discard => {}
        }
        if let Some(unread) = unread.take() {
            match accepting.open(socket.now()) {
                Ok((reader, writer)) => return Ok(Ok((reader, writer, unread))),
                Err(failed) => accepting = *failed,
            }
            continue;
        }
        let read = socket.read(accepting.poll_timeout())?;
        let now = socket.now();
        match read {
            Came::Bytes(len) if accepting.transport() == Transport::Discard => {
                accepting.handle_discarded(now, len);
            }
            Came::Bytes(len) => unread = answer(&mut accepting, socket, len),
            Came::Eof => accepting.handle_eof(now),
            Came::Nothing => {}
            Came::Failed => accepting.handle_transport_error(now),
        }
    }
}

/// Looks at the request: what was read behind it once it is accepted.
fn answer(accepting: &mut Accepting, socket: &mut Socket, len: usize) -> Option<Vec<u8>> {
    let now = socket.now();
    match accepting.receive(now, &socket.room[..len], &mut socket.output) {
        Received::Request { consumed } => {
            if accepting.request().is_some_and(|request| request.path() != "/") {
                accepting.refuse(now, &Refusal::new(404, "all that is here is /"), &mut socket.output);
                return None;
            }
            accepting.accept(now, &Response::new(), &mut socket.output).ok()?;
            Some(socket.room[consumed..len].to_vec())
        }
        Received::NeedMore | Received::Refused(_) | Received::Over => None,
    }
}

/// The connection.
fn echo(
    socket: &mut Socket,
    mut reader: Reader,
    mut writer: Writer,
    mut unread: Vec<u8>,
) -> io::Result<String> {
    writer.handle_received(socket.now(), unread.len());
    loop {
        writer.handle_timeout(socket.now(), &mut socket.output);
        receive(socket, &mut reader, &mut writer, &mut unread);
        if !socket.output.is_empty() && writer.transport() != Transport::Closed {
            let written = socket.write();
            let (now, left) = (socket.now(), socket.output.len());
            match written {
                Some(len) => writer.handle_sent(now, len, left, &mut socket.output),
                None => writer.handle_transport_error(now),
            }
            continue;
        }
        match writer.transport() {
            Transport::Closed => {
                return Ok(writer.ended().map_or(String::new(), |ended| ended.to_string()));
            }
            Transport::ShutDown | Transport::Finish => {
                socket.shut_down();
                writer.handle_shut_down(socket.now());
                continue;
            }
            Transport::Open | Transport::Discard => {}
        }
        let read = socket.read(writer.poll_timeout())?;
        let now = socket.now();
        match read {
            Came::Bytes(len) if writer.transport() == Transport::Discard => writer.handle_discarded(now, len),
            Came::Bytes(len) => {
                writer.handle_received(now, len);
                unread.extend_from_slice(&socket.room[..len]);
            }
            Came::Eof => reader.handle_eof(now, &mut writer),
            Came::Nothing => {}
            Came::Failed => writer.handle_transport_error(now),
        }
    }
}

/// Echoes what was read, and leaves nothing of it.
fn receive(socket: &mut Socket, reader: &mut Reader, writer: &mut Writer, unread: &mut Vec<u8>) {
    let now = socket.now();
    let mut events = reader.receive(unread);
    while let Some(event) = events.next(now, writer, &mut socket.output) {
        // When our close frame is out there is nobody to echo to.
        let _ = match event {
            Event::Text(text) => writer.send_text(now, &text, &mut socket.output),
            Event::Binary(payload) => writer.send_binary(now, &payload, &mut socket.output),
            Event::Ping(_) | Event::Pong(_) | Event::Ended(_) => Ok(()),
        };
    }
    unread.clear();
}
