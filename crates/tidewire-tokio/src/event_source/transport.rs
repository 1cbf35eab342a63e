//! One connection: a request under way, a body, or what is left of a refusal. It asks hyper, and knows no rule.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, ResponseFuture, connect::HttpConnector},
    rt::TokioExecutor,
};
use tidewire_connection::event_source::Refusal;

use super::error::{Refused, TransportError};

/// The longest head of a response.
const MAX_HEAD_LEN: usize = 64 * 1024;

/// What is kept of the body of a refusal.
const MAX_REFUSED_BODY_LEN: usize = 4 * 1024;

/// Asks for responses.
#[derive(Clone, Debug)]
pub(super) struct Connector(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Connector {
    pub(super) fn new(tls: rustls::ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let mut client = Client::builder(TokioExecutor::new());
        // A stream has its connection to itself, and a request that may not be repeated is not, not even unseen.
        client.pool_max_idle_per_host(0).retry_canceled_requests(false);
        client.http1_max_buf_size(MAX_HEAD_LEN).http2_max_header_list_size(MAX_HEAD_LEN as u32);
        Self(client.build(https))
    }

    pub(super) fn ask(&self, request: Request<Full<Bytes>>) -> Transport {
        Transport::Asking(self.0.request(request))
    }
}

/// Trusts what the operating system trusts; its certificates are read once.
pub(super) fn default_tls() -> rustls::ClientConfig {
    static TLS: OnceLock<Arc<rustls::RootCertStore>> = OnceLock::new();
    let roots = TLS.get_or_init(|| {
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificates cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap_or_else(|_| unreachable!("ring knows the default versions"))
        .with_root_certificates(roots.clone())
        .with_no_client_auth()
}

/// What there is of a connection.
#[derive(Debug)]
pub(super) enum Transport {
    None,
    Asking(ResponseFuture),
    Reading(Incoming),
    /// A response that is no event stream; the beginning of its body is read for whoever wants to know why.
    Refused(Box<RefusedBody>),
}

/// What came of the connection.
#[derive(Debug)]
pub(super) enum Arrived {
    Response(Response<Incoming>),
    Data(Bytes),
    Eof,
    Failed(TransportError),
    Refused(Box<Refused>),
}

#[derive(Debug)]
pub(super) struct RefusedBody {
    refusal: Refusal,
    status: u16,
    headers: HeaderMap,
    body: Incoming,
    kept: BytesMut,
}

impl Transport {
    pub(super) fn refused(refusal: Refusal, response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let (status, headers, kept) = (head.status.as_u16(), head.headers, BytesMut::new());
        Self::Refused(Box::new(RefusedBody { refusal, status, headers, body, kept }))
    }

    /// Waits for what comes next; without a connection, for ever.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        match self {
            Self::None => Poll::Pending,
            Self::Asking(response) => Poll::Ready(match ready!(Pin::new(response).poll(cx)) {
                Ok(response) => Arrived::Response(response),
                Err(error) => Arrived::Failed(error.into()),
            }),
            Self::Reading(body) => Poll::Ready(ready!(poll_data(body, cx))),
            Self::Refused(refused) => loop {
                match ready!(poll_data(&mut refused.body, cx)) {
                    Arrived::Data(data) => {
                        let room = MAX_REFUSED_BODY_LEN - refused.kept.len();
                        refused.kept.extend_from_slice(&data[..data.len().min(room)]);
                        if refused.kept.len() < MAX_REFUSED_BODY_LEN {
                            continue;
                        }
                    }
                    Arrived::Eof | Arrived::Failed(_) | Arrived::Response(_) | Arrived::Refused(_) => {}
                }
                return Poll::Ready(Arrived::Refused(refused.take()));
            },
        }
    }

    /// The refusal as far as its body came.
    pub(super) fn take_refused(&mut self) -> Option<Box<Refused>> {
        match self {
            Self::Refused(refused) => Some(refused.take()),
            Self::None | Self::Asking(_) | Self::Reading(_) => None,
        }
    }
}

impl RefusedBody {
    fn take(&mut self) -> Box<Refused> {
        Box::new(Refused {
            refusal: self.refusal.clone(),
            status: self.status,
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.kept).freeze(),
        })
    }
}

/// The next bytes of a body; trailers are passed over.
fn poll_data(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Arrived> {
    loop {
        return Poll::Ready(match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => Arrived::Eof,
            Some(Err(error)) => Arrived::Failed(error.into()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => Arrived::Data(data),
                Err(_) => continue,
            },
        });
    }
}
