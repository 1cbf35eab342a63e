//! Fan-out of events: a burst is posted in one request, every event stream receives it, and then comes the next.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{
    Load, now,
    sockets::{Sockets, Waiting},
};
use crate::{
    frames::text,
    http::{Response, get},
};

/// Event streams, and a connection to publish on.
#[derive(Debug)]
pub struct Events {
    sockets: Sockets,
    streams: Vec<Stream>,
    publisher: TcpStream,
    request: Vec<u8>,
    /// What one burst looks like to whoever receives it.
    burst: Vec<Vec<u8>>,
    ready: Vec<usize>,
}

/// One event stream.
#[derive(Debug)]
struct Stream {
    response: Response,
    body: Vec<u8>,
    /// Which event comes next, and how many of this burst have not come.
    next: usize,
    missing: usize,
}

/// An event stream whose response has begun.
///
/// # Errors
/// The server does not answer with a 200.
pub fn open(address: SocketAddr) -> io::Result<(TcpStream, Response)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(get("/", "Accept: text/event-stream\r\n").as_bytes())?;
    let mut response = Response::default();
    let (mut byte, mut body) = ([0], Vec::new());
    while response.status().is_none() {
        stream.read_exact(&mut byte)?;
        response.receive(&byte, &mut body).map_err(io::Error::other)?;
    }
    match response.status() {
        Some(200) => Ok((stream, response)),
        status => Err(io::Error::other(format!("expected status 200, got {status:?}"))),
    }
}

impl Events {
    /// Events with data of this length, `burst` of them at a time, to `count` event streams.
    ///
    /// # Errors
    /// One of them does not open.
    pub fn open(address: SocketAddr, count: usize, len: usize, burst: usize) -> io::Result<Self> {
        let (mut open_streams, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (stream, response) = open(address)?;
            open_streams.push(stream);
            streams.push(Stream { response, body: Vec::new(), next: 0, missing: 0 });
        }
        let lines: Vec<String> = (0..burst).map(|number| text(len, &format!("event {number} "))).collect();
        let body = lines.join("\n");
        let body_len = body.len();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {body_len}\r\n\r\n{body}"
        );
        let publisher = TcpStream::connect(address)?;
        publisher.set_nodelay(true)?;
        Ok(Self {
            sockets: Sockets::new(open_streams)?,
            streams,
            publisher,
            request: request.into_bytes(),
            burst: lines.iter().map(|line| format!("data: {line}").into_bytes()).collect(),
            ready: Vec::new(),
        })
    }

    /// Reads what one stream has, and says whether it has all of the burst by that.
    fn turn(&mut self, number: usize) -> io::Result<bool> {
        let (stream, burst) = (&mut self.streams[number], &self.burst);
        let was_missing = stream.missing;
        self.sockets.read(number, |bytes| stream.receive(bytes, burst))?;
        Ok(was_missing > 0 && stream.missing == 0)
    }

    fn read_answer(&mut self) -> io::Result<()> {
        let (mut response, mut piece) = (Response::default(), [0; 512]);
        while !response.is_over() {
            let len = self.publisher.read(&mut piece)?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            response.receive(&piece[..len], &mut Vec::new()).map_err(io::Error::other)?;
        }
        match response.status() {
            Some(204) => Ok(()),
            status => Err(io::Error::other(format!("expected status 204, got {status:?}"))),
        }
    }
}

impl Stream {
    fn receive(&mut self, bytes: &[u8], burst: &[Vec<u8>]) -> io::Result<()> {
        self.response.receive(bytes, &mut self.body).map_err(io::Error::other)?;
        let mut taken = 0;
        while let Some(len) = self.body[taken..].windows(2).position(|end| end == b"\n\n") {
            let block = &self.body[taken..taken + len];
            taken += len + 2;
            if block.starts_with(b":") {
                continue;
            }
            if block != burst[self.next] || self.missing == 0 {
                return Err(io::Error::other("an event is not what was published"));
            }
            self.next = (self.next + 1) % burst.len();
            self.missing -= 1;
        }
        self.body.drain(..taken);
        Ok(())
    }
}

impl Load for Events {
    fn round(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = now() + time;
        let mut deliveries = 0;
        let mut ready = std::mem::take(&mut self.ready);
        while deliveries == 0 || now() < deadline {
            self.streams.iter_mut().for_each(|stream| stream.missing = self.burst.len());
            self.publisher.write_all(&self.request)?;
            let mut waiting = self.streams.len();
            while waiting > 0 {
                self.sockets.wait(&mut ready, Waiting::Napping)?;
                for number in ready.iter().copied() {
                    waiting -= usize::from(self.turn(number)?);
                }
            }
            self.read_answer()?;
            deliveries += (self.streams.len() * self.burst.len()) as u64;
        }
        self.ready = ready;
        Ok(deliveries)
    }

    fn rest(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.sockets.look(&mut ready)?;
        ready.iter().try_for_each(|number| self.turn(*number).map(drop))?;
        self.ready = ready;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_expects_each_event_in_its_turn_and_passes_over_comments() {
        let burst = [b"data: a".to_vec(), b"data: b".to_vec()];
        let fresh = || {
            let mut response = Response::default();
            response
                .receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &mut Vec::new())
                .unwrap();
            Stream { response, body: Vec::new(), next: 0, missing: 2 }
        };
        let mut stream = fresh();
        stream.receive(b"E\r\ndata: a\n\n:\n\nda\r\n7\r\nta: b\n\n\r\n", &burst).unwrap();
        assert_eq!((stream.missing, stream.next), (0, 0));
        assert!(stream.receive(b"9\r\ndata: a\n\n\r\n", &burst).is_err(), "more than was published");
        assert!(fresh().receive(b"9\r\ndata: b\n\n\r\n", &burst).is_err());
    }
}
