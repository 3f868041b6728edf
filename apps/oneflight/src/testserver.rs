//! `oneflight testserver`: the test kit's server, for clients in any language.

use oneflight_testkit::{Cors, OldAccessTokens, Rotation, StartError, TestServer};

use crate::cli::{CorsRule, Fate, RotationRule, TestserverArgs};
use crate::exit::{Exit, Problem};

/// Runs the server until Ctrl-C.
pub(crate) async fn run(args: TestserverArgs) -> Result<Exit, Problem> {
    let mut builder = TestServer::builder();
    if let Some(port) = args.api_port {
        builder = builder.api_port(port);
    }
    if args.stranger {
        builder = builder.with_stranger();
    }
    if let Some(rule) = args.cors {
        builder = builder.cors(match rule {
            CorsRule::Exposing => Cors::permissive(),
            CorsRule::Hiding => Cors::hiding(),
        });
    }
    let server = builder
        .port(args.port)
        .rotation(match args.rotation {
            RotationRule::Strict => Rotation::Strict,
            RotationRule::Refusing => Rotation::Refusing,
            RotationRule::Grace(window) => Rotation::grace(window),
            RotationRule::None => Rotation::None,
        })
        .access_token_lifetime(args.access_token_lifetime)
        .with_settings(|settings| {
            settings.refresh_token_lifetime = args.refresh_token_lifetime;
            settings.old_access_tokens = match args.old_access_tokens {
                Fate::Live => OldAccessTokens::Live,
                Fate::Die => OldAccessTokens::Die,
            };
        })
        .start()
        .await
        .map_err(|error| match error {
            StartError::PortInUse { port, source } => Problem::Port { port, source },
            other => Problem::TestServer { source: other },
        })?;
    println!("issuer:          {}", server.issuer());
    println!("token endpoint:  {}", server.token_url());
    println!("revocation:      {}", server.revocation_url());
    println!("API:             {}", server.api_url("/api/anything"));
    if args.stranger {
        println!("stranger:        {}", server.stranger_url("/api/anything"));
    }
    println!("control plane:   {}", server.control_url(""));
    println!("clients:         app (public), service (secret: secret)");
    eprintln!("Ctrl-C ends it.");
    // Without a signal handler the server runs until it is killed; there is nothing to save.
    let _ = tokio::signal::ctrl_c().await;
    server.shutdown().await;
    Ok(Exit::Well)
}
