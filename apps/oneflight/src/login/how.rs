//! How somebody signs in, and at what.

use std::time::Duration;

use clap::Args;
use oneflight::endpoint::Metadata;

use crate::cli::span;
use crate::profile::Settings;

/// By the browser, or on another device.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Sign in on another device, where there is no browser here (RFC 8628)
    #[arg(long)]
    pub(super) device: bool,
    /// Only print the address, and let somebody else open it
    #[arg(long, conflicts_with = "device")]
    pub(super) no_browser: bool,
    /// The port on 127.0.0.1 that the browser comes back to, where the client may use no other [default: a free one]
    #[arg(long, value_name = "N", conflicts_with = "device", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,
    /// What the server asks the user: login, consent, select_account [default: consent, if offline_access is asked for]
    #[arg(long, value_name = "WORDS", conflicts_with = "device")]
    prompt: Option<String>,
    /// What else the server is asked when somebody signs in, such as access_type=offline [default: the profile's]
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,
    /// How long to wait for the user [default: 5m; with --device as long as the code lasts]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(super) timeout: Option<Duration>,
}

impl How {
    #[cfg(test)]
    pub(super) fn on_another_device() -> Self {
        Self {
            device: true,
            no_browser: false,
            port: None,
            prompt: None,
            parameter: Vec::new(),
            timeout: None,
        }
    }

    /// Takes over what was said of parameters.
    pub(super) fn settle(&self, settings: &mut Settings) {
        if !self.parameter.is_empty() {
            settings.parameters = self.parameter.iter().cloned().collect();
        }
    }

    /// What else goes into the request that begins a sign-in.
    pub(super) fn parameters<'a>(
        &'a self,
        server: &'a Server<'_>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let said = self
            .parameter
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = server
            .settings
            .parameters
            .iter()
            .filter(|_| self.parameter.is_empty());
        said.chain(kept.map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The `prompt` of the request. Without consent `offline_access` is ignored (OpenID Connect Core §11).
    pub(super) fn prompt<'a>(&'a self, server: &Server<'_>) -> Option<&'a str> {
        let asked = |wanted: &str| server.scopes().any(|scope| scope == wanted);
        match &self.prompt {
            Some(prompt) => Some(prompt.as_str()).filter(|prompt| !prompt.is_empty()),
            None => (asked("openid") && asked("offline_access")).then_some("consent"),
        }
    }
}

/// What a login says itself, and others must not say differently.
const OWN_PARAMETERS: [&str; 14] = [
    "audience",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "state",
];

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        return Err("write NAME=VALUE".to_owned());
    }
    if name == "scope" || OWN_PARAMETERS.contains(&name) {
        return Err(format!(
            "{name} has an option of its own, or is made for each sign-in"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// What is asked for, and whom.
pub(super) struct Server<'a> {
    pub(super) settings: &'a Settings,
    pub(super) metadata: &'a Metadata,
}

impl Server<'_> {
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.settings
            .scope
            .iter()
            .flat_map(|scope| scope.split_whitespace())
    }

    /// What goes along with every request of a login (RFC 8707 §2).
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let resources = self.settings.resource.iter();
        let audience = self.settings.audience.iter();
        resources
            .map(|resource| ("resource", resource.as_str()))
            .chain(audience.map(|audience| ("audience", audience.as_str())))
    }
}
