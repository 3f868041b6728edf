//! Starting a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::clients::Client;
use super::conn::{self, Order};
use super::counters::Origin;
use super::routes;
use super::run::{Cors, RunOptions};
use super::session::DEFAULT_CLIENT;
use super::settings::{Rotation, Settings};
use super::shared::{Origins, Shared};
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
    /// The server's own thread or runtime cannot be had.
    #[error("the system gives no thread for the server")]
    Thread {
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

/// How a [`TestServer`] is to start. Made by `TestServer::builder`, or from [`RunOptions`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it starts"]
pub struct Builder {
    options: RunOptions,
    clock: Clock,
}

impl Builder {
    pub(crate) fn with_options(options: RunOptions, clock: Clock) -> Self {
        Self { options, clock }
    }

    /// The authorization server's port; 0, the default, for any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.options.port = port;
        self
    }

    /// Gives the API a port, and so an origin, of its own; 0 for any free one. By default it is
    /// served beside the authorization server.
    pub fn api_port(mut self, port: u16) -> Self {
        self.options.api_port = Some(port);
        self
    }

    /// Starts a second API, on an origin where no token of ours should ever arrive. It answers like
    /// the API; what does arrive is counted in
    /// [`Counters::leaked_tokens`](crate::Counters::leaked_tokens).
    pub fn with_stranger(mut self) -> Self {
        self.options.stranger = true;
        self
    }

    /// Leaves out the control plane.
    pub fn without_control(mut self) -> Self {
        self.options.control = false;
        self
    }

    /// Lets pages of other origins in.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.options.cors = Some(cors);
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
        self.options.clients.push(client);
        self
    }

    /// Replaces all settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.options.settings = settings;
        self
    }

    /// Changes settings.
    pub fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.options.settings);
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
        self.launch()
    }

    /// Starts the server on a thread and a runtime of its own: for clients that block, and for tests
    /// that pause tokio's time. The thread ends with the server.
    ///
    /// # Errors
    ///
    /// If a port cannot be listened on, or the system gives no thread or runtime.
    pub fn start_in_thread(self) -> Result<TestServer, StartError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(source) => return drop(tell.send(Err(StartError::Thread { source }))),
            };
            runtime.block_on(async {
                let started = self.launch();
                let life = started.as_ref().ok().and_then(TestServer::alive);
                // Whoever asked is waiting; the server is dropped if that has changed.
                drop(tell.send(started));
                if let Some(mut life) = life {
                    conn::ended(&mut life).await;
                }
            });
        };
        std::thread::Builder::new()
            .name("oneflight-testkit".to_owned())
            .spawn(serve)
            .map_err(|source| StartError::Thread { source })?;
        told.recv().expect("the thread tells before it ends")
    }

    fn launch(self) -> Result<TestServer, StartError> {
        let options = self.options;
        let auth = Bound::new(options.port)?;
        let api = options.api_port.map(Bound::new).transpose()?;
        let stranger = options.stranger.then(|| Bound::new(0)).transpose()?;
        let clients: BTreeMap<String, Client> = known_clients()
            .into_iter()
            .chain(options.clients.iter().cloned())
            .map(|client| (client.id.clone(), client))
            .collect();
        let shared = Arc::new(Shared::new(self.clock, options.settings.clone(), clients));
        let origins = Origins {
            auth: auth.origin(),
            api: api.as_ref().unwrap_or(&auth).origin(),
            stranger: stranger.as_ref().map(Bound::origin),
        };
        shared.origins.set(origins).expect("set once, here");

        let (done, all_done) = mpsc::channel(1);
        let mut obedient = vec![auth.serve(routes::auth(shared.clone(), &options), &shared, &done)];
        if let Some(api) = api {
            let router = routes::api(shared.clone(), Origin::Api, &options);
            obedient.push(api.serve(router, &shared, &done));
        }
        if let Some(stranger) = stranger {
            let router = routes::api(shared.clone(), Origin::Stranger, &options);
            // Strangers stay online; nobody will give this one orders.
            drop(stranger.serve(router, &shared, &done));
        }
        shared.listeners.set(obedient).expect("set once, here");
        Ok(TestServer::new(shared, all_done))
    }
}

fn known_clients() -> [Client; 2] {
    [
        Client::public(DEFAULT_CLIENT),
        Client::confidential("service", "secret"),
    ]
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

    /// Starts accepting; returns where orders go.
    fn serve(
        self,
        router: axum::Router,
        shared: &Arc<Shared>,
        done: &mpsc::Sender<()>,
    ) -> mpsc::Sender<Order> {
        let (orders, inbox) = mpsc::channel(1);
        let alive = shared.alive().expect("the server is just starting");
        tokio::spawn(conn::listen(
            self.listener,
            self.port,
            router,
            shared.clone(),
            alive,
            inbox,
            done.clone(),
        ));
        orders
    }
}
