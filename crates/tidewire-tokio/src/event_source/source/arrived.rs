//! What the transport brings, and what the machine makes of it: responses, bytes of the body, ends.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use hyper::body::Incoming;
use tidewire_connection::event_source::{self as sans_io, Answer, Ended, Loss};

use super::{EventSource, REFUSED_BODY_TIMEOUT, Told};
use crate::event_source::error::{Error, TransportError, retry_after};
use crate::event_source::transport::{Arrived, Transport};
use crate::event_source::update::Update;

impl EventSource {
    /// What the transport brought; `Some` when the caller is to hear of it.
    pub(super) fn handle(&mut self, arrived: Arrived) -> Option<Result<Update, Error>> {
        let now = self.alarm.now();
        match arrived {
            Arrived::Response(response) => {
                self.transport = Transport::None;
                return self.handle_response(response);
            }
            Arrived::Data(data) => {
                self.machine.handle_received(now, data.len());
                self.unread = data;
                return None;
            }
            Arrived::Refused(refused) => {
                self.transport = Transport::None;
                self.told = Told::End;
                return Some(Err(Error::Refused(refused)));
            }
            Arrived::Eof => self.machine.handle_eof(now),
            Arrived::Failed(error) => {
                self.machine.handle_transport_error(now);
                return self.lost(Some(error));
            }
        }
        self.lost(None)
    }

    fn handle_response(&mut self, response: http::Response<Incoming>) -> Option<Result<Update, Error>> {
        let now = self.alarm.now();
        let status = response.status().as_u16();
        let headers = response.headers();
        let (content_type, content_encoding) =
            (joined(headers, &header::CONTENT_TYPE), joined(headers, &header::CONTENT_ENCODING));
        let location = headers.get(header::LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let answer = self.machine.handle_response(
            now,
            sans_io::Response {
                status,
                content_type: content_type.as_deref(),
                content_encoding: content_encoding.as_deref(),
                location: location.as_deref(),
                retry_after: retry_after(response.headers()),
            },
        );
        match answer {
            Answer::Read => {
                self.transport = Transport::Reading(response.into_body());
                return Some(Ok(Update::Open));
            }
            Answer::Follow => match self.target.redirected(status, &location.unwrap_or_default()) {
                Ok(target) => {
                    self.target = target;
                    return None;
                }
                Err(_) => self.machine.handle_bad_location(now, status),
            },
            Answer::Drop => {}
        }
        if let Some(Ended::Refused(refusal)) = self.machine.ended() {
            let until = now + REFUSED_BODY_TIMEOUT;
            self.transport = Transport::refused(refusal.clone(), response, until);
            return None;
        }
        self.lost(None)
    }

    /// The connection is gone: whether the client comes back, or it is the end.
    pub(super) fn lost(&mut self, source: Option<TransportError>) -> Option<Result<Update, Error>> {
        self.transport = Transport::None;
        self.unread = Bytes::new();
        self.target = self.origin.clone();
        match self.machine.loss() {
            Some(loss) => {
                let until = self.machine.poll_timeout().map_or(Duration::ZERO, |(at, _)| at);
                let delay = until.saturating_sub(self.alarm.now());
                tracing::debug!(%loss, ?delay, "an event stream was lost");
                Some(Ok(Update::Lost { loss, source, delay }))
            }
            None => self.end(source).map(Err),
        }
    }

    /// What is said of the end: nothing if it is as it should be.
    pub(super) fn end(&mut self, source: Option<TransportError>) -> Option<Error> {
        let error = match self.machine.ended()? {
            Ended::NotRepeated(Loss::Eof) => None,
            Ended::NotRepeated(loss) => Some(Error::NotRepeated { loss: *loss, source }),
            Ended::Exhausted(loss) => Some(Error::Exhausted { loss: *loss, source }),
            // Nothing is wrong; or it is a refusal, which is told of with its body.
            Ended::Local | Ended::Stopped | Ended::Refused(_) | _ => None,
        };
        self.told = Told::End;
        error
    }
}

/// The values of all fields of a name, as one (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
