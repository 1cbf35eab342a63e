//! The attacks, and what the server promises about each.

mod closing;
mod crowd;
mod descriptors;
mod frames;
mod pings;
mod refused;
mod slow;
mod vanished;

use std::{fmt, time::Duration};

use clap::ValueEnum;
use tidewire_bench::Server;
use tokio::time::{Instant, sleep};

use crate::{
    Failed,
    options::{Messages, Options, Serve},
    report::Check,
};

/// What is done to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// S1: handshakes that drip.
    Slow,
    /// S2: one address with more connections than it may have.
    Crowd,
    /// S3: no file descriptors.
    Descriptors,
    /// S4: refused upgrades with another request behind them.
    Refused,
    /// S5: the catalogue of bad frames.
    Frames,
    /// S7: closing handshakes that are never finished.
    Closing,
    /// S8: pings, and nobody reads.
    Pings,
    /// S10: peers that vanish.
    Vanished,
}

/// The files that the server of the attack on them may have.
const OPEN_FILES: u64 = 256;

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "S1 slow",
            Self::Crowd => "S2 crowd",
            Self::Descriptors => "S3 descriptors",
            Self::Refused => "S4 refused",
            Self::Frames => "S5 frames",
            Self::Closing => "S7 closing",
            Self::Pings => "S8 pings",
            Self::Vanished => "S10 vanished",
        })
    }
}

impl Attack {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// In a few words.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Slow => "handshakes that drip",
            Self::Crowd => "one address opens more than it may",
            Self::Descriptors => "out of file descriptors",
            Self::Refused => "refused upgrades with another request behind them",
            Self::Frames => "the catalogue of bad frames",
            Self::Closing => "closing handshakes that are never finished",
            Self::Pings => "pings, and nobody reads",
            Self::Vanished => "peers that vanish",
        }
    }

    /// How the server is set that is attacked.
    pub(crate) fn settings(self, options: &Options) -> Serve {
        Serve {
            hurry: options.hurry,
            messages: if self == Self::Frames { Messages::Catalogue } else { Messages::Default },
            open_files: (self == Self::Descriptors).then_some(OPEN_FILES),
        }
    }

    /// How many honest clients there are: never more than a quarter of the files.
    pub(crate) fn canaries(self, options: &Options) -> usize {
        match self.settings(options).open_files {
            Some(count) => options.canaries.min(count as usize / 4),
            None => options.canaries,
        }
    }

    /// Attacks, and looks what the server does.
    pub(crate) async fn run(self, server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
        match self {
            Self::Slow => slow::run(server, options).await,
            Self::Crowd => crowd::run(server, options).await,
            Self::Descriptors => descriptors::run(server, OPEN_FILES, options).await,
            Self::Refused => refused::run(server).await,
            Self::Frames => frames::run(server, options).await,
            Self::Closing => closing::run(server, options).await,
            Self::Pings => pings::run(server, options).await,
            Self::Vanished => vanished::run(server, options).await,
        }
    }
}

/// How long it takes from `since` until the server has no more open files than so many: until it let go of everybody else.
async fn gone(
    server: &Server,
    open_files: usize,
    since: Instant,
    patience: Duration,
) -> Result<Duration, Failed> {
    while server.open_files()? > open_files {
        if since.elapsed() > patience {
            let held = server.open_files()? - open_files;
            return Err(format!("{held} connections are held after {patience:?}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(since.elapsed())
}
