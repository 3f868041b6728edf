//! `cargo xtask deep`: what is too slow for every change.

use crate::failure::Failure;
use crate::options::Options;
use crate::run::{asked, cargo, root, say, shown, silent};
use crate::soak::{self, Soak};
use crate::{bench, example, pages, tools};

/// The crates that others build with features of their choice.
const LIBRARIES: [&str; 7] = [
    "oneflight-core",
    "oneflight",
    "oneflight-postgres",
    "oneflight-redis",
    "oneflight-reqwest",
    "oneflight-testkit",
    "oneflight-web",
];

const PARTS: [&str; 8] = [
    "model", "powerset", "deny", "fuzz", "bench", "soak", "examples", "webkit",
];

/// How long each fuzz target runs unless told otherwise.
const FUZZ_SECS: u32 = 60;

struct Plan {
    parts: Vec<String>,
    /// How much more than in the tests may go wrong in each world of the model.
    model_depth: u32,
    fuzz_secs: u32,
    advisories: bool,
    soak: Soak,
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let plan = plan(args)?;
    let mut failed = Vec::new();
    for part in &plan.parts {
        say(format!("deep: {part}"));
        let outcome = match part.as_str() {
            "model" => model(plan.model_depth),
            "powerset" => powerset(),
            "deny" => deny(plan.advisories),
            "fuzz" => fuzz(plan.fuzz_secs),
            "bench" => bench::smoke(),
            "examples" => example::deep(),
            "webkit" => pages::webkit(),
            _ => soak::rounds(&plan.soak),
        };
        match outcome {
            Ok(()) => say(format!("deep: {part} is well")),
            Err(failure) => {
                say(format!("deep: {part}: {failure}"));
                failed.push(part.as_str());
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }
}

fn plan(args: &[String]) -> Result<Plan, Failure> {
    let mut plan = Plan {
        parts: Vec::new(),
        model_depth: 0,
        fuzz_secs: FUZZ_SECS,
        advisories: false,
        soak: Soak::default(),
    };
    let mut options = Options::new("deep", args);
    while let Some(arg) = options.next() {
        match arg {
            "--model-depth" => plan.model_depth = options.number(arg)?,
            "--fuzz-seconds" => plan.fuzz_secs = options.number(arg)?,
            "--soak-rounds" => plan.soak.rounds = options.number(arg)?,
            "--advisories" => plan.advisories = true,
            part if PARTS.contains(&part) => plan.parts.push(part.to_owned()),
            other => return Err(options.unknown(other)),
        }
    }
    if plan.parts.is_empty() {
        plan.parts = PARTS.map(str::to_owned).to_vec();
    }
    Ok(plan)
}

/// The exhaustive check of the machine, with what it visited: the tests run it too, but keep that to themselves.
fn model(depth: u32) -> Result<(), Failure> {
    shown(
        cargo()
            .env("ONEFLIGHT_MODEL_DEPTH", depth.to_string())
            .args([
                "test",
                "--release",
                "--package",
                "oneflight-core",
                "--lib",
                "model::",
            ])
            .args(["--", "--nocapture", "--test-threads=1"]),
    )
}

/// Every combination of features of every library passes clippy, so nothing is used that its feature did not bring.
fn powerset() -> Result<(), Failure> {
    tools::HACK.ensure()?;
    let mut command = cargo();
    command.args(["hack", "clippy", "--feature-powerset", "--lib"]);
    for library in LIBRARIES {
        command.args(["--package", library]);
    }
    shown(command.args(["--", "-D", "warnings"]))
}

/// Licences, banned crates and sources; advisories only when asked, because they need a network.
fn deny(advisories: bool) -> Result<(), Failure> {
    tools::DENY.ensure()?;
    let mut command = cargo();
    command
        .args(["deny", "--all-features", "check", "--hide-inclusion-graph"])
        .args(["bans", "licenses", "sources"]);
    if advisories {
        command.arg("advisories");
    } else {
        say("security advisories are left out: they are fetched from a network; --advisories asks for them");
    }
    shown(&mut command)
}

/// Each fuzz target for a while, with the words that mean something to it. The sanitizers are unstable options, so a
/// stable compiler is told to allow them.
fn fuzz(secs: u32) -> Result<(), Failure> {
    tools::FUZZ.ensure()?;
    let folder = root().join("fuzz");
    let in_folder = || {
        let mut command = cargo();
        command.current_dir(&folder).env("RUSTC_BOOTSTRAP", "1");
        command
    };
    let targets = asked(in_folder().args(["fuzz", "list"]))
        .ok_or_else(|| Failure::new("`cargo fuzz list` failed in fuzz/"))?;
    for target in targets.lines() {
        say(format!(
            "building {target} with its sanitizer, then fuzzing it for {secs} s"
        ));
        let limit = format!("-max_total_time={secs}");
        let dictionary = format!("dictionaries/{target}.dict");
        let mut command = in_folder();
        command.args(["fuzz", "run", target, "--", &limit]);
        if folder.join(&dictionary).is_file() {
            command.arg(format!("-dict={dictionary}"));
        }
        let printed = silent(&mut command)?;
        if let Some(done) = printed.lines().rfind(|line| line.starts_with("Done ")) {
            say(format!("  {target}: {done}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::plan;

    fn args(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_a_part_all_of_them_run() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.parts, super::PARTS);
        assert!(!plan.advisories);
    }

    #[test]
    fn parts_and_options_may_be_mixed() {
        let plan = plan(&args("fuzz --fuzz-seconds 5 soak --soak-rounds 2 --advisories")).unwrap();
        assert_eq!(plan.parts, ["fuzz", "soak"]);
        assert_eq!((plan.fuzz_secs, plan.soak.rounds), (5, 2));
        assert!(plan.advisories);
    }

    #[test]
    fn an_unknown_part_is_a_usage_error() {
        assert!(plan(&args("fuss")).is_err_and(|failure| failure.is_usage()));
    }
}
