//! Citations in a source file: a standard's section and its words, beside code or beside a test.

use super::normalised;

/// What a citation stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Code,
    Test,
}

/// Words of a standard in a source file.
#[derive(Debug, PartialEq)]
pub(super) struct Citation {
    /// The file and the line.
    pub(super) place: String,
    /// What it says it stands beside.
    pub(super) beside: Beside,
    /// What it does stand beside.
    pub(super) stands: Beside,
    /// The standard, without the section.
    pub(super) url: String,
    /// The section's number, or what else the link leads to; empty for the whole standard.
    pub(super) section: String,
    /// The words, normalised; empty if only the section is named.
    pub(super) quote: String,
}

/// The citations of one file. All of a file in a folder `tests`, of the testkit or of a fuzz target is a test, and
/// elsewhere what follows `#[cfg(test)]`.
pub(super) fn citations(file: &str, source: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut stands = match file.split('/').any(|part| matches!(part, "tests" | "tidewire-testkit" | "fuzz")) {
        true => Beside::Test,
        false => Beside::Code,
    };
    // The citation whose words the next lines are.
    let mut open: Option<Citation> = None;
    for (index, line) in source.lines().enumerate() {
        if line.starts_with("#[cfg(test)]") {
            stands = Beside::Test;
        }
        let line = line.trim();
        if let Some(target) = line.strip_prefix("//= http") {
            found.extend(open.take());
            let (url, fragment) = target.split_once('#').unwrap_or((target, ""));
            open = Some(Citation {
                place: format!("{file}:{}", index + 1),
                beside: Beside::Code,
                stands,
                url: format!("http{url}"),
                section: fragment.strip_prefix("section-").unwrap_or(fragment).to_owned(),
                quote: String::new(),
            });
        } else if let Some(mut citation) = open.take() {
            let is_type = line == "//= type=test";
            let words = line.strip_prefix("//#");
            if is_type {
                citation.beside = Beside::Test;
            }
            if let Some(words) = words {
                citation.quote.push('\n');
                citation.quote.push_str(words);
            }
            match is_type || words.is_some() {
                true => open = Some(citation),
                false => found.push(citation),
            }
        }
    }
    found.extend(open);
    for citation in &mut found {
        citation.quote = normalised(&citation.quote);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line begins with a quotation mark, so that it is no citation of this file.
    const SOURCE: &str = concat!(
        "//! A file.\n",
        "    //= https://example.org/x#section-1.2\n",
        "    //# A peer MUST do case-\n",
        "    //# insensitive  this.\n",
        "    fn this() {}\n",
        "//# not of a citation\n",
        "#[cfg(test)]\n",
        "//= https://example.org/x#section-2\n",
        "//= type=test\n",
        "//# MUST do that\n",
        "//= https://example.org/y#part\n",
        "fn proves_that() {}\n",
        "//= https://example.org/x",
    );

    #[test]
    fn words_and_sections_are_read_and_where_they_stand() {
        let found = citations("crates/a/src/b.rs", SOURCE);
        let seen: Vec<_> = found
            .iter()
            .map(|found| (&*found.place, found.beside, found.stands, &*found.section, &*found.quote))
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "crates/a/src/b.rs:2",
                    Beside::Code,
                    Beside::Code,
                    "1.2",
                    "A peer MUST do case-insensitive this."
                ),
                ("crates/a/src/b.rs:8", Beside::Test, Beside::Test, "2", "MUST do that"),
                ("crates/a/src/b.rs:11", Beside::Code, Beside::Test, "part", ""),
                ("crates/a/src/b.rs:13", Beside::Code, Beside::Test, "", ""),
            ]
        );
        assert_eq!(found[2].url, "https://example.org/y");
    }

    #[test]
    fn a_file_of_tests_is_all_test() {
        for file in ["crates/a/tests/b.rs", "crates/tidewire-testkit/src/b.rs", "fuzz/fuzz_targets/b.rs"] {
            assert!(citations(file, SOURCE).iter().all(|found| found.stands == Beside::Test), "{file}");
        }
    }
}
