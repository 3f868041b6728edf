//! Interleaved medians.
//!
//! Subjects take turns, round by round, so that a change of the machine's mood meets all of them; the figure is the
//! median over the rounds, and what is compared is the ratio within one run: the median over the rounds of the ratio
//! within each, which a mood that lasts longer than a round does not touch.

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
    /// The ratio to the first subject within a round: the median.
    pub ratio: f64,
    /// By how much that median may be off: half of its 95 % confidence interval, from the order of the rounds' ratios.
    pub doubt: f64,
}

/// Lets the subjects take turns for `rounds` rounds of `count` times each, after a warm-up of one round.
pub fn interleave(subjects: &mut [Subject<'_>], rounds: usize, count: u64) -> Vec<Figure> {
    let mut taken = vec![Vec::with_capacity(rounds); subjects.len()];
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for round in 0..=rounds {
        // Nobody always follows the same neighbour, who leaves the caches in a state of its own.
        shuffle(&mut order, &mut seed);
        for &at in &order {
            let start = Instant::now();
            (subjects[at].work)(count);
            let nanos = start.elapsed().as_secs_f64() * 1e9 / count as f64;
            if round > 0 {
                taken[at].push(nanos);
            }
        }
    }
    let first = taken[0].clone();
    let figures = subjects.iter().zip(taken).map(|(subject, nanos)| {
        let ratios = sorted(
            nanos
                .iter()
                .zip(&first)
                .map(|(ours, first)| ours / first)
                .collect(),
        );
        let nanos = sorted(nanos);
        // Ranks of the median's 95 % interval: the binomial distribution, as the normal one that it comes close to.
        let reach = 0.98 / (rounds as f64).sqrt();
        Figure {
            name: subject.name.clone(),
            nanos: part_of(&nanos, 0.5),
            low: part_of(&nanos, 0.25),
            high: part_of(&nanos, 0.75),
            ratio: part_of(&ratios, 0.5),
            doubt: (part_of(&ratios, (0.5 + reach).min(1.0)) - part_of(&ratios, (0.5 - reach).max(0.0)))
                / 2.0,
        }
    });
    figures.collect()
}

/// Fisher and Yates, by a xorshift generator: every run has the same orders.
fn shuffle(order: &mut [usize], seed: &mut u64) {
    for at in (1..order.len()).rev() {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        order.swap(at, (*seed % (at as u64 + 1)) as usize);
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn part_of(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// Prints a table: each figure, and its ratio to the first.
pub fn print_table(title: &str, figures: &[Figure]) {
    println!("\n{title}");
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
    for figure in figures {
        println!(
            "  {:width$}  {:>12.1} ns  ({:.1} to {:.1})  {:>7.3}x ± {:.3}",
            figure.name, figure.nanos, figure.low, figure.high, figure.ratio, figure.doubt
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
