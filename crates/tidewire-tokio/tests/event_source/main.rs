//! The client of event streams against servers that follow a script: the golden cases, and hostile and flaky ones.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, missing_docs)]

mod cases;
mod hostile;
mod requests;
mod server;
