//! Which client of which server is examined.

use std::path::PathBuf;

use clap::Args;
use oneflight::endpoint::Metadata;

use crate::cli::{issuer, not_empty};
use crate::login::{LoginError, authentication, client_secret, default_scope};
use crate::profile::Settings;

/// Where to ask, and as whom.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The authorization server, spelled as it spells itself
    #[arg(long, value_name = "URL", value_parser = issuer)]
    pub(crate) issuer: String,
    /// The id that the server gave this client
    #[arg(long, value_name = "ID", value_parser = not_empty)]
    pub(crate) client_id: String,
    /// A file with the client's secret, where it has one; else $ONEFLIGHT_CLIENT_SECRET
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// What the tokens may do, several times or separated by spaces [default: `openid offline_access` as far as the server
    /// lists them]
    #[arg(long, value_name = "SCOPE", conflicts_with = "with_refresh_token")]
    scope: Vec<String>,
    /// A resource that the tokens are for (RFC 8707); may be given several times
    #[arg(long, value_name = "URL")]
    resource: Vec<String>,
    /// The audience that the tokens are for, where the server wants that instead
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
}

impl ClientArgs {
    /// The client at this server, as a profile would have it.
    ///
    /// # Errors
    /// [`LoginError`] if its secret cannot be read, or the server takes it in no way that is spoken here.
    pub(super) fn settings(&self, server: &Metadata) -> Result<Settings, LoginError> {
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        let mut settings = Settings::new(issuer, client_id, server.token_endpoint.clone());
        settings.revocation_endpoint = server.revocation_endpoint.clone();
        if let Some(secret) = client_secret(self.client_secret_file.as_deref())? {
            settings.client_auth = authentication(server)?;
            settings.client_secret = Some(secret);
        }
        let scope = self.scope.join(" ");
        settings.scope = match scope.trim() {
            "" => default_scope(server),
            scope => Some(scope.to_owned()),
        };
        settings.resource = self.resource.clone();
        settings.audience = self.audience.clone();
        Ok(settings)
    }
}
