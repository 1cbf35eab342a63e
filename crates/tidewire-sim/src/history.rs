//! What was in a connection's way, and when: whether a deadline had a reason is read from it.

use crate::connection::Side;
use crate::time::{MINUTE, NEVER, Nanos};

/// Something that keeps bytes from where they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Impediment {
    /// What this side sends stands still.
    Stalled(Side),
    /// What this side sends is lost.
    Cut(Side),
    /// This side is no more.
    Vanished(Side),
    /// This side's host does nothing.
    Suspended(Side),
    /// This side does not read.
    Deaf(Side),
    /// This side reads little at a time.
    Slow(Side),
    /// This side answers no probe.
    Mute(Side),
}

#[derive(Clone, Copy, Debug)]
struct Span {
    impediment: Impediment,
    from: Nanos,
    until: Nanos,
}

/// How long a past may matter: longer than any limit of time.
const KEPT: Nanos = 40 * MINUTE;

#[derive(Debug, Default)]
pub(crate) struct History {
    spans: Vec<Span>,
}

impl History {
    pub(crate) fn add(&mut self, impediment: Impediment, from: Nanos, until: Nanos) {
        if self.spans.len() >= 32 {
            self.spans.retain(|span| span.until.saturating_add(KEPT) > from);
        }
        self.spans.push(Span { impediment, from, until });
    }

    /// Begins what has no end yet, unless it has begun.
    pub(crate) fn begin(&mut self, impediment: Impediment, now: Nanos) {
        if !self.spans.iter().any(|span| span.impediment == impediment && span.until == NEVER) {
            self.add(impediment, now, NEVER);
        }
    }

    pub(crate) fn end(&mut self, impediment: Impediment, now: Nanos) {
        for span in &mut self.spans {
            if span.impediment == impediment && span.until == NEVER {
                span.until = now;
            }
        }
    }

    /// The longest part of a time in which nothing of `counts` was in the way.
    pub(crate) fn longest_clear(
        &self,
        from: Nanos,
        until: Nanos,
        counts: impl Fn(Impediment) -> bool,
    ) -> Nanos {
        let mut spans: Vec<&Span> = self
            .spans
            .iter()
            .filter(|span| span.from < until && span.until > from && counts(span.impediment))
            .collect();
        spans.sort_by_key(|span| span.from);
        let (mut clear, mut at) = (0, from);
        for span in spans {
            clear = clear.max(span.from.saturating_sub(at));
            at = at.max(span.until);
        }
        clear.max(until.saturating_sub(at))
    }

    /// Whether something of `counts` was in the way at any time.
    pub(crate) fn was(&self, from: Nanos, until: Nanos, counts: impl Fn(Impediment) -> bool) -> bool {
        self.longest_clear(from, until, counts) < until - from
    }

    /// When the last of `counts` that is over was over.
    pub(crate) fn last_over(&self, now: Nanos, counts: impl Fn(Impediment) -> bool) -> Nanos {
        let over = self.spans.iter().filter(|span| counts(span.impediment)).map(|span| span.until.min(now));
        over.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_clear_part_lies_before_between_or_behind() {
        let mut history = History::default();
        let all = |_| true;
        assert_eq!(history.longest_clear(10, 100, all), 90);
        history.add(Impediment::Stalled(Side::Server), 20, 40);
        history.add(Impediment::Deaf(Side::Client), 30, 50);
        assert_eq!(history.longest_clear(10, 100, all), 50);
        assert_eq!(history.longest_clear(0, 60, all), 20);
        assert_eq!(history.longest_clear(25, 45, all), 0);
        let server = |impediment| impediment == Impediment::Stalled(Side::Server);
        assert_eq!(history.longest_clear(25, 45, server), 5);
    }

    #[test]
    fn what_has_no_end_begins_once_and_ends_when_told() {
        let mut history = History::default();
        let deaf = Impediment::Deaf(Side::Client);
        history.begin(deaf, 10);
        history.begin(deaf, 20);
        assert_eq!(history.longest_clear(0, 100, |_| true), 10);
        assert_eq!(history.last_over(50, |_| true), 50);
        history.end(deaf, 30);
        assert_eq!((history.longest_clear(0, 100, |_| true), history.last_over(50, |_| true)), (70, 30));
    }
}
