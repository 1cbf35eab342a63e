//! Echoes over TLS: `cargo run -p tidewire-tokio --features tls --example tls_server -- 127.0.0.1:9443 CERT.pem KEY.pem`.
//!
//! Without files it makes a certificate for `localhost` and writes it to `tidewire-localhost.pem` in the folder for
//! temporary files, for `tls_client` to trust.

use std::{error::Error, net::SocketAddr, sync::Arc};

use tidewire_tokio::{
    accept::Acceptor,
    connect::rustls::{
        self, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    drain::{Drain, ShutdownSignals},
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::WebSocket,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address: SocketAddr = match arguments.first() {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9443)),
    };
    let (certificates, key) = match &arguments[..] {
        [_, certificates, key] => from_files(certificates, key)?,
        _ => made_up()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(config));

    let listener = Listener::bind(address, Limits::default())?;
    let mut signals = ShutdownSignals::listen()?;
    let drain = Drain::new();
    println!("listening on wss://{}", listener.local_addr()?);
    // TLS counts in the deadline of the opening handshake.
    let server = Server::new(Acceptor::default()).secure(move |stream| tls.accept(stream));
    tokio::select! {
        () = server.run(listener, &drain, |websocket, _| echo(websocket)) => {}
        _ = signals.next() => {}
    }
    // A second signal does not wait for the connections.
    tokio::select! {
        _ = drain.wind_up() => {}
        _ = signals.next() => {}
    }
    Ok(())
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn from_files(certificates: &str, key: &str) -> Result<Identity, Box<dyn Error>> {
    let certificates = CertificateDer::pem_file_iter(certificates)?.collect::<Result<_, _>>()?;
    Ok((certificates, PrivateKeyDer::from_pem_file(key)?))
}

fn made_up() -> Result<Identity, Box<dyn Error>> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let path = std::env::temp_dir().join("tidewire-localhost.pem");
    std::fs::write(&path, made.cert.pem())?;
    println!("its certificate is in {}", path.display());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    Ok((vec![made.cert.der().clone()], key))
}

async fn echo(mut websocket: WebSocket<TlsStream<Stream>>) {
    while let Some(message) = websocket.next().await {
        // Once our close frame is out there is nobody to echo to; the rest of the closing handshake goes on.
        let _ = websocket.feed(message);
    }
}
