//! What one machine is told at its start.

use alloc::sync::Arc;
use core::time::Duration;

use crate::{HolderId, Profile};

/// How a new token set is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum GrantKind {
    /// By the refresh token in the record (RFC 6749 §6). A session begins with a sign-in.
    #[default]
    RefreshToken,
    /// By something the transport brings, such as a cookie. A session begins with a sign-in.
    Ambient,
    /// By the client's own credentials (RFC 6749 §4.4). A session begins by itself.
    ClientCredentials,
}

/// When a token is renewed before it runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Renew {
    /// When a request comes and renewal is due: no traffic, no refresh.
    #[default]
    OnUse,
    /// By a timer, with or without traffic ("silent renew").
    KeepFresh,
    /// Only when the token has run out or was refused.
    Off,
}

/// The policy of a session. The defaults are those of the documentation; all lengths are capped by
/// [`Policy::MAX_LENGTH`], and pauses are no shorter than [`Policy::MIN_PAUSE`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// How a new token set is obtained.
    pub grant: GrantKind,
    /// When a token is renewed before it runs out.
    pub renew: Renew,
    /// Renewal is due at this part of the lifetime, between 0 and 1. Default 0.75.
    pub renew_factor: f32,
    /// Renewal may come earlier by up to this part of the lifetime, so that sessions which began together do not
    /// refresh together. Default 0.1.
    pub renew_jitter: f32,
    /// Renewal is due no later than this long before expiry. Default 5 s.
    pub leeway: Duration,
    /// Renewals ahead of time are at least this far apart, and a token set just received is sent for at least this
    /// long, whatever its lifetime says. Default 1 s.
    pub floor: Duration,
    /// The first pause after a failure; doubled with each further one. Default 1 s.
    pub back_off_base: Duration,
    /// The longest pause, and the cap of `Retry-After`. Default 5 min.
    pub back_off_cap: Duration,
    /// The pause after the server refused the configuration or wants interaction. Default 5 min.
    pub hold: Duration,
    /// Renewals that refusals may cause within `rejection_window`. Default 5.
    pub rejection_budget: u8,
    /// The window of `rejection_budget`. Default 30 s.
    pub rejection_window: Duration,
    /// The driver's deadline for a request to the token endpoint. Default 30 s.
    pub request_deadline: Duration,
    /// The driver's deadline for an operation of the store. Default 5 s.
    pub save_deadline: Duration,
    /// How the authorization server behaves.
    pub profile: Profile,
}

impl Policy {
    /// No length of the policy counts for more than this: ten years.
    pub const MAX_LENGTH: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    /// `floor` and every pause count for no less than this: 100 ms. Zero would renew, or fail, without end.
    pub const MIN_PAUSE: Duration = Duration::from_millis(100);

    #[inline(never)]
    pub(super) fn floor(&self) -> Duration {
        self.floor.clamp(Self::MIN_PAUSE, Self::MAX_LENGTH)
    }

    #[inline(never)]
    pub(super) fn hold(&self) -> Duration {
        self.hold.clamp(Self::MIN_PAUSE, Self::MAX_LENGTH)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            grant: GrantKind::default(),
            renew: Renew::default(),
            renew_factor: 0.75,
            renew_jitter: 0.1,
            leeway: Duration::from_secs(5),
            floor: Duration::from_secs(1),
            back_off_base: Duration::from_secs(1),
            back_off_cap: Duration::from_secs(300),
            hold: Duration::from_secs(300),
            rejection_budget: 5,
            rejection_window: Duration::from_secs(30),
            request_deadline: Duration::from_secs(30),
            save_deadline: Duration::from_secs(5),
            profile: Profile::default(),
        }
    }
}

/// What makes one machine different from its neighbours.
#[derive(Debug, Clone)]
pub struct Config {
    /// The policy, shared by as many machines as have the same.
    pub policy: Arc<Policy>,
    /// Who we are in a mark.
    pub holder: HolderId,
    /// The seed of jitter, and of the session ids of sessions that begin by themselves. Random.
    pub seed: [u64; 2],
}
