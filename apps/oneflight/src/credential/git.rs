//! What git asks a credential helper, and how it is answered.
//!
//! <https://git-scm.com/docs/gitcredentials#_custom_helpers> and <https://git-scm.com/docs/git-credential#IOFMT>

use oneflight::{Secret, WallTime};
use url::Url;
use zeroize::Zeroizing;

use super::host::{ANYBODY, Host};

/// What git says of the server that wants a credential, and of the one that was used there.
#[derive(Debug, Default)]
pub(super) struct Request {
    protocol: String,
    host: String,
    username: Option<String>,
    /// The token that was used, if one was.
    pub(super) secret: Option<Secret>,
    /// git (2.46 and later) puts a token into the header as it is, if it is told to.
    takes_authtype: bool,
    /// The server said that it takes bearer tokens (git 2.41 and later hands its challenges on).
    offers_bearer: bool,
}

/// Why there is no answer. git goes on to its next helper, or asks the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswerable {
    #[error("the input is not made of key=value lines, as git writes them")]
    Foreign,
}

impl Request {
    /// Reads what git wrote. Attributes that are not known are left out, as git asks of helpers.
    ///
    /// # Errors
    /// [`Unanswerable::Foreign`].
    pub(super) fn parse(input: &[u8]) -> Result<Self, Unanswerable> {
        let input = std::str::from_utf8(input).map_err(|_| Unanswerable::Foreign)?;
        let mut request = Self::default();
        for line in input.lines().take_while(|line| !line.is_empty()) {
            let (key, value) = line.split_once('=').ok_or(Unanswerable::Foreign)?;
            match key {
                "protocol" => value.clone_into(&mut request.protocol),
                "host" => value.clone_into(&mut request.host),
                "username" => request.username = Some(value.to_owned()),
                "password" | "credential" => request.secret = Some(Secret::new(value)),
                // An empty value takes back what was said before.
                "capability[]" => request.takes_authtype = says(request.takes_authtype, value, is_authtype),
                "wwwauth[]" => request.offers_bearer = says(request.offers_bearer, value, is_bearer),
                _ => {}
            }
        }
        Ok(request)
    }

    /// Where git wants to go; `None`: nowhere that tokens go.
    pub(super) fn url(&self) -> Option<Url> {
        // Whatever else could stand there would change which host is parsed.
        if self.host.contains(['/', '\\', '@', '?', '#']) {
            return None;
        }
        Url::parse(&format!("{}://{}/", self.protocol, self.host)).ok()
    }

    /// The answer to `get`; `None`: the user asks to be somebody else there.
    ///
    /// A server that offers `Bearer` is sent the token so, if git can. All others take it as a password (RFC 7617).
    pub(super) fn answer(
        &self,
        host: &Host,
        token: &str,
        expires_at: Option<WallTime>,
    ) -> Option<Zeroizing<String>> {
        let name = match (&host.username, &self.username) {
            (Some(ours), Some(asked)) if ours != asked => return None,
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => ANYBODY,
        };
        // Sized first: a growing text would leave copies of the token behind.
        let mut text = Zeroizing::new(String::with_capacity(token.len() + name.len() + 160));
        let parts: &[&str] = if self.takes_authtype && self.offers_bearer {
            // The token is short-lived and kept here: git's other helpers need not store it.
            &[
                "capability[]=authtype\nauthtype=Bearer\ncredential=",
                token,
                "\nephemeral=1\n",
            ]
        } else {
            &["username=", name, "\npassword=", token, "\n"]
        };
        for part in parts {
            text.push_str(part);
        }
        if let Some(at) = expires_at {
            text.push_str("password_expiry_utc=");
            text.push_str(&(at.as_unix_millis() / 1000).to_string());
            text.push('\n');
        }
        Some(text)
    }
}

/// What is known after one more value of a list.
fn says(before: bool, value: &str, is_it: fn(&str) -> bool) -> bool {
    !value.is_empty() && (before || is_it(value))
}

fn is_authtype(value: &str) -> bool {
    value == "authtype"
}

fn is_bearer(challenge: &str) -> bool {
    let scheme = challenge.split([' ', '\t']).next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(username: Option<&str>) -> Host {
        Host {
            origin: "https://git.example.com".to_owned(),
            username: username.map(str::to_owned),
        }
    }

    fn answer(input: &str, username: Option<&str>) -> Option<String> {
        let request = Request::parse(input.as_bytes()).unwrap();
        let at = Some(WallTime::from_unix_millis(1_700_000_000_999));
        request
            .answer(&host(username), "s3cret", at)
            .map(|text| text.to_string())
    }

    #[test]
    fn c16_git_gets_a_name_and_the_token_as_password_with_its_expiry() {
        let input = "protocol=https\nhost=git.example.com\nwwwauth[]=Basic realm=x\nfuture=1\n";
        assert_eq!(
            answer(input, None).unwrap(),
            "username=oauth2\npassword=s3cret\npassword_expiry_utc=1700000000\n"
        );
        let named = answer(input, Some("x-access-token")).unwrap();
        assert!(named.starts_with("username=x-access-token\n"), "{named}");
    }

    #[test]
    fn c16_git_that_can_and_a_server_that_offers_it_get_a_bearer_token() {
        let input = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example.com\n\
                     wwwauth[]=Negotiate\nwwwauth[]=bearer realm=\"x\"\n\nignored";
        assert_eq!(
            answer(input, Some("me")).unwrap(),
            "capability[]=authtype\nauthtype=Bearer\ncredential=s3cret\nephemeral=1\npassword_expiry_utc=1700000000\n"
        );
        // Either alone is not enough, nor what was taken back.
        for lacking in [
            "capability[]=authtype\nwwwauth[]=Basic\n",
            "wwwauth[]=Bearer\n",
            "capability[]=authtype\nwwwauth[]=Bearer\nwwwauth[]=\n",
            "capability[]=authtype\ncapability[]=\nwwwauth[]=Bearer\n",
            "capability[]=authtype\nwwwauth[]=BearerToo\n",
        ] {
            assert!(
                answer(lacking, None).unwrap().starts_with("username="),
                "{lacking}"
            );
        }
    }

    #[test]
    fn c16_who_wants_to_be_somebody_else_gets_no_answer() {
        let input = "protocol=https\nhost=git.example.com\nusername=alice\n";
        assert!(answer(input, None).unwrap().starts_with("username=alice\n"));
        assert!(answer(input, Some("alice")).is_some());
        assert!(answer(input, Some("bob")).is_none());
    }

    #[test]
    fn c16_the_host_is_where_git_goes_and_nothing_else() {
        let url = |host: &str| {
            let input = format!("protocol=https\nhost={host}\n");
            Request::parse(input.as_bytes()).unwrap().url()
        };
        assert_eq!(url("git.example.com:8443").unwrap().port(), Some(8443));
        for trick in [
            "evil.example/git.example.com",
            "git.example.com@evil.example",
            "evil.example#git.example.com",
            "evil.example?git.example.com",
            "evil.example\\git.example.com",
            "",
        ] {
            assert!(url(trick).is_none(), "{trick}");
        }
    }

    #[test]
    fn c16_the_token_that_was_refused_is_read_and_not_shown() {
        for input in [
            "username=u\npassword=s3cret\n",
            "capability[]=authtype\nauthtype=Bearer\ncredential=s3cret\n",
        ] {
            let request = Request::parse(input.as_bytes()).unwrap();
            assert_eq!(request.secret.as_ref().unwrap().expose(), "s3cret");
            assert!(!format!("{request:?}").contains("s3cret"));
        }
        assert_eq!(Request::parse(b"nonsense\n").unwrap_err(), Unanswerable::Foreign);
        assert_eq!(Request::parse(b"\xff=\n").unwrap_err(), Unanswerable::Foreign);
        assert!(Request::parse(b"").unwrap().url().is_none());
    }
}
