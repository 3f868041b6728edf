//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use http::HeaderName;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use super::api::{self, Here};
use super::counters::Origin;
use super::run::{Cors, RunOptions};
use super::shared::Shared;
use super::{authorize, control, discovery, json, token};

pub(crate) const AUTHORIZE: &str = "/oauth/authorize";
pub(crate) const TOKEN: &str = "/oauth/token";
pub(crate) const REVOKE: &str = "/oauth/revoke";
pub(crate) const USERINFO: &str = "/oauth/userinfo";
pub(crate) const JWKS: &str = "/oauth/jwks";

/// The authorization server; with the API too, if that has no port of its own.
pub(crate) fn auth(shared: Arc<Shared>, options: &RunOptions) -> Router {
    let mut router = Router::new()
        .route(AUTHORIZE, get(authorize::authorize).post(authorize::authorize))
        .route(TOKEN, post(token::token))
        .route(REVOKE, post(token::revoke))
        .route(USERINFO, get(discovery::userinfo).post(discovery::userinfo))
        .route(JWKS, get(discovery::jwks))
        .route(
            "/.well-known/oauth-authorization-server",
            get(discovery::metadata),
        )
        .route("/.well-known/openid-configuration", get(discovery::metadata))
        .merge(json_routes());
    if options.control {
        router = router.merge(control::routes());
    }
    if options.api_port.is_none() {
        router = router.merge(api_routes());
    }
    finish(router, shared, Origin::Auth, options)
}

/// The API on a port of its own, or the stranger, which is an API that no token belongs to.
pub(crate) fn api(shared: Arc<Shared>, origin: Origin, options: &RunOptions) -> Router {
    let router = match origin {
        Origin::Stranger => api_routes(),
        Origin::Auth | Origin::Api => api_routes().merge(json_routes()),
    };
    finish(router, shared, origin, options)
}

fn finish(router: Router<Here>, shared: Arc<Shared>, origin: Origin, options: &RunOptions) -> Router {
    let router = match &options.cors {
        Some(cors) => router.layer(cors_layer(cors)),
        None => router,
    };
    router.with_state(Here { shared, origin })
}

fn cors_layer(cors: &Cors) -> CorsLayer {
    let exposed: Vec<HeaderName> = cors.expose.iter().filter_map(|name| name.parse().ok()).collect();
    CorsLayer::new()
        .allow_credentials(true)
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
}

fn api_routes() -> Router<Here> {
    Router::new()
        .route("/api", any(api::handle))
        .route("/api/{*rest}", any(api::handle))
}

fn json_routes() -> Router<Here> {
    Router::new()
        .route("/api/auth/login", post(json::login))
        .route("/api/auth/refresh", post(json::refresh))
        .route("/api/auth/logout", post(json::logout))
        .route("/cookie/auth/login", post(json::login))
        .route("/cookie/auth/refresh", post(json::refresh))
        .route("/cookie/auth/logout", post(json::logout))
}
