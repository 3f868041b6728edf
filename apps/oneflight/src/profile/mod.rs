//! A profile: one grant of one user, kept for all commands that need its tokens.

mod endpoint;
mod name;
mod place;
mod problem;
mod relocate;
mod session;
mod settings;
mod sign_in;

pub(crate) use name::{BadName, ProfileArg, ProfileName};
pub(crate) use place::Place;
pub(crate) use problem::ProfileError;
pub(crate) use relocate::{remove, rename};
pub(crate) use session::Profile;
pub(crate) use settings::{Authentication, Encryption, Server, Settings};
pub(crate) use sign_in::{revoke, sign_in};
