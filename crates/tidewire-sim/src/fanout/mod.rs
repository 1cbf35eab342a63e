//! The other kind of run: a hub, its publishers, and readers who follow its topics over all four transports.
//!
//! ```text
//!   publishers ──▶ hub (desk) ──turns──▶ serving ──▶ pipe ──▶ hearing ──▶ reader: where it is in each topic
//!       │            │  ▲                                                    │
//!       ▼            ▼  └──────────── token, over any transport ◀────────────┘
//!    ledger ◀── shadow: each delivery where it is taken    contract: each where it arrives
//! ```
//!
//! WebSockets and event streams are the composites of `tidewire-connection`; NDJSON and polls are written as the gateway
//! writes them.
//!
//! | Room | What for |
//! |---|---|
//! | `world`, `settings` | what happens next, and what is drawn |
//! | `post`, `publish`, `ledger` | what is published, and what really was |
//! | `desk`, `accept`, `serving`, `pump`, `link` | the hub's host: who is let in, whose turn it is, what is taken, how it gets out |
//! | `hearing`, `reader`, `record` | the readers: what they hear, keep, and come back with |
//! | `faults` | what goes wrong, and when nothing does |
//! | `contract`, `shadow`, `room`, `checks` | what must hold: at the reader, at the hub, in its logs, and all the time |

mod accept;
mod checks;
mod contract;
mod desk;
mod faults;
mod hearing;
mod ledger;
mod link;
mod post;
mod publish;
mod pump;
mod reader;
mod record;
mod room;
mod serving;
mod settings;
mod shadow;
mod world;

pub(crate) use world::run;
