//! Starting a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::clients::Client;
use super::conn::{self, Order};
use super::counters::Origin;
use super::routes;
use super::session::DEFAULT_CLIENT;
use super::settings::{Rotation, Settings};
use super::shared::{Origins, Shared, State};
use super::test_server::TestServer;
use crate::clock::Clock;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens on the port: choose another, or 0 for any free one.
    #[error("port {port} on 127.0.0.1 is in use; choose another, or 0 for any free one")]
    PortInUse {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The port cannot be listened on.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    fn new(port: u16, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse { port, source },
            _ => Self::Listen { port, source },
        }
    }
}

/// How a [`TestServer`] is to start. Made by `TestServer::builder`.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it starts"]
pub struct Builder {
    port: u16,
    api_port: Option<u16>,
    stranger: bool,
    clock: Clock,
    settings: Settings,
    clients: Vec<Client>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            port: 0,
            api_port: None,
            stranger: false,
            clock: Clock::system(),
            settings: Settings::default(),
            clients: vec![
                Client::public(DEFAULT_CLIENT),
                Client::confidential("service", "secret"),
            ],
        }
    }

    /// The authorization server's port; 0, the default, for any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Gives the API a port, and so an origin, of its own; 0 for any free one. By default it is
    /// served beside the authorization server.
    pub fn api_port(mut self, port: u16) -> Self {
        self.api_port = Some(port);
        self
    }

    /// Starts a second API, on an origin where no token of ours should ever arrive. It answers like
    /// the API; what does arrive is counted in
    /// [`Counters::leaked_tokens`](crate::Counters::leaked_tokens).
    pub fn with_stranger(mut self) -> Self {
        self.stranger = true;
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Registers a client, instead of one with the same id. Known from the start are the public
    /// client `app`, and `service` with the secret `secret`.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Replaces all settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Changes settings.
    pub fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// What happens to a refresh token when it is used. Default: [`Rotation::Strict`].
    pub fn rotation(self, rotation: Rotation) -> Self {
        self.with_settings(|settings| settings.rotation = rotation)
    }

    /// How long access tokens live. Default: 900 s.
    pub fn access_token_lifetime(self, lifetime: Duration) -> Self {
        self.with_settings(|settings| settings.access_token_lifetime = lifetime)
    }

    /// Starts the server on the current tokio runtime, which must have I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If a port cannot be listened on.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<TestServer, StartError> {
        let auth = Bound::new(self.port)?;
        let api = self.api_port.map(Bound::new).transpose()?;
        let stranger = self.stranger.then(|| Bound::new(0)).transpose()?;
        let clients: BTreeMap<String, Client> = self
            .clients
            .into_iter()
            .map(|client| (client.id.clone(), client))
            .collect();
        let shared = Arc::new(Shared::new(self.clock, State::new(self.settings, clients)));
        let origins = Origins {
            auth: auth.origin(),
            api: api.as_ref().unwrap_or(&auth).origin(),
            stranger: stranger.as_ref().map(Bound::origin),
        };
        shared.origins.set(origins).expect("set once, here");

        let (life, alive) = watch::channel(0);
        let (done, all_done) = mpsc::channel(1);
        let with_api = api.is_none();
        let mut listeners = Listeners {
            orders: Vec::new(),
            shared: shared.clone(),
            alive,
            done,
        };
        listeners.spawn(auth, routes::auth(shared.clone(), with_api));
        if let Some(api) = api {
            listeners.spawn(api, routes::api(shared.clone(), Origin::Api));
        }
        let offline = std::mem::take(&mut listeners.orders);
        if let Some(stranger) = stranger {
            listeners.spawn(stranger, routes::api(shared.clone(), Origin::Stranger));
        }
        let strangers = listeners.orders;
        Ok(TestServer::new(shared, life, offline, strangers, all_done))
    }
}

struct Bound {
    listener: TcpListener,
    port: u16,
}

impl Bound {
    fn new(port: u16) -> Result<Self, StartError> {
        let bound = conn::bind(port).and_then(|listener| {
            let port = listener.local_addr()?.port();
            Ok(Self { listener, port })
        });
        bound.map_err(|error| StartError::new(port, error))
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

struct Listeners {
    orders: Vec<mpsc::Sender<Order>>,
    shared: Arc<Shared>,
    alive: conn::Life,
    done: mpsc::Sender<()>,
}

impl Listeners {
    fn spawn(&mut self, bound: Bound, router: axum::Router) {
        let (orders, inbox) = mpsc::channel(1);
        self.orders.push(orders);
        tokio::spawn(conn::listen(
            bound.listener,
            bound.port,
            router,
            self.shared.clone(),
            self.alive.clone(),
            inbox,
            self.done.clone(),
        ));
    }
}
