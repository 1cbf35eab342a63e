//! An echo server on blocking sockets, a thread for each, without tokio: compression, refusals, pings and closes.
//! `cargo run --release -p tidewire-ws --features deflate --example echo_server -- 127.0.0.1:9009`
#![allow(missing_docs)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Agreement, Pool};
use tidewire_ws::handshake::{HeadReader, Progress, Response};
use tidewire_ws::message::{Config, Event, Reader, Writer};

/// Reads the request and answers it: what was agreed to, and what the client sent behind it.
fn handshake(
    stream: &mut TcpStream,
    pool: &Pool,
) -> Result<(Option<Agreement>, Vec<u8>), Box<dyn Error + Send + Sync>> {
    let mut head = HeadReader::new(Arc::default());
    let mut buffer = vec![0; 16 * 1024];
    let mut output = Vec::new();
    let complete = loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Err("the client went away".into());
        }
        match head.receive(&buffer[..len]) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Complete { consumed }) => {
                buffer.truncate(len);
                break Ok(buffer.split_off(consumed));
            }
            Err(refusal) => break Err(refusal),
        }
    };
    match complete.and_then(|unread| head.request().map(|request| (request, unread))) {
        Ok((request, unread)) => {
            let agreement = pool.accept(request.extensions());
            let response = match &agreement {
                Some(agreement) => Response::new().deflate(agreement),
                None => Response::new(),
            };
            request.accept(&response, &mut output)?;
            stream.write_all(&output)?;
            Ok((agreement, unread))
        }
        Err(refusal) => {
            refusal.encode(&mut output);
            stream.write_all(&output)?;
            Err(refusal.into())
        }
    }
}

fn serve(mut stream: TcpStream, pool: &Pool) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Without a deadline a client that says nothing holds its thread for ever.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_nodelay(true)?;
    let (agreement, mut input) = handshake(&mut stream, pool)?;
    let config = Arc::new(Config::default());
    let (mut reader, mut writer) = (Reader::new(Role::Server, config.clone()), Writer::server(config));
    if let Some(agreement) = &agreement {
        (reader, writer) = (reader.with_deflate(agreement), writer.with_deflate(agreement));
    }
    let (mut buffer, mut output) = (vec![0; 64 * 1024], Vec::new());
    while reader.wants_read() {
        if input.is_empty() {
            let len = stream.read(&mut buffer)?;
            if len == 0 {
                return Err(format!("{:?}", reader.handle_eof()).into());
            }
            input.extend_from_slice(&buffer[..len]);
        }
        let mut events = reader.receive(&mut input);
        let mut violation = None;
        while let Some(event) = events.next(&mut writer, &mut output) {
            match event {
                Ok(Event::Text(text)) => writer.send_text(&text, &mut output)?,
                Ok(Event::Binary(payload)) => writer.send_binary(&payload, &mut output)?,
                // Answered already.
                Ok(Event::Ping(_) | Event::Pong(_) | Event::Close(_)) => {}
                Err(error) => violation = Some(error),
            }
        }
        input.clear();
        // The answers to all that was read, in one write; then a pong that waited for the room.
        stream.write_all(&output)?;
        output.clear();
        writer.poll_pong(&mut output);
        stream.write_all(&output)?;
        output.clear();
        if let Some(error) = violation {
            return Err(error.into());
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9009".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    let pool = Pool::default();
    for stream in listener.incoming() {
        let (stream, pool) = (stream?, pool.clone());
        std::thread::spawn(move || {
            if let Err(error) = serve(stream, &pool) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}
