//! Which servers a helper may tell a profile's tokens to, and as whom.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::cli::secure_url;

/// A server that may be told the tokens of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Host {
    /// Scheme, host and port, as URLs are compared: `https://git.example.com`.
    pub(crate) origin: String,
    /// The user name that goes with the token, where the server wants a certain one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
}

/// With a token the name says nothing to most servers, but it must not be empty.
pub(super) const ANYBODY: &str = "oauth2";

/// Reads `git.example.com`, `git.example.com:8443` or `https://git.example.com`, and makes an origin of it.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let url = match text.contains("://") {
        true => secure_url(text)?,
        false => secure_url(&format!("https://{text}"))?,
    };
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("the whole server is allowed or not: leave the path out".to_owned());
    }
    Ok(url.origin().ascii_serialization())
}

/// A user name that fits onto a line.
pub(crate) fn username(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("a name of one line, and not empty".to_owned());
    }
    Ok(text.to_owned())
}

/// The one among `hosts` that a URL leads to. Compared as parsed; http counts on loopback only.
pub(super) fn find<'a>(hosts: &'a [Host], url: &Url) -> Option<&'a Host> {
    let asked = secure_url(url.as_str()).ok()?.origin();
    if !asked.is_tuple() {
        return None;
    }
    let asked = asked.ascii_serialization();
    hosts.iter().find(|host| host.origin == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c16_a_server_is_allowed_by_its_origin_and_nothing_that_looks_like_it() {
        let hosts = [Host {
            origin: origin("git.example.com").unwrap(),
            username: None,
        }];
        let found = |url: &str| Url::parse(url).is_ok_and(|url| find(&hosts, &url).is_some());
        for same in ["https://git.example.com", "https://GIT.example.com:443/a/path?x"] {
            assert!(found(same), "{same}");
        }
        for other in [
            "http://git.example.com",
            "https://git.example.com:8443",
            "https://git.example.com.evil.example",
            "https://example.com",
            "https://user@git.example.com",
            "https://git.example.com@evil.example",
            "ssh://git.example.com",
        ] {
            assert!(!found(other), "{other}");
        }
    }

    #[test]
    fn c16_what_is_allowed_is_a_whole_server_over_https() {
        for (text, expected) in [
            ("git.example.com", "https://git.example.com"),
            ("Git.Example.com:8443", "https://git.example.com:8443"),
            ("https://git.example.com:443/", "https://git.example.com"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "http://git.example.com",
            "git.example.com/group",
            "https://u:p@git.example.com",
            "ssh://git.example.com",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        assert!(username("oauth2accesstoken").is_ok());
        assert!(username("a\npassword=x").is_err());
        assert!(username("").is_err());
    }
}
