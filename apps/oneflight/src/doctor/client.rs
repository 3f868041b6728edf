//! Which client of which server is examined.

use std::path::PathBuf;

use clap::Args;
use oneflight::endpoint::{ClientAuth, Metadata};

use crate::cli::{issuer, not_empty};
use crate::login::{LoginError, authentication, client_secret};
use crate::profile::Authentication;

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
    /// A resource that the tokens are for (RFC 8707); may be given several times
    #[arg(long, value_name = "URL")]
    resource: Vec<String>,
    /// The audience that the tokens are for, where the server wants that instead
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
}

impl ClientArgs {
    /// How the client authenticates at this server.
    ///
    /// # Errors
    /// [`LoginError`] if its secret cannot be read, or the server takes it in no way that is spoken here.
    pub(super) fn auth(&self, server: &Metadata) -> Result<ClientAuth, LoginError> {
        let Some(secret) = client_secret(self.client_secret_file.as_deref())? else {
            return Ok(ClientAuth::None);
        };
        Ok(match authentication(server)? {
            Authentication::None => ClientAuth::None,
            Authentication::Basic => ClientAuth::Basic(secret),
            Authentication::Post => ClientAuth::Post(secret),
        })
    }

    /// What token requests carry besides.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let resources = self.resource.iter().map(|resource| ("resource", resource));
        let audience = self.audience.iter().map(|audience| ("audience", audience));
        let all = resources.chain(audience);
        all.map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}
