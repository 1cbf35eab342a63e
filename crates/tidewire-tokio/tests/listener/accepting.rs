//! Accepting: places, several sockets, several tasks.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tidewire_tokio::listener::{Address, Limits, Listener, Peer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn a_full_house_leaves_the_next_in_the_backlog_until_a_place_is_free() {
    let mut limits = Limits::default();
    limits.max_connections = 1;
    let listener = Listener::bind(loopback(), limits).unwrap();
    let address = listener.local_addr().unwrap();
    let _first_client = TcpStream::connect(address).await.unwrap();
    let (_first, _, permit) = listener.accept().await;
    let _second_client = TcpStream::connect(address).await.unwrap();
    let waiting = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(waiting.is_err(), "accepted beyond the cap");
    drop(permit);
    listener.accept().await;
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let listener = Listener::bind(loopback(), Limits::default()).unwrap();
    let taken = listener.local_addr().unwrap();
    let error = Listener::bind_all([loopback(), taken], Limits::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("{taken}: ")), "{error}");
    let none: [SocketAddr; 0] = [];
    assert_eq!(Listener::bind_all(none, Limits::default()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// Each time one of each is waiting, one of each is accepted: nobody is kept waiting by a crowd at another door.
#[tokio::test]
async fn several_sockets_come_in_turns() {
    let listener = Listener::bind_all([loopback(), loopback(), loopback()], Limits::default()).unwrap();
    let doors = listener.addresses().unwrap();
    let mut clients = Vec::new();
    for door in &doors {
        let Address::Tcp(door) = door else { panic!("{door}") };
        for _ in 0..20 {
            clients.push(TcpStream::connect(door).await.unwrap());
        }
    }
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut came = Vec::new();
        for _ in 0..3 {
            let (stream, peer, permit) = listener.accept().await;
            let door = clients.iter().find(|client| Peer::Tcp(client.local_addr().unwrap()) == peer).unwrap();
            came.push(Address::Tcp(door.peer_addr().unwrap()));
            kept.push((stream, permit));
        }
        assert!(doors.iter().all(|door| came.contains(door)), "{came:?}");
    }
}

#[tokio::test]
async fn ipv4_and_ipv6_share_a_port() {
    let Ok(listener) = Listener::bind("[::]:0".parse::<SocketAddr>().unwrap(), Limits::default()) else {
        // A machine without IPv6.
        return;
    };
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let both = [SocketAddr::from(([0; 8], port)), SocketAddr::from(([0; 4], port))];
    // Another process may have taken the port in between.
    let Ok(listener) = Listener::bind_all(both, Limits::default()) else { return };
    for client in ["127.0.0.1", "::1"] {
        let _client = TcpStream::connect((client, port)).await.unwrap();
        let (_, peer, _) = listener.accept().await;
        assert_eq!(peer.ip().unwrap().to_string(), client);
    }
}

#[tokio::test]
async fn several_tasks_accept_in_turns() {
    let listener = Arc::new(Listener::bind(loopback(), Limits::default()).unwrap());
    let address = listener.local_addr().unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let listener = listener.clone();
            tokio::spawn(async move {
                // A wait that is cancelled gives its turn on.
                let _ = timeout(Duration::from_millis(1), listener.accept()).await;
                listener.accept().await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    for task in tasks {
        timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_and_tcp_share_a_listener() {
    let path = std::env::temp_dir().join(format!("tidewire-listener-{}.sock", std::process::id()));
    let listener = Listener::bind_all([Address::Tcp(loopback()), Address::unix(&path)], Limits::default());
    let listener = listener.unwrap();
    assert_eq!(listener.addresses().unwrap()[1].to_string(), format!("unix:{}", path.display()));
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    let (mut stream, peer, _permit) = listener.accept().await;
    assert_eq!(peer, Peer::Unix);
    client.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await.unwrap();
    stream.write_all(&heard).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"hello");
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    assert!(matches!(listener.accept().await.1, Peer::Tcp(_)));
    drop(listener);
    assert!(!path.exists());
    let only_unix = Listener::bind(Address::unix(&path), Limits::default()).unwrap();
    assert_eq!(only_unix.local_addr().unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
}
