//! A world in which connections live and die: hosts, pipes, clocks and faults, all drawn from one number.
//!
//! Unpublished. `tidewire-connection`, `tidewire-lifecycle` and `tidewire-hub` are driven as an adapter drives them, with real frames and
//! real events, but without a socket, a clock or a thread: so a run of one seed is the same each time, byte for byte, and
//! an hour takes less than a second.
//!
//! ```text
//!   faults ──▶ world (heap of events, time) ──▶ host: a process, its timer queue, its clock
//!                                                │ end: WebSocket, event stream, its client ◀── client: dials, comes back
//!                                                ▼
//!                                               pipe ──▶ pipe's other end
//!   invariants: watch, reasons, bounds ◀── after each step, and in sweeps ──▶ report
//! ```
//!
//! | Room | What for |
//! |---|---|
//! | `world`, `event`, `time`, `random` | what happens next, when, and by what chance |
//! | `host`, `client`, `accept`, `connection` | who there is, and how they meet |
//! | `pipe`, `transport` | bytes on their way, and what operating systems do with them |
//! | `websocket`, `stream`, `source`, `heard`, `application` | the ends, and what is said on them |
//! | `faults`, `outages`, `history` | what goes wrong, and what of it was in a connection's way |
//! | `invariants`, `sweep` | what must hold, and when it is looked at |
//! | `fanout` | a world of another kind: a hub and its readers |
//! | `flaw` | what can be wrong on purpose |
//! | `settings`, `report` | what is drawn, and what is told |

mod accept;
mod application;
mod client;
mod connection;
mod event;
mod fanout;
mod faults;
mod flaw;
mod heard;
mod history;
mod host;
mod invariants;
mod outages;
mod pipe;
mod random;
mod report;
mod settings;
mod source;
mod stream;
mod sweep;
mod time;
mod transport;
mod websocket;
mod world;

pub use flaw::Flaw;
pub use invariants::Invariant;
pub use report::{Fanout, Figures, Outcome, Violation, summary};
pub use world::{Follow, Options};

/// Simulates one seed: its connections, and its hub; with a flaw, the kind of run that it shows in.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    match options.flaw.map(Flaw::kind) {
        None => world::run(seed, options).and(fanout::run(seed, options)),
        Some(flaw::Kind::Connections) => world::run(seed, options),
        Some(flaw::Kind::Fanout) => fanout::run(seed, options),
    }
}
