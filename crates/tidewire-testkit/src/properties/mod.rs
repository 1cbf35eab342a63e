//! Properties over raw bytes: each is run by proptest, by a fuzz target and over the committed corpus.

pub mod hub;
pub mod hub_presence;
pub mod lifecycle;
pub mod sse;
pub mod ws;
pub mod ws_deflate;
pub mod ws_eof;
pub mod ws_handshake;
pub mod ws_pair;
pub mod ws_parts;
pub mod ws_pieces;
