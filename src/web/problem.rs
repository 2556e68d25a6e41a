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

/// Declares the codes, each with its status and its word, so that none can be left out of the
/// description of the API.
macro_rules! codes {
    ($($(#[$about:meta])* $code:ident = $status:ident $word:literal;)*) => {
        /// Which problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$about])* $code,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// A stable word for programs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }

            /// The status it comes with.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)*
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON object, or a name comes twice in it.
    MalformedJson = BAD_REQUEST "malformed_json";
    /// The request cannot be read. What a library refuses keeps the library's status.
    Malformed = BAD_REQUEST "malformed";
    /// Plain HTTP came to an address that speaks HTTPS.
    HttpsOnly = BAD_REQUEST "https_only";
    /// The link was good once; its time is over.
    LinkExpired = UNAUTHORIZED "link_expired";
    /// The link is missing, unknown, revoked, or its customer is no longer active.
    LinkInvalid = UNAUTHORIZED "link_invalid";
    /// The code is wrong, too old, used, or was tried too often.
    CodeInvalid = UNAUTHORIZED "code_invalid";
    /// The API key is missing, unknown or revoked.
    KeyInvalid = UNAUTHORIZED "key_invalid";
    /// The API key's role does not allow this.
    Forbidden = FORBIDDEN "forbidden";
    /// There is nothing here, or nothing that the asker may know of.
    NotFound = NOT_FOUND "not_found";
    /// The address exists, the method does not.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed";
    /// The body did not arrive in time.
    RequestTimeout = REQUEST_TIMEOUT "request_timeout";
    /// The ticket is closed, so a customer cannot reply.
    TicketClosed = CONFLICT "ticket_closed";
    /// A ticket of this status cannot get that one.
    TransitionRefused = CONFLICT "transition_refused";
    /// The body is larger than may be.
    TooLarge = PAYLOAD_TOO_LARGE "too_large";
    /// The body is not sent as JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type";
    /// Fields are wrong; each names itself and the reason.
    Invalid = UNPROCESSABLE_ENTITY "invalid";
    /// The `Idempotency-Key` was used for another request.
    IdempotencyMismatch = UNPROCESSABLE_ENTITY "idempotency_mismatch";
    /// Too many of these.
    RateLimited = TOO_MANY_REQUESTS "rate_limited";
    /// The head holds more than is read.
    TooManyHeaders = REQUEST_HEADER_FIELDS_TOO_LARGE "too_many_headers";
    /// The body is no form that can be read. Of the desk.
    MalformedForm = BAD_REQUEST "malformed_form";
    /// Nobody is signed in. Of the desk.
    SignedOut = UNAUTHORIZED "signed_out";
    /// An admin who needs a passkey came without one. Of the desk.
    PasskeyRequired = FORBIDDEN "passkey_required";
    /// The request did not come from a page of ours. Of the desk.
    CrossSite = FORBIDDEN "cross_site";
    /// A bug.
    Internal = INTERNAL_SERVER_ERROR "internal";
    /// It cannot be done now; the same request may work in a moment.
    Unavailable = SERVICE_UNAVAILABLE "unavailable";
}

impl Code {
    /// Whether only pages of the desk answer it, and no operation of the API.
    pub fn is_of_the_desk(self) -> bool {
        matches!(
            self,
            Self::MalformedForm | Self::SignedOut | Self::PasskeyRequired | Self::CrossSite
        )
    }
}

/// What went wrong, for programs (`code`) and for people (`detail`).
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status: that of the code, unless a library chose another.
    pub status: StatusCode,
    /// Which problem it is.
    pub code: Code,
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
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (status, detail) = (code.status(), detail.into());
        Self { status, code, detail, errors: Vec::new(), retry_after: None, cause: None }
    }

    /// The body is no JSON that can be read.
    pub fn malformed_json(detail: impl Into<String>) -> Self {
        Self::new(Code::MalformedJson, detail)
    }

    /// The body broke off, or its framing is wrong.
    pub fn unreadable() -> Self {
        Self::new(Code::Malformed, "The request's body cannot be read.")
    }

    /// The body is not JSON at all.
    pub fn unsupported_media_type() -> Self {
        let detail = "Send the body as application/json in UTF-8.";
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// The body is no form that can be read.
    pub fn malformed_form() -> Self {
        Self::new(Code::MalformedForm, "This form is not UTF-8.")
    }

    /// The form is one of ours, but what stands in a field that nobody types in cannot be read.
    pub fn damaged_form() -> Self {
        let detail = "This form was changed or cut off on its way, so nothing was done. Please load \
            the page again and send it from there.";
        Self::new(Code::MalformedForm, detail)
    }

    /// The body is no form at all.
    pub fn unsupported_form() -> Self {
        let detail = "Send the form as application/x-www-form-urlencoded.";
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// What was sent is no form with a file.
    pub fn unsupported_upload() -> Self {
        let detail = "Send the file as multipart/form-data.";
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// An admin who needs a passkey came in without one.
    pub fn passkey_required() -> Self {
        let detail = "Admins need a passkey here. Sign in with it, or add your first one.";
        Self::new(Code::PasskeyRequired, detail)
    }

    /// Nobody is signed in at the desk (any more).
    pub fn signed_out() -> Self {
        Self::new(Code::SignedOut, "You are signed out. Sign in again.")
    }

    /// Another site sent the request, in the name of whoever is signed in.
    pub fn cross_site() -> Self {
        let detail = "This request did not come from a page of the desk, so nothing was done. \
            Open the desk itself and do it there.";
        Self::new(Code::CrossSite, detail)
    }

    /// The body is larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(Code::TooLarge, format!("The body is larger than {} KiB.", limit / 1024))
    }

    /// The head holds more than is read.
    pub fn too_many_headers() -> Self {
        let detail = "The request has too many headers, or too long ones.";
        Self::new(Code::TooManyHeaders, detail)
    }

    /// The body did not arrive in time.
    pub fn too_slow() -> Self {
        Self::new(Code::RequestTimeout, "The request did not arrive in time.")
    }

    /// Plain HTTP came to an address that speaks HTTPS.
    pub fn https_only() -> Self {
        let detail = "This address speaks HTTPS: write https:// in front of it.";
        Self::new(Code::HttpsOnly, detail)
    }

    /// There is nothing here, or nothing that the asker may know of.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing here.")
    }

    /// The address exists, the method does not. The router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        Self::new(Code::MethodNotAllowed, "This address does not take this method.")
    }

    /// Doorkey cannot do it now; the same request may work in a moment.
    pub fn unavailable(retry_after: Duration) -> Self {
        let detail = "This cannot be done at the moment. Please try again shortly.";
        Self { retry_after: Some(retry_after), ..Self::new(Code::Unavailable, detail) }
    }

    /// A bug. The sentence gives nothing away; the log has the cause and the request id.
    pub fn internal() -> Self {
        let detail = "Something went wrong on our side. It has been noted.";
        Self::new(Code::Internal, detail)
    }

    /// What a library answered with `status` and no word of ours.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(),
            status if status.is_client_error() => {
                let problem = Self::new(Code::Malformed, "This request cannot be read.");
                Self { status, ..problem }
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
            "code": self.code.as_str(),
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
