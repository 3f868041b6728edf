//! The names that git and docker call their helpers by.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The names a link to this command may have, and the command that each means.
const NAMES: [(&str, &str); 2] = [
    ("docker-credential-oneflight", "docker"),
    ("git-credential-oneflight", "git"),
];

/// The command line that is meant by one that begins with such a name; what follows a dash after it is the profile:
/// `docker-credential-oneflight-work get`. All others stay as they are.
pub(crate) fn called(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let first = args.first().map(Path::new).and_then(Path::file_name);
    // Elsewhere than on Windows a name with such an ending is another name, and not ours.
    let name = first.and_then(OsStr::to_str);
    let name = name.map(|name| name.strip_suffix(".exe").unwrap_or(name));
    if let Some(words) = name.and_then(meant) {
        args.splice(..1, words);
    }
    args
}

fn meant(name: &str) -> Option<Vec<OsString>> {
    let (rest, helper) = NAMES
        .iter()
        .find_map(|(beginning, helper)| Some((name.strip_prefix(beginning)?, helper)))?;
    let mut words = vec!["oneflight", "credential", helper];
    match rest.strip_prefix('-') {
        Some(profile) => words.extend(["--profile", profile]),
        None if rest.is_empty() => {}
        None => return None,
    }
    Some(words.into_iter().map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        let words = called(line.split(' ').map(OsString::from));
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        words.join(" ")
    }

    #[test]
    fn c17_a_link_with_a_helpers_name_is_that_helper() {
        for (line, meant) in [
            (
                "/usr/bin/docker-credential-oneflight get",
                "oneflight credential docker get",
            ),
            (
                "docker-credential-oneflight-work get",
                "oneflight credential docker --profile work get",
            ),
            (
                "git-credential-oneflight --profile x get",
                "oneflight credential git --profile x get",
            ),
            (
                "docker-credential-oneflight.exe list",
                "oneflight credential docker list",
            ),
        ] {
            assert_eq!(words(line), meant);
        }
        for other in ["oneflight token", "git-credential-oneflightx get", "x y"] {
            assert_eq!(words(other), other);
        }
        assert!(called([]).is_empty());
    }
}
