//! Running the server as a program.

use std::convert::Infallible;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::builder::{Builder, StartError};
use super::clients::Client;
use super::settings::Settings;
use super::test_server::TestServer;
use crate::clock::Clock;

/// Everything that can be chosen before a server starts, as data. [`Builder`] is made from it.
///
/// # Examples
///
/// ```
/// use oneflight_testkit::RunOptions;
///
/// let options: RunOptions = serde_json::from_str(
///     r#"{ "port": 4181, "settings": { "rotation": { "kind": "grace", "window_ms": 30000, "replay": "same_pair" } } }"#,
/// )?;
/// assert_eq!(options.port, 4181);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RunOptions {
    /// The authorization server's port; 0 for any free one. Default: 0.
    pub port: u16,
    /// The API's own port; `None` beside the authorization server. Default: `None`.
    pub api_port: Option<u16>,
    /// Whether to start the stranger, see [`Builder::with_stranger`]. Default: `false`.
    pub stranger: bool,
    /// Whether to serve the control plane under `/_control/`. Default: `true`.
    pub control: bool,
    /// What pages of other origins may do; `None` nothing. Default: `None`.
    pub cors: Option<Cors>,
    /// Clients to register beside `app` and `service`, or instead of them.
    pub clients: Vec<Client>,
    /// How the server behaves.
    pub settings: Settings,
    /// Seconds since 1970 at which a virtual clock stands; `None` for the system's clock. It ends with
    /// the year 9999.
    pub virtual_clock_unix_secs: Option<u64>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            port: 0,
            api_port: None,
            stranger: false,
            control: true,
            cors: None,
            clients: Vec::new(),
            settings: Settings::default(),
            virtual_clock_unix_secs: None,
        }
    }
}

/// What pages of other origins may do: anything, with credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The response headers that scripts may read, beside those that the Fetch standard always
    /// allows.
    pub expose: Vec<String>,
}

impl Cors {
    /// Scripts may read `WWW-Authenticate` and `Retry-After`.
    pub fn permissive() -> Self {
        Self {
            expose: vec!["www-authenticate".to_owned(), "retry-after".to_owned()],
        }
    }

    /// Scripts may read no header that needs permission, as with most real servers.
    pub fn hiding() -> Self {
        Self { expose: Vec::new() }
    }
}

impl From<RunOptions> for Builder {
    fn from(options: RunOptions) -> Self {
        let clock = match options.virtual_clock_unix_secs {
            Some(secs) => {
                // Advancing ends with the year 9999, where adding to a `SystemTime` may panic.
                let clock = Clock::virtual_at(UNIX_EPOCH);
                clock.advance(Duration::from_secs(secs));
                clock
            }
            None => Clock::system(),
        };
        Builder::with_options(options, clock)
    }
}

/// Runs a server until the future is dropped, or the runtime ends. `ready` is told when it listens.
///
/// # Errors
///
/// If a port cannot be listened on.
///
/// # Cancel safety
///
/// Dropping the future stops the server.
///
/// # Examples
///
/// ```no_run
/// use oneflight_testkit::{RunOptions, run_forever};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = RunOptions::default();
/// options.port = 4181;
/// run_forever(options, |server| println!("issuer: {}", server.issuer())).await?;
/// # Ok(())
/// # }
/// ```
pub async fn run_forever(
    options: RunOptions,
    ready: impl FnOnce(&TestServer),
) -> Result<Infallible, StartError> {
    let server = Builder::from(options).start().await?;
    ready(&server);
    // Held across the wait: dropping it stops the server.
    let never = std::future::pending().await;
    drop(server);
    Ok(never)
}
