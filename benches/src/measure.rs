//! Interleaved medians.
//!
//! Subjects take turns, round by round, so that a change of the machine's mood meets all of them; the figure is the
//! median over the rounds, and what is compared is the ratio within one run.

use std::time::Instant;

/// One thing to measure: a name, and a function that does it `count` times.
pub struct Subject<'a> {
    /// How it is called in the table.
    pub name: String,
    /// Does the work that many times.
    pub work: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject.
    pub fn new(name: impl Into<String>, work: impl FnMut(u64) + 'a) -> Self {
        Self {
            name: name.into(),
            work: Box::new(work),
        }
    }
}

/// The median of the rounds, in nanoseconds per time.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The subject's name.
    pub name: String,
    /// Nanoseconds per time: the median.
    pub nanos: f64,
    /// A quarter of the rounds was quicker than this.
    pub low: f64,
    /// A quarter of the rounds was slower than this.
    pub high: f64,
}

/// Lets the subjects take turns for `rounds` rounds of `count` times each, after a warm-up of one round.
pub fn interleave(subjects: &mut [Subject<'_>], rounds: usize, count: u64) -> Vec<Figure> {
    let mut taken = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..=rounds {
        for at in 0..subjects.len() {
            // A different one begins each round, so that nobody always follows the same neighbour.
            let at = (at + round) % subjects.len();
            let start = Instant::now();
            (subjects[at].work)(count);
            let nanos = start.elapsed().as_secs_f64() * 1e9 / count as f64;
            if round > 0 {
                taken[at].push(nanos);
            }
        }
    }
    let figures = subjects.iter().zip(taken).map(|(subject, mut nanos)| {
        nanos.sort_by(f64::total_cmp);
        let at = |part: f64| nanos[((nanos.len() - 1) as f64 * part).round() as usize];
        Figure {
            name: subject.name.clone(),
            nanos: at(0.5),
            low: at(0.25),
            high: at(0.75),
        }
    });
    figures.collect()
}

/// Prints a table: each figure, and its ratio to the first.
pub fn print_table(title: &str, figures: &[Figure]) {
    println!("\n{title}");
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    for figure in figures {
        let ratio = figure.nanos / figures[0].nanos;
        println!(
            "  {:width$}  {:>12.1} ns  ({:.1} to {:.1})  {ratio:>7.3}x",
            figure.name, figure.nanos, figure.low, figure.high
        );
    }
}

/// The version of a crate in this workspace's lock file, for the tables.
pub fn version(name: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    format!("{name} {}", version.unwrap_or("?").trim_matches('"'))
}
