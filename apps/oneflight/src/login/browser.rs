//! Opens the browser.

use std::process::{Command, Stdio};

use super::wish::SECRET_VARIABLE;

/// Asks the system to open a page: `$BROWSER`, else what the system opens links with. That it was asked is all that is
/// known; the browser goes on by itself.
pub(super) fn open(url: &str) -> bool {
    let named = std::env::var("BROWSER").unwrap_or_default();
    let wishes: Vec<Vec<String>> = if named.trim().is_empty() {
        of_the_system(url)
    } else {
        // A list of commands; %s is where the address goes, if not at the end.
        let separator = if cfg!(windows) { ';' } else { ':' };
        named
            .split(separator)
            .filter_map(|wish| command(wish, url))
            .collect()
    };
    wishes.iter().any(|words| start(words))
}

fn of_the_system(url: &str) -> Vec<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    if cfg!(windows) {
        // `start` belongs to a shell, which would read the & of the address.
        vec![words(&["rundll32", "url.dll,FileProtocolHandler", url])]
    } else if cfg!(target_os = "macos") {
        vec![words(&["open", url])]
    } else {
        vec![words(&["xdg-open", url]), words(&["wslview", url])]
    }
}

fn command(wish: &str, url: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = wish.split_whitespace().map(ToOwned::to_owned).collect();
    words.first()?;
    if wish.contains("%s") {
        for word in &mut words {
            *word = word.replace("%s", url);
        }
    } else {
        words.push(url.to_owned());
    }
    Some(words)
}

fn start(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What was told to us is not for it.
        .env_remove(SECRET_VARIABLE);
    // Ctrl-C is meant for us.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    // It may be the browser itself and outlive us, so nobody waits for it.
    command.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_the_address_goes_where_the_browser_wants_it() {
        assert_eq!(command("firefox", "u?a&b").unwrap(), ["firefox", "u?a&b"]);
        assert_eq!(
            command("chromium --app=%s --incognito", "u").unwrap(),
            ["chromium", "--app=u", "--incognito"]
        );
        assert_eq!(command("  ", "u"), None);
    }
}
