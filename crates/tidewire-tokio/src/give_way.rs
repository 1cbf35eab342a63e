//! Letting other tasks have their turn: a server that never pauses must not hold them up.

use std::task::{Context, Poll};

/// Is asked again, and others before that.
pub(crate) fn give_way<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}
