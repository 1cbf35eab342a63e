//! Every sentence of RFC 6455 §4–§7, §8.1, §9.1 and §10 with a MUST that is ours to keep, and every one of WHATWG HTML §9.2.5
//! and §9.2.6, is cited beside the code that keeps it and a test that proves it, and whatever is quoted stands there.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use tidewire_testkit::conformance;

#[test]
fn no_rule_of_ours_lacks_its_code_or_its_test_and_none_is_misquoted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let report = conformance::report(root).unwrap();
    let problems = [&report.missing[..], &report.misquoted].concat();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(report.text.contains("| all | 117 |"), "{}", report.text);
    assert!(report.text.contains("| all | 34 | 32 | 32 | 2 |"), "{}", report.text);
}
