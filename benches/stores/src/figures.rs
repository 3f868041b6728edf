//! Medians, and what the machine was like.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// Times, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e6);
    }

    /// From monotonic nanoseconds; negative where the end came before the beginning.
    pub fn add_between(&mut self, begin: u64, end: u64) {
        self.0.push((end as f64 - begin as f64) / 1e3);
    }

    /// The part of all that took no longer than this, in milliseconds.
    pub fn part_ms(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1)) as f64 * part;
        sorted.get(at.round() as usize).copied().unwrap_or(f64::NAN) / 1e3
    }

    /// Median and 99th percentile, as two cells.
    pub fn cells(&self) -> String {
        format!("{:.2} ms | {:.2} ms", self.part_ms(0.5), self.part_ms(0.99))
    }
}

/// The load average of the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// A member of `/proc/self/FILE`, or of another process's.
pub fn proc_number(process: &str, file: &str, member: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(member));
    let number = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// How long this disk takes to have 4 KiB written to a file for good.
pub fn disk() -> Times {
    const WRITES: usize = 50;
    let mut file = tempfile::tempfile().expect("a file");
    let mut times = Times::default();
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&[0; 4096]).expect("there is room");
        file.sync_data().expect("the disk answers");
        times.add(start.elapsed());
    }
    times
}
