//! Every normative sentence of RFC 6455 §4–§7, §8.1, §9.1 and §10 that is ours to keep is cited beside the code that
//! keeps it and a test that proves it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use tidewire_testkit::conformance;

#[test]
fn no_rule_of_ours_lacks_its_code_or_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let report = conformance::report(root, &root.join("docs/conformance/rfc6455.toml")).unwrap();
    assert!(report.problems.is_empty(), "\n{}", report.problems.join("\n"));
    assert!(report.text.contains("| all | 115 |"), "{}", report.text);
}
