//! S10, the listener's half: what the kernel is told to do about peers that vanish.

use std::time::Duration;

use socket2::SockRef;
use tidewire_tokio::listener::{Limits, Listener, Stream};
use tokio::net::TcpStream;

use crate::accepting::loopback;

async fn accepted(limits: Limits) -> (TcpStream, TcpStream) {
    let listener = Listener::bind(loopback(), limits).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    match listener.accept().await.0 {
        Stream::Tcp(stream) => (client, stream),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn accepted_sockets_do_not_wait_for_full_segments_and_notice_who_vanished() {
    let (_client, stream) = accepted(Limits::default()).await;
    assert!(stream.nodelay().unwrap());
    let socket = SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    {
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(10)));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
    }
}

#[tokio::test]
async fn the_options_are_those_of_the_limits() {
    let mut limits = Limits::default();
    limits.write_timeout = Duration::from_secs(3);
    limits.keep_alive = None;
    let (_client, stream) = accepted(limits).await;
    let socket = SockRef::from(&stream);
    assert!(!socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(3)));
}
