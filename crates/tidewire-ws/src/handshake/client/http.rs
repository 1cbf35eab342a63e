//! The client's side by way of an HTTP library: a request to give it, and its response judged (feature `http`).

use super::{InvalidResponse, Opened, Request};
use crate::handshake::fields::InvalidField;
use http::header::HOST;
use http::{HeaderName, HeaderValue, StatusCode, Uri, Version};

impl Request {
    /// The request for an HTTP library, with a target in origin form and `Host`.
    ///
    /// # Errors
    /// The library does not take the target or a header.
    pub fn to_http(&self) -> Result<http::Request<()>, InvalidField> {
        let mut request = http::Request::new(());
        *request.version_mut() = Version::HTTP_11;
        *request.uri_mut() = self.target.parse::<Uri>().map_err(|_| InvalidField::Target)?;
        let host = HeaderValue::from_str(&self.authority).map_err(|_| InvalidField::Authority)?;
        request.headers_mut().insert(HOST, host);
        let mut outcome = Ok(());
        self.each_field(|name, value| {
            match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => drop(request.headers_mut().append(name, value)),
                (Err(_), _) => outcome = Err(InvalidField::Name),
                (_, Err(_)) => outcome = Err(InvalidField::Value),
            }
        });
        outcome.map(|()| request)
    }

    /// Judges the response that an HTTP library got; `None` when it is not a 101. The headers stay with the response:
    /// [`Opened::headers`] gives none.
    ///
    /// # Errors
    /// It is a 101 that a server may not send.
    pub fn check<B>(self, response: &http::Response<B>) -> Result<Option<Opened>, InvalidResponse> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(None);
        }
        if response.version() != Version::HTTP_11 {
            return Err(InvalidResponse::Malformed);
        }
        self.into_expected().judge(response.headers()).map(Some)
    }
}
