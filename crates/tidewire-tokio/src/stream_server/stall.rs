//! How long a client may take nothing.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use crate::alarm::Alarm;

/// Since when the client has taken nothing of what waits; it owns nothing while it does.
#[derive(Debug, Default)]
pub(super) struct Stall {
    since: Option<Box<Since>>,
}

#[derive(Debug)]
struct Since {
    alarm: Alarm,
    deadline: Duration,
}

impl Stall {
    /// Nothing waits.
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// The client took so much and then no more: `Ready` when it has taken nothing for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, within: Duration, written: usize) -> Poll<()> {
        let since = self.since.get_or_insert_with(|| {
            let alarm = Alarm::new();
            let deadline = alarm.now().saturating_add(within);
            Box::new(Since { alarm, deadline })
        });
        if written > 0 {
            since.deadline = since.alarm.now().saturating_add(within);
        }
        let deadline = since.deadline;
        since.alarm.poll(cx, deadline)
    }
}
