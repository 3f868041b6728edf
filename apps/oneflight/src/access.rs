//! A token of a profile: from its file while it serves, else from its session.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use oneflight::events::Event;
use oneflight::record::RecordCodec;
use oneflight::{FileStore, Secret, Session, State, Stored, Token, TokenSet, WallTime};

use crate::cli::span;
use crate::exit::{Exit, Problem};
use crate::interrupt::Interrupts;
use crate::moment::{now, validity};
use crate::profile::{Place, Profile, ProfileError, ProfileName};

/// How long a token is to be valid if nobody says: whoever asks sends it now, and not everybody's clock is right.
const MIN_VALID: Duration = Duration::from_secs(60);

/// A token set just received is used for so long, whatever its lifetime says: asking again at once would loop.
const FLOOR: Duration = Duration::from_secs(1);

/// A token refused sooner than this after it was received is not renewed: another one would be refused, too. It bounds what
/// an API that refuses every token costs, over all processes.
const SOONEST_REFUSAL: Duration = Duration::from_secs(10);

/// How long the saving of a token set is tried again. Whoever leaves before loses the sign-in.
const SAVING_PATIENCE: Duration = Duration::from_secs(30);

/// `--min-valid`, for every command that gives a token away.
#[derive(Debug, Clone, Args)]
pub(crate) struct ValidityArg {
    /// How long the token is to be valid, at least (30s, 5m); half its lifetime is the most that counts [default: 60s]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    min_valid: Option<Duration>,
}

/// What is asked of a token.
#[derive(Debug)]
pub(crate) struct Demand {
    min_valid: Duration,
    /// Somebody asked for that time, and is told if it cannot be had.
    is_asked_for: bool,
    /// Was sent, and refused: anything but this.
    refused: Option<Secret>,
}

impl Demand {
    pub(crate) fn new(validity: &ValidityArg, refused: Option<Secret>) -> Self {
        Self {
            min_valid: validity.min_valid.unwrap_or(MIN_VALID),
            is_asked_for: validity.min_valid.is_some(),
            refused,
        }
    }

    fn is_refused(&self, tokens: &TokenSet) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|refused| refused.expose() == tokens.access_token.expose())
    }

    /// Whether a token set is what is asked for.
    ///
    /// No token lasts longer than its lifetime, and one that was asked to would be renewed by every call. So no more than
    /// half of the lifetime counts: what was renewed serves for the other half.
    fn is_served_by(&self, tokens: &TokenSet, now: WallTime) -> bool {
        if self.is_refused(tokens) {
            return false;
        }
        let (Some((left, _)), Some(lifetime)) = (validity(tokens, now), tokens.expires_in) else {
            // Only a refusal tells.
            return true;
        };
        let enough = self.min_valid.min(lifetime / 2);
        let is_new = now.since(tokens.received_at.min(now)) < FLOOR;
        is_new || (!left.is_zero() && left >= enough)
    }

    /// Whether it may at least be sent.
    fn is_bearable(&self, tokens: &TokenSet, now: WallTime) -> bool {
        !self.is_refused(tokens) && validity(tokens, now).is_none_or(|(left, _)| !left.is_zero())
    }

    /// Says that it is less than what was asked for.
    fn tell(&self, access: &Access) {
        let left = validity(access.tokens(), now()).map(|(left, _)| left);
        if let Some(left) = left.filter(|left| self.is_asked_for && *left < self.min_valid) {
            eprintln!(
                "warning: the token is valid for {} s, which is less than --min-valid asks for",
                left.as_secs()
            );
        }
    }
}

/// A token set that may be sent now.
#[derive(Debug)]
pub(crate) struct Access {
    given: Given,
    /// It could not be saved; its owner should hear of it after the token was handed over.
    unsaved: Option<ProfileName>,
}

#[derive(Debug)]
enum Given {
    Stored(Arc<TokenSet>),
    Renewed(Token),
}

impl Access {
    fn stored(tokens: Arc<TokenSet>) -> Self {
        Self {
            given: Given::Stored(tokens),
            unsaved: None,
        }
    }

    pub(crate) fn tokens(&self) -> &TokenSet {
        match &self.given {
            Given::Stored(tokens) => tokens,
            Given::Renewed(token) => token.token_set(),
        }
    }

    pub(crate) fn token(&self) -> &str {
        self.tokens().access_token.expose()
    }

    pub(crate) fn expires_at(&self) -> Option<WallTime> {
        self.tokens().expires_at(now())
    }

    /// How the command ends that has handed the token over.
    ///
    /// # Errors
    /// [`ProfileError::NotKept`].
    pub(crate) fn handed_over(self) -> Result<Exit, Problem> {
        match self.unsaved {
            None => Ok(Exit::Well),
            Some(name) => Err(ProfileError::NotKept { name }.into()),
        }
    }
}

/// A token as it is asked for; `None`: somebody interrupted, and what was under way has ended.
///
/// While the stored one serves, this reads one file and nothing else. Needs no runtime and must not be called in one.
///
/// # Errors
/// [`Problem`] if there is no token that may be sent.
pub(crate) fn get(name: &ProfileName, demand: &Demand) -> Result<Option<Access>, Problem> {
    let access = match stored(name)? {
        Some(tokens) if demand.is_served_by(&tokens, now()) => Some(Access::stored(tokens)),
        _ => match renewed(name, demand) {
            Err(problem) => Some(still_valid(name, demand, problem)?),
            access => access?,
        },
    };
    if let Some(access) = &access {
        demand.tell(access);
    }
    Ok(access)
}

/// The stored token although it could not be renewed, if it may be sent and its session has not ended.
fn still_valid(name: &ProfileName, demand: &Demand, problem: Problem) -> Result<Access, Problem> {
    use oneflight::Error::{Replaced, SignedOut};
    if let Problem::Profile(ProfileError::Session { source, .. }) = &problem
        && matches!(source, SignedOut(_) | Replaced)
    {
        return Err(problem);
    }
    // Read anew: somebody may have ended the session, or renewed it.
    let Ok(Some(tokens)) = stored(name) else {
        return Err(problem);
    };
    if !demand.is_bearable(&tokens, now()) {
        return Err(problem);
    }
    problem.tell("warning: the token is still valid, but is not renewed");
    Ok(Access::stored(tokens))
}

/// The token set that stands in the profile's file.
fn stored(name: &ProfileName) -> Result<Option<Arc<TokenSet>>, Problem> {
    let place = Place::find()?;
    place.check()?;
    let plain = FileStore::peek(place.session(name), &RecordCodec::dangerously_unencrypted());
    let stored = match plain {
        Ok(stored) => stored,
        // Where its key is, the settings know. What else is wrong with it is found again there.
        Err(_) => Profile::open(name)?.record()?,
    };
    Ok(stored.and_then(live))
}

fn live(stored: Stored) -> Option<Arc<TokenSet>> {
    match stored.record.state {
        State::Live { tokens, .. } => Some(tokens),
        State::Ended(_) => None,
    }
}

/// A token of the profile's session: adopted from another process, or renewed.
fn renewed(name: &ProfileName, demand: &Demand) -> Result<Option<Access>, Problem> {
    let profile = Profile::open(name)?;
    let runtime = crate::wait()?;
    let access = runtime.block_on(async {
        let mut interrupts = Interrupts::listen().map_err(|source| Problem::Signals { source })?;
        let session = profile.session()?;
        let work = work(name, &session, demand);
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return done.map(Some),
            () = interrupts.next() => {}
        }
        eprintln!("interrupted: a renewal under way is let end; once more to leave at once");
        tokio::select! {
            _ = session.close() => {}
            () = interrupts.next() => {}
        }
        Ok(None)
    });
    // Whatever else waits for the network, nobody waits for it.
    runtime.shutdown_background();
    access
}

async fn work(name: &ProfileName, session: &Session, demand: &Demand) -> Result<Access, Problem> {
    let mut events = session.events();
    let token = token(name, session, demand).await;
    let mut unsaved = session.close().await.unsaved;
    if unsaved {
        eprintln!("warning: the new tokens cannot be saved yet; leaving now would cost the sign-in");
        let saved = async {
            while let Some(event) = events.next().await {
                if matches!(event, Ok(Event::StoreRecovered)) {
                    break;
                }
            }
        };
        unsaved = tokio::time::timeout(SAVING_PATIENCE, saved).await.is_err();
    }
    Ok(Access {
        given: Given::Renewed(token?),
        unsaved: unsaved.then(|| name.clone()),
    })
}

async fn token(name: &ProfileName, session: &Session, demand: &Demand) -> Result<Token, Problem> {
    let failed = |source| ProfileError::Session {
        name: name.clone(),
        source,
    };
    let token = session.token().await.map_err(failed)?;
    let tokens = token.token_set();
    if demand.is_served_by(tokens, now()) {
        return Ok(token);
    }
    if demand.is_refused(tokens) {
        let age = now().since(tokens.received_at);
        if age < SOONEST_REFUSAL {
            return Err(Problem::RefusedFresh {
                name: name.clone(),
                age,
                wait: SOONEST_REFUSAL.saturating_sub(age),
            });
        }
    }
    // Whatever stands in the store by now, if it is another one, is adopted: one renewal, however many ask.
    Ok(session.newer_than(token.stamp()).await.map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(lifetime: Option<u64>) -> TokenSet {
        let set = TokenSet::new("a", WallTime::from_unix_millis(1_000_000)).unwrap();
        match lifetime {
            Some(seconds) => set.expires_in(Duration::from_secs(seconds)),
            None => set,
        }
    }

    fn after(seconds: u64) -> WallTime {
        WallTime::from_unix_millis(1_000_000 + seconds * 1000)
    }

    fn at_least(min_valid: u64, refused: Option<&str>) -> Demand {
        let arg = ValidityArg {
            min_valid: Some(Duration::from_secs(min_valid)),
        };
        Demand::new(&arg, refused.map(Secret::new))
    }

    #[test]
    fn c10_a_token_serves_as_long_as_it_is_valid_for_long_enough() {
        let demand = at_least(60, None);
        assert!(demand.is_served_by(&tokens(Some(900)), after(840)));
        assert!(!demand.is_served_by(&tokens(Some(900)), after(841)));
        assert!(demand.is_bearable(&tokens(Some(900)), after(899)));
        assert!(!demand.is_bearable(&tokens(Some(900)), after(900)));
        // Nobody knows when it expires.
        assert!(demand.is_served_by(&tokens(None), after(1_000_000)));
        // Zero still means: valid now.
        assert!(at_least(0, None).is_served_by(&tokens(Some(900)), after(899)));
        assert!(!at_least(0, None).is_served_by(&tokens(Some(900)), after(900)));
    }

    #[test]
    fn c10_more_than_a_lifetime_renews_once_per_half_lifetime_and_not_with_each_call() {
        let demand = at_least(86_400, None);
        assert!(demand.is_served_by(&tokens(Some(300)), after(150)));
        assert!(!demand.is_served_by(&tokens(Some(300)), after(151)));
        // Not even one that is born expired is renewed at once.
        assert!(demand.is_served_by(&tokens(Some(0)), after(0)));
        assert!(!demand.is_served_by(&tokens(Some(0)), after(1)));
    }

    #[test]
    fn c13_a_token_that_was_refused_never_serves() {
        let demand = at_least(0, Some("a"));
        for lifetime in [Some(900), None] {
            assert!(!demand.is_served_by(&tokens(lifetime), after(0)));
            assert!(!demand.is_bearable(&tokens(lifetime), after(0)));
        }
        assert!(at_least(0, Some("b")).is_served_by(&tokens(Some(900)), after(0)));
    }
}
