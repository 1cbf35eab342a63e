//! What a request is refused with: a status and a JSON body of one shape (RFC 9110 §15.5, §15.6).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;

/// A refusal. Its body is `{"error","field","detail"}`; `field` is null where the request as a whole is meant.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: Code,
    field: Option<&'static str>,
    detail: Cow<'static, str>,
    /// What the status wants beside it, such as `Allow` with a 405.
    headers: Option<Box<HeaderMap>>,
}

/// What is wrong, as the word that programs compare and the status that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// A parameter or a header that cannot be used.
    BadRequest,
    /// No such path.
    NotFound,
    /// Another method is wanted.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// The body is longer than a message may be.
    PayloadTooLarge,
    /// The body is of a type that no message can have.
    UnsupportedMediaType,
    /// The path speaks WebSocket only.
    UpgradeRequired,
    /// A limit of the whole server is reached.
    ServiceUnavailable,
}

impl Code {
    /// The word in the body.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UpgradeRequired => "upgrade_required",
            Self::ServiceUnavailable => "service_unavailable",
        }
    }

    /// The status line.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word for a status that another layer chose.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::UPGRADE_REQUIRED => Self::UpgradeRequired,
            _ => Self::BadRequest,
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    field: Option<&'static str>,
    detail: &'a str,
}

impl ApiError {
    /// A refusal that is about the request as a whole.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, field: None, detail: detail.into(), headers: None }
    }

    /// A 400 about one parameter or header.
    pub(crate) fn field(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field), ..Self::new(Code::BadRequest, detail) }
    }

    /// A 405; `allow` lists the methods of the path.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(Code::MethodNotAllowed, format!("this path takes {allow}"))
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// The same, with the name of the parameter or header in question.
    pub(crate) fn about(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    /// The same, with a header in the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// The same, with `headers` in the answer.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.get_or_insert_default().extend(headers);
        self
    }

    /// The word that programs compare.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The parameter, header or member in question.
    pub(crate) fn field_name(&self) -> Option<&'static str> {
        self.field
    }

    /// A sentence for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: self.code.as_str(), field: self.field, detail: &self.detail };
        let mut response = json(self.code.status(), &body);
        response.headers_mut().extend(self.headers.into_iter().flat_map(|headers| *headers));
        response
    }
}

/// A whole JSON answer, which nobody may keep: it tells of one moment.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("our own structs have string keys and no failing parts");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_body_has_one_shape() {
        let response = ApiError::field("topic", "a topic name must not be empty").into_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["content-type"], "application/json");
        let expected = r#"{"error":"bad_request","field":"topic","detail":"a topic name must not be empty"}"#;
        assert_eq!(text(response).await, expected);
        let response = ApiError::method_not_allowed("GET").into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"GET".parse().unwrap())
        );
        let expected = r#"{"error":"method_not_allowed","field":null,"detail":"this path takes GET"}"#;
        assert_eq!(text(response).await, expected);
    }

    #[test]
    fn a_refusal_is_small_to_return() {
        assert!(size_of::<ApiError>() <= 64, "{}", size_of::<ApiError>());
    }

    #[test]
    fn words_and_statuses_belong_together() {
        for (code, word, status) in [
            (Code::BadRequest, "bad_request", 400),
            (Code::NotFound, "not_found", 404),
            (Code::MethodNotAllowed, "method_not_allowed", 405),
            (Code::RequestTimeout, "request_timeout", 408),
            (Code::PayloadTooLarge, "payload_too_large", 413),
            (Code::UnsupportedMediaType, "unsupported_media_type", 415),
            (Code::UpgradeRequired, "upgrade_required", 426),
            (Code::ServiceUnavailable, "service_unavailable", 503),
        ] {
            assert_eq!((code.as_str(), code.status().as_u16()), (word, status));
        }
    }
}
