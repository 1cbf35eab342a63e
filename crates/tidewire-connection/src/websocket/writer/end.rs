//! How the end comes: which record stands, and that it is told once.

use super::Writer;
use crate::websocket::Ended;
use alloc::boxed::Box;

/// How far the end is.
#[derive(Debug)]
pub(super) enum End {
    None,
    /// What will be reported when the close that we began is over.
    Begun(Box<Ended>),
    /// It has come.
    Come(Box<Ended>),
    /// It was told as the last event.
    Told(Box<Ended>),
}

impl Writer {
    /// The end has come. The first record stands.
    pub(super) fn end(&mut self, record: Ended) {
        match self.end {
            End::None | End::Begun(_) => self.end = End::Come(Box::new(record)),
            End::Come(_) | End::Told(_) => {}
        }
    }

    /// The end has come: by the close that we began, or else as given. The first record stands.
    pub(super) fn end_as_begun(&mut self, otherwise: Ended) {
        self.end = match core::mem::replace(&mut self.end, End::None) {
            End::Begun(record) => End::Come(record),
            End::None => End::Come(Box::new(otherwise)),
            come @ (End::Come(_) | End::Told(_)) => come,
        };
    }

    /// The end, once: as the last event.
    pub(in crate::websocket) fn tell_end(&mut self) -> Option<Ended> {
        match core::mem::replace(&mut self.end, End::None) {
            End::Come(record) => {
                let ended = (*record).clone();
                self.end = End::Told(record);
                Some(ended)
            }
            end @ (End::None | End::Begun(_) | End::Told(_)) => {
                self.end = end;
                None
            }
        }
    }
}
