//! `POST /publish`: the body is the message.

use crate::app::App;
use crate::body;
use crate::error::{ApiError, Code, json};
use crate::message::{Kind, Payload};
use crate::params::Params;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use tidewire_hub::Cursor;

#[derive(Serialize)]
struct Published<'a> {
    topic: &'a str,
    epoch: String,
    offset: u64,
    cursor: String,
}

/// Publishes the body and answers with its place.
pub(crate) async fn publish(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let params = Params::parse(parts.uri.query())?;
    let topic = params.topic()?;
    let event = params.event()?;
    let exclude = params.exclude()?;
    let kind = kind(&parts.headers)?;
    let bytes = body::collect(&parts.headers, body, app.max_message_len()).await?;
    let payload = match kind {
        Kind::Binary => Payload::Binary(&bytes),
        Kind::Text => match std::str::from_utf8(&bytes) {
            Ok(text) => Payload::Text(text),
            Err(_) => return Err(ApiError::field("body", "a text message must be UTF-8")),
        },
    };
    let position = app.publish(&topic, payload, event, exclude)?;
    let published = Published {
        topic: topic.as_str(),
        epoch: position.epoch.to_string(),
        offset: position.offset,
        cursor: Cursor::for_position(&topic, position).encode(),
    };
    Ok(json(StatusCode::OK, &published))
}

/// What kind of message a body of this type is.
fn kind(headers: &HeaderMap) -> Result<Kind, ApiError> {
    let encoded = headers.get(header::CONTENT_ENCODING);
    if encoded.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "a message is taken as it is, without a content coding";
        return Err(ApiError::new(Code::UnsupportedMediaType, detail).about("content-encoding"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(first) = types.next() else { return Ok(Kind::Text) };
    let text = first.to_str().ok().filter(|_| types.next().is_none());
    text.and_then(kind_of).ok_or_else(|| {
        let detail = "expected text/*, JSON, application/x-www-form-urlencoded or application/octet-stream";
        ApiError::new(Code::UnsupportedMediaType, detail).about("content-type")
    })
}

/// The same for the value of `Content-Type`; the parameters behind `;` say nothing that matters here.
fn kind_of(content_type: &str) -> Option<Kind> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (main, sub) = essence.split_once('/')?;
    match (main, sub) {
        (_, "") => None,
        ("application", "octet-stream") => Some(Kind::Binary),
        ("text", _) | ("application", "json" | "x-www-form-urlencoded") => Some(Kind::Text),
        ("application", sub) if sub.ends_with("+json") => Some(Kind::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_text_binary_or_refused() {
        for text in [
            "text/plain",
            "Text/HTML; charset=utf-8",
            "application/json",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            " text/x ",
        ] {
            assert_eq!(kind_of(text), Some(Kind::Text), "{text}");
        }
        assert_eq!(kind_of("application/octet-stream"), Some(Kind::Binary));
        assert_eq!(kind_of("APPLICATION/Octet-Stream;x=y"), Some(Kind::Binary));
        for other in ["", "text", "text/", "image/png", "multipart/form-data; boundary=x", "application/xml"]
        {
            assert_eq!(kind_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_coded_or_doubly_typed_body_is_refused() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            kind(&headers).map_err(|error| (error.code().status().as_u16(), error.field_name()))
        };
        assert_eq!(headers(&[]), Ok(Kind::Text));
        assert_eq!(headers(&[("content-encoding", "identity")]), Ok(Kind::Text));
        assert_eq!(headers(&[("content-encoding", "gzip")]), Err((415, Some("content-encoding"))));
        let twice = [("content-type", "text/plain"), ("content-type", "text/plain")];
        assert_eq!(headers(&twice), Err((415, Some("content-type"))));
    }
}
