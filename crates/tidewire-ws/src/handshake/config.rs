//! The limits of a request head.

/// What a request head may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest head, in bytes, its empty line included; one more is a 431. Default 16 KiB.
    pub max_head_len: usize,
    /// The most header fields; one more is a 431. Default 100.
    pub max_headers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_head_len: 16 * 1024, max_headers: 100 }
    }
}
