//! What a run asks of the operating system before it begins: cores of its own, and as many open files as there may be.

use std::io;

/// Keeps the calling thread, and those that it starts from now on, to these cores.
///
/// # Errors
/// There are no such cores, or this is not Linux.
#[cfg(target_os = "linux")]
pub fn to_cores(cores: &[usize]) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    for core in cores.iter().filter(|core| **core < rustix::thread::CpuSet::MAX_CPU) {
        set.set(*core);
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Keeps the calling thread, and those that it starts from now on, to these cores.
///
/// # Errors
/// Always: this is not Linux.
#[cfg(not(target_os = "linux"))]
pub fn to_cores(_: &[usize]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Raises the limit of open files to what it may be, and answers with that.
///
/// # Errors
/// The operating system refuses.
#[cfg(target_os = "linux")]
pub fn raise_open_files() -> io::Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Leaves the limit of open files as it is.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn raise_open_files() -> io::Result<u64> {
    Ok(u64::MAX)
}

/// Lowers the limit of open files of this process.
///
/// # Errors
/// It is lower already, or this is not Linux.
#[cfg(target_os = "linux")]
pub fn limit_open_files(count: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum: Some(count) })?)
}

/// Lowers the limit of open files of this process.
///
/// # Errors
/// Always: this is not Linux.
#[cfg(not(target_os = "linux"))]
pub fn limit_open_files(_: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
