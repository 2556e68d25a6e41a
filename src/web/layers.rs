//! What every request passes on its way in and every answer on its way out: limits, the request's
//! id, the security headers, the words for problems, the log.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use askama::Template as _;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    self, ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::HEAD_BYTES;
use super::ctx::{NetworkKey, RequestId, Shared};
use super::hub::ErrorPage;
use super::problem::{Problem, ROOM_RETRY};
use super::server::Limits;
use super::upload;
use crate::cause::caused_by;
use crate::{ids, metrics};

/// Nothing but our own files, and text only as text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'; trusted-types doorkey";

macro_rules! permissions {
    ($passkeys:literal) => {
        concat!(
            "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
             fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
             payment=(), picture-in-picture=(), publickey-credentials-create=",
            $passkeys,
            ", publickey-credentials-get=",
            $passkeys,
            ", screen-wake-lock=(), usb=(), xr-spatial-tracking=()"
        )
    };
}

/// No page of ours asks for any of these.
const PERMISSIONS: &str = permissions!("()");
/// But the desk, whose people have passkeys.
pub(super) const DESK_PERMISSIONS: &str = permissions!("(self)");

/// A body over the limit is read up to this many bytes before it is refused, because closing a
/// socket with unread bytes takes the answer back.
const READ_ANYWAY: usize = 1024 * 1024;
/// These answer however full the house is.
const ALWAYS: [&str; 2] = ["/healthz", "/readyz"];

/// The headers of every answer (ASVS 3.4), unless a handler set its own.
pub fn security_headers(https: bool) -> Arc<[(HeaderName, HeaderValue)]> {
    let mut headers = vec![
        (CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (CACHE_CONTROL, "no-store"),
    ];
    if https {
        headers.push((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    }
    let values = headers.into_iter();
    values.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// What the layers need to know.
struct Layers {
    shared: Shared,
    limits: Limits,
    headers: Arc<[(HeaderName, HeaderValue)]>,
    trusted: Vec<IpNet>,
    room: Semaphore,
}

/// Puts the layers around every route and fallback of `router`; what the `trusted` proxies say of where
/// a request comes from is believed.
pub fn wrap(
    router: Router,
    shared: Shared,
    limits: Limits,
    headers: Arc<[(HeaderName, HeaderValue)]>,
    trusted: Vec<IpNet>,
) -> Router {
    let room = Semaphore::new(limits.requests);
    let layers = Arc::new(Layers { shared, limits, headers, trusted, room });
    router.layer(from_fn_with_state(layers, pass))
}

async fn pass(State(layers): State<Arc<Layers>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _counted = metrics::InFlight::begin();
    let id = RequestId(ids::word().into());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let for_program = is_program(&request);
    let (extensions, headers) = (request.extensions(), request.headers());
    let network = NetworkKey::of_request(extensions, headers, &layers.trusted).coarse().into();
    let outcome = caused_by(Arc::clone(&id.0), network, layers.admit(request, next)).await;
    let mut response = layers.word(outcome, for_program, &id).await;
    layers.dress(response.headers_mut(), &id);
    if is_chunked {
        // A proxy before us may have read the end of this request otherwise: nothing can hide behind it
        // (RFC 9112 §6.1 and §11.2).
        response = close(response);
    }
    let (route, status) = (route.as_ref().map_or("-", MatchedPath::as_str), response.status());
    let took = started.elapsed();
    metrics::request(route, method.as_str(), status.as_u16(), took);
    tracing::info!(
        %method,
        route,
        status = status.as_u16(),
        duration_ms = took.as_millis() as u64,
        request_id = &*id.0,
        "request"
    );
    response
}

/// Whether a program asks, and not somebody who looks at a page.
pub(super) fn is_program(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    is_for_programs(request.uri().path()) || accept.is_some_and(|kind| kind.contains("json"))
}

/// Whether an address is one that programs ask.
pub(super) fn is_for_programs(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Whether a head of HTTP/2 is longer than one may be, counted as RFC 9113 §6.5.2 does. That of
/// HTTP/1.1 was bounded as it was read.
fn is_too_long(request: &Request) -> bool {
    let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 32;
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    request.version() == Version::HTTP_2
        && target + request.headers().iter().map(field).sum::<usize>() > HEAD_BYTES
}

impl Layers {
    /// Lets the request in within the limits.
    async fn admit(&self, request: Request, next: Next) -> Response {
        if request.headers().len() > self.limits.headers || is_too_long(&request) {
            return Problem::too_many_headers().into_response();
        }
        // A file is read by its handler, once it is known who sends it.
        let is_upload = upload::is_upload(request.method(), request.uri().path());
        let (request, time) = if is_upload {
            let most = upload::READ_ANYWAY;
            let request = request.map(|body| Body::new(Limited::new(body, most)));
            (request, self.limits.body + self.limits.answer)
        } else if request.body().is_end_stream() {
            (request, self.limits.answer)
        } else {
            match timeout(self.limits.body, self.read(request)).await {
                Ok(Ok(request)) => (request, self.limits.answer),
                Ok(Err(problem)) => return problem.into_response(),
                Err(_) => return close(Problem::too_slow().into_response()),
            }
        };
        let _room = match self.room.try_acquire() {
            Ok(room) => Some(room),
            Err(_) if ALWAYS.contains(&request.uri().path()) => None,
            Err(_) => return Problem::unavailable(ROOM_RETRY).into_response(),
        };
        match timeout(time, unpanicked(next.run(request))).await {
            Ok(response) => response,
            Err(_) => Problem::unavailable(ROOM_RETRY).into_response(),
        }
    }

    /// Reads the body whole, so no handler waits for a client.
    async fn read(&self, request: Request) -> Result<Request, Problem> {
        let path = request.uri().path();
        let for_tickets =
            ["/api/v1/tickets", "/admin/tickets"].iter().any(|at| path.starts_with(at));
        let limit = match path {
            // A picture that is too large is refused in words, with what else stands on the page.
            "/admin/settings/logo" => READ_ANYWAY,
            _ if for_tickets => self.limits.ticket_body_bytes,
            _ => self.limits.body_bytes,
        };
        let (parts, mut body) = request.into_parts();
        let declared = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if declared.and_then(|text| text.parse().ok()).is_some_and(|size: usize| size > READ_ANYWAY)
        {
            return Err(Problem::too_large(limit));
        }
        let (mut kept, mut size) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Problem::unreadable().because(error))?;
            let Some(bytes) = frame.data_ref() else { continue };
            size += bytes.len();
            if size > READ_ANYWAY {
                break;
            }
            if size <= limit {
                kept.extend_from_slice(bytes);
            }
        }
        if size > limit {
            return Err(Problem::too_large(limit));
        }
        Ok(Request::from_parts(parts, Body::from(kept)))
    }

    /// Puts a problem into words, once, in the form that the asker reads.
    async fn word(&self, mut response: Response, for_program: bool, id: &RequestId) -> Response {
        let Some(problem) = problem_of(&mut response) else {
            return response;
        };
        log(&problem, id);
        let page = if for_program { None } else { self.page(&problem, id).await };
        let (kind, body) = match page {
            Some(page) => ("text/html; charset=utf-8", page),
            None => ("application/problem+json", problem.document(&id.0)),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_LENGTH, body.len().into());
        *response.body_mut() = Body::from(body);
        response
    }

    async fn page(&self, problem: &Problem, id: &RequestId) -> Option<String> {
        let Shared { app, sites, .. } = &self.shared;
        // Whoever is sent away because there is too much to do is not to make more of it.
        let busy = problem.status == StatusCode::SERVICE_UNAVAILABLE;
        let settings = if busy { app.last_shown() } else { app.shown().await };
        let site = sites.of(&settings);
        ErrorPage::new(&site, problem.status.as_u16(), Some(&id.0)).render().ok()
    }

    fn dress(&self, headers: &mut HeaderMap, id: &RequestId) {
        for (name, value) in &*self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Ok(id) = HeaderValue::from_str(&id.0) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
    }
}

/// Ends the connection after this answer: what the client may still send belongs to it.
fn close(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The problem that a response carries, or that it is: a library that refuses a request answers
/// in plain text or with nothing at all.
fn problem_of(response: &mut Response) -> Option<Problem> {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Some(problem);
    }
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let wordless = kind.is_none_or(|kind| kind.starts_with(b"text/plain"));
    (failed && wordless).then(|| Problem::of_status(status))
}

/// A bug is logged here and nowhere else, with all that lies behind it.
fn log(problem: &Problem, id: &RequestId) {
    if problem.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request_id = &*id.0, cause = problem.chain(), "a request met a bug");
    } else if problem.status.is_server_error() {
        tracing::warn!(request_id = &*id.0, cause = problem.chain(), "a request was put off");
    }
}

/// What a handler panicked with.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);

impl Panicked {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(text.unwrap_or("without a word").to_owned())
    }
}

/// Runs a handler; should it panic, that is its problem and nobody else's.
async fn unpanicked(handler: impl Future<Output = Response>) -> Response {
    let mut handler = pin!(handler);
    let polled = poll_fn(|context| {
        // After a panic the handler is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Ok(response)),
            Err(payload) => Poll::Ready(Err(Panicked::new(&*payload))),
        }
    });
    polled.await.unwrap_or_else(|panic| Problem::internal().because(panic).into_response())
}
