//! `oneflight status`: what a profile has. Reads two files, sends nothing, shows no token.

use clap::Args;
use oneflight::{EndReason, Record, State, TokenSet, WallTime};
use serde::Serialize;

use crate::exit::{Exit, Problem};
use crate::moment::{in_words, now, rfc3339, validity};
use crate::output;
use crate::profile::{Profile, ProfileArg};

/// `oneflight status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    profile: ProfileArg,
    /// Print exactly one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// What there is to say about a profile. None of it is a secret.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) profile: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// What was granted, else what was asked for.
    scope: Option<String>,
    encrypted: bool,
    /// There is a session, and it has not ended.
    pub(crate) signed_in: bool,
    /// Why the last session ended: `sign-out`, `grant-dead` or `removed`.
    ended: Option<&'static str>,
    access_token: Option<AccessToken>,
    refresh_token: bool,
    renewal: Option<Renewal>,
}

/// Of the access token, what may be told.
#[derive(Debug, Serialize)]
struct AccessToken {
    valid: bool,
    /// RFC 3339; absent where the server did not say.
    expires_at: Option<String>,
    expires_in_seconds: Option<u64>,
}

/// A renewal that has begun, or waits.
#[derive(Debug, Serialize)]
struct Renewal {
    /// A process has begun one, or died in the middle: its request may be on its way since then.
    sent_at: Option<String>,
    /// The last one failed; nobody tries again for so long.
    paused_for_seconds: Option<u64>,
}

/// Says it.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Problem> {
    let status = Status::of(&Profile::open(&args.profile.name()?)?, now())?;
    if args.json {
        output::json(&status)?;
    } else {
        output::lines(&status.lines())?;
    }
    Ok(status.exit())
}

impl Status {
    /// Looks at the profile's session.
    ///
    /// # Errors
    /// [`Problem::Profile`] if its file cannot be read.
    pub(crate) fn of(profile: &Profile, now: WallTime) -> Result<Self, Problem> {
        let settings = &profile.settings;
        let mut status = Self {
            profile: profile.name.to_string(),
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            encrypted: settings.is_encrypted(),
            signed_in: false,
            ended: None,
            access_token: None,
            refresh_token: false,
            renewal: None,
        };
        if let Some(stored) = profile.record()? {
            status.tell(&stored.record, now);
        }
        Ok(status)
    }

    fn tell(&mut self, record: &Record, now: WallTime) {
        match &record.state {
            State::Live {
                tokens,
                mark,
                back_off,
            } => {
                self.signed_in = true;
                self.refresh_token = tokens.refresh_token.is_some();
                self.access_token = Some(AccessToken::of(tokens, now));
                if let Some(scope) = &tokens.scope {
                    self.scope = Some(scope.to_string());
                }
                let left = back_off.map(|pause| pause.start.min(now).after(pause.length).since(now));
                let paused_for_seconds = left.map(|left| left.as_secs()).filter(|left| *left > 0);
                let sent_at = mark.map(|mark| rfc3339(mark.at));
                if sent_at.is_some() || paused_for_seconds.is_some() {
                    self.renewal = Some(Renewal {
                        sent_at,
                        paused_for_seconds,
                    });
                }
            }
            State::Ended(reason) => {
                self.ended = Some(match reason {
                    EndReason::SignOut => "sign-out",
                    EndReason::GrantDead { .. } => "grant-dead",
                    _ => "removed",
                });
            }
        }
    }

    /// Whether somebody has to sign in before there is a token.
    fn exit(&self) -> Exit {
        let valid = self.access_token.as_ref().is_some_and(|token| token.valid);
        if self.signed_in && (valid || self.refresh_token) {
            Exit::Well
        } else {
            Exit::SignIn
        }
    }

    fn lines(&self) -> Vec<String> {
        let line = |what: &str, value: &str| format!("{:<15}{value}", format!("{what}:"));
        let mut lines = vec![
            line("profile", &self.profile),
            line("issuer", &self.issuer),
            line("client", &self.client_id),
            line("scope", self.scope.as_deref().unwrap_or("as the server chooses")),
            line("signed in", &self.signed_in_words()),
        ];
        if let Some(token) = &self.access_token {
            lines.push(line("access token", &token.words()));
            let refresh = if self.refresh_token {
                "there"
            } else {
                "none: when the access token has expired, sign in again"
            };
            lines.push(line("refresh token", refresh));
        }
        if let Some(renewal) = &self.renewal {
            lines.push(line("renewal", &renewal.words()));
        }
        lines
    }

    fn signed_in_words(&self) -> String {
        match (self.signed_in, self.ended) {
            (true, _) if self.encrypted => "yes (encrypted)".to_owned(),
            (true, _) => "yes".to_owned(),
            (false, None) => "no".to_owned(),
            (false, Some("sign-out")) => "no: somebody signed out".to_owned(),
            (false, Some("grant-dead")) => {
                "no: the authorization server no longer accepts the refresh token".to_owned()
            }
            (false, Some(_)) => "no: the session was removed".to_owned(),
        }
    }
}

impl AccessToken {
    fn of(tokens: &TokenSet, now: WallTime) -> Self {
        let known = validity(tokens, now);
        Self {
            valid: known.is_none_or(|(left, _)| !left.is_zero()),
            expires_at: known.map(|(_, until)| rfc3339(until)),
            expires_in_seconds: known.map(|(left, _)| left.as_secs()),
        }
    }

    fn words(&self) -> String {
        match (self.expires_in_seconds, &self.expires_at) {
            (Some(left), Some(at)) if self.valid => {
                format!(
                    "valid for {}, until {at}",
                    in_words(std::time::Duration::from_secs(left))
                )
            }
            (_, Some(at)) => format!("expired at {at}"),
            _ => "there; the server does not say for how long".to_owned(),
        }
    }
}

impl Renewal {
    fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(at) = &self.sent_at {
            words.push(format!(
                "begun at {at}, by a process that goes on with it or has died"
            ));
        }
        if let Some(left) = self.paused_for_seconds {
            words.push(format!("the last one failed, and none is tried for {left} s"));
        }
        words.join("; ")
    }
}
