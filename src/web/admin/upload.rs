//! A form with a file in it, `multipart/form-data`.

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};

use crate::web::problem::Problem;

/// Parts of one form at most; ours have three.
const MOST: usize = 16;

/// What was sent.
#[derive(Debug, Default)]
pub struct Upload {
    parts: Vec<(String, Bytes)>,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let form = Multipart::from_request(request, state).await;
        let mut form = form.map_err(|_| Problem::unsupported_form())?;
        let mut parts = Vec::new();
        while let Some(part) = form.next_field().await.map_err(|_| Problem::damaged_form())? {
            let name = part.name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(|_| Problem::damaged_form())?;
            parts.push((name, bytes));
            if parts.len() > MOST {
                return Err(Problem::damaged_form());
            }
        }
        Ok(Self { parts })
    }
}

impl Upload {
    /// The bytes of a part; none if it is not there, or a browser sent it empty.
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.parts.iter().find(|part| part.0 == name).map_or(&[], |part| &part.1)
    }

    /// The text of a part; empty if it is not there or no text.
    pub fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap_or_default()
    }
}
