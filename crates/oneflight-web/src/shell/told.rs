//! What a page tells its engine, with a number or two and the words before it. `packages/oneflight/src/told.ts` has the
//! same table.

/// A usable token is asked for.
pub(super) const USABLE: u32 = 0;
/// One that is not due for renewal is asked for.
pub(super) const FRESH: u32 = 1;
/// A renewal is due, and nobody waits for it.
pub(super) const AHEAD: u32 = 2;
/// Signs out.
pub(super) const SIGN_OUT: u32 = 3;
/// Somebody no longer waits.
pub(super) const FORGET: u32 = 4;
/// Forgets pauses.
pub(super) const RETRY_NOW: u32 = 5;
/// The store has reached this version.
pub(super) const HINT: u32 = 6;
/// Reads the store again.
pub(super) const RELOAD: u32 = 7;
/// The page can be seen (not 0), or cannot.
pub(super) const VISIBLE: u32 = 8;
/// The timer went off.
pub(super) const TIMEOUT: u32 = 9;
/// What is left of the lease of the lock, in milliseconds.
pub(super) const LEASE: u32 = 10;
/// No new attempt begins.
pub(super) const CLOSE: u32 = 11;
/// How taking the lock went.
pub(super) const LOCKED: u32 = 12;
/// No answer came.
pub(super) const LOST: u32 = 13;
/// How a revocation went.
pub(super) const REVOKED: u32 = 14;
/// A status that proves the grant dead; before anything else is told.
pub(super) const DEAD_STATUS: u32 = 15;
/// A token newer than that of this generation is asked for. Words: the session, 32 hexadecimal digits.
pub(super) const NEWER: u32 = 16;
/// Signs in; the number is the lifetime in seconds. Words: the session, 32 random hexadecimal digits; access token, refresh
/// token, scope, ID token.
pub(super) const SIGN_IN: u32 = 17;
/// What was read; not 0: nobody knows. Words: a tag and a record, or neither.
pub(super) const LOADED: u32 = 18;
/// How a write went; not 0: nobody knows. Words: the new tag, or none if another version stood there.
pub(super) const SAVED: u32 = 19;
/// The token endpoint answered, with this status; what the answer held was told before.
pub(super) const REPLIED: u32 = 20;
/// How long the answer asks to wait, in milliseconds.
pub(super) const RETRY_AFTER: u32 = 21;
/// The kind of its body.
pub(super) const BODY: u32 = 22;
// A member of it: a text, a number, a flag, an object with its code, if it has one, as the word, or an array.
pub(super) const TEXT: u32 = 23;
pub(super) const NUMBER: u32 = 24;
pub(super) const FLAG: u32 = 25;
pub(super) const OBJECT: u32 = 26;
pub(super) const ARRAY: u32 = 27;
