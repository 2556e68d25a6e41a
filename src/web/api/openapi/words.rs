//! The words and texts of the API as schemas, made from the lists and limits that readers use, so
//! that they cannot say anything else. None of these types ever has a value.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::{Value, json};
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::patterns;
use crate::domain::entries::{Kind, Visibility};
use crate::domain::events::EventKind;
use crate::domain::links::Reason;
use crate::domain::staff::Role;
use crate::domain::text;
use crate::domain::tickets::{Priority, Sort, Status};
use crate::domain::webhooks::DeliveryState;
use crate::error::FieldCode;
use crate::web::problem::Code;

/// Declares types that stand for a schema of their own.
macro_rules! schemas {
    ($($(#[$about:meta])* $type:ident as $name:literal = $schema:expr;)*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub struct $type;

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let schema: Object = $schema;
                schema.into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

schemas! {
    /// How far a ticket is.
    StatusWord as "Status" = words(Status::ALL.map(Status::as_str));
    /// How much a ticket matters.
    PriorityWord as "Priority" = words(Priority::ALL.map(Priority::as_str));
    /// In which order tickets are listed, greatest first.
    SortWord as "Sort" = words(Sort::ALL.map(Sort::as_str));
    /// What happened.
    KindWord as "Kind" = words(Kind::ALL.map(Kind::as_str));
    /// What happened, of that which the customer sees.
    OwnKindWord as "OwnKind" =
        words(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Assigned).map(Kind::as_str));
    /// Who may see an entry.
    VisibilityWord as "Visibility" = words(Visibility::ALL.map(Visibility::as_str));
    /// Why a link was made.
    ReasonWord as "Reason" = words(Reason::ALL.map(Reason::as_str));
    /// What a member of staff, or an API key, may do.
    RoleWord as "Role" = words(Role::ALL.map(Role::as_str));
    /// What kind of thing happened.
    EventWord as "EventType" = words(EventKind::ALL.map(EventKind::as_str));
    /// How far a delivery is.
    DeliveryWord as "DeliveryState" = words(DeliveryState::ALL.map(DeliveryState::as_str));
    /// The URL that is called: https, without user name, password or fragment, and at a public
    /// address. The setting `webhooks.allow` can allow others, and http. Lengths count as the URL is
    /// written out, with its path, letters beyond ASCII as `%…`.
    Target as "Target" = target();
    /// What is wrong with a field.
    FieldCodeWord as "FieldCode" = words(FieldCode::ALL.map(|code| json!(code)));
    /// What a ticket is about, on one line.
    Subject as "Subject" = line_of(text::SUBJECT);
    /// What the customer says at first.
    Description as "Description" = text_of(text::DESCRIPTION);
    /// What a customer replies.
    ReplyText as "ReplyText" = text_of(text::REPLY);
    /// What staff or a program notes.
    NoteText as "NoteText" = text_of(text::NOTE);
    /// How a ticket was resolved.
    ResolutionText as "ResolutionText" = text_of(text::RESOLUTION);
    /// A name, on one line.
    Name as "Name" = line_of(text::NAME);
    /// One of the operator's list of categories, as the setting `tickets.categories` has it.
    Category as "Category" = such_as(line_of(text::REQUIRED_NAME), "Alarm");
    /// A telephone number, on one line.
    Phone as "Phone" = line_of(text::PHONE);
    /// Staff's notes about a customer.
    CustomerNotes as "CustomerNotes" = text_of(text::CUSTOMER_NOTES);
    /// Words that are searched for.
    Search as "Search" = such_as(line_of(text::QUERY), "camera");
    /// An e-mail address. Compared without regard to case; white space around it is forgiven.
    Address as "Address" = address();
    /// A ticket's name.
    TicketReference as "Reference" = pattern(patterns::REFERENCE, "TKT-7K3M9Q");
    /// A ticket's name as it is sent: case and look-alikes (`O` for `0`, `I` and `L` for `1`) do
    /// not matter.
    TypedReference as "TypedReference" = pattern(patterns::TYPED_REFERENCE, "TKT-7K3M9Q");
    /// An id: digits, as text, because a JSON number holds too few of them.
    Id as "Id" = pattern(patterns::ID, "378211890437750784");
    /// A place in a list: what the list gave, and nothing else.
    Cursor as "Cursor" = pattern(patterns::WORD, "AAABoqLZJgAFP6xHv0AAAA");
    /// Which problem it is: a stable word for programs.
    CodeWord as "ProblemCode" = words(of_the_api());
    /// Six digits; white space between them does not matter.
    CodeDigits as "CodeDigits" = pattern(patterns::CODE, "204 816");
    /// A moment, in UTC.
    Time as "Time" = time();
}

fn words(words: impl IntoIterator<Item = impl Into<Value>>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// A text of several lines and so many Unicode scalar values.
fn text_of(length: RangeInclusive<usize>) -> Object {
    let pattern = if *length.start() > 0 { patterns::SOME_TEXT } else { patterns::TEXT };
    sized(length, pattern)
}

/// The same on a single line.
fn line_of(length: RangeInclusive<usize>) -> Object {
    let pattern = if *length.start() > 0 { patterns::SOME_LINE } else { patterns::LINE };
    sized(length, pattern)
}

fn sized(length: RangeInclusive<usize>, pattern: &str) -> Object {
    let least = Some(*length.start()).filter(|least| *least > 0);
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.min_length(least).max_length(Some(*length.end())).build()
}

fn such_as(mut schema: Object, example: &str) -> Object {
    schema.examples = vec![example.into()];
    schema
}

fn address() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::Email);
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    let text = text.pattern(Some(patterns::ADDRESS)).max_length(Some(254));
    text.examples(["ana@cafe-lumen.example"]).build()
}

fn target() -> Object {
    let format = SchemaFormat::Custom("uri".to_owned());
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    let text = text.pattern(Some(patterns::TARGET)).min_length(Some(1)).max_length(Some(2_000));
    text.examples(["https://example.com/doorkey"]).build()
}

fn pattern(pattern: &str, example: &str) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    text.examples([example]).build()
}

fn time() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    text.examples(["2026-11-23T08:15:00.000Z"]).build()
}

/// The words of every problem that an operation can end in.
fn of_the_api() -> impl Iterator<Item = &'static str> {
    Code::ALL.iter().filter(|code| !code.is_of_the_desk()).map(|code| code.as_str())
}
