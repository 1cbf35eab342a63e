//! One event stream from its client's side: asked for, read, lost, and asked for again (WHATWG HTML §9.2.2, §9.2.3).
//!
//! ```text
//!                    200, text/event-stream           end, error, silence
//!   Task::Request ──────────────────────▶ Task::Read ────────────────────▶ Task::Wait
//!      ▲    │ 204, another status or type                                    │   │
//!      │    └────────▶ Task::Done ◀── close(), a request not to repeat, ─────┘   │
//!      └──────────────────────────────  no attempt left                          │
//!                                       the reconnection time has passed ◀───────┘
//! ```

mod config;
mod ended;
mod items;
mod source;

pub use config::{Config, Repeat, ServerTrouble};
pub use ended::{Ended, Loss, Refusal};
pub use items::Items;
pub use source::{Answer, EventSource, Response, Task, Timer};
