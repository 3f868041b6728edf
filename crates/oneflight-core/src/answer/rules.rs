//! What one authorization server means by its answers, as data.

use alloc::string::String;
use alloc::vec::Vec;

/// How the answers of one authorization server differ from what RFC 6749 §5.2 says. The default adds nothing.
///
/// ```
/// use oneflight_core::answer::AnswerRules;
///
/// // Answers a dead token with 403, and calls it by the wrong code.
/// let atlassian = AnswerRules::default().dead_status(403);
/// // Answers everything with 200, and with a code of its own.
/// let github = AnswerRules::default().dead_code("bad_refresh_token");
/// // Says `invalid_grant` to a client that asks too often.
/// let entra = AnswerRules::default().throttle_marker("AADSTS50196");
/// # let _ = (atlassian, github, entra);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct AnswerRules {
    /// `error` codes that prove the grant dead, beside `invalid_grant`.
    pub dead_codes: Vec<String>,
    /// Statuses that prove the grant dead, unless the body is HTML (a firewall speaks) or its code says that the client
    /// or the moment is wrong (`invalid_client`, interaction, transient). Statuses that speak for a gateway or a limiter
    /// (408, 425, 429, 502, 503, 504, 511) and 2xx never do.
    pub dead_statuses: Vec<u16>,
    /// `error` codes that ask for the user, beside OpenID Connect's.
    pub interaction_codes: Vec<String>,
    /// Texts that, in an error's code or description, show a limiter at work, whatever the code is. Any case.
    pub throttle_markers: Vec<String>,
    /// Values of `token_type` that are used like `Bearer`.
    pub bearer_types: Vec<String>,
}

impl AnswerRules {
    /// Adds a code that proves the grant dead.
    #[must_use]
    pub fn dead_code(mut self, code: &str) -> Self {
        self.dead_codes.push(code.into());
        self
    }

    /// Adds a status that proves the grant dead.
    #[must_use]
    pub fn dead_status(mut self, status: u16) -> Self {
        self.dead_statuses.push(status);
        self
    }

    /// Adds a code that asks for the user.
    #[must_use]
    pub fn interaction_code(mut self, code: &str) -> Self {
        self.interaction_codes.push(code.into());
        self
    }

    /// Adds a text that shows a limiter at work. An empty one is passed over: every answer holds it.
    #[must_use]
    pub fn throttle_marker(mut self, marker: &str) -> Self {
        if !marker.is_empty() {
            self.throttle_markers.push(marker.into());
        }
        self
    }

    /// Adds a `token_type` that is used like `Bearer`.
    #[must_use]
    pub fn bearer_type(mut self, token_type: &str) -> Self {
        self.bearer_types.push(token_type.into());
        self
    }
}
