//! An answer that says what went wrong (RFC 9457).
//!
//! A handler returns a [`Problem`]; its response carries it unwritten, and [`super::layers`]
//! writes it once it knows who asked: problem+json for programs, a page for people. So every
//! error of every door has the same form and the same request id.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::FieldError;

/// When it is worth trying again where there was no room.
pub const ROOM_RETRY: Duration = Duration::from_secs(2);

/// What went wrong, for programs (`code`) and for people (`detail`).
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// The fields that are wrong, if it is about fields.
    pub errors: Vec<FieldError>,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// What lies behind it. Logged, never sent.
    pub cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem with nothing more to say than its sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail, errors: Vec::new(), retry_after: None, cause: None }
    }

    /// The body is no JSON that can be read.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    }

    /// The body is not JSON at all.
    pub fn unsupported_media_type() -> Self {
        let detail = "Send the body as application/json in UTF-8.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// The body is larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("The body is larger than {} KiB.", limit / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// The head holds more than is read.
    pub fn too_many_headers() -> Self {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, "too_many_headers", "The request has too many headers, or too long ones.")
    }

    /// The body did not arrive in time.
    pub fn too_slow() -> Self {
        let detail = "The request did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    }

    /// There is nothing here, or nothing that the asker may know of.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
    }

    /// The address exists, the method does not. The router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        let detail = "This address does not take this method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// Doorkey cannot do it now; the same request may work in a moment.
    pub fn unavailable(retry_after: Duration) -> Self {
        let detail = "This cannot be done at the moment. Please try again shortly.";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// A bug. The sentence gives nothing away; the log has the cause and the request id.
    pub fn internal() -> Self {
        let detail = "Something went wrong on our side. It has been noted.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// What a library answered with `status` and no word of ours.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            status if status.is_client_error() => {
                Self::new(status, "malformed", "This request cannot be read.")
            }
            _ => Self::internal(),
        }
    }

    /// The same problem with what lies behind it, for the log.
    #[must_use]
    pub fn because(self, cause: impl StdError + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..self }
    }

    /// The document for programs. `type` stays `about:blank`: the status says what kind of
    /// problem it is, and `code` says which.
    pub fn document(&self, request_id: &str) -> String {
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        });
        if !self.errors.is_empty() {
            document["errors"] = json!(self.errors);
        }
        document.to_string()
    }

    /// The cause and everything behind it, on one line.
    pub fn chain(&self) -> String {
        let mut chain = Vec::new();
        let mut link = self.cause.as_deref().map(|cause| cause as &dyn StdError);
        while let Some(cause) = link {
            chain.push(cause.to_string());
            link = cause.source();
        }
        chain.join(": ")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// `Retry-After` counts whole seconds, so a part of one is a whole one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}
