//! Why a connection was ended: each end that is told of needs a reason in what the applications, the peer, the clock or
//! the schedule of faults did.
//!
//! A deadline has a reason only if it had come (by what was counted here, not by what the machine says), and, where it
//! stands for a peer that is gone, only if at no time since it began to run there was nothing in the way for so long
//! that the peer would have been heard.

use tidewire_connection::event_source::Loss;
use tidewire_connection::{event_stream, websocket};
use tidewire_lifecycle::{Heartbeat, Timer};
use tidewire_ws::frame::CloseCode;

use super::{Breach, Checked, Invariant, Watch, check};
use crate::connection::{Connection, Machine, Manners, Said, Side, Standing};
use crate::history::Impediment;
use crate::host::Order;
use crate::time::{MILLI, NEVER, Nanos, limit, nanos, shown};

/// The code and the reason of every close of an application.
pub(crate) const CLOSE: (CloseCode, &str) = (CloseCode::NORMAL, "done");

/// What a close frame says that a deadline caused.
fn timeout_close(timer: Timer) -> (CloseCode, String) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "any other")]
    match timer {
        Timer::CredentialExpiry => (CloseCode::POLICY_VIOLATION, timer.to_string()),
        Timer::Drain | Timer::MaxAge => (CloseCode::GOING_AWAY, timer.to_string()),
        _ => (CloseCode::GOING_AWAY, format!("timeout: {timer}")),
    }
}

fn unreasonable(expected: impl Into<String>, got: impl std::fmt::Display) -> Box<Breach> {
    Breach::new(Invariant::Reason, expected, got.to_string())
}

/// Whether a WebSocket's end has a reason.
pub(crate) fn websocket_reason(connection: &Connection, side: Side, ended: &websocket::Ended) -> Checked {
    use websocket::{Cause, Endpoint};
    let (here, there) = (&connection.ends[side], &connection.ends[side.peer()]);
    match (&ended.cause, ended.by) {
        (Cause::Close { code, reason }, Endpoint::Local) => {
            let ours = here.said == Said::Close && (*code, &**reason) == (Some(CLOSE.0), CLOSE.1);
            check(ours, || unreasonable(format!("an end for what was said, {:?}", here.said), ended))
        }
        (Cause::Close { code, reason }, Endpoint::Remote) => {
            let told = (*code, &**reason);
            let theirs = match there.said {
                Said::Nothing => false,
                Said::Close => told == (Some(CLOSE.0), CLOSE.1),
                Said::Timeout(Some(timer)) => {
                    let (code, reason) = timeout_close(timer);
                    told == (Some(code), reason.as_str())
                }
                Said::Timeout(None) => Timer::ALL.iter().any(|timer| {
                    let (code, reason) = timeout_close(*timer);
                    told == (Some(code), reason.as_str())
                }),
            };
            let theirs =
                theirs || here.manners == Manners::Violates && *code == Some(CloseCode::PROTOCOL_ERROR);
            check(theirs, || unreasonable(format!("the peer's close, which said {:?}", there.said), ended))
        }
        // Whether it had come was looked at when it closed.
        (Cause::Timeout(timer), Endpoint::Local) => {
            let ours = here.said == Said::Timeout(Some(*timer)) || here.said == Said::Timeout(None);
            check(ours, || unreasonable(format!("an end for what was said, {:?}", here.said), ended))
        }
        (Cause::Eof(_), Endpoint::Remote) => {
            let gone = there.standing != Standing::Alive || there.has_ended();
            check(gone, || unreasonable("an end of stream of a peer that ended", ended))
        }
        (Cause::Violation(_), Endpoint::Remote) => {
            let theirs = there.manners == Manners::Violates;
            check(theirs, || unreasonable("no violation of a peer that keeps the rules", ended))
        }
        (Cause::Transport, Endpoint::Remote) => {
            let failed = connection.failures[side].is_some();
            check(failed, || unreasonable("a transport that failed", ended))
        }
        _ => Err(unreasonable("a cause that the world can have", ended)),
    }
}

/// Whether the end of an event stream has a reason, on its server's side.
pub(crate) fn stream_reason(connection: &Connection, ended: event_stream::Ended, now: Nanos) -> Checked {
    let (here, there) = (&connection.ends.server, &connection.ends.client);
    match ended {
        event_stream::Ended::Local => check(here.said == Said::Close, || {
            unreasonable("an end of our own only where it was asked for", ended)
        }),
        event_stream::Ended::Remote => {
            let gone = there.standing != Standing::Alive;
            check(gone, || unreasonable("an end of a client that is there", ended))
        }
        event_stream::Ended::Transport => {
            let failed = connection.failures.server.is_some();
            check(failed, || unreasonable("a transport that failed", ended))
        }
        event_stream::Ended::Timeout(timer) => {
            timeout_reason(connection, Side::Server, &here.watch, timer, now)
        }
    }
}

/// Whether the loss of an event stream's connection has a reason, on its client's side.
pub(crate) fn source_reason(connection: &Connection, watch: &Watch, loss: Loss, now: Nanos) -> Checked {
    let there = &connection.ends.server;
    match loss {
        Loss::Eof => {
            let gone = there.standing != Standing::Alive || there.has_ended();
            check(gone, || unreasonable("an end of stream of a server that ended it", loss))
        }
        Loss::Transport => {
            check(connection.failures.client.is_some(), || unreasonable("a transport that failed", loss))
        }
        Loss::Timeout(timer) => timeout_reason(connection, Side::Client, watch, timer, now),
        Loss::Status(_) | _ => Err(unreasonable("a loss that an open stream can have", loss)),
    }
}

/// Whether a deadline had come, and for a reason.
pub(crate) fn timeout_reason(
    connection: &Connection,
    side: Side,
    watch: &Watch,
    timer: Timer,
    now: Nanos,
) -> Checked {
    let config = &watch.config;
    let came = |since: Option<Nanos>, limit: Nanos, what: &str| {
        let due = since.map_or(NEVER, |since| since.saturating_add(limit));
        // Moments are kept cut to milliseconds: counted from one, a deadline may come up to one early.
        check(now + MILLI >= due, || unreasonable(format!("{what}: due at {due} ns"), at(timer, now)))
    };
    match timer {
        Timer::WriteStall => {
            came(watch.blocked_since, limit(config.write_stall_timeout), "output that nobody takes")?;
            let since = watch.blocked_since.unwrap_or(now);
            in_the_way(connection, side, since, now, connection.grace, timer)
        }
        Timer::HeartbeatReply => {
            let Heartbeat::Probe { interval, timeout } = config.heartbeat else {
                return Err(unreasonable("no probes, by the settings", at(timer, now)));
            };
            let since = watch.probe_since.unwrap_or(NEVER);
            came(Some(since), nanos(timeout), "a reply to a probe")?;
            // Until then it may have been heard all the time.
            let heard = watch.last_received + nanos(timeout) <= now + MILLI;
            let long = since.saturating_add(nanos(interval) + nanos(timeout)) <= now + MILLI;
            check(heard || long, || unreasonable("a peer that is not heard", at(timer, now)))?;
            in_the_way(connection, side, since, now, 2 * connection.grace, timer)
        }
        Timer::Idle => {
            came(Some(watch.last_traffic), limit(config.idle_timeout), "nothing sent or received")?;
            let speaks = match config.heartbeat {
                Heartbeat::Off => false,
                Heartbeat::KeepAlive { interval } | Heartbeat::Probe { interval, .. } => {
                    nanos(interval) < limit(config.idle_timeout)
                }
            };
            let blocked = watch.blocked_since.is_some_and(|since| since <= watch.last_traffic + MILLI);
            check(!speaks || blocked, || unreasonable("heartbeats, which are traffic", at(timer, now)))?;
            match &connection.ends[side].machine {
                Machine::WebSocket(_) | Machine::Stream(_) => Ok(()),
                // Who sends nothing is idle where it hears nothing, be it that it does not listen.
                Machine::Source => {
                    let clear = connection.history.longest_clear(watch.last_received, now, |_| true);
                    still(clear, idle_clear(connection), timer, now)
                }
            }
        }
        Timer::Quiet => came(Some(watch.last_message), limit(config.quiet_timeout), "no messages"),
        Timer::MaxAge => came(Some(watch.started), limit(config.max_age), "the maximum age"),
        Timer::CredentialExpiry => came(watch.expiry, 0, "the expiry"),
        Timer::Drain => came(watch.told_at, 0, "being told"),
        Timer::Opening | Timer::Closing | Timer::Linger | Timer::Heartbeat | _ => {
            Err(unreasonable("a deadline that ends an open connection", at(timer, now)))
        }
    }
}

/// A stream's keep-alives come as often; in so much time with nothing in the way one would have come.
fn idle_clear(connection: &Connection) -> Nanos {
    match connection.settings.server.heartbeat {
        Heartbeat::KeepAlive { interval } | Heartbeat::Probe { interval, .. } => {
            nanos(interval) + 2 * connection.grace
        }
        Heartbeat::Off => NEVER,
    }
}

/// Whether at no time for so long as `enough` the way was clear.
fn in_the_way(
    connection: &Connection,
    side: Side,
    since: Nanos,
    now: Nanos,
    enough: Nanos,
    timer: Timer,
) -> Checked {
    // Who reads before it looks at the clock has heard, when it wakes, all that came meanwhile.
    let wakes_reading = connection.ends[side].order == Order::ReadsFirst;
    let counts = |impediment| {
        let ours = impediment == Impediment::Deaf(side)
            || impediment == Impediment::Suspended(side) && wakes_reading;
        !ours && impediment != Impediment::Slow(side.peer())
    };
    let is_slow = |impediment| impediment == Impediment::Slow(side.peer());
    // A slow reader is heard in time, but not in so little, if nothing else is in the way.
    let enough = if connection.history.was(since, now, is_slow) { now - since } else { enough };
    still(connection.history.longest_clear(since, now, counts), enough, timer, now)
}

fn still(clear: Nanos, enough: Nanos, timer: Timer, now: Nanos) -> Checked {
    check(clear < enough, || {
        let expected = format!("nobody given up who could be heard for {}", shown(clear));
        unreasonable(expected, at(timer, now))
    })
}

fn at(timer: Timer, now: Nanos) -> String {
    format!("timeout: {timer} at {}", shown(now))
}
