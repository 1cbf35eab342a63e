//! A transport in memory for peers that want one: it gives what it was given, takes everything, and then says "not yet".

use std::{
    io::{self, Read, Write},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The transport.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    input: Vec<u8>,
    at: usize,
    /// Bytes written.
    pub written: usize,
}

impl Memory {
    /// A transport with something to read.
    #[must_use]
    pub fn new(input: Vec<u8>) -> Self {
        Self { input, at: 0, written: 0 }
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.input[self.at..]).read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => {
                self.at += len;
                Ok(len)
            }
        }
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.input[self.at..];
        if rest.is_empty() {
            return Poll::Pending;
        }
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        self.at += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The output of a future that need not wait; `None` when it would.
pub fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
