//! The comparison of inventories and citations, and the report of it in Markdown.

use super::{Beside, Citation, Inventory, Level, Rule};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// The report in Markdown.
    pub text: String,
    /// Sentences with MUST that are ours and lack a citation beside code or beside a test, and inventories that lack
    /// sentences.
    pub missing: Vec<String>,
    /// Citations whose words are nowhere in the section named, or whose standard or place is not what they say.
    pub misquoted: Vec<String>,
    /// Sentences with SHOULD that are ours and lack a citation.
    pub advised: Vec<String>,
}

pub(super) fn compare(
    mut inventories: Vec<Inventory>,
    without_inventory: &[&str],
    citations: &[Citation],
) -> Report {
    let mut report = Report::default();
    let mut unchecked: BTreeMap<String, usize> = BTreeMap::new();
    for citation in citations {
        let Citation { place, beside, stands, url, section, quote } = citation;
        if beside != stands {
            let expected = match stands {
                Beside::Test => "a test says so with `type=test`",
                Beside::Code => "what is no test does not say `type=test`",
            };
            report.misquoted.push(format!("{place}: {expected}"));
        } else if without_inventory.contains(&&**url) {
            *unchecked.entry(url.clone()).or_default() += 1;
        } else if let Some(inventory) = inventories.iter_mut().find(|inventory| inventory.url == *url) {
            if !inventory.covers(section) {
                *unchecked.entry(format!("{url}#{section}")).or_default() += 1;
                continue;
            }
            if !inventory.has(section, quote) {
                report.misquoted.push(format!("{place}: not in section {section}: {quote}"));
            } else if quote.is_empty() {
                report.misquoted.push(format!("{place}: quotes nothing of section {section}"));
            }
            for rule in &mut inventory.rules {
                if rule.section == *section && rule.is_cited_by(quote) {
                    match beside {
                        Beside::Code => rule.code.push(place.clone()),
                        Beside::Test => rule.tests.push(place.clone()),
                    }
                }
            }
        } else {
            report.misquoted.push(format!("{place}: no standard of ours: {url}"));
        }
    }
    for inventory in &inventories {
        judge(inventory, &mut report);
    }
    report.text = render(&inventories, &unchecked, &report);
    report
}

/// What is missing of one standard.
fn judge(inventory: &Inventory, report: &mut Report) {
    for rule in &inventory.rules {
        let Rule { section, level, text, not_ours, code, tests, .. } = rule;
        let found = match level {
            Level::Must => &mut report.missing,
            Level::Should => &mut report.advised,
            Level::Says => continue,
        };
        match not_ours {
            Some(_) if code.is_empty() && tests.is_empty() => {}
            Some(_) => found.push(format!("§{section}: not ours, and yet cited: {text}")),
            None => {
                let lacks = [(code, "beside no code"), (tests, "beside no test")];
                for (_, lack) in lacks.into_iter().filter(|(places, _)| places.is_empty()) {
                    found.push(format!("§{section}: cited {lack}: {text}"));
                }
            }
        }
    }
    let counted = [Level::Must, Level::Should].map(|level| inventory.counted(level));
    if let Some(words) = inventory.words.filter(|words| *words != counted) {
        report.missing.push(format!(
            "{}: the sections have {words:?} words that bind, the inventory {counted:?}",
            inventory.url
        ));
    }
}

// Writing to memory does not fail: what it returns is dropped.

fn render(inventories: &[Inventory], unchecked: &BTreeMap<String, usize>, report: &Report) -> String {
    let mut text = "# Sentences of the standards, cited beside code and tests\n".to_owned();
    for inventory in inventories {
        let _ = writeln!(text, "\n## {}", inventory.url);
        if inventory.words.is_none() {
            let _ = writeln!(text, "\nNot complete: the sentences that are quoted, and no others.");
        }
        for (level, name) in [(Level::Must, "MUST"), (Level::Should, "SHOULD")] {
            table(&mut text, name, inventory.rules.iter().filter(|rule| rule.level == level));
        }
    }
    for (title, lines) in [
        ("MUST, and not cited", &report.missing),
        ("Misquoted", &report.misquoted),
        ("SHOULD, and not cited", &report.advised),
    ] {
        let _ = writeln!(text, "\n## {title}: {}\n", lines.len());
        for line in lines {
            let _ = writeln!(text, "- {line}");
        }
        if lines.is_empty() {
            text.push_str("Nothing.\n");
        }
    }
    let _ = writeln!(text, "\n## Standards whose citations are not compared\n");
    for (url, count) in unchecked {
        let _ = writeln!(text, "- {url}: {count} citations");
    }
    for inventory in inventories {
        places(&mut text, inventory);
    }
    text
}

fn table<'r>(text: &mut String, name: &str, rules: impl Iterator<Item = &'r Rule>) {
    // By number where they have one, and by name.
    let mut sections: BTreeMap<(Vec<u32>, &str), [usize; 4]> = BTreeMap::new();
    for rule in rules {
        let numbers = rule.section.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        let section = (numbers, &*rule.section);
        let ours = rule.not_ours.is_none();
        let counts = [true, ours && !rule.code.is_empty(), ours && !rule.tests.is_empty(), !ours];
        for (total, count) in sections.entry(section).or_default().iter_mut().zip(counts) {
            *total += usize::from(count);
        }
    }
    let _ = writeln!(text, "\n| § | {name} | in code | in tests | not ours |\n|---|---|---|---|---|");
    let mut totals = [0; 4];
    let mut line = |section: &str, counts: &[usize; 4]| {
        let [sentences, code, tests, not_ours] = counts;
        let _ = writeln!(text, "| {section} | {sentences} | {code} | {tests} | {not_ours} |");
    };
    for ((_, section), counts) in &sections {
        line(section, counts);
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
    line("all", &totals);
}

fn places(text: &mut String, inventory: &Inventory) {
    let _ = writeln!(text, "\n## Where: {}\n", inventory.url);
    for rule in &inventory.rules {
        let _ = writeln!(text, "- §{} ({}) {}", rule.section, rule.binds.name(), rule.text);
        if let Some(why) = &rule.not_ours {
            let _ = writeln!(text, "  - not ours: {why}");
        }
        for (name, places) in [("code", &rule.code), ("tests", &rule.tests)] {
            if !places.is_empty() {
                let _ = writeln!(text, "  - {name}: {}", places.join(", "));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVENTORY: &str = r#"
        url = "https://example.org/x"
        words = { must = 3, should = 1 }
        [[rule]]
        section = "1"
        binds = "client"
        text = "A client MUST do this."
        [[rule]]
        section = "1"
        binds = "client"
        text = "A client SHOULD be kind."
        [[rule]]
        section = "10.1"
        binds = "both"
        text = "All MUST do that."
        [[rule]]
        section = "2"
        binds = "other"
        text = "A proxy MUST sleep."
        not_ours = "no proxy"
    "#;

    fn cited(beside: Beside, section: &str, quote: &str) -> Citation {
        let (url, place) = ("https://example.org/x".to_owned(), "a.rs:1".to_owned());
        Citation { place, beside, stands: beside, url, section: section.to_owned(), quote: quote.to_owned() }
    }

    fn compared(citations: &[Citation]) -> Report {
        compare(vec![INVENTORY.parse().unwrap()], &["https://example.org/y"], citations)
    }

    #[test]
    fn a_rule_is_covered_by_code_and_test_of_its_own_section() {
        let report = compared(&[
            cited(Beside::Code, "1", "A client MUST do this."),
            cited(Beside::Test, "1", "MUST do this"),
            cited(Beside::Code, "10.1", "All MUST do that."),
            cited(Beside::Test, "1", "A client SHOULD be kind."),
        ]);
        assert_eq!(report.missing, ["§10.1: cited beside no test: All MUST do that."]);
        assert_eq!(report.advised, ["§1: cited beside no code: A client SHOULD be kind."]);
        assert!(report.misquoted.is_empty(), "{:?}", report.misquoted);
        let table = "| § | MUST | in code | in tests | not ours |\n|---|---|---|---|---|\n\
            | 1 | 1 | 1 | 1 | 0 |\n| 2 | 1 | 0 | 0 | 1 |\n| 10.1 | 1 | 1 | 0 | 0 |\n| all | 3 | 2 | 1 | 1 |\n";
        assert!(report.text.contains(table), "{}", report.text);
        assert!(report.text.contains("- §2 (other) A proxy MUST sleep.\n  - not ours: no proxy\n"));
        assert!(report.text.contains("MUST do this.\n  - code: a.rs:1\n  - tests: a.rs:1\n"));
    }

    #[test]
    fn words_of_another_section_of_no_section_and_of_no_standard_are_misquoted() {
        let mut elsewhere = cited(Beside::Code, "1", "A client MUST do this.");
        elsewhere.url = "https://example.org/z".to_owned();
        let mut unsaid = cited(Beside::Code, "1", "A client MUST do this.");
        unsaid.stands = Beside::Test;
        let mut unchecked = cited(Beside::Code, "7", "Whatever.");
        unchecked.url = "https://example.org/y".to_owned();
        let report = compared(&[
            cited(Beside::Code, "1", "A client MUST do that."),
            cited(Beside::Code, "2", "A client MUST do this."),
            cited(Beside::Code, "1", ""),
            elsewhere,
            unsaid,
            unchecked,
        ]);
        assert_eq!(
            report.misquoted,
            [
                "a.rs:1: not in section 1: A client MUST do that.",
                "a.rs:1: not in section 2: A client MUST do this.",
                "a.rs:1: quotes nothing of section 1",
                "a.rs:1: no standard of ours: https://example.org/z",
                "a.rs:1: a test says so with `type=test`",
            ]
        );
        assert_eq!(report.missing.len(), 4, "no misquotation covers a rule: {:?}", report.missing);
        assert!(report.text.contains("- https://example.org/y: 1 citations"), "{}", report.text);

        let covering = INVENTORY.replace("words =", "sections = [\"1\", \"10.1\"]\nwords =");
        let elsewhere = [cited(Beside::Code, "2", "Whatever."), cited(Beside::Code, "1", "Whatever.")];
        let report = compare(vec![covering.parse().unwrap()], &[], &elsewhere);
        assert_eq!(report.misquoted, ["a.rs:1: not in section 1: Whatever."]);
        assert!(report.text.contains("- https://example.org/x#2: 1 citations"), "{}", report.text);
    }

    #[test]
    fn what_is_not_ours_is_not_cited_and_no_sentence_is_left_out() {
        let report = compared(&[cited(Beside::Code, "2", "A proxy MUST sleep.")]);
        assert!(report.missing.contains(&"§2: not ours, and yet cited: A proxy MUST sleep.".to_owned()));
        let short = INVENTORY.replace("must = 3", "must = 4");
        let report = compare(vec![short.parse().unwrap()], &[], &[]);
        let last = report.missing.last().unwrap();
        assert_eq!(
            last,
            "https://example.org/x: the sections have [4, 1] words that bind, the inventory [3, 1]"
        );
    }
}
