//! What Tidewire's tests, fuzz targets and benches share: properties over bytes, and strategies.

pub mod conformance;
pub mod inflate;
pub mod properties;
pub mod splits;
