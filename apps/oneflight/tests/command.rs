//! Arguments, exit codes and errors of the command.

mod support;

use std::net::TcpListener;

use support::{Running, run, stderr, stdout};

/// Runs, and checks that it is turned away as a usage error that says so.
fn refused(args: &[&str], says: &str) {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    let err = stderr(&output);
    assert!(err.contains(says), "{args:?} should say {says:?}: {err}");
    assert!(stdout(&output).is_empty());
}

#[test]
fn x2_arguments_that_make_no_sense_are_usage_errors() {
    refused(&[], "Usage:");
    refused(&["fly"], "fly");
    refused(&["demo", "--headless", "--requests", "0"], "0 is not in 1..=5000");
    refused(&["demo", "--headless", "--requests", "many"], "--requests");
    refused(&["demo", "--headless", "--client", "clever"], "textbook");
    refused(&["demo", "--headless", "--scenario", "sunshine"], "late-401");
    refused(&["demo", "--headless", "--port", "4180"], "--port");
    refused(&["demo", "--json"], "--headless");
    refused(&["demo", "--requests", "50"], "--headless");
    refused(&["testserver", "--rotation", "sometimes"], "strict");
    refused(&["testserver", "--access-token-lifetime", "5"], "unit");
}

#[test]
fn x2_what_a_foreign_server_needs_is_asked_for() {
    let whole = [
        "demo",
        "--issuer",
        "https://as.example",
        "--client-id",
        "app",
        "--refresh-token-file",
        "t",
        "--api",
        "https://api.example",
    ];
    refused(&whole[..3], "--client-id");
    refused(&whole[..5], "--refresh-token-file");
    refused(&whole[..7], "--api");
    refused(&["demo", "--client-id", "app"], "--issuer");
    refused(
        &[&whole[..], &["--client", "textbook"]].concat(),
        "--let-this-client-destroy-my-grant",
    );
    refused(&[&whole[..], &["--scenario", "outage"]].concat(), "storm");
    let with = |at: usize, value: &'static str| {
        let mut args = whole.to_vec();
        args[at] = value;
        args
    };
    refused(&with(2, "as.example"), "not a URL");
    refused(&with(2, "http://as.example"), "https");
    refused(&with(8, "http://api.example"), "https");
    refused(&with(4, ""), "empty");
}

#[test]
fn x2_exit_codes_and_expectations_are_documented() {
    for args in [
        ["demo", "--help"].as_slice(),
        &["--help"],
        &["testserver", "--help"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("Exit codes:"), "{args:?}");
    }
    let help = stdout(&run(&["demo", "--help"]));
    assert!(help.contains("always-401   oneflight"), "{help}");
}

#[test]
fn x2_the_page_about_the_demo_has_the_same_tables() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/demo.md");
    let page = std::fs::read_to_string(page).expect("docs/demo.md");
    let help = stdout(&run(&["demo", "--help"]));
    let after = |heading: &str| {
        help.lines()
            .skip_while(|line| !line.contains(heading))
            .skip(1)
            .collect::<Vec<_>>()
    };
    let expectations = after("refresh POSTs reuse").into_iter().take(18);
    let codes = after("Exit codes:").into_iter().take(7);
    let mut compared = 0;
    for line in expectations.chain(codes) {
        assert!(
            page.lines().any(|other| other.trim() == line.trim()),
            "{line:?} is missing in docs/demo.md"
        );
        compared += 1;
    }
    assert_eq!(compared, 25);
}

#[test]
fn x2_every_command_and_exit_code_is_documented_where_people_look() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |page: &str| std::fs::read_to_string(root.join(page)).expect("the page");
    let (page, readme) = (read("docs/command.md"), read("README.md"));
    let help = stdout(&run(&["--help"]));
    let below = |heading: &'static str| {
        let lines = help
            .lines()
            .skip_while(move |line| !line.starts_with(heading))
            .skip(1);
        lines
            .take_while(|line| line.starts_with("  "))
            .filter(|line| !line.starts_with("   "))
    };
    let first = |line: &str| line.split_whitespace().next().expect("a word").to_owned();
    let commands: Vec<_> = below("Commands:")
        .map(first)
        .filter(|name| name != "help")
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let row = format!("`{command}`");
        assert!(
            page.lines()
                .any(|line| line.starts_with('|') && line.contains(&row)),
            "{command}"
        );
    }
    let codes: Vec<_> = below("Exit codes:")
        .map(first)
        .filter(|word| word.parse::<u8>().is_ok())
        .collect();
    assert!(codes.len() >= 7, "{codes:?}");
    for code in codes {
        for (name, page) in [("README.md", &readme), ("docs/command.md", &page)] {
            let row = |line: &str| {
                line.strip_prefix("| ")
                    .is_some_and(|rest| rest.starts_with(&code))
            };
            assert!(page.lines().any(row), "exit code {code} is missing in {name}");
        }
    }
}

#[test]
fn x2_a_port_in_use_is_named_with_the_next_step() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    for command in ["demo", "testserver"] {
        let output = run(&[command, "--port", &port]);
        assert_eq!(output.status.code(), Some(3), "{command}");
        let err = stderr(&output);
        assert!(
            err.contains(&port) && err.contains("next: ") && err.contains("--port"),
            "{err}"
        );
    }
}

#[test]
fn x2_the_page_takes_the_next_port_when_one_is_taken() {
    let address = |page: &mut Running| page.line("oneflight demo: ").expect("an address");
    let mut first = Running::start(&["demo"]);
    let mut second = Running::start(&["demo"]);
    assert_ne!(address(&mut first), address(&mut second));
}

#[test]
fn x2_the_test_server_says_where_it_is() {
    let mut server = Running::start(&[
        "testserver",
        "--port",
        "0",
        "--rotation",
        "grace:10s",
        "--access-token-lifetime",
        "5s",
    ]);
    let issuer = server.line("issuer:").expect("the issuer");
    assert!(issuer.starts_with("http://127.0.0.1:"), "{issuer}");
    assert_eq!(
        server.line("token endpoint:"),
        Some(format!("{issuer}/oauth/token"))
    );
}

#[test]
fn x2_the_test_server_says_where_the_api_and_the_stranger_are() {
    let mut server = Running::start(&[
        "testserver",
        "--port",
        "0",
        "--api-port",
        "0",
        "--stranger",
        "--cors",
        "hiding",
    ]);
    let port = |line: Option<String>| {
        let url = line.expect("a line");
        let (_, rest) = url.rsplit_once(':').expect("a port");
        rest.split('/')
            .next()
            .expect("digits")
            .parse::<u16>()
            .expect("a port")
    };
    let auth = port(server.line("issuer:"));
    let api = port(server.line("API:"));
    let stranger = port(server.line("stranger:"));
    assert!(auth != api && api != stranger && stranger != auth);
}
