//! What Tidewire's tests, fuzz targets and benches share: properties over bytes, strategies, and bad inputs.

pub mod catalogue;
pub mod conformance;
pub mod inflate;
pub mod properties;
pub mod splits;

/// The code of the page; here, because a published crate cannot name a file outside of itself.
#[doc = include_str!("../../../docs/migrating.md")]
#[cfg(doctest)]
struct Migrating;
