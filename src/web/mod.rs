//! Every URL, one line each.

pub mod admin;
pub mod api;
pub mod assets;
mod connection;
pub mod cookies;
pub mod ctx;
pub mod dev;
pub mod health;
pub mod hub;
pub mod input;
pub mod layers;
pub mod listener;
mod logo;
pub mod metrics;
mod paint;
mod places;
pub mod portal;
pub mod problem;
mod proxies;
pub mod redirect;
pub mod reply;
mod security;
pub mod server;
pub mod site;
pub mod streams;
mod strict_json;
mod upload;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::app::App;
use ctx::Shared;
use portal::kept::Pages;
use problem::Problem;
use server::{Edge, Limits};
use site::Sites;

/// Every URL.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(hub::show))
        .merge(portal::routes())
        .merge(admin::routes())
        .merge(dev::routes())
        .route("/assets/{file}", get(assets::show))
        .route("/logo/{hash}", get(logo::show))
        .route("/.well-known/security.txt", get(security::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(api::routes())
}

/// Everything that `app` serves, within `limits`.
pub fn edge(app: Arc<App>, limits: Limits) -> Edge {
    edge_with(routes(), app, limits)
}

/// The same for other routes, for tests of what every route can rely on.
pub fn edge_with(routes: Router<Shared>, app: Arc<App>, limits: Limits) -> Edge {
    let headers = layers::security_headers(app.config.server.public_url.is_https());
    let trusted = app.config.server.trusted_proxies.clone();
    let uncounted = places::uncounted(&trusted);
    let limits = counted(&app, limits);
    let live = Arc::clone(&app.live);
    let sites = Arc::new(Sites::new(&app.last_shown()));
    let shared =
        Shared { app, sites, pages: Arc::new(Pages::new(limits.pages)), watch: Arc::default() };
    let router = routes
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .with_state(shared.clone())
        .layer(from_fn_with_state(shared.clone(), admin::guard::guard));
    let router = layers::wrap(router, shared, limits, Arc::clone(&headers), trusted);
    Edge { router, limits, headers, uncounted, tls: None, live: Some(live) }
}

/// A load test comes from one machine.
fn counted(app: &App, limits: Limits) -> Limits {
    if app.config.limits { limits } else { Limits { network_connections: usize::MAX, ..limits } }
}
