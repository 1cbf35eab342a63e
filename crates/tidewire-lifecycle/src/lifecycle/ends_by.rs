//! Which deadline ends a phase, and whether the server goes away meanwhile.

use crate::Timer;

/// The one deadline of a phase that does not move with what happens. Their order is that of [`Timer::ALL`]: of two that
/// are due together the lesser acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EndsBy {
    Opening,
    Closing,
    Linger,
    CredentialExpiry,
    /// The server goes away; the credentials expire no later.
    ExpiryBeforeDrain,
    /// The server goes away, and nothing ends the connection sooner.
    Drain,
    MaxAge,
    /// The server goes away; the connection is too old sooner.
    MaxAgeBeforeDrain,
}

impl EndsBy {
    pub(super) const fn timer(self) -> Timer {
        match self {
            Self::Opening => Timer::Opening,
            Self::Closing => Timer::Closing,
            Self::Linger => Timer::Linger,
            Self::CredentialExpiry | Self::ExpiryBeforeDrain => Timer::CredentialExpiry,
            Self::MaxAge | Self::MaxAgeBeforeDrain => Timer::MaxAge,
            Self::Drain => Timer::Drain,
        }
    }

    /// The same, of a server that goes away later than that.
    pub(super) const fn before_drain(self) -> Self {
        match self {
            Self::CredentialExpiry => Self::ExpiryBeforeDrain,
            Self::MaxAge => Self::MaxAgeBeforeDrain,
            Self::Opening
            | Self::Closing
            | Self::Linger
            | Self::Drain
            | Self::ExpiryBeforeDrain
            | Self::MaxAgeBeforeDrain => self,
        }
    }

    /// The same, of credentials that do not expire.
    pub(super) const fn without_expiry(self) -> Self {
        match self {
            Self::ExpiryBeforeDrain => Self::Drain,
            Self::Opening
            | Self::Closing
            | Self::Linger
            | Self::CredentialExpiry
            | Self::Drain
            | Self::MaxAge
            | Self::MaxAgeBeforeDrain => self,
        }
    }

    /// Whether the server goes away.
    pub(super) const fn drains(self) -> bool {
        match self {
            Self::Drain | Self::ExpiryBeforeDrain | Self::MaxAgeBeforeDrain => true,
            Self::Opening | Self::Closing | Self::Linger | Self::CredentialExpiry | Self::MaxAge => false,
        }
    }
}
