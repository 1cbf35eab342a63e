//! What a client does to go on where it was: the caller's part.

use std::{error::Error as StdError, future::Future, pin::Pin};

use super::update::Loss;
use crate::{
    connect::{Opened, Request},
    websocket::Message,
};

/// An error of the caller's own.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A request in the making.
pub type Preparing = Pin<Box<dyn Future<Output = Result<Request, BoxError>> + Send>>;

/// What a client does to go on where it was. Each part has a default, which does nothing special; `()` has all of them.
pub trait Resume {
    /// Before each attempt, the first among them: what to ask for, made of the request that the client was built with.
    /// Here go a cursor, a fresh token, another address. It may take its time, which counts in no deadline.
    ///
    /// An error is the end: [`Error::Resume`](super::Error::Resume).
    fn request(&mut self, request: Request) -> Preparing {
        Box::pin(std::future::ready(Ok(request)))
    }

    /// A connection is open: what goes out on it before anything else, such as who we are, what to subscribe to, and
    /// what was not acknowledged.
    ///
    /// # Errors
    /// The connection will not do, without its subprotocol say. The end: [`Error::Resume`](super::Error::Resume).
    fn opened(&mut self, opened: &Opened) -> Result<Vec<Message>, BoxError> {
        let _ = opened;
        Ok(Vec::new())
    }

    /// A message is handed out: where to go on behind it.
    fn received(&mut self, message: &Message) {
        let _ = message;
    }

    /// Whether to come back behind a loss; [`Loss::invites_back`] by default. A client whose token has expired may say
    /// yes to a 401, for it takes another to the next [`request`](Self::request). Our own close is no loss.
    fn comes_back(&mut self, loss: &Loss) -> bool {
        loss.invites_back()
    }
}

impl Resume for () {}
