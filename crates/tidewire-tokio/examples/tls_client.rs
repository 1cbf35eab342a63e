//! Says something over TLS and prints the answer: `cargo run -p tidewire-tokio --features tls --example tls_client --
//! wss://localhost:9443 CA.pem`. With a file only what is in it is trusted, as `tls_server` writes it; without one, what the
//! operating system trusts. Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`).

use std::{error::Error, sync::Arc};

use tidewire_tokio::{
    connect::{
        Connector, Environment, Proxies, Request,
        rustls::{
            self, ClientConfig, RootCertStore,
            pki_types::{CertificateDer, pem::PemObject},
        },
    },
    websocket::Message,
};
use tidewire_ws::frame::CloseCode;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "wss://localhost:9443".to_owned());
    let mut connector = Connector::default();
    connector.proxies = Proxies::Environment(Environment::read()?);
    if let Some(path) = arguments.next() {
        connector = connector.tls(trusting(&path)?);
    }

    let (mut websocket, _) = connector.connect(Request::new(&url)).await?;
    if let Some(session) = websocket.io().session() {
        println!("{:?}, {:?}", session.protocol_version(), session.negotiated_cipher_suite());
    }
    websocket.send(Message::Text("hello".into())).await?;
    println!("{:?}", websocket.next().await);
    websocket.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

/// Trusts these certificates alone.
fn trusting(path: &str) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
