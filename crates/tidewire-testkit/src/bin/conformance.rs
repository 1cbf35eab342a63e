//! Prints which sentences of the standards are cited beside code and tests:
//! `cargo run -p tidewire-testkit --bin conformance`. It fails when one of ours is not, or is misquoted.
#![allow(missing_docs)]

use std::{error::Error, path::Path, process::ExitCode};
use tidewire_testkit::conformance;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("the workspace is two folders up")?;
    let report = conformance::report(root)?;
    print!("{}", report.text);
    let complete = report.missing.is_empty() && report.misquoted.is_empty();
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
