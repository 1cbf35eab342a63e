//! The gateway in a process of its own, built as the program is that asks for it.

use std::{
    env, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::Server;

/// Names a gateway that is built already.
const BUILT: &str = "TIDEWIRE_BIN";

/// Builds programs of the workspace, optimised if this one is, and says in which folder they lie.
///
/// # Errors
/// They do not build.
pub fn build(arguments: &[&str]) -> io::Result<PathBuf> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]).args(arguments).stdout(Stdio::null());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    if !command.status()?.success() {
        return Err(io::Error::other("the servers do not build"));
    }
    let program = env::current_exe()?;
    let folder = program.parent().ok_or_else(|| io::Error::other("the program lies in no folder"))?;
    Ok(folder.to_path_buf())
}

/// Starts a gateway on a free port of this machine: the one that `TIDEWIRE_BIN` names, else one that is built first.
///
/// # Errors
/// It does not build, or does not start.
pub fn start(arguments: &[&str]) -> io::Result<Server> {
    let program = match env::var_os(BUILT) {
        Some(program) => PathBuf::from(program),
        None => build(&["-p", "tidewire", "--bin", "tidewire"])?.join("tidewire"),
    };
    Server::start(Command::new(program).args(["serve", "--listen", "127.0.0.1:0"]).args(arguments))
}
