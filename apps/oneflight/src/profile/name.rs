//! What a profile may be called.

use std::fmt;
use std::str::FromStr;

use clap::Args;

/// Names the profile where `--profile` does not.
const VARIABLE: &str = "ONEFLIGHT_PROFILE";

const LONGEST: usize = 64;

/// The name of a profile, fit to be a part of a file name anywhere: no path, no hidden file, no option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProfileName(String);

impl Default for ProfileName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no name of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a profile has 1 to 64 letters, digits, dots, dashes and underscores, and begins with neither a dot nor a dash"
)]
pub(crate) struct BadName;

impl FromStr for ProfileName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain);
        if fits && !text.starts_with(['.', '-']) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName)
        }
    }
}

/// `--profile`, for every command that uses one.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProfileArg {
    /// The profile [default: $ONEFLIGHT_PROFILE, else "default"]
    #[arg(long, value_name = "NAME")]
    profile: Option<ProfileName>,
}

impl ProfileArg {
    /// The profile that is meant.
    ///
    /// # Errors
    /// [`BadName`] if the environment names none that can be.
    pub(crate) fn name(&self) -> Result<ProfileName, BadName> {
        match &self.profile {
            Some(name) => Ok(name.clone()),
            None => match std::env::var_os(VARIABLE) {
                Some(name) if !name.is_empty() => name.to_str().ok_or(BadName)?.parse(),
                _ => Ok(ProfileName::default()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_a_profile_name_cannot_leave_the_folder() {
        let long = "x".repeat(LONGEST + 1);
        for bad in [
            "", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-p", "a b", "ü", "a\n", "C:", &long,
        ] {
            assert_eq!(bad.parse::<ProfileName>(), Err(BadName), "{bad:?}");
        }
        let longest = "x".repeat(LONGEST);
        for good in ["default", "Work.2", "a-b_c", "0", &longest] {
            assert_eq!(good.parse::<ProfileName>().unwrap().to_string(), good);
        }
    }
}
