//! A file that a form sends (`multipart/form-data`, RFC 7578). Its body is the one that `layers` does
//! not read whole before anybody has asked who is there: see [`is_upload`].

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::Method;

use super::problem::Problem;

/// Where a file may be sent to.
const PLACES: [&str; 1] = ["/admin/customers/import"];
/// Bytes of a body that are read and thrown away to tell its sender that it is too large: closing a
/// socket with unread bytes takes the answer back.
pub const READ_ANYWAY: usize = 64 * 1024 * 1024;
/// The name of the field.
const FIELD: &str = "file";

/// Whether the body is left to the handler, which knows who sends it.
pub fn is_upload(method: &Method, path: &str) -> bool {
    method == Method::POST && PLACES.contains(&path)
}

/// What was sent.
#[derive(Debug)]
pub enum Upload {
    /// A file.
    File {
        /// What it is called there.
        name: String,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// A form in which no file was chosen.
    Nothing,
    /// More than the place takes.
    TooLarge,
}

impl Upload {
    /// Reads the form's file, of `most` bytes at most.
    ///
    /// # Errors
    /// 415 for what is no such form, 400 for one that is damaged or breaks off.
    pub async fn read<S: Send + Sync>(
        request: Request,
        state: &S,
        most: usize,
    ) -> Result<Self, Problem> {
        let form = Multipart::from_request(request, state).await;
        let mut form = form.map_err(|_| Problem::unsupported_upload())?;
        let mut found = Self::Nothing;
        while let Some(field) = form.next_field().await.map_err(broken)? {
            let is_it = field.name() == Some(FIELD);
            let read = Self::of(field, most).await?;
            if is_it {
                found = read;
            }
        }
        Ok(found)
    }

    async fn of(mut field: Field<'_>, most: usize) -> Result<Self, Problem> {
        let name = field.file_name().unwrap_or_default().to_owned();
        let (mut bytes, mut size) = (Vec::new(), 0);
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            size += chunk.len();
            if size <= most {
                bytes.extend_from_slice(&chunk);
            }
        }
        match size {
            0 if name.is_empty() => Ok(Self::Nothing),
            _ if size > most => Ok(Self::TooLarge),
            _ => Ok(Self::File { name, bytes }),
        }
    }
}

fn broken(error: axum::extract::multipart::MultipartError) -> Problem {
    // What was read anyway has its end, too.
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large(READ_ANYWAY);
    }
    Problem::unreadable().because(error)
}
