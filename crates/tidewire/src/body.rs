//! Request bodies: read whole within a limit of bytes and of time, or thrown away so that the refusal arrives.

use crate::error::{ApiError, Code};
use axum::body::Body;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::time::Duration;

/// How long a body may take to come.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too long is read and thrown away, in bytes. A client that sends all before it listens
/// gets its answer that way; a reset, which unread bytes would cause, could destroy it.
const MAX_DISCARD_LEN: usize = 4 * 1024 * 1024;

/// What became of a body.
enum Read {
    Whole(Vec<u8>),
    TooLong(Rest),
}

/// What became of the rest of a body that is too long.
enum Rest {
    /// It was read and thrown away: the next request can follow.
    Discarded,
    /// It is still to come, and must not be taken for the next request.
    ToCome,
}

/// The whole body, of at most `max_len` bytes.
///
/// # Errors
/// 413 when it is longer, 408 when it takes longer than [`BODY_TIMEOUT`], 400 when it breaks off.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    max_len: usize,
) -> Result<Vec<u8>, ApiError> {
    match tokio::time::timeout(BODY_TIMEOUT, read(headers, &mut body, max_len)).await {
        Ok(Ok(Read::Whole(bytes))) => Ok(bytes),
        Ok(Ok(Read::TooLong(rest))) => {
            let refusal =
                ApiError::new(Code::PayloadTooLarge, format!("a message has at most {max_len} bytes"))
                    .about("body");
            Err(match rest {
                Rest::Discarded => refusal,
                Rest::ToCome => closing(refusal),
            })
        }
        Ok(Err(_)) => Err(closing(ApiError::field("body", "it broke off"))),
        Err(_) => {
            let detail = format!("the body took longer than {} s", BODY_TIMEOUT.as_secs());
            Err(closing(ApiError::new(Code::RequestTimeout, detail).about("body")))
        }
    }
}

fn closing(refusal: ApiError) -> ApiError {
    refusal.with_header(header::CONNECTION, HeaderValue::from_static("close"))
}

async fn read(headers: &HeaderMap, body: &mut Body, max_len: usize) -> Result<Read, axum::Error> {
    if body.size_hint().lower() > max_len as u64 {
        // Who asks first whether to send gets the answer instead.
        if headers.contains_key(header::EXPECT) {
            return Ok(Read::TooLong(Rest::ToCome));
        }
        return Ok(Read::TooLong(discard(body, MAX_DISCARD_LEN).await?));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > max_len - bytes.len() {
            let rest = MAX_DISCARD_LEN.saturating_sub(bytes.len() + data.len());
            return Ok(Read::TooLong(discard(body, rest).await?));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read::Whole(bytes))
}

async fn discard(body: &mut Body, mut max_len: usize) -> Result<Rest, axum::Error> {
    while let Some(frame) = body.frame().await {
        let len = frame?.data_ref().map_or(0, bytes::Bytes::len);
        if len > max_len {
            return Ok(Rest::ToCome);
        }
        max_len -= len;
    }
    Ok(Rest::Discarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status(len: usize) -> Result<usize, u16> {
        let read = collect(&HeaderMap::new(), Body::from(vec![b'x'; len]), 100).await;
        read.map(|bytes| bytes.len()).map_err(|error| error.code().status().as_u16())
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        assert_eq!(status(0).await, Ok(0));
        assert_eq!(status(100).await, Ok(100));
        assert_eq!(status(101).await, Err(413));
        assert_eq!(status(MAX_DISCARD_LEN + 1).await, Err(413));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let body = Body::new(Never);
        let error = collect(&HeaderMap::new(), body, 100).await.unwrap_err();
        assert_eq!(error.code(), Code::RequestTimeout);
    }

    /// A body that never goes on.
    struct Never;

    impl http_body::Body for Never {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
}
