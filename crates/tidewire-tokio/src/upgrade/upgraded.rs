//! What a WebSocket out of an HTTP server moves its bytes over: the socket itself where that can be had, a stream of
//! HTTP/2 (RFC 8441 §5), or whatever else the server was given.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Version;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::upgrading::downcast;
use crate::{
    linger::Lingering,
    listener::{Connection, Permit, Stream},
};

/// The most that one write puts into a stream of HTTP/2. hyper holds up to three writes that the peer's window has no room
/// for, and holds them for as long as the connection lives: so they are small. It is also the payload of one frame.
const MAX_STREAM_WRITE_LEN: usize = 16 * 1024;

/// A transport that an HTTP server has handed out.
#[derive(Debug)]
pub struct Upgraded(Transport);

#[derive(Debug)]
enum Transport {
    /// The server was given a socket, bare or lingering.
    Socket {
        io: Stream,
        /// Held as long as the socket, where the server was given both.
        _permit: Option<Permit>,
    },
    /// It was given something else, TLS say.
    Other(TokioIo<hyper::upgrade::Upgraded>),
    /// A stream of HTTP/2.
    Stream(TokioIo<hyper::upgrade::Upgraded>),
}

impl Upgraded {
    /// The transport, and what the client sent behind its request.
    pub(super) fn of(upgraded: hyper::upgrade::Upgraded, version: Version) -> (Self, Bytes) {
        if version >= Version::HTTP_2 {
            return (Self(Transport::Stream(TokioIo::new(upgraded))), Bytes::new());
        }
        match socket(upgraded) {
            Ok((io, _permit, unread)) => (Self(Transport::Socket { io, _permit }), unread),
            // It gives the unread bytes first.
            Err(upgraded) => (Self(Transport::Other(TokioIo::new(upgraded))), Bytes::new()),
        }
    }

    /// The socket, if it is one: its addresses and options.
    #[must_use]
    pub fn socket(&self) -> Option<&Stream> {
        match &self.0 {
            Transport::Socket { io, .. } => Some(io),
            Transport::Other(_) | Transport::Stream(_) => None,
        }
    }
}

/// What a server was given, as a socket.
type Socket = (Stream, Option<Permit>, Bytes);

/// The socket that the server was given, and its place. A WebSocket lingers by itself.
fn socket(upgraded: hyper::upgrade::Upgraded) -> Result<Socket, hyper::upgrade::Upgraded> {
    bare_or_lingering::<Connection>(upgraded)
        .map(|(connection, unread)| {
            let (stream, permit) = connection.into_parts();
            (stream, Some(permit), unread)
        })
        .or_else(|upgraded| {
            bare_or_lingering::<Stream>(upgraded).map(|(stream, unread)| (stream, None, unread))
        })
        .or_else(|upgraded| {
            bare_or_lingering::<TcpStream>(upgraded)
                .map(|(socket, unread)| (Stream::Tcp(socket), None, unread))
        })
}

/// The transport, if it is of this type, or one of this type that lingers.
fn bare_or_lingering<IO>(upgraded: hyper::upgrade::Upgraded) -> Result<(IO, Bytes), hyper::upgrade::Upgraded>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    downcast::<IO>(upgraded).or_else(|upgraded| {
        downcast::<Lingering<IO>>(upgraded).map(|(lingering, unread)| (lingering.into_inner(), unread))
    })
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Transport::Socket { io, .. } => Pin::new(io).poll_read(cx, buffer),
            Transport::Other(io) | Transport::Stream(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Transport::Socket { io, .. } => Pin::new(io).poll_write(cx, bytes),
            Transport::Other(io) => Pin::new(io).poll_write(cx, bytes),
            Transport::Stream(io) => {
                Pin::new(io).poll_write(cx, &bytes[..bytes.len().min(MAX_STREAM_WRITE_LEN)])
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Transport::Socket { io, .. } => Pin::new(io).poll_write_vectored(cx, slices),
            Transport::Other(io) => Pin::new(io).poll_write_vectored(cx, slices),
            // It has no vectored writes, and each write is a frame.
            Transport::Stream(io) => match slices {
                [one] => Pin::new(io).poll_write(cx, &one[..one.len().min(MAX_STREAM_WRITE_LEN)]),
                many => Pin::new(io).poll_write(cx, &joined(many)),
            },
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Transport::Socket { io, .. } => io.is_write_vectored(),
            Transport::Other(io) => io.is_write_vectored(),
            Transport::Stream(_) => true,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Transport::Socket { io, .. } => Pin::new(io).poll_flush(cx),
            Transport::Other(io) | Transport::Stream(io) => Pin::new(io).poll_flush(cx),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8441#section-5
    //# Orderly TCP-level closures are represented as END_STREAM flags
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Transport::Socket { io, .. } => Pin::new(io).poll_shutdown(cx),
            Transport::Other(io) | Transport::Stream(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// The beginning of what the slices hold, as much as one write takes.
fn joined(slices: &[IoSlice<'_>]) -> Vec<u8> {
    let len: usize = slices.iter().map(|slice| slice.len()).sum();
    let mut joined = Vec::with_capacity(len.min(MAX_STREAM_WRITE_LEN));
    for slice in slices {
        let room = MAX_STREAM_WRITE_LEN - joined.len();
        joined.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{linger::Limits, listener::Listener};
    use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::mpsc,
    };

    /// What comes out of hyper behind an upgrade on `io`.
    async fn handed_out<IO>(io: IO, client: &mut TcpStream) -> Upgraded
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (upgrades, mut pending) = mpsc::unbounded_channel();
        let service = service_fn(move |mut request: Request<Incoming>| {
            upgrades.send(hyper::upgrade::on(&mut request)).unwrap();
            async { Response::builder().status(101).header("connection", "upgrade").body(String::new()) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades());
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: a\r\n\r\nbehind";
        client.write_all(request).await.unwrap();
        let upgraded = pending.recv().await.unwrap().await.unwrap();
        let (mut upgraded, unread) = Upgraded::of(upgraded, Version::HTTP_11);
        let mut behind = unread.to_vec();
        while behind.len() < 6 {
            behind.push(upgraded.read_u8().await.unwrap());
        }
        assert_eq!(behind, b"behind");
        upgraded
    }

    fn peer_of(upgraded: &Upgraded) -> Option<std::net::SocketAddr> {
        match upgraded.socket()? {
            Stream::Tcp(socket) => Some(socket.peer_addr().unwrap()),
            #[cfg(unix)]
            Stream::Unix(_) => None,
        }
    }

    #[tokio::test]
    async fn the_socket_itself_is_had_where_the_server_was_given_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        let upgraded = handed_out(server, &mut client).await;
        assert_eq!(peer_of(&upgraded), Some(peer));
        assert!(upgraded.is_write_vectored());

        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        let upgraded = handed_out(Stream::Tcp(server), &mut client).await;
        assert_eq!(peer_of(&upgraded), Some(peer));

        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        let upgraded = handed_out(Lingering::new(server, Limits::default()), &mut client).await;
        assert_eq!(peer_of(&upgraded), Some(peer));

        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        let lingering = Lingering::new(Stream::Tcp(server), Limits::default());
        let upgraded = handed_out(lingering, &mut client).await;
        assert_eq!(peer_of(&upgraded), Some(peer));

        let mut client = TcpStream::connect(address).await.unwrap();
        let server = tokio::io::BufStream::new(listener.accept().await.unwrap().0);
        let mut upgraded = handed_out(server, &mut client).await;
        assert_eq!(peer_of(&upgraded), None);
        let head_len = b"HTTP/1.1 101 Switching Protocols\r\n".len();
        let mut answer = vec![0; head_len];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 101 Switching Protocols\r\n");
        upgraded.write_all(b"over a buffer").await.unwrap();
        upgraded.shutdown().await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"\r\n\r\nover a buffer"), "{rest:?}");
    }

    #[tokio::test]
    async fn the_place_goes_with_the_socket() {
        let limits = crate::listener::Limits { max_connections: 1, ..Default::default() };
        let listener = Listener::bind(std::net::SocketAddr::from(([127, 0, 0, 1], 0)), limits).unwrap();
        for linger in [None, Some(Limits::default())] {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            // There is one place, so it was given back.
            let (stream, peer, permit) = listener.accept().await;
            let connection = Connection::new(stream, permit);
            let upgraded = match linger {
                None => handed_out(connection, &mut client).await,
                Some(limits) => handed_out(Lingering::new(connection, limits), &mut client).await,
            };
            assert_eq!(peer_of(&upgraded).map(crate::listener::Peer::Tcp), Some(peer));
            let Upgraded(Transport::Socket { _permit: Some(_), .. }) = upgraded else {
                panic!("{upgraded:?}")
            };
        }
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _, permit) = listener.accept().await;
        let held = handed_out(Connection::new(stream, permit), &mut client).await;
        let _second = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut second = std::pin::pin!(listener.accept());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(held);
        second.await;
    }

    #[test]
    fn slices_are_joined_up_to_one_write() {
        for (lens, expected) in [
            (vec![0, 0], 0),
            (vec![3, 0, 4], 7),
            (vec![16 * 1024 - 1, 1], 16 * 1024),
            (vec![16 * 1024, 1], 16 * 1024),
            (vec![1, 1 << 20, 5], 16 * 1024),
        ] {
            let pieces: Vec<Vec<u8>> = lens.iter().zip(1..).map(|(len, byte)| vec![byte; *len]).collect();
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let whole = pieces.concat();
            assert_eq!(joined(&slices), whole[..expected], "{lens:?}");
        }
    }
}
