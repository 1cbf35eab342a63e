//! An event stream that counts, without a runtime, a thread a connection:
//! `cargo run -p tidewire-connection --example blocking_events -- 127.0.0.1:9008`, then `curl -N http://127.0.0.1:9008/`.
//!
//! The head of a request is HTTP's, and read here with no more than that needs; a program has a library for it. From the
//! response on the composite says what to do, as in `blocking_echo`. Whoever comes back goes on behind the last event ID.
#![expect(clippy::disallowed_methods, reason = "here is the clock that the composites are told the time by")]

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidewire_connection::event_stream::{EventStream, Transport};
use tidewire_connection::lifecycle::Config;
use tidewire_connection::sse::{Event, content};

/// Between two events.
const PACE: Duration = Duration::from_millis(100);
/// A stream ends behind this one.
const LAST: u64 = 10;
/// The head of a request, in bytes.
const MAX_HEAD_LEN: u64 = 16 * 1024;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9008".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    let config = Arc::new(Config::event_stream());
    for stream in listener.incoming() {
        let (stream, config) = (stream?, Arc::clone(&config));
        thread::spawn(move || match serve(stream, config) {
            Ok(end) => println!("{end}"),
            Err(error) => eprintln!("{error}"),
        });
    }
    Ok(())
}

/// Serves one stream from the request to its last byte, and tells how it ended.
///
/// # Errors
/// The request does not come within 5 s, is too long, or the socket cannot be set up.
pub(crate) fn serve(mut socket: TcpStream, config: Arc<Config>) -> io::Result<String> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(PACE))?;
    let mut count = last_event_id(&socket)?;
    let (start, retry) = (Instant::now(), Duration::from_secs(1));
    let mut output = head();
    let mut stream = EventStream::open(config, start.elapsed(), retry, &count.to_string(), &mut output)
        .map_err(io::Error::other)?;
    let mut next_event = start.elapsed();
    loop {
        let now = start.elapsed();
        stream.handle_timeout(now, &mut output);
        if stream.ended().is_none() && now >= next_event {
            count += 1;
            next_event = now + PACE;
            if count > LAST {
                stream.end(now);
            } else {
                let (id, data) = (count.to_string(), format!("event {count}"));
                stream.send(now, &Event::new().id(&id).data(&data), &mut output).map_err(io::Error::other)?;
            }
        }
        if !output.is_empty() && stream.transport() != Transport::Closed {
            write(&mut socket, &mut stream, &mut output, start);
            continue;
        }
        match stream.transport() {
            Transport::Closed => return Ok(stream.ended().map_or(String::new(), |ended| ended.to_string())),
            Transport::ShutDown | Transport::Finish => {
                // Of a socket that is gone already the next read tells.
                let _ = socket.shutdown(Shutdown::Write);
                stream.handle_shut_down(start.elapsed());
                continue;
            }
            Transport::Open => {
                let deadline = stream.poll_timeout().map_or(next_event, |(at, _)| at.min(next_event));
                read(&mut socket, &mut stream, deadline, start)?;
            }
            Transport::Discard => {
                let deadline = stream.poll_timeout().map_or(now + PACE, |(at, _)| at);
                read(&mut socket, &mut stream, deadline, start)?;
            }
        }
    }
}

/// The head of the response.
fn head() -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n".to_vec();
    for (name, value) in content::HEADERS {
        head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Where the client wants to go on from; 0 where it does not say, or not in a way that is ours.
fn last_event_id(socket: &TcpStream) -> io::Result<u64> {
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut id = 0;
    for line in BufReader::new(socket.take(MAX_HEAD_LEN)).lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(id);
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case(content::LAST_EVENT_ID) {
                id = value.trim().parse().unwrap_or(0);
            }
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "expected the head of a request of at most 16 KiB"))
}

/// Writes once; a client that takes nothing for too long is the composite's to drop.
fn write(socket: &mut TcpStream, stream: &mut EventStream, output: &mut Vec<u8>, start: Instant) {
    match socket.write(output) {
        Ok(len) => {
            output.drain(..len);
            stream.handle_sent(start.elapsed(), len, output.len());
        }
        Err(error) if is_timeout(&error) => stream.handle_sent(start.elapsed(), 0, output.len()),
        Err(_) => stream.handle_transport_error(start.elapsed()),
    }
}

/// Reads once, until `deadline` at most: a client has nothing to say but that it goes.
fn read(
    socket: &mut TcpStream,
    stream: &mut EventStream,
    deadline: Duration,
    start: Instant,
) -> io::Result<()> {
    // A socket takes no timeout of zero.
    let wait = deadline.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
    socket.set_read_timeout(Some(wait))?;
    let mut room = [0; 1024];
    let read = socket.read(&mut room);
    let now = start.elapsed();
    match read {
        Ok(0) => stream.handle_eof(now),
        Ok(len) => stream.handle_discarded(now, len),
        Err(error) if is_timeout(&error) => {}
        Err(_) => stream.handle_transport_error(now),
    }
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
