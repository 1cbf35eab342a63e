//! Echo: one read, one write. While nothing comes a connection holds its socket and its task.

use std::{cell::RefCell, io};

use tokio::net::TcpStream;

use super::{
    frames::{Front, front, header, turn_round, unmask},
    handshake,
};

/// What is read at a time.
const READ_LEN: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_LEN]);
}

/// Echoes until something is wrong.
pub(crate) async fn serve(mut stream: TcpStream) {
    let opened = Box::pin(handshake::upgrade(&mut stream)).await;
    if opened.is_ok() {
        let _ = echo(&stream).await;
    }
}

/// What a turn leaves to do.
enum Left {
    /// To wait for more.
    Nothing,
    /// These bytes are still to be written, and these are the beginning of what is to come.
    Bytes { unwritten: Vec<u8>, unread: Vec<u8> },
}

async fn echo(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match turn(stream) {
            Ok(Left::Nothing) => {}
            Ok(Left::Bytes { unwritten, unread }) => Box::pin(rest(stream, unwritten, unread)).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// One read, and the answer to all that is whole in it.
fn turn(stream: &TcpStream) -> io::Result<Left> {
    BUFFER.with_borrow_mut(|buffer| {
        let len = stream.try_read(buffer)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (answer, rest) = turn_round(&mut buffer[..len]).ok_or(io::ErrorKind::InvalidData)?;
        let answer = &buffer[answer];
        let written = if answer.is_empty() { 0 } else { write(stream, answer)? };
        if written == answer.len() && rest == len {
            return Ok(Left::Nothing);
        }
        Ok(Left::Bytes { unwritten: answer[written..].to_vec(), unread: buffer[rest..len].to_vec() })
    })
}

fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

/// Writes what is due, and reads what was cut to its end, straight to where it belongs, until nothing is left.
async fn rest(stream: &TcpStream, unwritten: Vec<u8>, mut unread: Vec<u8>) -> io::Result<()> {
    write_all(stream, &unwritten).await?;
    drop(unwritten);
    while !unread.is_empty() {
        let (payload, key) = loop {
            match front(&unread) {
                Front::Frame { payload, key } => break (payload, key),
                Front::NeedMore => {
                    let mut more = [0; 16];
                    let len = read(stream, &mut more).await?;
                    unread.extend_from_slice(&more[..len]);
                }
                Front::Wrong => return Err(io::ErrorKind::InvalidData.into()),
            }
        };
        let mut behind = Vec::new();
        if unread.len() > payload.end {
            behind = unread.split_off(payload.end);
        }
        let (header, header_len) = header(payload.len());
        let mut message = vec![0; header_len + payload.len()];
        message[..header_len].copy_from_slice(&header[..header_len]);
        let mut end = header_len + unread.len() - payload.start;
        message[header_len..end].copy_from_slice(&unread[payload.start..]);
        unread = Vec::new();
        while end < message.len() {
            end += read(stream, &mut message[end..]).await?;
        }
        unmask(&mut message[header_len..], key);
        write_all(stream, &message).await?;
        unread.append(&mut behind);
    }
    Ok(())
}

async fn read(stream: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.try_read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            read => return read,
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = write(stream, bytes)?;
        bytes = &bytes[written..];
        if !bytes.is_empty() {
            stream.writable().await?;
        }
    }
    Ok(())
}
