//! Calls: which courier is to come, and where.

use std::num::NonZeroU16;

use tidewire_hub::Cohort;

use super::{Errand, Place};

/// A courier is to come.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) enum Call {
    /// Something came for one of its outlets, at a place.
    Take(Stop, Place),
    /// Something came for its cohort, in a shard.
    Wave(Cohort, usize),
}

impl Call {
    pub(super) fn courier(self) -> u32 {
        match self {
            Self::Take(stop, _) => stop.courier,
            Self::Wave(cohort, _) => u32::from(cohort.number().get()) - 1,
        }
    }

    pub(super) fn errand<M>(self) -> Errand<M> {
        match self {
            Self::Take(stop, place) => Errand::Take(stop.key, place),
            Self::Wave(_, shard) => Errand::Wave(shard),
        }
    }
}

/// An outlet's courier, and its key there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Stop {
    pub(super) courier: u32,
    pub(super) key: u32,
}

impl Stop {
    #[inline]
    pub(in crate::hub) fn key(self) -> u32 {
        self.key
    }

    /// Whom a shard serves together with it. Of very many couriers the last have none: their readers are named one by one.
    pub(in crate::hub) fn cohort(self) -> Option<Cohort> {
        cohort_of(self.courier)
    }
}

/// Whom a courier of that number serves together.
pub(super) fn cohort_of(courier: u32) -> Option<Cohort> {
    let number = courier.checked_add(1)?;
    u16::try_from(number).ok().and_then(NonZeroU16::new).map(Cohort::new)
}
