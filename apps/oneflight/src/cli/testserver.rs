//! The arguments of `oneflight testserver`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::span;

#[derive(Debug, Args)]
pub(crate) struct TestserverArgs {
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 4181)]
    pub(crate) port: u16,
    /// What happens to a used refresh token: strict, refusing, grace:SPAN or none
    #[arg(long, value_name = "RULE", default_value = "strict", value_parser = rotation)]
    pub(crate) rotation: RotationRule,
    /// How long an access token is accepted (5s, 500ms, 15m, 1h)
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = span)]
    pub(crate) access_token_lifetime: Duration,
    /// How long a refresh token is accepted [default: for ever]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) refresh_token_lifetime: Option<Duration>,
    /// What becomes of older access tokens at a refresh
    #[arg(long, value_name = "FATE", default_value = "live")]
    pub(crate) old_access_tokens: Fate,
    /// Give the API a port, and so an origin, of its own; 0 takes any free one
    #[arg(long, value_name = "N")]
    pub(crate) api_port: Option<u16>,
    /// Let pages of other origins in, with cookies, and let their scripts read WWW-Authenticate and Retry-After or not
    #[arg(long, value_name = "HEADERS")]
    pub(crate) cors: Option<CorsRule>,
    /// Also start an API on an origin where no token should arrive, and count those that do
    #[arg(long)]
    pub(crate) stranger: bool,
}

/// What scripts of other origins may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CorsRule {
    /// WWW-Authenticate and Retry-After too
    Exposing,
    /// Only what needs no permission, as with most real servers
    Hiding,
}

/// What becomes of older access tokens at a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fate {
    /// They live until they expire
    Live,
    /// They die at once
    Die,
}

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotationRule {
    Strict,
    Refusing,
    Grace(Duration),
    None,
}

fn rotation(text: &str) -> Result<RotationRule, String> {
    match text {
        "strict" => Ok(RotationRule::Strict),
        "refusing" => Ok(RotationRule::Refusing),
        "none" => Ok(RotationRule::None),
        _ => match text.strip_prefix("grace:") {
            Some(window) => span(window).map(RotationRule::Grace),
            None => Err("one of strict, refusing, grace:SPAN (say grace:10s) or none".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x2_the_window_of_a_grace_has_a_unit() {
        assert_eq!(
            rotation("grace:10s"),
            Ok(RotationRule::Grace(Duration::from_secs(10)))
        );
        assert!(rotation("grace").is_err());
    }
}
