//! Prints which normative sentences of the standards are cited beside code and tests:
//! `cargo run -p tidewire-testkit --bin conformance`. It fails when one of ours is not.
#![allow(missing_docs)]

use std::{error::Error, path::Path, process::ExitCode};
use tidewire_testkit::conformance;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("the workspace is two folders up")?;
    let report = conformance::report(root, &root.join("docs/conformance/rfc6455.toml"))?;
    println!("{}", report.text);
    for problem in &report.problems {
        println!("missing: {problem}");
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
