//! Fan-out: one connection publishes a burst in one write, everyone (itself, too) receives it, and then comes the next.

use std::{io, net::TcpStream, time::Duration};

use super::{
    Load,
    echo::payload,
    lane::Lane,
    now,
    sockets::{Sockets, Waiting},
};
use crate::frames::{KEY, frame};

/// Connections that all hear what the first one says.
#[derive(Debug)]
pub struct FanOut {
    sockets: Sockets,
    lanes: Vec<Lane>,
    burst: Vec<u8>,
    payloads: Vec<Vec<u8>>,
    ready: Vec<usize>,
}

impl FanOut {
    /// Binary messages of this length, `burst` of them at a time, on WebSockets that are open.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn new(open: Vec<TcpStream>, len: usize, burst: usize) -> io::Result<Self> {
        let payloads: Vec<Vec<u8>> = (0..burst).map(|number| payload(number, len)).collect();
        let burst = payloads.iter().flat_map(|payload| frame(2, payload, Some(KEY))).collect();
        let lanes = vec![Lane::new(2); open.len()];
        Ok(Self { sockets: Sockets::new(open)?, lanes, burst, payloads, ready: Vec::new() })
    }

    /// Reads what one connection has, answers pings, and says whether it has all of the burst by that.
    fn turn(&mut self, number: usize) -> io::Result<bool> {
        let (lane, payloads) = (&mut self.lanes[number], &self.payloads);
        let was_missing = lane.missing;
        self.sockets.read(number, |bytes| lane.receive(bytes, payloads))?;
        if let Some(pongs) = lane.take_pongs() {
            self.sockets.write(number, &pongs)?;
        }
        Ok(was_missing > 0 && lane.missing == 0)
    }
}

impl Load for FanOut {
    fn round(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = now() + time;
        let mut deliveries = 0;
        let mut ready = std::mem::take(&mut self.ready);
        while deliveries == 0 || now() < deadline {
            self.lanes.iter_mut().for_each(|lane| lane.missing = self.payloads.len());
            if self.sockets.write(0, &self.burst)? < self.burst.len() {
                return Err(io::Error::other("the server does not take a burst"));
            }
            let mut waiting = self.lanes.len();
            while waiting > 0 {
                self.sockets.wait(&mut ready, Waiting::Napping)?;
                for number in ready.iter().copied() {
                    waiting -= usize::from(self.turn(number)?);
                }
            }
            deliveries += (self.lanes.len() * self.payloads.len()) as u64;
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
