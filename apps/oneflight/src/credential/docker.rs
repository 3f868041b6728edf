//! What docker and other clients of registries ask a credential helper, and how they are answered.
//!
//! <https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol>; the texts that clients compare with
//! are those of <https://github.com/docker/docker-credential-helpers> (`credentials/error.go`). Errors go to standard
//! output there.

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::host::{self, ANYBODY, Host};
use crate::output;

/// Clients go on without a credential when they read this.
pub(super) const NOT_FOUND: &str = "credentials not found in native keychain";
/// Nothing was asked for.
pub(super) const NO_SERVER: &str = "no credentials server URL";

/// The server on standard input: a host as it stands in names of images, or a URL.
///
/// # Errors
/// [`NO_SERVER`] if there is none.
pub(super) fn server(input: &[u8]) -> Result<&str, &'static str> {
    match std::str::from_utf8(input).map(str::trim) {
        Ok("") | Err(_) => Err(NO_SERVER),
        Ok(server) => Ok(server),
    }
}

/// The one among `hosts` that is meant. A host without a scheme is reached by https, or on loopback by http, too.
pub(super) fn find<'a>(hosts: &'a [Host], server: &str) -> Option<&'a Host> {
    let schemes: &[&str] = if server.contains("://") {
        &[""]
    } else {
        &["https://", "http://"]
    };
    schemes.iter().find_map(|scheme| {
        let url = Url::parse(&format!("{scheme}{server}")).ok()?;
        host::find(hosts, &url)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

/// The answer to `get`. The protocol has no place for when it expires: docker asks for each command.
pub(super) fn answer(server: &str, host: &Host, token: &str) -> Zeroizing<Vec<u8>> {
    let whole = Credentials {
        server_url: server,
        username: name(host),
        secret: token,
    };
    output::json_line(&whole, token.len() + server.len())
}

/// The answer to `list`: who is who, without tokens.
pub(super) fn list(hosts: &[Host]) -> Zeroizing<Vec<u8>> {
    let all: BTreeMap<&str, &str> = hosts.iter().map(|host| (&*host.origin, name(host))).collect();
    output::json_line(&all, 0)
}

fn name(host: &Host) -> &str {
    host.username.as_deref().unwrap_or(ANYBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> [Host; 2] {
        [
            Host {
                origin: "https://registry.example.com".to_owned(),
                username: None,
            },
            Host {
                origin: "http://127.0.0.1:5000".to_owned(),
                username: Some("robot".to_owned()),
            },
        ]
    }

    #[test]
    fn c17_docker_is_answered_for_the_server_it_named() {
        let hosts = hosts();
        for named in ["registry.example.com", "https://registry.example.com/v2/"] {
            let host = find(&hosts, named).unwrap();
            let line = answer(named, host, "s3cret");
            let expected = format!(r#"{{"ServerURL":"{named}","Username":"oauth2","Secret":"s3cret"}}"#);
            assert_eq!(std::str::from_utf8(&line).unwrap(), expected + "\n");
        }
        assert_eq!(
            find(&hosts, "127.0.0.1:5000").unwrap().username.as_deref(),
            Some("robot")
        );
        for other in [
            "example.com",
            "registry.example.com:5000",
            "http://registry.example.com",
            "registry.example.com@evil.example",
            "evil.example/registry.example.com",
            "https://index.docker.io/v1/",
            "127.0.0.1",
        ] {
            assert!(find(&hosts, other).is_none(), "{other}");
        }
    }

    #[test]
    fn c17_docker_is_told_names_without_tokens_and_what_it_forgot_to_say() {
        assert_eq!(
            std::str::from_utf8(&list(&hosts())).unwrap(),
            "{\"http://127.0.0.1:5000\":\"robot\",\"https://registry.example.com\":\"oauth2\"}\n"
        );
        assert_eq!(std::str::from_utf8(&list(&[])).unwrap(), "{}\n");
        assert_eq!(
            server(b" registry.example.com\n").unwrap(),
            "registry.example.com"
        );
        for nothing in [&b""[..], b" \n", b"\xff"] {
            assert_eq!(server(nothing), Err(NO_SERVER));
        }
    }
}
