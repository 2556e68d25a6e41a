//! Plain HTTP where people should use HTTPS: every address answers with its place under the public
//! URL. What the `Host` header says never counts. Two get another answer: a certificate authority that asks
//! whether the host is ours, and programs, which would follow the way and never notice that they sent their
//! key in the clear (ASVS 4.1.2).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::layers;
use super::places;
use super::problem::Problem;
use super::server::{Edge, Limits};
use crate::config::Config;
use crate::ids;
use crate::tls::Tls;

/// Below which an authority asks, RFC 8555 §8.3.
const CHALLENGE: &str = "/.well-known/acme-challenge/";
/// The one address below `/api` that people open.
const PAPERS: &str = "/api/docs";
/// Connections at a time: each asks once and goes.
const CONNECTIONS: usize = 1_000;

/// What the plain listener serves.
pub fn edge(config: &Config, tls: Option<Arc<Tls>>, limits: Limits) -> Edge {
    let public_url: Arc<str> = config.server.public_url.as_str().into();
    let headers = layers::security_headers(false);
    let dressed = Arc::clone(&headers);
    let plain = Plain { public_url, tls };
    let router = Router::new().fallback(answer).with_state(plain).layer(
        axum::middleware::map_response(move |mut response: Response| {
            for (name, value) in &*dressed {
                response.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            std::future::ready(response)
        }),
    );
    let limits = Limits { connections: CONNECTIONS, ..limits };
    Edge { router, limits, headers, uncounted: places::uncounted(&[]), tls: None, live: None }
}

#[derive(Clone)]
struct Plain {
    public_url: Arc<str>,
    tls: Option<Arc<Tls>>,
}

async fn answer(State(plain): State<Plain>, uri: Uri) -> Response {
    let token = uri.path().strip_prefix(CHALLENGE);
    let challenge = token.and_then(|token| plain.tls.as_ref()?.challenge(token));
    match challenge {
        Some(challenge) => challenge.into_response(),
        None if layers::is_for_programs(uri.path()) && uri.path() != PAPERS => refuse(),
        None => away(&plain.public_url, &uri),
    }
}

fn refuse() -> Response {
    let (problem, id) = (Problem::https_only(), ids::word());
    let document = problem.document(&id);
    let kind = HeaderValue::from_static("application/problem+json");
    let mut response = (problem.status, [(CONTENT_TYPE, kind)], document).into_response();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// 308 keeps the method, so that a program that posts finds out what is wrong.
fn away(public_url: &str, uri: &Uri) -> Response {
    let place = uri.path_and_query().map_or("/", |place| place.as_str());
    let place = if place.starts_with('/') { place } else { "/" };
    match HeaderValue::from_str(&format!("{public_url}{place}")) {
        Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
