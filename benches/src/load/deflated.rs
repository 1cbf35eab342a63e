//! Compressed echo (RFC 7692): each connection sends a compressed text, waits for it to come back compressed, and sends again.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{
    Load,
    incoming::{Came, Incoming},
    now,
    sockets::{Sockets, Waiting},
};
use crate::{
    frames::{KEY, frame},
    upgrade_request,
};

/// The first byte of a compressed text, without FIN: RSV1 and the opcode.
const COMPRESSED_TEXT: u8 = 0x41;

/// What ends a message, and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Connections that want to hear what they say, compressed.
#[derive(Debug)]
pub struct Deflated {
    sockets: Sockets,
    lanes: Vec<Lane>,
    message: Vec<u8>,
    text: Vec<u8>,
    ready: Vec<usize>,
}

#[derive(Debug)]
struct Lane {
    incoming: Incoming,
    payload: Vec<u8>,
    pongs: Vec<u8>,
    /// What inflates the answers of the first rounds; with it the whole text is compared.
    inflate: Option<Decompress>,
    answers: u64,
    is_waiting: bool,
}

/// Answers of each connection that are inflated and compared; of the others it is looked whether they are compressed texts.
const COMPARED: u64 = 3;

/// A WebSocket that compresses.
///
/// # Errors
/// The server does not answer with a 101 that agrees to compression.
pub fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let request = upgrade_request("/");
    let request = request.strip_suffix("\r\n").unwrap_or(&request).to_owned() + offer;
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0].to_ascii_lowercase());
    }
    let head = String::from_utf8_lossy(&head);
    if head.starts_with("http/1.1 101 ") && head.contains("permessage-deflate") {
        Ok(stream)
    } else {
        Err(io::Error::other(head.into_owned()))
    }
}

/// A text compressed by itself.
fn compress(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::with_capacity(text.len() + 64);
    let status =
        Compress::new(Compression::default(), false).compress_vec(text, &mut compressed, FlushCompress::Sync);
    match (status, compressed.strip_suffix(&TAIL)) {
        (Ok(Status::Ok), Some(message)) => Ok(message.to_vec()),
        (status, _) => Err(io::Error::other(format!("the text was not compressed: {status:?}"))),
    }
}

impl Lane {
    fn receive(&mut self, bytes: &[u8], text: &[u8]) -> io::Result<()> {
        let Self { incoming, payload, pongs, inflate, answers, is_waiting } = self;
        incoming.receive(bytes, |came| {
            match came {
                Came::Payload(piece) => payload.extend_from_slice(piece),
                Came::Ping(ping) => pongs.extend_from_slice(&frame(10, ping, Some(KEY))),
                Came::MessageEnd => {
                    *answers += 1;
                    if !std::mem::take(is_waiting) {
                        return Err(io::Error::other("an answer that nobody waits for"));
                    }
                    if let Some(inflate) = inflate {
                        payload.extend_from_slice(&TAIL);
                        let mut inflated = Vec::with_capacity(text.len() + 64);
                        let status = inflate.decompress_vec(payload, &mut inflated, FlushDecompress::Sync);
                        if status.is_err() || inflated != text {
                            return Err(io::Error::other("a message is not what was sent"));
                        }
                    }
                    if *answers >= COMPARED {
                        *inflate = None;
                    }
                    payload.clear();
                }
            }
            Ok(())
        })
    }
}

impl Deflated {
    /// This text on WebSockets that compress.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn new(open: Vec<TcpStream>, text: &str) -> io::Result<Self> {
        let text = text.as_bytes().to_vec();
        let mut message = frame(1, &compress(&text)?, Some(KEY));
        message[0] |= 0x40;
        let lane = |_| Lane {
            incoming: Incoming::new(COMPRESSED_TEXT),
            payload: Vec::new(),
            pongs: Vec::new(),
            inflate: Some(Decompress::new(false)),
            answers: 0,
            is_waiting: false,
        };
        let lanes = (0..open.len()).map(lane).collect();
        Ok(Self { sockets: Sockets::new(open)?, lanes, message, text, ready: Vec::new() })
    }

    fn begin(&mut self, number: usize) -> io::Result<()> {
        self.lanes[number].is_waiting = true;
        if self.sockets.write(number, &self.message)? < self.message.len() {
            return Err(io::Error::other("the server does not take a message"));
        }
        Ok(())
    }

    /// Reads what one connection has, answers pings, and says whether its answer is there by that.
    fn turn(&mut self, number: usize) -> io::Result<bool> {
        let (lane, text) = (&mut self.lanes[number], &self.text);
        let was_waiting = lane.is_waiting;
        self.sockets.read(number, |bytes| lane.receive(bytes, text))?;
        if !lane.pongs.is_empty() {
            self.sockets.write(number, &std::mem::take(&mut lane.pongs))?;
        }
        Ok(was_waiting && !lane.is_waiting)
    }
}

impl Load for Deflated {
    fn round(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = now() + time;
        let (mut busy, mut messages) = (self.lanes.len(), 0);
        for number in 0..self.lanes.len() {
            self.begin(number)?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        while busy > 0 {
            self.sockets.wait(&mut ready, Waiting::Awake)?;
            let is_over = now() >= deadline;
            for number in ready.iter().copied() {
                if self.turn(number)? {
                    messages += 1;
                    if is_over {
                        busy -= 1;
                    } else {
                        self.begin(number)?;
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
        ready.iter().try_for_each(|number| self.turn(*number).map(drop))?;
        self.ready = ready;
        Ok(())
    }
}
