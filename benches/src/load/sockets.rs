//! Many sockets, one thread, one wait for all of them.

use std::{
    io::{self, Read, Write},
    net,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::now;
use crate::rest;

/// What is read at a time.
const READ_LEN: usize = 256 * 1024;

/// How long a server may keep everybody waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a nap is: some hundred connections have their answers by then.
const NAP: Duration = Duration::from_micros(200);

/// How answers are waited for. Never by the operating system's waking us: to wake a client is work that a server on the same
/// machine would do within each of its writes, or not, as the client happens to be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// By a nap before each look, so that the server writes to many before the first is read.
    Napping,
    /// By looking all the time.
    Awake,
}

/// Open connections, known by their number.
#[derive(Debug)]
pub struct Sockets {
    poll: Poll,
    events: Events,
    open: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Sockets {
    /// Waits for all of these.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn new(open: Vec<net::TcpStream>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut registered = Vec::with_capacity(open.len());
        for (number, socket) in open.into_iter().enumerate() {
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            poll.registry().register(&mut socket, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            registered.push(socket);
        }
        Ok(Self { poll, events: Events::with_capacity(1024), open: registered, buffer: vec![0; READ_LEN] })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Waits until some may be read or written, and collects their numbers; see [`Waiting`].
    ///
    /// # Errors
    /// None was for a long time, or whatever the operating system says.
    pub fn wait(&mut self, ready: &mut Vec<usize>, waiting: Waiting) -> io::Result<()> {
        let deadline = now() + PATIENCE;
        loop {
            match waiting {
                Waiting::Napping => rest(NAP),
                Waiting::Awake => {}
            }
            self.look(ready)?;
            if !ready.is_empty() {
                return Ok(());
            }
            if now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server answers nobody"));
            }
        }
    }

    /// Collects the numbers of those that may be read or written.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn look(&mut self, ready: &mut Vec<usize>) -> io::Result<()> {
        ready.clear();
        while let Err(error) = self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        ready.extend(self.events.iter().map(|event| event.token().0));
        Ok(())
    }

    /// Writes as much as one takes, and says how much that was.
    ///
    /// # Errors
    /// The connection failed.
    pub fn write(&mut self, number: usize, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.open[number].write(&bytes[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Reads what there is of one, and shows it in pieces.
    ///
    /// # Errors
    /// The connection failed or ended, or `look` says so.
    pub fn read(&mut self, number: usize, mut look: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            match self.open[number].read(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => {
                    look(&self.buffer[..len])?;
                    // Less than there was room for: the next event tells of more.
                    if len < self.buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
