//! A client on a blocking socket, without tokio: it runs the cases of an Autobahn fuzzing server, echoing what comes.
//! `cargo run --release -p tidewire-ws --features deflate --example autobahn_client -- 127.0.0.1:9001 [--takeover]`
#![allow(missing_docs)]

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Config, ContextTakeover, Pool};
use tidewire_ws::frame::MaskingKey;
use tidewire_ws::handshake::client::{Answer, Request};
use tidewire_ws::message::{self, Event, Reader, Writer};

const AGENT: &str = "tidewire";

/// Bytes that nobody outside can foretell. A program of weight takes them from its random number generator.
fn entropy() -> [u8; 8] {
    RandomState::new().hash_one(AGENT).to_be_bytes()
}

struct WebSocket {
    stream: TcpStream,
    reader: Reader,
    writer: Writer,
    /// What was read and is not looked at.
    unread: Vec<u8>,
}

impl WebSocket {
    fn connect(address: &str, target: &str, pool: &Pool) -> Result<Self, Box<dyn Error>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&entropy());
        nonce[8..].copy_from_slice(&entropy());
        let request = Request::new(address, target, nonce)?.deflate(pool.offer());
        let mut output = Vec::new();
        request.encode(&mut output);
        stream.write_all(&output)?;

        let mut response = request.into_reader(Arc::default());
        let mut piece = [0; 4096];
        let (opened, unread) = loop {
            let len = stream.read(&mut piece)?;
            let answer = match len {
                0 => Answer::Declined(response.handle_eof()?),
                len => response.receive(&piece[..len])?,
            };
            match answer {
                Answer::NeedMore => {}
                Answer::Open { opened, consumed } => break (opened, piece[consumed..len].to_vec()),
                Answer::Declined(declined) => {
                    let body = String::from_utf8_lossy(declined.body());
                    return Err(format!("status {}: {body}", declined.status()).into());
                }
            }
        };
        let mut config = message::Config::default();
        config.max_message_len = 64 * 1024 * 1024;
        config.max_fragments = 1 << 20;
        let config = Arc::new(config);
        let (seed, mut counter) = (u64::from_be_bytes(entropy()), 0u64);
        let keys = move || {
            counter += 1;
            MaskingKey(((seed ^ counter).wrapping_mul(0x9E37_79B9_7F4A_7C15) as u32).to_be_bytes())
        };
        let mut reader = Reader::new(Role::Client, config.clone());
        let mut writer = Writer::client(config, keys);
        if let Some(agreement) = opened.agreement() {
            (reader, writer) = (reader.with_deflate(agreement), writer.with_deflate(agreement));
        }
        Ok(Self { stream, reader, writer, unread })
    }

    /// Gives each text to `each`, and sends back what comes if `each` says so, until the connection is closed.
    fn run(mut self, mut each: impl FnMut(&str) -> Echo) -> Result<(), Box<dyn Error>> {
        let mut buffer = vec![0; 64 * 1024];
        let mut output = Vec::new();
        loop {
            let mut input = std::mem::take(&mut self.unread);
            if input.is_empty() {
                match self.stream.read(&mut buffer) {
                    Ok(0) => {
                        self.reader.handle_eof();
                        return Ok(());
                    }
                    Ok(len) => input.extend_from_slice(&buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            let mut events = self.reader.receive(&mut input);
            while let Some(event) = events.next(&mut self.writer, &mut output) {
                // A violation is answered in the output, and the server closes.
                let Ok(event) = event else { break };
                let sent = match event {
                    Event::Text(text) => match each(&text) {
                        Echo::Yes => self.writer.send_text(&text, &mut output),
                        Echo::No => Ok(()),
                    },
                    Event::Binary(payload) => self.writer.send_binary(&payload, &mut output),
                    Event::Ping(_) | Event::Pong(_) | Event::Close(_) => Ok(()),
                };
                // After our close frame there is nobody to echo to.
                let _ = sent;
            }
            match self.stream.write_all(&output) {
                Ok(()) => output.clear(),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether a text goes back.
enum Echo {
    Yes,
    No,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let mut config = Config::default();
    config.min_len = 0;
    if arguments.next().is_some_and(|argument| argument == "--takeover") {
        (config.send_takeover, config.receive_takeover) = (ContextTakeover::On, ContextTakeover::On);
    }
    let pool = Pool::new(config);

    let mut cases = 0;
    WebSocket::connect(&address, "/getCaseCount", &pool)?.run(|text| {
        cases = text.parse().unwrap_or(0);
        Echo::No
    })?;
    for case in 1..=cases {
        let target = format!("/runCase?case={case}&agent={AGENT}");
        WebSocket::connect(&address, &target, &pool)?.run(|_| Echo::Yes)?;
    }
    WebSocket::connect(&address, &format!("/updateReports?agent={AGENT}"), &pool)?.run(|_| Echo::No)?;
    println!("{cases} cases");
    Ok(())
}
