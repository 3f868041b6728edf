//! What the server says of itself.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Uri;
use oneflight::endpoint::{ClientAuth, HttpExchange, Metadata, discover, exchange_fn};
use oneflight_reqwest::ReqwestExchange;
use serde::Deserialize;

use super::observe::Stated;
use crate::cli::secure_url;
use crate::exit::Problem;

/// What is read of the metadata beside what everybody needs.
#[derive(Debug, Default, Deserialize)]
struct More {
    userinfo_endpoint: Option<String>,
    grant_types_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// A server, as it describes itself.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) server: Metadata,
    more: More,
}

impl Described {
    /// Asks the issuer.
    ///
    /// # Errors
    /// [`Problem::Issuer`].
    pub(crate) async fn ask(issuer: &str, http: &ReqwestExchange) -> Result<Self, Problem> {
        let heard = Arc::new(Mutex::new(Bytes::new()));
        let listening = {
            let (http, heard) = (http.clone(), Arc::clone(&heard));
            exchange_fn(move |request, limit| {
                let (http, heard) = (http.clone(), Arc::clone(&heard));
                async move {
                    let answer = http.exchange(request, limit).await?;
                    *heard.lock().unwrap_or_else(PoisonError::into_inner) = answer.body().clone();
                    Ok(answer)
                }
            })
        };
        let server = discover(issuer, &listening)
            .await
            .map_err(|source| Problem::Issuer {
                issuer: issuer.to_owned(),
                source,
            })?;
        // What `discover` understood came last.
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self {
            server,
            more: serde_json::from_slice(&heard).unwrap_or_default(),
        })
    }

    /// Where access tokens can be shown; never in the clear.
    pub(crate) fn userinfo(&self) -> Option<Uri> {
        let url = secure_url(self.more.userinfo_endpoint.as_deref()?).ok()?;
        url.as_str().parse().ok()
    }

    /// What it says of refreshing, and of a client that authenticates so.
    pub(crate) fn stated(&self, auth: &ClientAuth) -> Stated {
        let method = match auth {
            ClientAuth::Basic(_) => "client_secret_basic",
            ClientAuth::Post(_) => "client_secret_post",
            _ => "none",
        };
        let names = |list: &Option<Vec<String>>, name: &str| {
            let list = list.as_ref()?;
            Some(list.iter().any(|listed| listed == name))
        };
        Stated {
            refresh_grant: names(&self.more.grant_types_supported, "refresh_token"),
            revocation: self.server.revocation_endpoint.is_some(),
            auth_method: names(&self.more.token_endpoint_auth_methods_supported, method),
            auth_method_used: method,
            offline_access: names(&self.more.scopes_supported, "offline_access"),
        }
    }
}
