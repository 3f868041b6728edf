//! What one sign-in has brought so far.

use std::sync::Arc;
use std::time::Duration;

use oneflight::TokenSet;

use super::observe::{Members, Refusal};
use super::wire::Has;

/// When a request was sent, and when its answer was there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) sent: Duration,
    pub(crate) received: Duration,
}

/// Tokens, and when they came.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) tokens: Arc<TokenSet>,
    came: Duration,
    /// The refresh that brought them.
    pub(crate) span: Option<Span>,
}

/// A refresh token that was used, and when it was used first.
#[derive(Debug, Clone)]
pub(crate) struct Spent {
    pub(crate) tokens: Arc<TokenSet>,
    pub(crate) used: Span,
}

/// One session: its newest pair, and what else there is of it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) newest: Pair,
    /// Oldest first.
    pub(crate) spent: Vec<Spent>,
    /// Pairs that live beside the newest, as far as is known.
    beside: Vec<Pair>,
    /// As far as is known.
    pub(crate) lives: bool,
}

impl Pair {
    pub(crate) fn new(tokens: Arc<TokenSet>, came: Duration) -> Self {
        Self {
            tokens,
            came,
            span: None,
        }
    }

    pub(crate) fn same_refresh_token(&self, other: &Self) -> bool {
        match (&self.tokens.refresh_token, &other.tokens.refresh_token) {
            (Some(one), Some(two)) => one.same_as(two),
            _ => false,
        }
    }

    /// Whether the access token may have expired by itself.
    pub(crate) fn has_run_out(&self, now: Duration) -> bool {
        self.tokens
            .expires_in
            .is_some_and(|lifetime| now >= self.came.saturating_add(lifetime))
    }
}

impl Chain {
    pub(crate) fn new(tokens: Arc<TokenSet>, now: Duration) -> Self {
        Self {
            newest: Pair::new(tokens, now),
            spent: Vec::new(),
            beside: Vec::new(),
            lives: true,
        }
    }

    /// A pair was used, and brought the next.
    pub(crate) fn follow(&mut self, used: Pair, next: Pair) {
        self.forget(&used);
        if !used.same_refresh_token(&next)
            && let Some(span) = next.span
        {
            self.spent.push(Spent {
                tokens: used.tokens,
                used: span,
            });
        }
        self.put(next);
    }

    /// A spent token brought another pair.
    pub(crate) fn branch(&mut self, pair: Pair) {
        // The same pair again is as old as it was.
        let newest = &self.newest.tokens.access_token;
        if !newest.same_as(&pair.tokens.access_token) {
            self.put(pair);
        }
    }

    /// A pair is of no use any more.
    pub(crate) fn forget(&mut self, pair: &Pair) {
        self.beside.retain(|other| !other.same_refresh_token(pair));
    }

    fn put(&mut self, pair: Pair) {
        let replaced = std::mem::replace(&mut self.newest, pair);
        let is_spent = |pair: &Pair| {
            self.spent.iter().any(|spent| {
                pair.tokens
                    .refresh_token
                    .as_ref()
                    .zip(spent.tokens.refresh_token.as_ref())
                    .is_some_and(|(one, two)| one.same_as(two))
            })
        };
        if !replaced.same_refresh_token(&self.newest) && !is_spent(&replaced) {
            self.beside.push(replaced);
        }
    }

    /// The refresh tokens that may still be alive.
    pub(crate) fn alive(self) -> Vec<Arc<TokenSet>> {
        if !self.lives {
            return Vec::new();
        }
        let beside = self.beside.into_iter().map(|pair| pair.tokens);
        beside.chain([self.newest.tokens]).collect()
    }
}

impl Members {
    /// Counts what an answer held.
    pub(crate) fn note(&mut self, tokens: &TokenSet, has: Has) {
        self.answers += 1;
        self.refresh_token += u32::from(has.refresh_token);
        self.scope += u32::from(has.scope);
        self.expires_in += u32::from(has.expires_in);
        self.lifetimes.extend(tokens.expires_in);
    }
}

impl Refusal {
    /// `400 invalid_grant`
    pub(crate) fn short(&self) -> String {
        match &self.code {
            Some(code) => format!("{} {code}", self.status),
            None => format!("{}, without a code", self.status),
        }
    }
}
