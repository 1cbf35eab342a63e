//! Connections through a proxy that opens tunnels, and proxies that do not.

use std::time::Duration;

use crate::server::{Server, Then, connector, error, exchange, head};
use tidewire_tokio::connect::{ConnectError, Connector, Proxies, Proxy, ProxyError, Stage};
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A proxy that opens one tunnel, to `server` whatever it is asked for; its address, and what it was asked.
pub(crate) async fn tunnel(server: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let asked = head(&mut client).await;
        let mut server = TcpStream::connect(server).await.unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
        asked
    });
    (address, asked)
}

pub(crate) fn through(proxy: &str, mut connector: Connector) -> Connector {
    connector.proxies = Proxies::Through(Proxy::http(proxy).unwrap());
    connector
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# Once a connection to the server has been established (including a
//# connection via a proxy or over a TLS-encrypted tunnel), the client MUST
//# send an opening handshake to the server.
#[tokio::test]
async fn the_proxy_is_asked_for_the_server_by_its_name() {
    let server = Server::start([("", Then::Echo)]).await;
    let (proxy, asked) = tunnel(server.address.clone()).await;
    let connector = through(&format!("http://user:pass%20word@{proxy}"), Connector::default());
    // Nobody but the proxy could know the name.
    let (mut websocket, _) = connector.connect("ws://u:p@server.invalid/chat").await.unwrap();
    exchange(&mut websocket).await;
    drop(websocket);
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("CONNECT server.invalid:80 HTTP/1.1\r\nHost: server.invalid:80\r\n"),
        "{asked}"
    );
    assert!(asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n"), "{asked}");
    assert!(!asked.contains("\r\nAuthorization"), "what is the server's stays in the tunnel: {asked}");
    let said = &server.requests()[0];
    assert!(said.contains("Authorization: Basic dTpw") && !said.contains("Proxy-"), "{said}");
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the connection could not be opened, either because a direct
//# connection failed or because any proxy used returned an error,
//# then the client MUST _Fail the WebSocket Connection_ and abort
//# the connection attempt.
#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_an_error_of_its_kind() {
    let filler = "X: y\r\n".repeat(17 * 1024 / 6);
    for (answer, then, expected, back) in [
        (
            "HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nwho?".to_owned(),
            Then::Hang,
            "status 407: who?",
            false,
        ),
        ("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n".to_owned(), Then::Hang, "status 502", true),
        ("HTTP/1.1 403 No\r\n\r\nnever".to_owned(), Then::Close, "status 403: never", false),
        ("HTTP/1.1 200 OK\r\n\r\nnoise".to_owned(), Then::Hang, "a silent tunnel", false),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), Then::Hang, "a response of HTTP/1.1", false),
        (format!("HTTP/1.1 200 OK\r\n{filler}"), Then::Hang, "head within its limit", false),
        ("HTTP/1.1 200 O".to_owned(), Then::Close, "got the end of the stream", true),
    ] {
        let proxy = Server::start([(answer, then)]).await;
        let connector = through(&format!("http://{}", proxy.address), Connector::default());
        let error = error(connector.connect("ws://server.invalid/").await);
        let ConnectError::Proxy(reason) = &error else { panic!("{error}") };
        if let ProxyError::Declined(declined) = reason {
            assert!(declined.is_whole());
        }
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.invites_back(), back, "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_says_nothing_ends_with_the_deadline() {
    let proxy = Server::start([("", Then::Hang)]).await;
    let connector = through(&format!("http://{}", proxy.address), connector(Duration::from_millis(100)));
    let error = error(connector.connect("ws://server.invalid/").await);
    assert!(matches!(error, ConnectError::Timeout(Stage::Proxy)), "{error}");
}
