//! One connection: a request under way, a body, or what is left of a refusal. It asks hyper, and knows no rule.

use std::{
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Builder, Client, ResponseFuture, connect::HttpConnector},
    rt::TokioExecutor,
};
use tidewire_connection::event_source::Refusal;

use super::error::{Refused, TransportError};

/// The longest head of a response.
const MAX_HEAD_LEN: usize = 64 * 1024;

/// What is kept of the body of a refusal.
const MAX_REFUSED_BODY_LEN: usize = 4 * 1024;

/// Asks for responses. What TLS needs is made when a request needs it.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    plain: Client<HttpConnector, Full<Bytes>>,
    secure: OnceLock<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    tls: Option<rustls::ClientConfig>,
}

impl Connector {
    /// With the caller's TLS, or the default.
    pub(super) fn new(tls: Option<rustls::ClientConfig>) -> Self {
        Self { plain: settings().build(tcp()), secure: OnceLock::new(), tls }
    }

    pub(super) fn ask(&self, request: Request<Full<Bytes>>) -> Transport {
        Transport::Asking(match request.uri().scheme_str() {
            Some("https") => self.secure.get_or_init(|| secure(self.tls.clone())).request(request),
            Some(_) | None => self.plain.request(request),
        })
    }
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp
}

fn settings() -> Builder {
    let mut client = Client::builder(TokioExecutor::new());
    // A stream has its connection to itself, and a request that may not be repeated is not, not even unseen.
    client.pool_max_idle_per_host(0).retry_canceled_requests(false);
    client.http1_max_buf_size(MAX_HEAD_LEN).http2_max_header_list_size(MAX_HEAD_LEN as u32);
    client
}

fn secure(tls: Option<rustls::ClientConfig>) -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let mut tls = tls.unwrap_or_else(crate::tls::default_config);
    // Which protocols there are is said below.
    tls.alpn_protocols.clear();
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp());
    settings().build(https)
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
    until: Duration,
}

impl Transport {
    /// Of a refusal, what comes of it up to `until`.
    pub(super) fn refused(refusal: Refusal, response: Response<Incoming>, until: Duration) -> Self {
        let (head, body) = response.into_parts();
        let (status, headers, kept) = (head.status.as_u16(), head.headers, BytesMut::new());
        Self::Refused(Box::new(RefusedBody { refusal, status, headers, body, kept, until }))
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
                        if data.len() <= room {
                            continue;
                        }
                    }
                    Arrived::Eof => {
                        let mut refused = refused.take();
                        refused.is_whole = true;
                        return Poll::Ready(Arrived::Refused(refused));
                    }
                    Arrived::Failed(_) | Arrived::Response(_) | Arrived::Refused(_) => {}
                }
                return Poll::Ready(Arrived::Refused(refused.take()));
            },
        }
    }

    /// When what there is of a refusal is enough.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Refused(refused) => Some(refused.until),
            Self::None | Self::Asking(_) | Self::Reading(_) => None,
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
            is_whole: false,
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
