//! The soak of pages: every scenario of `tests/browser` in Chromium and Firefox, over and over, and a smoke test in
//! WebKitGTK, whose packages are too large to be installed for every change.

use std::fmt;

use crate::browser;
use crate::failure::Failure;
use crate::run::{on_path, watched};
use crate::setup;

/// Debian's packages of the third engine and of a screen for it, and what each brings.
const WEBKIT_PACKAGES: [(&str, &str); 2] = [("webkit2gtk-driver", "WebKitWebDriver"), ("xvfb", "Xvfb")];

/// How long to soak.
pub(crate) struct Pages {
    /// How often all of it is repeated.
    pub(crate) times: u32,
    /// How many rounds of each scenario each time.
    pub(crate) rounds: u32,
    /// How many scenarios share a browser.
    pub(crate) lanes: u32,
}

/// Runs all of them and prints what they came to. Fails if any scenario did.
pub(crate) fn soak(pages: &Pages) -> Result<(), Failure> {
    let environment = browser::prepare()?;
    install_webkit()?;
    let (rounds, lanes) = (pages.rounds.to_string(), pages.lanes.to_string());
    let mut whole = Tally::default();
    for time in 1..=pages.times {
        let mut tally = Tally::default();
        for chosen in [
            &["--full", "--rounds", &rounds, "--lanes", &lanes][..],
            &["--browser", "webkit"],
        ] {
            let mut command = browser::command(&environment)?;
            let succeeded = watched(command.args(chosen), |line| tally.line(line))?;
            if !succeeded && tally.failed.is_empty() {
                return Err(Failure::new("the scenarios did not run; the reason is above"));
            }
        }
        println!("time {time} of {}: {tally}", pages.times);
        whole.add(tally);
    }
    println!("pages, {} × {} rounds: {whole}", pages.times, pages.rounds);
    if whole.failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", whole.failed.join(", "))))
    }
}

/// The smoke test in WebKitGTK alone.
pub(crate) fn webkit() -> Result<(), Failure> {
    let environment = browser::prepare()?;
    install_webkit()?;
    let mut command = browser::command(&environment)?;
    match watched(command.args(["--browser", "webkit"]), |_| {})? {
        true => Ok(()),
        false => Err(Failure::new("the smoke test in WebKitGTK failed")),
    }
}

fn install_webkit() -> Result<(), Failure> {
    let missing: Vec<&str> = WEBKIT_PACKAGES
        .iter()
        .filter(|(_, program)| on_path(program).is_none())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    setup::apt_install(&missing, "WebKitGTK, for a smoke test of pages,").map_err(|reason| {
        Failure::new(format!(
            "WebKitGTK ({reason}): type `sudo apt-get install {}`",
            missing.join(" ")
        ))
    })
}

/// What the lines of the runner say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    scenarios: u64,
    rounds: u64,
    posts: u64,
    failed: Vec<String>,
}

impl Tally {
    fn line(&mut self, line: &str) {
        if let Some((name, verdict)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        {
            self.scenarios += 1;
            if verdict != "ok" {
                self.failed.push(name.to_owned());
            }
        } else if let Some((rounds, posts)) = counts(line) {
            self.rounds += rounds;
            self.posts += posts;
        }
    }

    fn add(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.rounds += other.rounds;
        self.posts += other.posts;
        self.failed.extend(other.failed);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, failed) = (self.scenarios, self.failed.len());
        write!(
            f,
            "{runs} scenarios, {} rounds, {} POSTs, {failed} failed",
            self.rounds, self.posts
        )
    }
}

/// The numbers of `  20 rounds, 40 POSTs, 1234 ms`: what one scenario that passed came to.
fn counts(line: &str) -> Option<(u64, u64)> {
    let (rounds, rest) = line.strip_prefix("  ")?.split_once(" rounds, ")?;
    let (posts, _) = rest.split_once(" POSTs, ")?;
    Some((rounds.parse().ok()?, posts.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_lines_of_the_runner_add_up() {
        let mut tally = Tally::default();
        for line in [
            "test chromium::s1_one_post ... ok",
            "  strict rotation: signed-in after 1 POSTs",
            "  20 rounds, 20 POSTs, 1234 ms",
            "test firefox::s1_one_post ... FAILED",
            "  in round 3: Error",
            "chromium 156: 1 tests, 20 rounds each, 20 POSTs, 3 s",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
        ] {
            tally.line(line);
        }
        let wanted = Tally {
            scenarios: 2,
            rounds: 20,
            posts: 20,
            failed: vec!["firefox::s1_one_post".to_owned()],
        };
        assert_eq!(tally, wanted);
    }
}
