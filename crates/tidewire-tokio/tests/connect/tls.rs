//! Connections over TLS: whom they trust, what they say of themselves, and how they end.

use std::{sync::Arc, time::Duration};

use crate::proxy::{through, tunnel};
use crate::server::{Server, Then, connector, error, exchange};
use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use tidewire_tokio::{
    accept::Acceptor,
    connect::{ConnectError, Connector, RedirectRefused, Redirects, Stage, rustls},
    websocket::{Cause, ClosingHandshake, Endpoint},
};
use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certificate for these names, of a server and of the only authority that a client is to trust.
fn certificate(names: &[&str]) -> (Arc<rustls::ServerConfig>, rustls::ClientConfig) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), client)
}

/// What a server learns of a client: its server name, and the protocol that was agreed on.
type Greeting = (Option<String>, Option<Vec<u8>>);

/// Echoes over TLS to one client; its port.
async fn echo(config: Arc<rustls::ServerConfig>) -> (u16, JoinHandle<Option<Greeting>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(config).accept(stream).await.ok()?;
        let session = stream.get_ref().1;
        let greeting =
            (session.server_name().map(str::to_owned), session.alpn_protocol().map(<[u8]>::to_vec));
        let mut websocket = Acceptor::default().accept(stream).await.ok()?;
        while let Some(message) = websocket.next().await {
            let _ = websocket.send(message).await;
        }
        Some(greeting)
    });
    (port, served)
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If /secure/ is true, the client MUST perform a TLS handshake over
//# the connection after opening the connection and before sending
//# the handshake data [RFC2818].
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# Clients MUST use the Server Name Indication extension in the TLS
//# handshake [RFC6066].
#[tokio::test]
async fn a_server_with_a_trusted_certificate_is_spoken_to() {
    for (host, name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let (server, client) = certificate(&["localhost", "127.0.0.1"]);
        let (port, served) = echo(server).await;
        let connector = Connector::default().tls(client);
        let (mut websocket, _) = connector.connect(format!("wss://{host}:{port}/")).await.unwrap();
        exchange(&mut websocket).await;
        websocket.close(CloseCode::NORMAL, "bye").await.unwrap();
        let ended = websocket.ended().unwrap();
        assert_eq!((ended.by, ended.closing_handshake), (Endpoint::Local, ClosingHandshake::Complete));
        assert!(matches!(ended.cause, Cause::Close { .. }), "{ended}");
        let (server_name, protocol) = served.await.unwrap().unwrap();
        assert_eq!((server_name.as_deref(), protocol.as_deref()), (name, Some(&b"http/1.1"[..])));
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If this fails (e.g., the server's
//# certificate could not be verified), then the client MUST _Fail the
//# WebSocket Connection_ and abort the connection.
#[tokio::test]
async fn a_server_that_is_somebody_else_is_not() {
    let (_, stranger) = certificate(&["localhost"]);
    let (server, _) = certificate(&["localhost"]);
    let (elsewhere, friend) = certificate(&["example.org"]);
    for (server, connector) in [
        // An authority that is not trusted, by choice and by default, and a name that is another's.
        (server.clone(), Connector::default().tls(stranger)),
        (server, Connector::default()),
        (elsewhere, Connector::default().tls(friend)),
    ] {
        let (port, served) = echo(server).await;
        let error = error(connector.connect(format!("wss://localhost:{port}/")).await);
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        assert!(!error.invites_back(), "it would be the same again: {error}");
        assert_eq!(served.await.unwrap(), None, "nothing is said to it");
    }
}

#[tokio::test]
async fn what_is_no_tls_and_what_says_nothing_are_errors_of_their_kind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let error_of = async |connector: Connector, port: u16| {
        error(connector.connect(format!("wss://127.0.0.1:{port}/")).await)
    };
    let (_, client) = certificate(&["localhost"]);
    let silent = error_of(connector(Duration::from_millis(100)).tls(client.clone()), port).await;
    assert!(matches!(silent, ConnectError::Timeout(Stage::Tls)), "{silent}");
    let gone = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    // The first in the backlog is the silent one, which has left.
    gone.await.unwrap();
    // What speaks something else will do so again; one that leaves may be back.
    for (said, back) in [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], false), (b"", true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The greeting is taken, so that no reset takes away what is said.
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(said).await.unwrap();
        });
        let error = error_of(Connector::default().tls(client.clone()), port).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        assert_eq!(error.invites_back(), back, "{error}");
        server.await.unwrap();
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# Otherwise, all further communication on
//# this channel MUST run through the encrypted tunnel [RFC5246].
#[tokio::test]
async fn a_proxy_sees_the_name_and_nothing_else() {
    // A dot behind a name is the proxy's to see, and not the certificate's.
    for name in ["server.invalid", "server.invalid."] {
        let (server, client) = certificate(&["server.invalid"]);
        let (port, served) = echo(server).await;
        let (proxy, asked) = tunnel(format!("127.0.0.1:{port}")).await;
        let connector = through(&format!("http://{proxy}"), Connector::default().tls(client));
        let (mut websocket, _) = connector.connect(format!("wss://{name}/?secret=1")).await.unwrap();
        exchange(&mut websocket).await;
        websocket.close(CloseCode::NORMAL, "").await.unwrap();
        let (server_name, _) = served.await.unwrap().unwrap();
        assert_eq!(server_name.as_deref(), Some("server.invalid"));
        let asked = asked.await.unwrap();
        assert_eq!(asked, format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_redirect_does_not_lead_out_of_tls() {
    let (config, client) = certificate(&["localhost"]);
    let plain = Server::start([("", Then::Echo)]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let location = format!("ws://{}/", plain.address);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(config).accept(stream).await.unwrap();
        let elsewhere = |_: &tidewire_ws::handshake::Request<'_>| {
            Err(tidewire_ws::handshake::Refusal::new(307, "elsewhere").header("Location", &location).unwrap())
        };
        let _ = Acceptor::default().accept_with(stream, elsewhere).await;
    });
    let mut connector = Connector::default().tls(client);
    connector.redirects = Redirects::Follow { max: 5 };
    let error = error(connector.connect(format!("wss://localhost:{port}/")).await);
    let ConnectError::Redirect(redirect) = error else { panic!("{error}") };
    assert_eq!(redirect.refused, RedirectRefused::Downgrade);
    assert!(plain.requests().is_empty());
}
