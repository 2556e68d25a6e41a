use super::*;
use crate::domain::entries::Visibility;
use crate::web::problem::Code;

fn json(text: &str) -> Fields {
    Fields::json(text.as_bytes()).expect("an object")
}

fn errors(fields: Fields) -> Vec<(String, FieldCode)> {
    match fields.finish() {
        Err(Error::Invalid(errors)) => {
            errors.into_iter().map(|error| (error.field, error.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn error(name: &str, code: FieldCode) -> (String, FieldCode) {
    (name.to_owned(), code)
}

#[test]
fn fields_are_taken_by_type() {
    let mut fields = json(r#"{"body": "a\r\nb ", "visibility": "public", "notify": false}"#);
    assert_eq!(fields.text("body", 1..=2000), "a\nb");
    assert_eq!(
        fields.word("visibility", &Visibility::ALL, Visibility::as_str),
        Some(Visibility::Public)
    );
    assert!(!fields.boolean("notify", true));
    assert!(fields.boolean("absent", true));
    fields.finish().expect("nothing wrong");
}

#[test]
fn every_mistake_is_told_at_once() {
    let mut fields = json(
        r#"{"subject": 7, "body": "", "visibility": "secret", "notify": "yes",
            "customer": {"email": null, "name": "a\u0000b", "admin": true}, "role": "admin"}"#,
    );
    fields.line("subject", 1..=200);
    fields.text("body", 1..=10);
    fields.text("description", 1..=10);
    fields.word("visibility", &Visibility::ALL, Visibility::as_str);
    fields.boolean("notify", true);
    fields.object("customer", |inner| {
        inner.string("email");
        inner.optional_line("name", 0..=200);
    });
    assert_eq!(
        errors(fields),
        [
            error("subject", FieldCode::Malformed),
            error("body", FieldCode::Required),
            error("description", FieldCode::Required),
            error("visibility", FieldCode::UnknownValue),
            error("notify", FieldCode::Malformed),
            error("customer.email", FieldCode::Required),
            error("customer.name", FieldCode::ControlCharacters),
            error("customer.admin", FieldCode::UnknownField),
            error("role", FieldCode::UnknownField),
        ]
    );
}

#[test]
fn a_missing_object_is_one_error() {
    for text in ["{}", r#"{"customer": null}"#] {
        let mut fields = json(text);
        assert_eq!(fields.object("customer", |inner| inner.string("email")), "");
        assert_eq!(errors(fields), [error("customer", FieldCode::Required)]);
    }
    let mut fields = json(r#"{"customer": []}"#);
    fields.object("customer", |inner| inner.string("email"));
    assert_eq!(errors(fields), [error("customer", FieldCode::Malformed)]);
}

#[test]
fn null_and_absent_are_told_apart_where_it_matters() {
    let read = |_: &str, text: &str| Ok(text.to_owned());
    assert_eq!(json("{}").nullable("assignee", read), None);
    assert_eq!(json(r#"{"assignee": null}"#).nullable("assignee", read), Some(None));
    let value = json(r#"{"assignee": "x"}"#).nullable("assignee", read);
    assert_eq!(value, Some(Some("x".to_owned())));
    let mut fields = json(r#"{"assignee": 1}"#);
    assert_eq!(fields.nullable("assignee", read), None);
    assert_eq!(errors(fields), [error("assignee", FieldCode::Malformed)]);
}

#[test]
fn required_fields_come_together_at_the_end() {
    let mut fields = json(r#"{"visibility": "internal"}"#);
    let visibility = fields.word("visibility", &Visibility::ALL, Visibility::as_str);
    let made = fields.finish_with(|| Some((visibility?, 1)));
    assert_eq!(made.expect("made"), (Visibility::Internal, 1));
}

#[test]
fn what_is_no_json_object_is_malformed() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let texts: [&[u8]; 14] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"x\"",
        b"{",
        b"{}{}",
        b"{} x",
        b"{\"a\":1,}",
        b"{\"a\":1e999}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ];
    for text in texts {
        let problem = Fields::json(text).expect_err("no object");
        assert_eq!(problem.code, Code::MalformedJson);
    }
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#] {
        assert!(Fields::json(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Fields::json(br#"{"a":1e308,"b":{"a":1},"c":"\ud83d\ude00"}"#).is_ok());
}

#[test]
fn only_json_in_utf_8_is_json() {
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert!(is_json(good), "{good}");
    }
    for bad in
        ["text/plain", "application/jsonp", "application/json; charset=latin1", "text/json", ""]
    {
        assert!(!is_json(bad), "{bad}");
    }
}

#[test]
fn a_query_is_read_as_strictly() {
    let mut query = Fields::query("status=open&q=a+b%20%C3%A9&cursor=&limit=100");
    assert_eq!(query.optional_string("status").as_deref(), Some("open"));
    assert_eq!(query.optional_line("q", 0..=200).as_deref(), Some("a b é"));
    assert_eq!(query.optional_string("cursor"), None);
    assert_eq!(query.limit(), 100);
    query.finish().expect("nothing wrong");
    assert_eq!(Fields::query("").limit(), 20);
    assert!(Fields::query("all=true").boolean("all", false));
}

#[test]
fn a_wrong_query_names_the_field() {
    for (text, name, code) in [
        ("limit=0", "limit", FieldCode::Malformed),
        ("limit=101", "limit", FieldCode::Malformed),
        ("limit=-1", "limit", FieldCode::Malformed),
        ("limit=x", "limit", FieldCode::Malformed),
        ("limit=1&limit=2", "limit", FieldCode::Malformed),
        ("limit=%ff", "limit", FieldCode::Malformed),
        ("%ff=1", "query", FieldCode::Malformed),
        ("token=x", "token", FieldCode::UnknownField),
        ("token", "token", FieldCode::UnknownField),
    ] {
        let mut query = Fields::query(text);
        query.limit();
        assert_eq!(errors(query), [error(name, code)], "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_field() {
    for (body, field) in [
        (r#"{"subject": "\ud800"}"#.as_bytes(), "in the field subject: "),
        (b"{\"subject\": \"\xff\xfe\"}", "in the field subject: "),
        (br#"{"customer": {"name": "\udc00"}}"#, "in the field customer.name: "),
        (br#"{"notify": 1e999}"#, "in the field notify: "),
    ] {
        let problem = Fields::json(body).expect_err("no JSON");
        assert_eq!(problem.code, Code::MalformedJson);
        assert!(problem.detail.contains(field), "{}", problem.detail);
    }
}
