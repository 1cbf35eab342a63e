//! The parser's limits.

/// What one stream may cost. Each limit is in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest line, without its ending. Default 1 MiB.
    pub max_line_len: usize,
    /// The longest data of one event as it arrives, the line feeds between its lines included. Default 1 MiB.
    pub max_data_len: usize,
    /// The longest event type. Default 1 KiB.
    pub max_event_type_len: usize,
    /// The longest last event ID. Default 16 KiB.
    pub max_id_len: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_line_len: 1024 * 1024,
            max_data_len: 1024 * 1024,
            max_event_type_len: 1024,
            max_id_len: 16 * 1024,
        }
    }
}
