//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, post};

use super::api::{self, Here};
use super::counters::Origin;
use super::shared::Shared;
use super::{json, token};

pub(crate) const TOKEN: &str = "/oauth/token";
pub(crate) const REVOKE: &str = "/oauth/revoke";

/// The authorization server; with the API too, if that has no port of its own.
pub(crate) fn auth(shared: Arc<Shared>, with_api: bool) -> Router {
    let router = Router::new()
        .route(TOKEN, post(token::token))
        .route(REVOKE, post(token::revoke))
        .merge(json_routes());
    let router = if with_api {
        router.merge(api_routes())
    } else {
        router
    };
    router.with_state(Here {
        shared,
        origin: Origin::Auth,
    })
}

/// The API on a port of its own, or the stranger, which is an API that no token belongs to.
pub(crate) fn api(shared: Arc<Shared>, origin: Origin) -> Router {
    let router = match origin {
        Origin::Stranger => api_routes(),
        Origin::Auth | Origin::Api => api_routes().merge(json_routes()),
    };
    router.with_state(Here { shared, origin })
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
