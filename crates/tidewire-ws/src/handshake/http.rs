//! The same handshake on a request that hyper or axum has parsed (feature `http`).

use super::key::AcceptKey;
use super::refusal::Refusal;
use super::response::{InvalidField, Response};
use super::rules::{Fields, judge, subprotocols};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use http::header::{ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode, Version};

struct Parsed<'r, B>(&'r http::Request<B>);

impl<B> Fields for Parsed<'_, B> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn is_http_1_1(&self) -> bool {
        self.0.version() == Version::HTTP_11
    }

    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.0.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// A request that is an opening handshake by every rule.
#[derive(Clone, Debug)]
pub struct Accepted {
    accept: AcceptKey,
    subprotocols: Vec<String>,
}

/// Judges a request by the rules of [`HeadReader::request`](super::HeadReader::request).
///
/// # Errors
/// What the client is to be answered: 400, 405 or 426.
pub fn accept<B>(request: &http::Request<B>) -> Result<Accepted, Refusal> {
    let request = Parsed(request);
    let accept = judge(&request)?;
    let subprotocols = subprotocols(&request)?.into_iter().map(ToOwned::to_owned).collect();
    Ok(Accepted { accept, subprotocols })
}

impl Accepted {
    /// The subprotocols on offer, most wanted first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// The 101; the connection is to be upgraded behind it.
    ///
    /// # Errors
    /// The response names a subprotocol that was not offered.
    pub fn respond(&self, response: &Response) -> Result<http::Response<()>, InvalidField> {
        let offered: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
        response.check_offer(&offered)?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept = HeaderValue::from_str(self.accept.as_str()).map_err(|_| InvalidField::Value)?;
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        for (name, value) in response.fields() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidField::Name)?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| InvalidField::Value)?);
        }
        Ok(answer)
    }
}

impl Refusal {
    /// The status and headers of the refusal, without a body; the connection is to be closed behind it.
    #[must_use]
    pub fn to_http(&self) -> http::Response<()> {
        let mut answer = http::Response::new(());
        *answer.status_mut() = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static(self.connection()));
        for (name, value) in self.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or(ALLOW);
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}
