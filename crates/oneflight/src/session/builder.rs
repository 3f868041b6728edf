//! The settings of a session.

use std::fmt;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oneflight_core::machine::{Config, Machine, Policy, Renew};
use oneflight_core::origin::AllowList;
use oneflight_core::{HolderId, Profile};
use tokio::runtime::Handle;

use super::Session;
use super::inner::{Inner, Shared};
use crate::endpoint::TokenEndpoint;
use crate::endpoint::url::{self, PlainHttp};
use crate::error::ConfigError;
use crate::{Clock, MemoryStore, Store, SystemClock, random};

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
    lock_deadline: Option<Duration>,
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
    ///
    /// [`Renew::KeepFresh`] begins with the first use of the session, which reads the store, and ends with its last
    /// handle. It keeps the driver's task alive.
    pub fn renew(mut self, renew: Renew) -> Self {
        self.policy.renew = renew;
        self
    }

    /// How the authorization server behaves. Default: unknown, so strict rotation is assumed.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.policy.profile = profile;
        self
    }

    /// How long to wait for the store's lock while another holder has it. Default: the deadline of a request and two of
    /// the store.
    pub fn lock_deadline(mut self, deadline: Duration) -> Self {
        self.lock_deadline = Some(deadline);
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
        let shared = self.shared()?;
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        check_lease(&shared.policy, store.lease())?;
        Ok(open(shared, store))
    }

    /// The settings that many sessions may share, checked.
    pub(crate) fn shared(&self) -> Result<Arc<Shared>, ConfigError> {
        let endpoint = self.endpoint.clone().ok_or(ConfigError::NoEndpoint)?;
        let origins = match &self.origins {
            Origins::Unset => return Err(ConfigError::EmptyAllowList),
            Origins::None => None,
            Origins::Listed(listed) => Some(allow_list(listed, self.plain_http)?),
        };
        let runtime = match &self.runtime {
            Some(runtime) => runtime.clone(),
            None => Handle::try_current().map_err(|_| ConfigError::NoRuntime)?,
        };
        if !has_timers(&runtime) {
            return Err(ConfigError::NoTimers);
        }
        let mut policy = self.policy.clone();
        policy.grant = endpoint.grant();
        check_policy(&policy)?;
        let lock_deadline = self.lock_deadline.unwrap_or_else(|| {
            // Another holder may keep the lock for a whole request and the writes around it.
            policy.request_deadline.saturating_add(policy.save_deadline * 2)
        });
        Ok(Arc::new(Shared {
            endpoint,
            by_system_clock: self.clock.is_none(),
            clock: self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock)),
            origins,
            policy: Arc::new(policy),
            lock_deadline,
            home: Mutex::new(runtime),
        }))
    }
}

/// One session over one store.
pub(crate) fn open(shared: Arc<Shared>, store: Arc<dyn Store>) -> Session {
    let machine = Machine::new(Config {
        policy: Arc::clone(&shared.policy),
        holder: HolderId(random::bytes()),
        seed: random::seed(),
    });
    Session::of(Inner::new(machine, shared, store))
}

/// tokio says so only by a panic, which would otherwise come in the driver.
fn has_timers(runtime: &Handle) -> bool {
    let _inside = runtime.enter();
    catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok()
}

fn check_policy(policy: &Policy) -> Result<(), ConfigError> {
    let parts = [
        ("renew_factor", policy.renew_factor),
        ("renew_jitter", policy.renew_jitter),
    ];
    for (setting, part) in parts {
        if !(0.0..=1.0).contains(&part) {
            return Err(ConfigError::BadPolicy {
                setting,
                value: part.to_string(),
                range: "it is a part of the lifetime, between 0 and 1",
            });
        }
    }
    let deadlines = [
        ("request_deadline", policy.request_deadline),
        ("save_deadline", policy.save_deadline),
        ("back_off_base", policy.back_off_base),
    ];
    for (setting, deadline) in deadlines {
        if deadline.is_zero() {
            return Err(ConfigError::BadPolicy {
                setting,
                value: "0 s".to_owned(),
                range: "it must leave some time",
            });
        }
    }
    Ok(())
}

/// A shorter one would let no request be sent, or end while its answer is still awaited.
fn check_lease(policy: &Policy, lease: Option<Duration>) -> Result<(), ConfigError> {
    let (request, save) = (policy.request_deadline, policy.save_deadline);
    match lease {
        Some(lease) if lease <= request.saturating_add(save) => {
            Err(ConfigError::LeaseTooShort { lease, request, save })
        }
        _ => Ok(()),
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
