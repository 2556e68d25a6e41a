//! Timeline entries: as their customer reads them, and as staff and programs do.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::entries::{Entry, Visibility};
use crate::domain::tickets::Status;
use crate::web::api::openapi::words::{
    Id, KindWord, OwnKindWord, StatusWord, Time, VisibilityWord,
};

/// A timeline entry as the customer sees it.
#[derive(Serialize, ToSchema)]
pub struct OwnEntry {
    /// Grows along the timeline.
    #[schema(value_type = Id)]
    pub id: String,
    /// What happened.
    #[schema(value_type = OwnKindWord)]
    pub kind: &'static str,
    /// When.
    #[schema(value_type = Time)]
    pub at: String,
    /// Whose hand it is from, if they have a name the reader may know.
    #[schema(required)]
    pub author: Option<String>,
    /// What they wrote.
    #[schema(required)]
    pub body: Option<String>,
    /// The status before.
    #[schema(value_type = Option<StatusWord>, required)]
    pub from: Option<&'static str>,
    /// The status after.
    #[schema(value_type = Option<StatusWord>, required)]
    pub to: Option<&'static str>,
}

impl From<Entry> for OwnEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.as_str(),
            at: entry.at.rfc3339(),
            author: entry.author,
            body: entry.body,
            from: entry.from.map(Status::as_str),
            to: entry.to.map(Status::as_str),
        }
    }
}

/// A timeline entry as staff and programs see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
pub struct DeskEntry {
    /// Grows along the timeline.
    #[schema(value_type = Id)]
    pub id: String,
    /// What happened.
    #[schema(value_type = KindWord)]
    pub kind: &'static str,
    /// When.
    #[schema(value_type = Time)]
    pub at: String,
    /// Whose hand it is from, if they have a name.
    #[schema(required)]
    pub author: Option<String>,
    /// What they wrote; of `assigned`, who works on it now.
    #[schema(required)]
    pub body: Option<String>,
    /// The status before.
    #[schema(value_type = Option<StatusWord>, required)]
    pub from: Option<&'static str>,
    /// The status after.
    #[schema(value_type = Option<StatusWord>, required)]
    pub to: Option<&'static str>,
    /// Whether the customer sees it.
    #[schema(value_type = VisibilityWord)]
    pub visibility: &'static str,
}

impl From<Entry> for DeskEntry {
    fn from(entry: Entry) -> Self {
        let visibility = Visibility::as_str(entry.visibility);
        let OwnEntry { id, kind, at, author, body, from, to } = entry.into();
        Self { id, kind, at, author, body, from, to, visibility }
    }
}
