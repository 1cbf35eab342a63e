//! The limits of a head, of either side.

/// What a head may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest head, in bytes, its empty line included; one more is a 431 to a client. Default 16 KiB.
    pub max_head_len: usize,
    /// The most header fields; one more is a 431 to a client. Default 100.
    pub max_headers: usize,
    /// The most bytes that a client keeps of the body of a response that declines. Default 4 KiB.
    pub max_body_len: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_head_len: 16 * 1024, max_headers: 100, max_body_len: 4 * 1024 }
    }
}
