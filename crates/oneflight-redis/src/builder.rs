//! The settings of a pair of connections.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneflight::Policy;
use oneflight::record::RecordCodec;
use redis::{Client, ConnectionAddr};
use tokio::runtime::Handle;

use crate::RedisStores;
use crate::error::RedisStoreError;
use crate::facts;
use crate::names::Prefix;
use crate::news::Listener;
use crate::scripts::Scripts;
use crate::stores::Shared;
use crate::wire::Wire;

/// Tombstones are kept this long, if nobody says otherwise: 30 days.
pub const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// No length counts for more than this: ten years.
const LENGTH_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The settings of [`RedisStores`], all of them optional but the URL and the codec.
#[must_use = "settings do nothing until they are connected"]
pub struct RedisStoresBuilder {
    url: String,
    codec: RecordCodec,
    prefix: String,
    lease: Option<Duration>,
    request_deadline: Duration,
    save_deadline: Duration,
    timeout: Option<Duration>,
    keep_live: Option<Duration>,
    keep_ended: Option<Duration>,
    #[cfg(feature = "tls")]
    tls: crate::tls::Tls,
}

impl RedisStoresBuilder {
    pub(crate) fn new(url: String, codec: RecordCodec) -> Self {
        let Policy {
            request_deadline,
            save_deadline,
            ..
        } = Policy::default();
        Self {
            url,
            codec,
            prefix: "oneflight".to_owned(),
            lease: None,
            request_deadline,
            save_deadline,
            timeout: None,
            keep_live: None,
            keep_ended: Some(KEEP_ENDED),
            #[cfg(feature = "tls")]
            tls: crate::tls::Tls::default(),
        }
    }

    /// What the names of all keys begin with. Default: `oneflight`. Programs that do not share sessions need different ones.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The deadlines of the sessions over these stores: [`Policy::request_deadline`] and [`Policy::save_deadline`]. Default:
    /// the policy's defaults, 30 s and 5 s.
    pub fn deadlines(mut self, request: Duration, save: Duration) -> Self {
        self.request_deadline = request;
        self.save_deadline = save;
        self
    }

    /// How long a lease lasts without being renewed, so how long others wait after its owner was killed. It is renewed while
    /// its owner works. Default: the request deadline and four save deadlines, 50 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long connecting may take, and each answer. Default: two fifths of the save deadline, so that connecting anew and
    /// an answer fit into it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets records of live sessions expire this long after they were last written. Default: never, because an expired record
    /// signs its user out. Give it what your authorization server gives refresh tokens that are not used.
    pub fn expire_live_after(mut self, length: Duration) -> Self {
        self.keep_live = Some(length);
        self
    }

    /// Lets tombstones expire after this long. Default: [`KEEP_ENDED`]. A tombstone tells holders that still have the session
    /// in memory that it has ended, so it should last longer than any of them goes without reading.
    pub fn expire_ended_after(mut self, length: Duration) -> Self {
        self.keep_ended = Some(length);
        self
    }

    /// Keeps tombstones until they are removed or pruned.
    pub fn keep_ended(mut self) -> Self {
        self.keep_ended = None;
        self
    }

    /// Trusts the authorities in this PEM text, in place of the system's: for servers with a certificate of your own.
    #[cfg(feature = "tls")]
    pub fn trust(mut self, authorities: impl Into<Vec<u8>>) -> Self {
        self.tls.authorities = Some(authorities.into());
        self
    }

    /// Shows this certificate to the server, both as PEM text.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls.client = Some((certificate.into(), key.into()));
        self
    }

    /// Connects, and sees that the server can serve: that it answers, takes the password, is new enough. A server that throws
    /// keys away when it is full, is a replica or part of a cluster causes a warning.
    ///
    /// Call it in the runtime that the sessions live in: the connections end with it.
    ///
    /// # Errors
    /// [`RedisStoreError`] names the server or the setting, and the next step.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn connect(self) -> Result<RedisStores, RedisStoreError> {
        let prefix = Prefix::new(&self.prefix).map_err(|problem| RedisStoreError::Setting {
            setting: "prefix",
            value: format!("{:?}", self.prefix),
            problem,
        })?;
        let lease = self.checked_lease()?;
        let timeout = self.timeout.unwrap_or(self.save_deadline * 2 / 5);
        at_least_a_milli("timeout", timeout)?;
        let keep_live = checked_expiry("expire_live_after", self.keep_live)?;
        let keep_ended = checked_expiry("expire_ended_after", self.keep_ended)?;
        let runtime = Handle::try_current().map_err(|_| RedisStoreError::NoRuntime)?;
        let client = self.client()?;
        let tls = matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
        let wire = Arc::new(Wire::new(client, timeout, tls));
        let facts = facts::find(&wire).await?;
        let listener = Listener::new();
        let listening = runtime.spawn(Arc::clone(&listener).run(Arc::clone(&wire)));
        Ok(RedisStores::new(Shared {
            wire,
            listener,
            scripts: Scripts::new(),
            codec: self.codec,
            prefix,
            lease,
            keep_live,
            keep_ended,
            runtime,
            facts,
            listening: listening.abort_handle(),
        }))
    }

    fn checked_lease(&self) -> Result<Duration, RedisStoreError> {
        let (request, save) = (self.request_deadline, self.save_deadline);
        let lease = self
            .lease
            .unwrap_or_else(|| request.saturating_add(save.saturating_mul(4)))
            .min(LENGTH_MAX);
        if lease <= request.saturating_add(save) {
            return Err(RedisStoreError::LeaseTooShort { lease, request, save });
        }
        at_least_a_milli("lease", lease)?;
        Ok(lease)
    }

    fn client(&self) -> Result<Client, RedisStoreError> {
        let wants_tls = self.url.starts_with("rediss:") || self.url.starts_with("valkeys:");
        if wants_tls {
            #[cfg(feature = "tls")]
            return self.tls.client(&self.url);
            #[cfg(not(feature = "tls"))]
            return Err(RedisStoreError::NoTls);
        }
        // What the client says of a URL may repeat it, password and all.
        Client::open(self.url.as_str()).map_err(|_| RedisStoreError::Url {
            problem: match self.url.contains("://") {
                true => "scheme, host, port or database make no sense",
                false => "it has no scheme",
            },
        })
    }
}

fn at_least_a_milli(setting: &'static str, length: Duration) -> Result<(), RedisStoreError> {
    if length.as_millis() > 0 {
        return Ok(());
    }
    Err(RedisStoreError::Setting {
        setting,
        value: format!("{length:?}"),
        problem: "it must be a millisecond at least",
    })
}

fn checked_expiry(
    setting: &'static str,
    length: Option<Duration>,
) -> Result<Option<Duration>, RedisStoreError> {
    let Some(length) = length else {
        return Ok(None);
    };
    at_least_a_milli(setting, length)?;
    Ok(Some(length.min(LENGTH_MAX)))
}

impl fmt::Debug for RedisStoresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoresBuilder")
            .field("prefix", &self.prefix)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
