//! Echo in waves: each connection sends so many messages in one write, and when all of them have come back to everybody, again.

use std::{io, net::TcpStream, time::Duration};

use super::{
    Load,
    lane::Lane,
    now,
    sockets::{Sockets, Waiting},
};
use crate::frames::{KEY, frame};

/// Connections that want to hear what they say.
#[derive(Debug)]
pub struct Echo {
    sockets: Sockets,
    lanes: Vec<Lane>,
    /// The masked frames of one turn.
    burst: Vec<u8>,
    payloads: Vec<Vec<u8>>,
    ready: Vec<usize>,
}

/// A payload that is not the same for two messages of a burst.
pub(super) fn payload(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(7) ^ number.wrapping_mul(31)) as u8).collect()
}

impl Echo {
    /// Binary messages of this length, `depth` of them at a time, on WebSockets that are open.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn new(open: Vec<TcpStream>, len: usize, depth: usize) -> io::Result<Self> {
        let payloads: Vec<Vec<u8>> = (0..depth).map(|number| payload(number, len)).collect();
        let burst = payloads.iter().flat_map(|payload| frame(2, payload, Some(KEY))).collect();
        let lanes = vec![Lane::new(2); open.len()];
        Ok(Self { sockets: Sockets::new(open)?, lanes, burst, payloads, ready: Vec::new() })
    }

    /// Whoever has something left to send does not sleep.
    fn waiting(&self) -> Waiting {
        if self.lanes.iter().any(|lane| lane.unsent > 0) { Waiting::Awake } else { Waiting::Napping }
    }

    fn begin(&mut self, number: usize) -> io::Result<()> {
        let lane = &mut self.lanes[number];
        lane.unsent = self.burst.len();
        lane.missing = self.payloads.len();
        self.send(number)
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        let lane = &mut self.lanes[number];
        if lane.unsent > 0 {
            let rest = &self.burst[self.burst.len() - lane.unsent..];
            lane.unsent -= self.sockets.write(number, rest)?;
        }
        match lane.take_pongs() {
            Some(pongs) if self.sockets.write(number, &pongs)? < pongs.len() => {
                Err(io::Error::other("the server takes no pong"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Reads and writes what one connection has and takes.
    fn turn(&mut self, number: usize) -> io::Result<()> {
        let (lane, payloads) = (&mut self.lanes[number], &self.payloads);
        self.sockets.read(number, |bytes| lane.receive(bytes, payloads))?;
        self.send(number)
    }
}

impl Load for Echo {
    fn round(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = now() + time;
        let mut messages = 0;
        let mut ready = std::mem::take(&mut self.ready);
        while messages == 0 || now() < deadline {
            (0..self.lanes.len()).try_for_each(|number| self.begin(number))?;
            let mut busy = self.lanes.len();
            while busy > 0 {
                self.sockets.wait(&mut ready, self.waiting())?;
                for number in ready.iter().copied() {
                    let was_missing = self.lanes[number].missing;
                    self.turn(number)?;
                    if was_missing > 0 && self.lanes[number].missing == 0 {
                        messages += self.payloads.len() as u64;
                        busy -= 1;
                    }
                }
            }
        }
        self.ready = ready;
        Ok(messages)
    }

    fn rest(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.sockets.look(&mut ready)?;
        ready.iter().try_for_each(|number| self.turn(*number))?;
        self.ready = ready;
        Ok(())
    }
}
