//! The cargo subcommands that `deep` needs, installed when they are missing.

use crate::failure::Failure;
use crate::run::{asked, cargo, say, silent};

/// A cargo subcommand from crates.io, pinned so that a new release changes nothing by itself.
pub(crate) struct Tool {
    subcommand: &'static str,
    package: &'static str,
    version: &'static str,
    /// How long the installation takes on two cores, so that nobody thinks it hangs.
    about: &'static str,
}

pub(crate) const HACK: Tool = Tool {
    subcommand: "hack",
    package: "cargo-hack",
    version: "0.6.46",
    about: "about a minute",
};

pub(crate) const DENY: Tool = Tool {
    subcommand: "deny",
    package: "cargo-deny",
    version: "0.20.2",
    about: "about three minutes",
};

pub(crate) const FUZZ: Tool = Tool {
    subcommand: "fuzz",
    package: "cargo-fuzz",
    version: "0.13.2",
    about: "about a minute",
};

impl Tool {
    /// Installs the tool unless it is there.
    pub(crate) fn ensure(&self) -> Result<(), Failure> {
        if asked(cargo().args([self.subcommand, "--version"])).is_some() {
            return Ok(());
        }
        say(format!("installing {} ({})", self.package, self.about));
        silent(cargo().args(["install", "--locked", self.package, "--version", self.version])).map(drop)
    }
}
