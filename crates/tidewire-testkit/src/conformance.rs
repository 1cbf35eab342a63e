//! Which normative sentences of a standard are cited beside the code that keeps them and the tests that prove it.
//!
//! A citation is a comment of a line `//= URL#section-N`, one `//= type=test` if it belongs to a test, and lines of
//! `//# ` with the standard's own words. The inventory is a TOML file with every sentence that has a MUST.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};
use toml::Table;

/// What a citation stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Test,
}

/// Words of a standard in a source file.
#[derive(Debug)]
struct Citation {
    place: String,
    kind: Kind,
    url: String,
    quote: String,
}

/// A sentence that binds somebody.
#[derive(Debug)]
struct Rule {
    section: String,
    text: String,
    /// Why it is not for this project to keep.
    not_ours: Option<String>,
    code: Vec<String>,
    tests: Vec<String>,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The report in Markdown.
    pub text: String,
    /// Rules of ours that lack a citation beside code or beside a test.
    pub problems: Vec<String>,
}

/// Words as they are compared: one space between them, and none where a line of the standard was cut at a hyphen.
fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("- ", "-")
}

fn citations(place: &str, source: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut open = false;
    for (number, line) in source.lines().enumerate() {
        let line = line.trim_start();
        if let Some(url) = line.strip_prefix("//= http") {
            let url = format!("http{url}");
            let place = format!("{place}:{}", number + 1);
            found.push(Citation { place, kind: Kind::Code, url, quote: String::new() });
            open = true;
        } else if let (true, Some(last)) = (open, found.last_mut()) {
            if line.trim() == "//= type=test" {
                last.kind = Kind::Test;
            } else if let Some(words) = line.strip_prefix("//#") {
                last.quote.push(' ');
                last.quote.push_str(words);
            } else {
                open = false;
            }
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

fn rules(inventory: &Table) -> Option<(String, Vec<Rule>)> {
    let url = inventory.get("url")?.as_str()?.to_owned();
    let rules = inventory.get("rule")?.as_array()?.iter().map(|rule| {
        let field = |name: &str| rule.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        Some(Rule {
            section: field("section")?,
            text: normalised(&field("text")?),
            not_ours: field("not_ours"),
            code: Vec::new(),
            tests: Vec::new(),
        })
    });
    Some((url, rules.collect::<Option<_>>()?))
}

/// Compares an inventory with the citations below `root`'s folder `crates`.
///
/// # Errors
/// A file cannot be read, or the inventory is not one.
pub fn report(root: &Path, inventory: &Path) -> io::Result<Report> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let table = fs::read_to_string(inventory)?.parse::<Table>().map_err(|error| invalid(error.message()))?;
    let (url, rules) =
        rules(&table).ok_or_else(|| invalid("expected a url and rules with section and text"))?;
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files)?;
    let mut found = Vec::new();
    for file in files {
        let place = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        found.extend(citations(&place, &fs::read_to_string(&file)?));
    }
    Ok(compare(&url, rules, &found))
}

fn compare(url: &str, mut rules: Vec<Rule>, found: &[Citation]) -> Report {
    for citation in found {
        let Some(section) = citation.url.strip_prefix(url).and_then(|rest| rest.strip_prefix("#section-"))
        else {
            continue;
        };
        let quote = normalised(&citation.quote);
        for rule in rules.iter_mut().filter(|rule| rule.section == section) {
            if rule.text.contains(&quote) || quote.contains(&rule.text) {
                match citation.kind {
                    Kind::Code => rule.code.push(citation.place.clone()),
                    Kind::Test => rule.tests.push(citation.place.clone()),
                }
            }
        }
    }
    let mut problems = Vec::new();
    let mut sections: BTreeMap<Vec<u32>, [usize; 4]> = BTreeMap::new();
    for rule in &rules {
        let section = rule.section.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        let counts = sections.entry(section).or_default();
        counts[0] += 1;
        if rule.not_ours.is_some() {
            counts[3] += 1;
            continue;
        }
        counts[1] += usize::from(!rule.code.is_empty());
        counts[2] += usize::from(!rule.tests.is_empty());
        for (places, lack) in [(&rule.code, "code"), (&rule.tests, "a test")] {
            if places.is_empty() {
                problems.push(
                    format!("§{}: cited beside no {lack}: {}", rule.section, rule.text)
                        .replace("no a ", "no "),
                );
            }
        }
    }
    Report { text: render(url, &rules, &sections), problems }
}

fn render(url: &str, rules: &[Rule], sections: &BTreeMap<Vec<u32>, [usize; 4]>) -> String {
    let mut text = format!(
        "# Normative sentences of {url}\n\n| § | sentences | in code | in tests | not ours |\n|---|---|---|---|---|\n"
    );
    // Writing to memory does not fail.
    let mut totals = [0; 4];
    for (section, counts) in sections {
        let section = section.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        let [sentences, code, tests, not_ours] = counts;
        let _ = writeln!(text, "| {section} | {sentences} | {code} | {tests} | {not_ours} |");
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
    let [sentences, code, tests, not_ours] = totals;
    let _ = writeln!(text, "| all | {sentences} | {code} | {tests} | {not_ours} |");
    let _ = writeln!(text, "\n## Where\n");
    for rule in rules {
        let _ = writeln!(text, "- §{} {}", rule.section, rule.text);
        match &rule.not_ours {
            Some(why) => {
                let _ = writeln!(text, "  - not ours: {why}");
            }
            None => {
                let _ = writeln!(
                    text,
                    "  - code: {}\n  - tests: {}",
                    rule.code.join(", "),
                    rule.tests.join(", ")
                );
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        //= https://example.org/x#section-1
        //# A peer MUST do
        //# this.
        fn this() {}
        //= https://example.org/x#section-1
        //= type=test
        //# MUST do this
        fn proves_this() {}
        //= https://example.org/x#section-2
        //# A peer MUST do that.
    ";

    fn rule(section: &str, text: &str) -> Rule {
        let (code, tests) = (Vec::new(), Vec::new());
        Rule { section: section.to_owned(), text: text.to_owned(), not_ours: None, code, tests }
    }

    #[test]
    fn a_rule_is_covered_by_code_and_test_of_its_own_section() {
        let found = citations("a.rs", SOURCE);
        assert_eq!(found.len(), 3);
        assert_eq!(found[1].kind, Kind::Test);
        let rules = vec![rule("1", "A peer MUST do this."), rule("3", "A peer MUST do that.")];
        let report = compare("https://example.org/x", rules, &found);
        assert_eq!(
            report.problems,
            [
                "§3: cited beside no code: A peer MUST do that.",
                "§3: cited beside no test: A peer MUST do that."
            ]
        );
        assert!(report.text.contains("| 1 | 1 | 1 | 1 | 0 |"), "{}", report.text);
        assert!(report.text.contains("code: a.rs:2\n  - tests: a.rs:6"), "{}", report.text);
    }

    #[test]
    fn words_are_compared_whatever_the_lines() {
        assert_eq!(normalised(" an  ASCII case-\n insensitive "), "an ASCII case-insensitive");
    }
}
