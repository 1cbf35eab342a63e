//! Which threads serve, as a setting.

use std::{fmt, num::NonZeroUsize, str::FromStr, thread};

/// Which threads serve.
///
/// ```
/// use tidewire_tokio::runtime::Threads;
///
/// let threads: Threads = "each:4".parse()?;
/// assert_eq!((threads, threads.to_string()), (Threads::Each(4.try_into()?), "each:4".to_owned()));
/// assert!("each:0".parse::<Threads>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One, which does everything.
    One,
    /// So many that share one runtime: a task runs on whichever has time for it. For handlers that take long.
    Shared(NonZeroUsize),
    /// So many, each with a runtime of its own: a connection stays on its thread. For very many connections that each do
    /// little.
    Each(NonZeroUsize),
}

impl Threads {
    /// One runtime for all threads that can run at a time: what a program gets that does not care.
    #[must_use]
    pub fn shared() -> Self {
        Self::Shared(available())
    }

    /// A runtime for each thread that can run at a time.
    #[must_use]
    pub fn each() -> Self {
        Self::Each(available())
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self::shared()
    }
}

fn available() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A setting that says nothing about threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidThreads {
    got: String,
}

impl fmt::Display for InvalidThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let got: String = self.got.chars().take(40).collect();
        write!(f, "expected one, shared, shared:COUNT, each or each:COUNT, got {got:?}")
    }
}

impl std::error::Error for InvalidThreads {}

impl FromStr for Threads {
    type Err = InvalidThreads;

    /// Reads `one`, `shared`, `shared:4`, `each` or `each:4`.
    fn from_str(setting: &str) -> Result<Self, InvalidThreads> {
        let invalid = || InvalidThreads { got: setting.to_owned() };
        let count = |digits: &str| {
            let digits = Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse().ok()).ok_or_else(invalid)
        };
        match setting.split_once(':') {
            None if setting == "one" => Ok(Self::One),
            None if setting == "shared" => Ok(Self::shared()),
            None if setting == "each" => Ok(Self::each()),
            Some(("shared", digits)) => Ok(Self::Shared(count(digits)?)),
            Some(("each", digits)) => Ok(Self::Each(count(digits)?)),
            None | Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one"),
            Self::Shared(count) => write!(f, "shared:{count}"),
            Self::Each(count) => write!(f, "each:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_strictly_and_written_as_they_are_read() {
        for threads in [Threads::One, Threads::shared(), Threads::each(), Threads::default()] {
            assert_eq!(threads.to_string().parse(), Ok(threads));
        }
        assert_eq!("shared".parse(), Ok(Threads::shared()));
        assert_eq!("each".parse(), Ok(Threads::each()));
        for wrong in
            ["", "One", "two", "one:1", "each:", "each:+1", "each:-1", "each:0", "each: 1", "shared:x"]
        {
            let error = wrong.parse::<Threads>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {wrong:?}")), "{error}");
        }
    }
}
