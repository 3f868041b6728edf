//! `oneflight completions` and `oneflight man`.

mod support;

use std::process::{Command, Stdio};

use support::{run, stderr, stdout};

const COMMANDS: [&str; 6] = ["login", "token", "exec", "credential", "status", "logout"];

#[test]
fn c19_every_shell_is_told_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}: {}", stderr(&output));
        let script = stdout(&output);
        for word in COMMANDS {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(script.contains("refused-stdin"), "{shell}");
    }
    assert_eq!(run(&["completions", "sh"]).status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn c19_bash_itself_completes_what_was_begun() {
    let script = stdout(&run(&["completions", "bash"]));
    let asks = "COMP_WORDS=(oneflight tok); COMP_CWORD=1; _oneflight oneflight tok oneflight; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{asks}")])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no bash");
        return;
    };
    assert_eq!(stdout(&output), "token\n", "{}", stderr(&output));
}

#[test]
fn c19_every_command_has_a_page() {
    let page = stdout(&run(&["man"]));
    assert!(page.contains(".TH oneflight 1"), "{page}");
    let page = stdout(&run(&["man", "credential", "git"]));
    assert!(page.contains(".TH oneflight-credential-git 1"), "{page}");
    assert!(
        page.contains("min\\-valid") && page.contains("git\\-credential\\-oneflight"),
        "{page}"
    );
    let output = run(&["man", "fly"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("fly"));

    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    let output = run(&["man", "--folder", pages.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for word in COMMANDS {
        assert!(pages.join(format!("oneflight-{word}.1")).is_file(), "{word}");
    }
}
