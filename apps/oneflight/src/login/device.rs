//! The device flow (RFC 8628): sign in on another device, where there is no browser here.

use std::time::Duration;

use openidconnect::core::CoreDeviceAuthorizationResponse;
use openidconnect::{DeviceAuthorizationUrl, Scope};

use super::LoginError;
use super::how::{How, Server};
use super::id_token::{self, Failed, Granted};
use super::problem::printable;
use super::wire::{self, Client, Wire};
use crate::cli::secure_url;
use crate::moment::in_words;

/// The code itself ends sooner, as the server says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Shows a code to enter elsewhere, and waits until somebody did.
///
/// # Errors
/// [`LoginError`] says why nobody did.
///
/// # Cancel safety
/// Dropping it is as if the user had never begun; tokens that are on their way are lost then.
pub(super) async fn sign_in(server: &Server<'_>, how: &How, wire: &Wire) -> Result<Granted, Failed> {
    let client = wire::client(server.settings)?;
    let details = begin(&client, server, how, wire).await?;
    show(&details);
    let mut request = client.exchange_device_access_token(&details);
    for (name, value) in server.parameters() {
        request = request.add_extra_param(name, value);
    }
    let patience = how.timeout.unwrap_or(LONGEST);
    let polling = request.request_async(wire, tokio::time::sleep, None);
    let outcome = tokio::time::timeout(patience, polling)
        .await
        .map_err(|_elapsed| LoginError::NobodyCame { waited: patience })?;
    id_token::granted(server, wire, wire.tokens(outcome)?, None).await
}

async fn begin(
    client: &Client,
    server: &Server<'_>,
    how: &How,
    wire: &Wire,
) -> Result<CoreDeviceAuthorizationResponse, LoginError> {
    let endpoint = server.metadata.device_authorization_endpoint.as_deref();
    let endpoint = endpoint.ok_or(LoginError::NotOffered {
        what: "sign-in on another device (its metadata name no device_authorization_endpoint)",
    })?;
    secure_url(endpoint).map_err(LoginError::insecure("device authorization endpoint"))?;
    let endpoint = DeviceAuthorizationUrl::new(endpoint.to_owned())
        .map_err(LoginError::bad_url("device authorization endpoint"))?;
    let client = client.clone().set_device_authorization_url(endpoint);
    let mut request = client
        .exchange_device_code()
        .add_scopes(server.scopes().map(|scope| Scope::new(scope.to_owned())));
    for (name, value) in server.parameters() {
        request = request.add_extra_param(name, value);
    }
    for (name, value) in how.parameters(server) {
        request = request.add_extra_param(name, value);
    }
    request
        .request_async(wire)
        .await
        .map_err(|error| wire::failed("the device authorization endpoint", error))
}

fn show(details: &CoreDeviceAuthorizationResponse) {
    eprintln!("To sign in, open this address on any device:");
    eprintln!("\n{}\n", printable(details.verification_uri().as_str()));
    eprintln!("and enter the code: {}", printable(details.user_code().secret()));
    if let Some(complete) = details.verification_uri_complete() {
        eprintln!(
            "\nor open this address, which has it in it:\n\n{}\n",
            printable(complete.secret())
        );
    }
    eprintln!(
        "waiting; the code lasts {}; Ctrl-C gives up",
        in_words(details.expires_in())
    );
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use http::{Request, Response};
    use oneflight::endpoint::{ExchangeError, ExchangeFailure, Metadata, exchange_fn};
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;
    use crate::exit::Exit;
    use crate::profile::Settings;

    /// A server that gives a code with an interval of 2 s, and then these answers to whoever polls.
    async fn poll(answers: &[(u16, &str)]) -> (Result<Granted, Failed>, Duration) {
        let code = json!({
            "device_code": "d", "user_code": "U", "verification_uri": "https://as.example/device",
            "expires_in": 600, "interval": 2,
        });
        let mut script = VecDeque::from([(200, code.to_string())]);
        script.extend(answers.iter().map(|(status, text)| (*status, (*text).to_owned())));
        let script = Arc::new(Mutex::new(script));
        let http = exchange_fn(move |_request: Request<Bytes>, _limit| {
            let (status, text) = script.lock().unwrap().pop_front().unwrap();
            std::future::ready(match status {
                0 => Err(ExchangeError::new(ExchangeFailure::NotConnected)),
                _ => Ok(Response::builder()
                    .status(status)
                    .body(Bytes::from(text))
                    .unwrap()),
            })
        });
        let metadata: Metadata = serde_json::from_value(json!({
            "issuer": "https://as.example", "token_endpoint": "https://as.example/token",
            "device_authorization_endpoint": "https://as.example/device_authorization",
        }))
        .unwrap();
        let settings = Settings::new(
            metadata.issuer.clone(),
            "app".to_owned(),
            metadata.token_endpoint.clone(),
        );
        let server = Server {
            settings: &settings,
            metadata: &metadata,
        };
        let how = How::on_another_device();
        let start = Instant::now();
        let done = sign_in(&server, &how, &Wire::new(http)).await;
        (done, start.elapsed())
    }

    const PENDING: (u16, &str) = (400, r#"{"error":"authorization_pending"}"#);
    const TOKENS: (u16, &str) = (
        200,
        r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r","expires_in":60}"#,
    );

    #[tokio::test(start_paused = true)]
    async fn c4_the_interval_is_kept_and_longer_when_the_server_says_so() {
        let (done, took) = poll(&[PENDING, PENDING, TOKENS]).await;
        assert!(done.is_ok());
        assert_eq!(took.as_secs(), 2 + 2);
        // RFC 8628 §3.5: five seconds more, from then on.
        let (done, took) = poll(&[PENDING, (400, r#"{"error":"slow_down"}"#), PENDING, TOKENS]).await;
        assert!(done.is_ok());
        assert_eq!(took.as_secs(), 2 + 7 + 7);
    }

    #[tokio::test(start_paused = true)]
    async fn c4_an_outage_is_waited_out() {
        let (done, took) = poll(&[(0, ""), (503, "<html>"), PENDING, TOKENS]).await;
        assert!(done.is_ok());
        assert!(took.as_secs() > 4 + 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn c4_the_end_of_the_code_and_a_refusal_end_the_wait() {
        for code in ["expired_token", "access_denied"] {
            let (done, _) = poll(&[PENDING, (400, &json!({ "error": code }).to_string())]).await;
            let Err(Failed { problem, .. }) = done else {
                panic!("nobody signed in")
            };
            assert!(problem.to_string().contains(code), "{problem}");
            assert_eq!(problem.exit(), Exit::SignIn);
        }
    }
}
