//! The check that docs/spec.md and the tests speak of the same things.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Failure;
use crate::run::root;
use crate::scan::{self, Found};
use crate::spec::{self, Behaviour, Id};

/// `cargo xtask behaviours`: by the sources alone.
pub(crate) fn run() -> Result<(), Failure> {
    let written = scan::tests_below(root())?;
    let names = written.iter().map(|found| found.name.clone()).collect();
    report(&Evidence {
        written,
        proved: names,
    })
}

/// The same after a run of all tests: only a test that ran and passed proves anything.
pub(crate) fn check_run(passed: BTreeSet<String>) -> Result<(), Failure> {
    report(&Evidence {
        written: scan::tests_below(root())?,
        proved: passed,
    })
}

/// What is known of the tests.
struct Evidence {
    /// Test functions in the sources.
    written: Vec<Found>,
    /// Names of tests that count as proof.
    proved: BTreeSet<String>,
}

fn report(evidence: &Evidence) -> Result<(), Failure> {
    let behaviours = spec::read(&root().join("docs/spec.md"))?;
    let counts = proofs_per_id(&evidence.proved);
    println!("{}", table(&behaviours, &counts));
    let problems = problems(&behaviours, &counts, evidence);
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        eprintln!("  {problem}");
    }
    Err(Failure::new("docs/spec.md and the tests disagree"))
}

fn proofs_per_id(names: &BTreeSet<String>) -> BTreeMap<Id, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        for id in Id::leading(name) {
            *counts.entry(id).or_default() += 1;
        }
    }
    counts
}

/// One line per part: how many behaviours it has, and each with its number of tests.
fn table(behaviours: &[Behaviour], counts: &BTreeMap<Id, usize>) -> String {
    let mut lines = vec!["behaviours and their tests:".to_owned()];
    let mut implemented = 0;
    let mut tests = 0;
    let mut parts: Vec<(char, String)> = Vec::new();
    for behaviour in behaviours {
        let count = counts.get(&behaviour.id).copied().unwrap_or(0);
        let cell = match (behaviour.implemented, count) {
            (false, 0) => format!("{}:planned", behaviour.id),
            _ => format!("{}:{count}", behaviour.id),
        };
        implemented += usize::from(behaviour.implemented);
        tests += count;
        let part = behaviour.id.part();
        match parts.last_mut() {
            Some((last, line)) if *last == part => {
                line.push_str("  ");
                line.push_str(&cell);
            }
            _ => parts.push((part, cell)),
        }
    }
    lines.extend(parts.into_iter().map(|(_, line)| format!("  {line}")));
    lines.push(format!(
        "{implemented} of {} behaviours are implemented; tests name them {tests} times",
        behaviours.len()
    ));
    lines.join("\n")
}

fn problems(behaviours: &[Behaviour], counts: &BTreeMap<Id, usize>, evidence: &Evidence) -> Vec<String> {
    let mut problems = Vec::new();
    let unproved: Vec<String> = behaviours
        .iter()
        .filter(|behaviour| behaviour.implemented && !counts.contains_key(&behaviour.id))
        .map(|behaviour| behaviour.id.to_string())
        .collect();
    if !unproved.is_empty() {
        problems.push(format!("no passed test for {}", unproved.join(" ")));
    }
    let known: BTreeSet<Id> = behaviours.iter().map(|behaviour| behaviour.id).collect();
    for name in &evidence.proved {
        for id in Id::leading(name).iter().filter(|id| !known.contains(id)) {
            problems.push(format!("{id} of test {name} is not in docs/spec.md"));
        }
    }
    for found in &evidence.written {
        if !Id::leading(&found.name).is_empty() && !evidence.proved.contains(&found.name) {
            problems.push(format!(
                "{} in {} did not run and pass",
                found.name,
                found.file.display()
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn spec() -> Vec<Behaviour> {
        let row = |id, implemented| Behaviour {
            id: Id::parse(id).unwrap(),
            implemented,
        };
        vec![row("S1", true), row("S2", true), row("P3", false)]
    }

    fn evidence(written: &[&str], proved: &[&str]) -> Evidence {
        Evidence {
            written: written
                .iter()
                .map(|name| Found {
                    name: (*name).to_owned(),
                    file: PathBuf::from("a.rs"),
                })
                .collect(),
            proved: proved.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn problems_of(written: &[&str], proved: &[&str]) -> Vec<String> {
        let evidence = evidence(written, proved);
        problems(&spec(), &proofs_per_id(&evidence.proved), &evidence)
    }

    #[test]
    fn all_is_well_when_each_implemented_behaviour_has_a_test() {
        let names = ["s1_s2_one_post", "helps"];
        assert_eq!(problems_of(&names, &names), [""; 0]);
    }

    #[test]
    fn a_behaviour_without_a_test_is_named() {
        let names = ["s1_one_post"];
        assert_eq!(problems_of(&names, &names), ["no passed test for S2"]);
    }

    #[test]
    fn an_id_nobody_specified_is_named() {
        let names = ["s1_s2_x", "s77_x"];
        assert_eq!(
            problems_of(&names, &names),
            ["S77 of test s77_x is not in docs/spec.md"]
        );
    }

    #[test]
    fn a_test_that_is_written_but_never_ran_is_named() {
        assert_eq!(
            problems_of(&["s1_s2_x", "s1_gated"], &["s1_s2_x"]),
            ["s1_gated in a.rs did not run and pass"]
        );
    }

    #[test]
    fn the_table_counts() {
        let names = BTreeSet::from(["s1_a".to_owned(), "s1_b".to_owned()]);
        let table = table(&spec(), &proofs_per_id(&names));
        assert!(table.contains("S1:2  S2:0\n  P3:planned"), "{table}");
        assert!(table.contains("2 of 3 behaviours are implemented; tests name them 2 times"));
    }
}
