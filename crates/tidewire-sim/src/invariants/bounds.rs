//! In bounded time: whoever is cut off learns of it, and what is sent arrives.

use tidewire_lifecycle::Heartbeat;

use super::{Breach, Checked, Invariant, Watch, check};
use crate::connection::{Connection, Kind, Reading, Side, Standing};
use crate::history::Impediment;
use crate::time::{MILLI, Nanos, SECOND, limit, nanos, shown};

/// A probe may be cut in two by the transport, which takes the rest in a moment: its reply is due from then on.
const SHORT_WRITES: Nanos = 20 * MILLI;

/// Whether something is overdue on this side, which is alive and whose host runs. `watch` is its own.
pub(crate) fn overdue(connection: &Connection, side: Side, watch: &Watch, now: Nanos) -> Checked {
    watch.closes_in_time(now)?;
    let (here, there) = (&connection.ends[side], &connection.ends[side.peer()]);
    if here.has_ended() || watch.closing_since.is_some() {
        return Ok(());
    }
    watch.is_within_limits(now)?;
    if here.reading != Reading::Paused {
        watch.is_replied_to(now, SHORT_WRITES)?;
    }
    if let Some(since) = connection.cut_since[side] {
        return finds_out(connection, side, watch, since, now);
    }
    if let Standing::Gone(since) = there.standing {
        return hears_of_it(connection, since, now);
    }
    arrives(connection, side, watch, now)
}

/// Whether a side that can hear nothing more knows it in time.
fn finds_out(connection: &Connection, side: Side, watch: &Watch, since: Nanos, now: Nanos) -> Checked {
    // What was on its way still comes, and one who did not listen, or was asleep, begins to wait when it does.
    let paused = |impediment| match impediment {
        Impediment::Deaf(of) | Impediment::Slow(of) | Impediment::Suspended(of) => of == side,
        Impediment::Stalled(_) | Impediment::Cut(_) | Impediment::Vanished(_) | Impediment::Mute(_) => false,
    };
    let listening = connection.history.last_over(now, paused).max(watch.read_again_at).max(watch.resumed_at);
    let silent = since.max(watch.last_received).max(listening);
    let (invariant, due) = match watch.config.heartbeat {
        Heartbeat::Probe { interval, timeout } => {
            // A probe that is stuck in the output is the write stall's to decide; one that got out late, late.
            if watch.is_stuck() {
                return Ok(());
            }
            let probed = (silent + nanos(interval)).max(watch.probe_since.unwrap_or(0));
            (Invariant::HalfOpen, probed + nanos(timeout) + SHORT_WRITES)
        }
        Heartbeat::Off | Heartbeat::KeepAlive { .. } if is_silent_source(connection, side) => {
            (Invariant::HalfOpen, silent.saturating_add(limit(watch.config.idle_timeout)) + 2 * MILLI)
        }
        // Only a write that fails, or silence on both sides, can show it.
        Heartbeat::Off => {
            let idle = limit(watch.config.idle_timeout);
            (
                Invariant::Delivery,
                silent.saturating_add(idle).saturating_add(connection.retransmission + SECOND),
            )
        }
        Heartbeat::KeepAlive { interval } => {
            (Invariant::Delivery, silent + nanos(interval) + connection.retransmission + SECOND)
        }
    };
    check(now <= due, || {
        let expected = format!("an end by {}: the peer cannot be heard since {}", shown(due), shown(silent));
        Breach::new(invariant, expected, "none")
    })
}

/// The client of an event stream sends nothing.
fn is_silent_source(connection: &Connection, side: Side) -> bool {
    connection.kind == Kind::EventStream && side == Side::Client
}

/// Whether a peer's end is heard of in time.
fn hears_of_it(connection: &Connection, since: Nanos, now: Nanos) -> Checked {
    let clear = connection.history.longest_clear(since, now, |_| true);
    check(clear <= 2 * connection.grace + SECOND, || {
        let expected = format!("an end: the peer is gone since {}, and the way was clear", shown(since));
        Breach::new(Invariant::Delivery, expected, "none")
    })
}

/// Whether what the peer has sent arrives, as long as both are there.
fn arrives(connection: &Connection, side: Side, watch: &Watch, now: Nanos) -> Checked {
    let (here, there) = (&connection.ends[side], &connection.ends[side.peer()]);
    if !there.is_alive() || here.next_in >= there.next_out {
        return Ok(());
    }
    let since = watch.last_received.max(connection.awaits_since[side]);
    let clear = connection.history.longest_clear(since, now, |_| true);
    check(clear <= 2 * connection.grace + SECOND, || {
        let expected = format!("message {}, sent at {} at the latest", here.next_in, shown(since));
        Breach::new(
            Invariant::Delivery,
            expected,
            format!("nothing, and the way was clear for {}", shown(clear)),
        )
    })
}
