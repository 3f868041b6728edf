//! The settings of a session.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use oneflight_core::Profile;
use oneflight_core::machine::{Policy, Renew, Snapshot, Status};
use oneflight_core::origin::AllowList;
use tokio::runtime::Handle;

use super::published::Published;
use super::{Inner, Session, Shared};
use crate::endpoint::TokenEndpoint;
use crate::endpoint::url::{self, PlainHttp};
use crate::error::ConfigError;
use crate::{Clock, MemoryStore, Store, SystemClock};

/// The settings of a session, all of them optional but the endpoint and the origins.
#[derive(Default)]
#[must_use = "settings do nothing until they are built"]
pub struct SessionBuilder {
    endpoint: Option<Arc<dyn TokenEndpoint>>,
    store: Option<Arc<dyn Store>>,
    clock: Option<Arc<dyn Clock>>,
    origins: Origins,
    plain_http: PlainHttp,
    policy: Policy,
    runtime: Option<Handle>,
}

#[derive(Default)]
enum Origins {
    #[default]
    Unset,
    None,
    Listed(Vec<String>),
}

impl SessionBuilder {
    /// Where new tokens come from.
    pub fn endpoint(mut self, endpoint: impl TokenEndpoint) -> Self {
        self.endpoint = Some(Arc::new(endpoint));
        self
    }

    /// Where the record is kept. Default: a [`MemoryStore`] of its own.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Which origins may see the token, such as `https://api.example.com`: exact scheme, host and port. Adds to those
    /// given before.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        let mut listed = match self.origins {
            Origins::Listed(listed) => listed,
            Origins::Unset | Origins::None => Vec::new(),
        };
        listed.extend(origins.into_iter().map(Into::into));
        self.origins = Origins::Listed(listed);
        self
    }

    /// No interceptor will use this session, only [`Session::token`] and its kin: no origin is needed.
    pub fn without_origins(mut self) -> Self {
        self.origins = Origins::None;
        self
    }

    /// Lets the token travel unencrypted to the origins that are listed with `http`, for everybody on the way to read
    /// and to use.
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Dangerous;
        self
    }

    /// All numbers at once. Its `grant` is taken from the endpoint.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// When a token is renewed before it runs out. Default: when a request comes and renewal is due.
    pub fn renew(mut self, renew: Renew) -> Self {
        self.policy.renew = renew;
        self
    }

    /// How the authorization server behaves. Default: unknown, so strict rotation is assumed.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.policy.profile = profile;
        self
    }

    /// Where the time is read. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Where the driver runs. Default: the runtime in which [`build`](Self::build) is called.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Makes the session.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the next step.
    pub fn build(self) -> Result<Session, ConfigError> {
        self.endpoint.ok_or(ConfigError::NoEndpoint)?;
        let origins = match self.origins {
            Origins::Unset => return Err(ConfigError::EmptyAllowList),
            Origins::None => None,
            Origins::Listed(listed) => Some(allow_list(&listed, self.plain_http)?),
        };
        let _store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let _runtime = match self.runtime {
            Some(runtime) => runtime,
            None => Handle::try_current().map_err(|_| ConfigError::NoRuntime)?,
        };
        let published = Published::new(Snapshot {
            generation: 0,
            status: Status::Unknown,
            current: None,
        });
        Ok(Session {
            inner: Arc::new(Inner {
                published: ArcSwap::from_pointee(published),
                shared: Arc::new(Shared {
                    clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
                    origins,
                }),
            }),
        })
    }
}

fn allow_list(listed: &[String], plain_http: PlainHttp) -> Result<AllowList, ConfigError> {
    let origins: Result<Vec<_>, _> = listed.iter().map(|listed| url::origin(listed)).collect();
    let list = match plain_http {
        PlainHttp::Refused => AllowList::new(origins?)?,
        PlainHttp::Dangerous => AllowList::dangerously_with_plain_http(origins?)?,
    };
    Ok(list)
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
