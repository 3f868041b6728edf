//! Reads docs/spec.md: the behaviours with their ids and their status.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// The name of a behaviour: a letter for its part, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    part: char,
    number: u16,
}

/// The letters of the parts, in the order of the specification.
const PARTS: &str = "SRFTLPOWBCX";

impl Id {
    pub(crate) fn part(self) -> char {
        self.part
    }

    /// `S3`, in either case; nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let part = chars.next()?.to_ascii_uppercase();
        let digits = chars.as_str();
        let number = digits.parse().ok()?;
        // No signs and no leading zeros: an id has one spelling.
        let plain = digits.starts_with(|first: char| matches!(first, '1'..='9'));
        (plain && PARTS.contains(part)).then_some(Self { part, number })
    }

    /// The ids that lead a test's name: `l1_l7_sign_out_wins` serves two.
    pub(crate) fn leading(name: &str) -> Vec<Self> {
        name.split('_').map_while(Self::parse).collect()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.part, self.number)
    }
}

/// What the specification says of one behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behaviour {
    pub(crate) id: Id,
    pub(crate) implemented: bool,
}

/// Reads the specification.
pub(crate) fn read(file: &Path) -> Result<Vec<Behaviour>, Failure> {
    let text =
        fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    parse(&text).map_err(|problem| Failure::new(format!("{}: {problem}", file.display())))
}

/// The rows `| S1 | implemented | … |`; every other line is prose.
fn parse(text: &str) -> Result<Vec<Behaviour>, String> {
    let mut behaviours: Vec<Behaviour> = Vec::new();
    for line in text.lines() {
        let mut cells = line.split('|').map(str::trim);
        if cells.next() != Some("") {
            continue;
        }
        let Some(id) = cells
            .next()
            .and_then(|cell| Id::parse(cell.trim_end_matches('†')))
        else {
            continue;
        };
        let implemented = match cells.next() {
            Some("implemented") => true,
            Some("planned") => false,
            other => return Err(format!("{id} has the status {other:?}, which is none")),
        };
        if behaviours.iter().any(|earlier| earlier.id == id) {
            return Err(format!("{id} stands there twice"));
        }
        behaviours.push(Behaviour { id, implemented });
    }
    if behaviours.is_empty() {
        return Err("no behaviour in it".to_owned());
    }
    Ok(behaviours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str) -> String {
        let ids: Vec<String> = Id::leading(name).iter().map(Id::to_string).collect();
        ids.join(" ")
    }

    #[test]
    fn ids_lead_the_name_of_a_test() {
        assert_eq!(ids("s3_a_late_refusal"), "S3");
        assert_eq!(ids("l1_l7_r10_sign_out_wins_over_s4"), "L1 L7 R10");
        assert_eq!(ids("a_helper_of_s3"), "");
        assert_eq!(ids("sha256_of_nothing"), "");
        assert_eq!(ids("s03_has_another_spelling"), "");
        assert_eq!(ids("q1_is_no_part"), "");
    }

    #[test]
    fn rows_are_read_and_prose_is_not() {
        let text = "# S1\n| id | status | what |\n|---|---|---|\n| S1† | implemented | one POST |\nS2 is planned\n| S2 | planned | later |\n";
        let rows = parse(text).unwrap();
        let seen: Vec<(String, bool)> = rows
            .iter()
            .map(|row| (row.id.to_string(), row.implemented))
            .collect();
        assert_eq!(seen, [("S1".to_owned(), true), ("S2".to_owned(), false)]);
    }

    #[test]
    fn a_wrong_status_a_double_id_and_an_empty_page_are_refused() {
        assert!(parse("| S1 | soon | x |").is_err());
        assert!(parse("| S1 | planned | x |\n| S1 | planned | x |").is_err());
        assert!(parse("nothing").is_err());
    }
}
