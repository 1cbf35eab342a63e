//! What TLS trusts where the caller says nothing of it: the certificates of the operating system.

use std::sync::{Arc, OnceLock};

/// Trusts what the operating system trusts; its certificates are read once, and all connections resume each other's
/// sessions.
pub(crate) fn default_config() -> rustls::ClientConfig {
    static TLS: OnceLock<rustls::ClientConfig> = OnceLock::new();
    let make = || {
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificates cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap_or_else(|_| unreachable!("ring knows the default versions"))
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    TLS.get_or_init(make).clone()
}
