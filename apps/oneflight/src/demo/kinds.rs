//! What can be chosen: a client and a scenario.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who flies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientKind {
    /// Every refused call refreshes for itself
    Naive,
    /// A flag and a subject, as in the lessons on interceptors
    Textbook,
    /// One refresh for all
    Oneflight,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// All requests at once, with an expired token
    Storm,
    /// The same, but half of the refusals arrive after the refresh has ended
    #[value(name = "late-401")]
    #[serde(rename = "late-401")]
    Late401,
    /// The server rotates the refresh token, and its answer is lost (10 s grace)
    LostAnswer,
    /// The token endpoint answers 503 for 5 s
    Outage,
    /// The user signs out while the refresh is under way
    SignOut,
    /// The API refuses every token, however fresh
    #[value(name = "always-401")]
    #[serde(rename = "always-401")]
    Always401,
}

impl ClientKind {
    pub(crate) const ALL: [Self; 3] = [Self::Naive, Self::Textbook, Self::Oneflight];

    /// Its name on the command line and in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Textbook => "textbook",
            Self::Oneflight => "oneflight",
        }
    }
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::Storm,
        Self::Late401,
        Self::LostAnswer,
        Self::Outage,
        Self::SignOut,
        Self::Always401,
    ];

    /// Its name on the command line and in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Storm => "storm",
            Self::Late401 => "late-401",
            Self::LostAnswer => "lost-answer",
            Self::Outage => "outage",
            Self::SignOut => "sign-out",
            Self::Always401 => "always-401",
        }
    }
}

impl fmt::Display for ClientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
