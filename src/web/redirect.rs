//! Plain HTTP where people should use HTTPS: every address answers with its place under the public
//! URL. What the `Host` header says never counts.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::layers;
use super::places;
use super::server::{Edge, Limits};
use crate::config::Config;

/// Connections at a time: each asks once and goes.
const CONNECTIONS: usize = 1_000;

/// What the plain listener serves.
pub fn edge(config: &Config, limits: Limits) -> Edge {
    let public_url: Arc<str> = config.server.public_url.as_str().into();
    let headers = layers::security_headers(false);
    let dressed = Arc::clone(&headers);
    let router = Router::new().fallback(away).with_state(public_url).layer(
        axum::middleware::map_response(move |mut response: Response| {
            for (name, value) in &*dressed {
                response.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            std::future::ready(response)
        }),
    );
    let limits = Limits { connections: CONNECTIONS, ..limits };
    Edge { router, limits, headers, uncounted: places::uncounted(&[]), tls: None }
}

/// 308 keeps the method, so that a program that posts finds out what is wrong.
async fn away(State(public_url): State<Arc<str>>, uri: Uri) -> Response {
    let place = uri.path_and_query().map_or("/", |place| place.as_str());
    let place = if place.starts_with('/') { place } else { "/" };
    match HeaderValue::from_str(&format!("{public_url}{place}")) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
