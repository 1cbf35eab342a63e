//! Placeholder while the workspace is laid out.
#![no_std]
extern crate alloc;
