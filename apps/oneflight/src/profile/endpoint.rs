//! The token endpoint of a profile.

use oneflight::ConfigError;
use oneflight::endpoint::{AnswerRules, HttpExchange, OAuthEndpoint};

use super::Settings;

impl Settings {
    /// Where these settings get tokens from.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be used.
    pub(crate) fn endpoint(&self, http: impl HttpExchange) -> Result<OAuthEndpoint, ConfigError> {
        let mut builder = OAuthEndpoint::builder(&self.token_endpoint, &self.client_id, http)
            .client_auth(self.authentication())
            .rules(self.rules());
        if let Some(url) = &self.revocation_endpoint {
            builder = builder.revocation_url(url);
        }
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience);
        }
        for resource in &self.resource {
            builder = builder.resource(resource);
        }
        builder.build()
    }

    /// How the server behaves.
    pub(super) fn profile(&self) -> oneflight::Profile {
        let mut profile = oneflight::Profile::default();
        profile.retry_after_loss = self.server.retry_after_loss;
        profile.revocation_reaches_beyond_family = self.server.revocation_reaches_beyond_family;
        profile
    }

    fn rules(&self) -> AnswerRules {
        let mut rules = AnswerRules::default();
        rules.dead_codes = self.server.dead_codes.clone();
        rules.dead_statuses = self.server.dead_statuses.clone();
        rules
    }
}
