//! The list of origins that may see the token.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::Origin;

/// Why a list of origins is not one that a token may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AllowListError {
    /// No origin at all: no request would ever carry the token.
    Empty,
    /// Plain http to a host that is not this machine: everybody on the way could read the token.
    PlainHttp(Origin),
}

impl fmt::Display for AllowListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                f.write_str("the list of allowed origins is empty: name at least the API's own origin")
            }
            Self::PlainHttp(origin) => {
                write!(f, "{origin} would get the token unencrypted: use https")
            }
        }
    }
}

impl core::error::Error for AllowListError {}

/// The origins that may see the token: exact, and closed to everybody else.
///
/// ```
/// use oneflight_core::origin::{AllowList, Origin};
///
/// let list = AllowList::new([Origin::from_parts("https", "api.example.com", None)?])?;
/// assert!(list.allows("https", "API.example.com", Some(443)));
/// assert!(!list.allows("https", "api.example.com.evil.test", None));
/// assert!(!list.allows("http", "api.example.com", None));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList(Box<[Origin]>);

impl AllowList {
    /// Makes a list of origins that a token may safely travel to.
    ///
    /// # Errors
    /// [`AllowListError::Empty`] without any; [`AllowListError::PlainHttp`] for http to another machine.
    pub fn new(origins: impl IntoIterator<Item = Origin>) -> Result<Self, AllowListError> {
        let list = Self::dangerously_with_plain_http(origins)?;
        match list.0.iter().find(|origin| !origin.is_secure_or_loopback()) {
            Some(origin) => Err(AllowListError::PlainHttp(origin.clone())),
            None => Ok(list),
        }
    }

    /// The same, but lets tokens travel unencrypted to other machines, for everybody on the way to read and to use.
    ///
    /// # Errors
    /// [`AllowListError::Empty`] without any origin.
    pub fn dangerously_with_plain_http(
        origins: impl IntoIterator<Item = Origin>,
    ) -> Result<Self, AllowListError> {
        let origins: Vec<Origin> = origins.into_iter().collect();
        if origins.is_empty() {
            return Err(AllowListError::Empty);
        }
        Ok(Self(origins.into_boxed_slice()))
    }

    /// Whether a URL of these parts may see the token. Never allocates.
    #[must_use]
    #[inline]
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|origin| origin.matches(scheme, host, port))
    }

    /// Whether one of the origins [is written](Origin::is_written) just like this. `false` says only that none is.
    #[must_use]
    #[inline]
    pub fn is_written(&self, scheme: &str, authority: &str) -> bool {
        self.0.iter().any(|origin| origin.is_written(scheme, authority))
    }

    /// The origins, in the order given.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.0
    }
}
