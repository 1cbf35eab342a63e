//! An inventory: the sentences of a standard, whom they bind, and which of them are not this project's to keep.

use super::normalised;
use std::str::FromStr;
use toml::{Table, Value};

/// How strongly a sentence binds (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// MUST, MUST NOT, REQUIRED or SHALL.
    Must,
    /// SHOULD, SHOULD NOT or RECOMMENDED.
    Should,
    /// None of these words: quoted all the same.
    Says,
}

/// How a standard says that a sentence binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// By the words of RFC 2119, in capitals.
    Keywords,
    /// By being in the inventory: its algorithms are written in the imperative, which means "must" unless the sentence
    /// says "should" (the WHATWG's, whose words are in lower case).
    Imperative,
}

impl Voice {
    /// The words of a strength.
    fn words(self, level: Level) -> &'static [&'static str] {
        match (self, level) {
            (Self::Keywords, Level::Must) => &["MUST", "REQUIRED", "SHALL"],
            (Self::Keywords, Level::Should) => &["SHOULD", "RECOMMENDED"],
            (Self::Imperative, Level::Must) => &["must"],
            (Self::Imperative, Level::Should) => &["should"],
            (Self::Keywords | Self::Imperative, Level::Says) => &[],
        }
    }

    /// How strongly the words themselves bind.
    fn level(self, text: &str) -> Level {
        let has = |level| count(text, self.words(level)) > 0;
        [Level::Must, Level::Should].into_iter().find(|level| has(*level)).unwrap_or(Level::Says)
    }

    /// How strongly a whole sentence binds.
    fn level_of_sentence(self, text: &str) -> Level {
        match (self, self.level(text)) {
            (Self::Imperative, Level::Says) => Level::Must,
            (Self::Keywords | Self::Imperative, level) => level,
        }
    }
}

fn count(text: &str, words: &[&str]) -> usize {
    text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| words.contains(word)).count()
}

/// Whom a sentence binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binds {
    Client,
    Server,
    Both,
    /// An intermediary, or the author of an extension.
    Other,
}

impl Binds {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Both => "both",
            Self::Other => "other",
        }
    }
}

/// A sentence, or the clause of one that has a SHOULD beside a MUST.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) section: String,
    voice: Voice,
    pub(super) level: Level,
    pub(super) binds: Binds,
    /// The words, normalised.
    pub(super) text: String,
    /// Why it is not for this project to keep.
    pub(super) not_ours: Option<String>,
    /// Where code that keeps it cites it.
    pub(super) code: Vec<String>,
    /// Where tests that prove it cite it.
    pub(super) tests: Vec<String>,
}

impl Rule {
    /// Whether the words are this rule's: all of it, or a part with the word that binds.
    pub(super) fn is_cited_by(&self, quote: &str) -> bool {
        quote.contains(&self.text) || (self.text.contains(quote) && self.voice.level(quote) == self.level)
    }
}

/// A standard.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) url: String,
    voice: Voice,
    /// The only sections that it has; `None` for all that are cited.
    sections: Option<Vec<String>>,
    pub(super) rules: Vec<Rule>,
    /// How often words of each strength stand in the sections covered, counted in the standard itself: MUST and its like,
    /// then SHOULD and its like. `None` for an inventory that does not claim to be complete.
    pub(super) words: Option<[usize; 2]>,
}

impl Inventory {
    /// How often words of a strength stand in the rules of that strength.
    pub(super) fn counted(&self, level: Level) -> usize {
        let words = self.voice.words(level);
        self.rules.iter().filter(|rule| rule.level == level).map(|rule| count(&rule.text, words)).sum()
    }

    /// Whether what is cited of the section is compared with the inventory.
    pub(super) fn covers(&self, section: &str) -> bool {
        self.sections.as_ref().is_none_or(|sections| sections.iter().any(|covered| covered == section))
    }

    /// Whether the words are the section's own: sentences of it whole, and at most parts of sentences between them.
    pub(super) fn has(&self, section: &str, quote: &str) -> bool {
        let rules = || self.rules.iter().filter(|rule| rule.section == section);
        let mut rest = quote.to_owned();
        for rule in rules() {
            rest = rest.replace(&rule.text, "\n");
        }
        rest.split('\n')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .all(|part| rules().any(|rule| rule.text.contains(part)))
    }
}

impl FromStr for Inventory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let url = table.get("url").and_then(Value::as_str).ok_or("expected a url")?.to_owned();
        let voice = match table.get("voice").and_then(Value::as_str) {
            None => Voice::Keywords,
            Some("imperative") => Voice::Imperative,
            Some(other) => return Err(format!("voice: expected imperative or none, got {other}")),
        };
        let sections = match table.get("sections") {
            None => None,
            Some(sections) => {
                let names = sections.as_array().ok_or("sections: expected a list")?;
                let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                Some(names.collect::<Option<Vec<_>>>().ok_or("sections: expected names")?)
            }
        };
        let words = match table.get("words") {
            None => None,
            Some(words) => {
                let number = |name: &str| {
                    let number = words.get(name).and_then(Value::as_integer);
                    number.and_then(|number| usize::try_from(number).ok()).ok_or(format!("words: no {name}"))
                };
                Some([number("must")?, number("should")?])
            }
        };
        let rules = table.get("rule").and_then(Value::as_array).ok_or("expected rules")?;
        let rules =
            rules.iter().map(|found| rule(found, voice).ok_or(format!("expected a rule, got {found}")));
        Ok(Self { url, voice, sections, rules: rules.collect::<Result<_, _>>()?, words })
    }
}

fn rule(value: &Value, voice: Voice) -> Option<Rule> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let text = normalised(field("text")?);
    let binds = [Binds::Client, Binds::Server, Binds::Both, Binds::Other];
    let binds = binds.into_iter().find(|binds| field("binds") == Some(binds.name()))?;
    Some(Rule {
        section: field("section")?.to_owned(),
        voice,
        level: voice.level_of_sentence(&text),
        binds,
        text,
        not_ours: field("not_ours").map(str::to_owned),
        code: Vec::new(),
        tests: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVENTORY: &str = r#"
        url = "https://example.org/x"
        words = { must = 2, should = 1 }
        [[rule]]
        section = "1"
        binds = "client"
        text = "A client MUST do this, and MUST NOT do that."
        [[rule]]
        section = "1"
        binds = "other"
        text = """A proxy SHOULD
            do nothing, though it MUSTER others."""
        not_ours = "no proxy"
        [[rule]]
        section = "1"
        binds = "both"
        text = "This is that."
    "#;

    #[test]
    fn levels_are_those_of_the_words() {
        let inventory: Inventory = INVENTORY.parse().unwrap();
        let levels: Vec<Level> = inventory.rules.iter().map(|rule| rule.level).collect();
        assert_eq!(levels, [Level::Must, Level::Should, Level::Says]);
        assert_eq!(inventory.words, Some([2, 1]));
        assert_eq!([Level::Must, Level::Should].map(|level| inventory.counted(level)), [2, 1]);
        assert_eq!(inventory.rules[1].text, "A proxy SHOULD do nothing, though it MUSTER others.");
        for word in ["REQUIRED", "SHALL", "(MUST)"] {
            assert_eq!(Voice::Keywords.level(&format!("x {word} y SHOULD")), Level::Must, "{word}");
        }
        assert_eq!(Voice::Keywords.level("x RECOMMENDED, y"), Level::Should);
        assert_eq!(Voice::Keywords.level("must should MUSTARD"), Level::Says);
    }

    #[test]
    fn in_the_imperative_every_sentence_binds_and_a_part_only_with_its_word() {
        let text = r#"
            url = "https://example.org/x"
            voice = "imperative"
            sections = ["steps"]
            words = { must = 1, should = 1 }
            [[rule]]
            section = "steps"
            binds = "client"
            text = "Lines must be read, in order."
            [[rule]]
            section = "steps"
            binds = "client"
            text = "Return it."
            [[rule]]
            section = "steps"
            binds = "client"
            text = "Clients should be quick about it."
        "#;
        let inventory: Inventory = text.parse().unwrap();
        let levels: Vec<Level> = inventory.rules.iter().map(|rule| rule.level).collect();
        assert_eq!(levels, [Level::Must, Level::Must, Level::Should]);
        assert_eq!([Level::Must, Level::Should].map(|level| inventory.counted(level)), [1, 1]);
        assert!(inventory.rules[0].is_cited_by("must be read"));
        assert!(!inventory.rules[0].is_cited_by("in order."));
        assert!(inventory.rules[1].is_cited_by("Lines must be read, in order. Return it."));
        assert!(!inventory.rules[1].is_cited_by("Return"));
        assert!(inventory.covers("steps") && !inventory.covers("notes"));
        assert!(INVENTORY.parse::<Inventory>().unwrap().covers("any"));
    }

    #[test]
    fn a_rule_is_cited_by_its_words_or_by_a_part_that_binds() {
        let inventory: Inventory = INVENTORY.parse().unwrap();
        let rule = &inventory.rules[0];
        assert!(rule.is_cited_by("A client MUST do this, and MUST NOT do that."));
        assert!(rule.is_cited_by("A client MUST do this, and MUST NOT do that. This is that."));
        assert!(rule.is_cited_by("MUST NOT do that"));
        for quote in ["", "A client", "do this", "A client MUST do everything"] {
            assert!(!rule.is_cited_by(quote), "{quote:?}");
        }
    }

    #[test]
    fn words_are_the_sections_own_or_not() {
        let inventory: Inventory = INVENTORY.parse().unwrap();
        for quote in
            ["", "A client", "This is that.", "This is that. A proxy SHOULD", "NOT do that. This is that."]
        {
            assert!(inventory.has("1", quote), "{quote:?}");
        }
        for quote in ["A server", "This is that. A proxy MUST", "This is. that."] {
            assert!(!inventory.has("1", quote), "{quote:?}");
        }
        assert!(!inventory.has("2", "This is that."));
    }

    #[test]
    fn what_is_no_inventory_says_what_is_missing() {
        for (text, what) in [
            ("rule = []", "expected a url"),
            ("url = 'x'", "expected rules"),
            ("url = 'x'\nwords = { must = 1 }\nrule = []", "no should"),
            ("url = 'x'\n[[rule]]\nsection = '1'\nbinds = 'all'\ntext = 'y'", "expected a rule"),
            ("url = 'x'\nvoice = 'low'\nrule = []", "expected imperative"),
            ("url = 'x'\nsections = 1\nrule = []", "expected a list"),
            ("url = 'x'\nsections = [1]\nrule = []", "expected names"),
            ("url = ", "expected"),
        ] {
            let error = text.parse::<Inventory>().unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
