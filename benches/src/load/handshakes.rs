//! Opening handshakes: so many clients at a time connect, ask, read the whole answer, and hang up.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Load, now};
use crate::upgrade_request;

/// Clients at a time.
const AT_ONCE: usize = 32;

/// The most in a round: a client that hangs up keeps its port for a minute.
const MAX_IN_ROUND: u64 = 4_096;

/// Clients of one server.
#[derive(Debug)]
pub struct Handshakes {
    address: SocketAddr,
    /// The last number of the address that the next client has: one address alone has too few ports.
    client: u8,
    request: String,
}

impl Handshakes {
    /// Clients of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, client: 0, request: upgrade_request("/") }
    }

    fn connect(&mut self) -> io::Result<TcpStream> {
        self.client = self.client % 250 + 2;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        let own = Ipv4Addr::new(127, 0, 0, if cfg!(target_os = "linux") { self.client } else { 1 });
        socket.bind(&SocketAddr::from((own, 0)).into())?;
        socket.connect(&self.address.into())?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    }
}

/// Reads a 101 and nothing else.
fn read_answer(mut client: &TcpStream) -> io::Result<()> {
    let mut answer = [0; 1024];
    let mut len = 0;
    while !answer[..len].ends_with(b"\r\n\r\n") {
        match client.read(&mut answer[len..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => len += more,
        }
    }
    let is_right = answer.starts_with(b"HTTP/1.1 101 ");
    if is_right {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&answer[..len]).into_owned()))
    }
}

impl Load for Handshakes {
    fn round(&mut self, time: Duration) -> io::Result<u64> {
        let deadline = now() + time;
        let mut handshakes = 0;
        while handshakes == 0 || (now() < deadline && handshakes < MAX_IN_ROUND) {
            let clients = (0..AT_ONCE).map(|_| self.connect()).collect::<io::Result<Vec<_>>>()?;
            for mut client in &clients {
                client.write_all(self.request.as_bytes())?;
            }
            clients.iter().try_for_each(read_answer)?;
            handshakes += AT_ONCE as u64;
        }
        Ok(handshakes)
    }

    fn rest(&mut self) -> io::Result<()> {
        Ok(())
    }
}
