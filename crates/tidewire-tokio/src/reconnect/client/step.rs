//! What a client does next: one step at a time, and what a loss comes to.

use std::task::{Context, Poll, ready};

use tidewire_connection::websocket::{Cause, ClosingHandshake, Ended, Endpoint};
use tidewire_ws::{frame::CloseCode, message::SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ReconnectingWebSocket, State};
use crate::{
    alarm::Alarm,
    connect::Opened,
    reconnect::{Error, Loss, Resume, Update},
    websocket::WebSocket,
};

/// What one step came to.
pub(super) enum Step {
    Update(Update),
    End(Option<Error>),
    /// Nothing to tell of, yet.
    Passed,
}

impl<R: Resume, IO: AsyncRead + AsyncWrite + Unpin> ReconnectingWebSocket<R, IO> {
    /// Goes on by one thing.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match &mut self.state {
            State::Attempt => {
                self.state = State::Preparing(self.resume.request(self.request.clone()));
            }
            State::Preparing(preparing) => match ready!(preparing.as_mut().poll(cx)) {
                Ok(request) => self.state = State::Connecting((self.connect)(request)),
                Err(error) => return Poll::Ready(self.end(Some(Error::Resume(error)))),
            },
            State::Connecting(connecting) => {
                return Poll::Ready(match ready!(connecting.as_mut().poll(cx)) {
                    Ok((websocket, opened)) => self.opened(websocket, opened),
                    Err(error) => self.lost(Loss::Connect(error)),
                });
            }
            State::Open(websocket) => match ready!(websocket.poll_message(cx)) {
                Some(message) => {
                    self.schedule.handle_progress();
                    self.resume.received(&message);
                    return Poll::Ready(Step::Update(Update::Message(message)));
                }
                None => {
                    let ended = websocket.ended().cloned().unwrap_or_else(gone);
                    self.last_ended = Some(ended.clone());
                    return Poll::Ready(self.lost(Loss::Ended(ended)));
                }
            },
            State::Closing(websocket) => {
                if ready!(websocket.poll_message(cx)).is_none() {
                    self.last_ended = websocket.ended().cloned();
                    return Poll::Ready(self.end(None));
                }
            }
            State::Waiting { alarm, until } => {
                ready!(alarm.poll(cx, *until));
                self.state = State::Attempt;
            }
            State::Done => return Poll::Ready(Step::End(None)),
        }
        Poll::Ready(Step::Passed)
    }

    /// A connection is open: what is to be said first goes out with the first poll of it.
    fn opened(&mut self, mut websocket: WebSocket<IO>, opened: Opened) -> Step {
        let first = match self.resume.opened(&opened) {
            Ok(first) => first,
            Err(error) => return self.end(Some(Error::Resume(error))),
        };
        for message in first {
            // It is as open as a connection can be: nothing was received of it.
            let _: Result<(), SendError> = websocket.feed(message);
        }
        self.state = State::Open(Box::new(websocket));
        Step::Update(Update::Open(Box::new(opened)))
    }

    /// There is no connection: whether the client comes back, or it is the end.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
    //# To prevent this, clients SHOULD use some form of backoff when trying
    //# to reconnect after abnormal closures as described in this section.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
    //# The first reconnect attempt SHOULD be delayed by a random amount of
    //# time.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
    //# Should the first reconnect attempt fail, subsequent reconnect
    //# attempts SHOULD be delayed by increasingly longer amounts of time,
    //# using a method such as truncated binary exponential backoff.
    fn lost(&mut self, loss: Loss) -> Step {
        if !self.resume.comes_back(&loss) {
            let is_done = matches!(&loss, Loss::Ended(ended) if is_done(ended));
            return self.end((!is_done).then_some(Error::Refused(loss)));
        }
        if let Some(delay) = loss.retry_after() {
            self.schedule.handle_retry_after(delay);
        }
        let entropy = draw(&mut self.entropy);
        let Some(delay) = self.schedule.next_delay(entropy) else {
            return self.end(Some(Error::Exhausted(loss)));
        };
        tracing::debug!(%loss, ?delay, "a WebSocket was lost");
        let alarm = Alarm::new();
        let until = alarm.now().saturating_add(delay);
        self.state = State::Waiting { alarm, until };
        Step::Update(Update::Lost { loss, delay })
    }

    fn end(&mut self, error: Option<Error>) -> Step {
        self.state = State::Done;
        Step::End(error)
    }
}

/// The next of a sequence that passes the usual tests of randomness (`SplitMix64`).
fn draw(entropy: &mut u64) -> u64 {
    *entropy = entropy.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*entropy ^ (*entropy >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Whether the server closed it because it has done what it was to do.
fn is_done(ended: &Ended) -> bool {
    matches!(&ended.cause, Cause::Close { code: Some(CloseCode::NORMAL), .. })
}

/// A connection that is over and does not say why.
fn gone() -> Ended {
    Ended { by: Endpoint::Remote, cause: Cause::Transport, closing_handshake: ClosingHandshake::Incomplete }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut entropy = 0;
        let drawn = [(); 3].map(|()| draw(&mut entropy));
        assert_eq!(drawn, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }
}
