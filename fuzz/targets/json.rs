//! A body of JSON and a query string, read strictly: what is taken is JSON by any other reader, too, and
//! every field that nobody knows is told.
#![no_main]

use doorkey::domain::email::Email;
use doorkey::domain::text;
use doorkey::domain::tickets::{Priority, Status};
use doorkey::web::input::{Fields, pairs};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(fields) = Fields::json(bytes) {
        let plain: Value = serde_json::from_slice(bytes).expect("JSON");
        let object = plain.as_object().expect("an object");
        assert_eq!(fields.finish().is_ok(), object.is_empty());
        // No name comes twice in it, so written anew it is the same.
        assert!(Fields::json(plain.to_string().as_bytes()).is_ok());
        take(Fields::json(bytes).unwrap_or_default());
    }
    if let Ok(query) = std::str::from_utf8(bytes) {
        assert!(pairs(query).count() <= 1 + query.matches('&').count());
        take(Fields::query(query));
    }
});

/// What the operations of the API read, in one.
fn take(mut fields: Fields) {
    fields.refuse_null(&["status"]);
    assert!((1..=100).contains(&fields.limit()));
    let subject = fields.line("subject", text::SUBJECT);
    assert!(subject.chars().count() <= 200 && !subject.contains(['\n', '\r']));
    let body = fields.optional_text("body", text::REPLY);
    assert!(body.is_none_or(|body| (1..=2_000).contains(&body.chars().count())));
    fields.optional_word("priority", &Priority::ALL, Priority::as_str);
    let statuses = fields.optional_words("status", &Status::ALL, Status::as_str);
    assert!(statuses.is_none_or(|it| it.len() <= Status::ALL.len()));
    fields.optional_boolean("notify");
    fields.nullable("assignee", Email::parse);
    fields.string("cursor");
    fields.object("customer", |inner| {
        inner.required("email", Email::parse);
        inner.optional_line("name", text::NAME);
    });
    let _ = fields.finish();
}
