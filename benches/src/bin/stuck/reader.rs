//! A subscriber that reads: each message in its turn, and how long it took.

use std::{net, sync::Arc};

use tidewire_bench::{histogram::Histogram, websocket};
use tidewire_ws::message::{Event, Reader, Writer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::{Failed, World};

/// Bytes of a message that say which it is.
const NUMBER_LEN: usize = 8;

/// The message of this number.
pub(crate) fn message(number: u64, len: usize) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(len.max(NUMBER_LEN), b'x');
    message
}

fn number(message: &[u8]) -> Option<u64> {
    message.get(..NUMBER_LEN)?.try_into().ok().map(u64::from_be_bytes)
}

/// What a reader received.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) received: u64,
    pub(crate) latencies: Histogram,
    pub(crate) violation: Option<String>,
}

/// Messages as they are read out of a WebSocket, one after the other.
pub(crate) struct Sequence {
    reader: Reader,
    writer: Writer,
    pub(crate) next: u64,
    /// What is to be sent.
    pub(crate) output: Vec<u8>,
    /// The code that the gateway closed with.
    pub(crate) closed: Option<u16>,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        let (reader, writer) = websocket::client();
        Self { reader, writer, next: 0, output: Vec::new(), closed: None }
    }

    /// Bytes came; each message in them is the next, and told of.
    pub(crate) fn receive(&mut self, input: &mut [u8], mut told: impl FnMut(u64)) -> Result<(), Failed> {
        let mut events = self.reader.receive(input);
        while let Some(event) = events.next(&mut self.writer, &mut self.output) {
            match event? {
                Event::Binary(payload) => {
                    if number(&payload) != Some(self.next) {
                        return Err(
                            format!("expected message {}, got {:?}", self.next, number(&payload)).into()
                        );
                    }
                    told(self.next);
                    self.next += 1;
                }
                Event::Text(text) => return Err(format!("expected a binary message, got {text}").into()),
                Event::Close(frame) => self.closed = Some(frame.map_or(0, |frame| frame.code().into())),
                Event::Ping(_) | Event::Pong(_) => {}
            }
        }
        Ok(())
    }
}

/// Reads all messages of the run.
pub(crate) async fn read(world: Arc<World>, stream: net::TcpStream) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.violation = follow(&world, stream, &mut outcome).await.err().map(|error| error.to_string());
    outcome
}

async fn follow(world: &World, stream: net::TcpStream, outcome: &mut Outcome) -> Result<(), Failed> {
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream)?;
    let mut sequence = Sequence::new();
    let mut buffer = vec![0; 16 * 1024];
    while sequence.next < world.messages {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Err("the gateway closed on a reader".into());
        }
        let now = Instant::now();
        sequence.receive(&mut buffer[..len], |number| {
            let since = now.saturating_duration_since(world.start);
            outcome.latencies.record(since.saturating_sub(world.interval.mul_f64(number as f64)));
            outcome.received += 1;
        })?;
        if let Some(code) = sequence.closed {
            return Err(format!("the gateway closed on a reader with {code}").into());
        }
        if !sequence.output.is_empty() {
            stream.write_all(&sequence.output).await?;
            sequence.output.clear();
        }
    }
    Ok(())
}
