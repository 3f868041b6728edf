//! What the page puts into words, as numbers. `packages/oneflight/src/codes.ts` reads the same table.

use oneflight_core::answer::{LossCause, NotProcessedCause, Setting};
use oneflight_core::machine::{Cause, Event, Failure, Status, TransientCause, Unkept};
use oneflight_core::time::millis;
use oneflight_core::{EndReason, MonoTime};

pub(super) const TOKEN: u32 = 0;
pub(super) const SIGNED_IN: u32 = 1;
pub(super) const ENDED: u32 = 2;
pub(super) const UNSETTLED: u32 = 3;
const NEVER_SIGNED_IN: u32 = 10;
const SIGNED_OUT: u32 = 11;
const NO_REFRESH_TOKEN: u32 = 12;
const REPLACED: u32 = 13;
const TRANSIENT: u32 = 14;
const AMBIGUOUS: u32 = 15;
const INTERACTION: u32 = 16;
const CONFIGURATION: u32 = 17;
const SAME_TOKEN: u32 = 18;
const REJECTION_BUDGET: u32 = 19;
const CLOSED: u32 = 20;

/// From here on a detail is an HTTP status.
const STATUS: u32 = 1000;

/// A failure in numbers.
pub(super) struct Failed<'a> {
    pub(super) code: u32,
    pub(super) detail: u32,
    /// Milliseconds; negative: only something else than waiting helps.
    pub(super) retry_after: f64,
    /// The server's `error` code.
    pub(super) text: Option<&'a str>,
}

impl<'a> Failed<'a> {
    pub(super) fn of(failure: &'a Failure, now: MonoTime) -> Self {
        let (code, detail, text) = match failure {
            Failure::NeverSignedIn => (NEVER_SIGNED_IN, 0, None),
            Failure::SignedOut(reason) => (SIGNED_OUT, end_reason(*reason), None),
            Failure::NoRefreshToken => (NO_REFRESH_TOKEN, 0, None),
            Failure::Replaced => (REPLACED, 0, None),
            Failure::Transient {
                cause: TransientCause::AnswerLost(cause),
                ..
            } => (AMBIGUOUS, loss(*cause), None),
            Failure::Transient { cause, .. } => (TRANSIENT, transient(*cause), None),
            Failure::Interaction { code, .. } => (INTERACTION, 0, code.as_ref()),
            Failure::Configuration { setting, code, .. } => {
                (CONFIGURATION, which_setting(*setting), code.as_ref())
            }
            Failure::SameToken => (SAME_TOKEN, 0, None),
            Failure::RejectionBudget { .. } => (REJECTION_BUDGET, 0, None),
            // What a later core may say has no number; the session goes on.
            Failure::Closed => (CLOSED, 0, None),
            _ => (UNSETTLED, 0, None),
        };
        let retry_after = failure.retry_at().map_or(-1.0, |at| millis(at.since(now)) as f64);
        Self {
            code,
            detail,
            retry_after,
            text: text.map(|code| code.as_str()),
        }
    }
}

fn end_reason(reason: EndReason) -> u32 {
    match reason {
        EndReason::SignOut => 0,
        EndReason::GrantDead { after_loss: false } => 1,
        EndReason::GrantDead { after_loss: true } => 2,
        EndReason::Removed => 3,
        _ => 4,
    }
}

/// The status; from 3 on the session is over, for the reason that this exceeds 3 by.
pub(super) fn status(status: Status) -> u32 {
    match status {
        Status::NeverSignedIn => 1,
        Status::SignedIn => 2,
        Status::SignedOut(reason) => 3 + end_reason(reason),
        _ => 0,
    }
}

fn loss(cause: LossCause) -> u32 {
    match cause {
        LossCause::TimedOut => 1,
        LossCause::Torn => 2,
        LossCause::TooLarge => 3,
        LossCause::ServerError => 4,
        LossCause::ErrorInSuccess => 5,
        LossCause::Empty => 6,
        LossCause::NotJson => 7,
        LossCause::NoAccessToken => 8,
        LossCause::UnusableToken => 9,
        LossCause::TokenType => 10,
        LossCause::Status(status) => STATUS + u32::from(status),
        _ => 0,
    }
}

fn transient(cause: TransientCause) -> u32 {
    match cause {
        TransientCause::NotProcessed(NotProcessedCause::NotConnected) => 1,
        TransientCause::NotProcessed(NotProcessedCause::Throttled) => 2,
        TransientCause::NotProcessed(NotProcessedCause::Unavailable) => 3,
        TransientCause::NotProcessed(NotProcessedCause::Intercepted) => 4,
        TransientCause::WaitingForExpiry => 5,
        TransientCause::BackOff => 6,
        TransientCause::LockBusy => 7,
        TransientCause::LockFailed => 8,
        TransientCause::StoreUnreadable => 9,
        TransientCause::StoreUnwritable => 10,
        TransientCause::StoreContended => 11,
        _ => 0,
    }
}

fn which_setting(setting: Setting) -> u32 {
    match setting {
        Setting::ClientAuthentication => 1,
        Setting::GrantType => 2,
        Setting::Scope => 3,
        Setting::Target => 4,
        Setting::EndpointUrl => 5,
        Setting::Dpop => 6,
        _ => 0,
    }
}

/// An event in numbers.
pub(super) struct Told {
    pub(super) event: u32,
    pub(super) detail: u32,
    pub(super) number: f64,
    pub(super) waiters: u32,
}

impl Told {
    /// `None` for what a page is not told.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let (event, detail, number, waiters) = match event {
            Event::SignedIn { generation, .. } => (0, 0, *generation as f64, 0),
            Event::SignedOut { reason } => (1, end_reason(*reason), 0.0, 0),
            Event::Renewing { cause } => (2, why(*cause), 0.0, 0),
            Event::Renewed {
                generation,
                cause,
                waiters,
                ..
            } => (3, why(*cause), *generation as f64, *waiters),
            Event::Adopted { generation } => (4, 0, *generation as f64, 0),
            Event::StoreFailed { what } => (5, unkept(*what), 0.0, 0),
            Event::StoreRecovered => (6, 0, 0.0, 0),
            _ => return None,
        };
        Some(Self {
            event,
            detail,
            number,
            waiters,
        })
    }
}

fn why(cause: Cause) -> u32 {
    match cause {
        Cause::Expired => 0,
        Cause::Refused => 1,
        Cause::Due => 2,
        _ => 3,
    }
}

fn unkept(what: Unkept) -> u32 {
    match what {
        Unkept::TokenSet => 0,
        Unkept::SignIn => 1,
        _ => 2,
    }
}
