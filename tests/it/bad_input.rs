//! Bad input: every field of every operation, at and beyond its limits, in every wrong form. The
//! answer names the field and the reason, and nothing is changed.

use serde_json::{Map, Value, json};

use crate::support::client::{Answer, Client};
use crate::support::{TestApp, dump};

const ALICE: &str = "alice@example.com";

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// One line of at most so many characters.
    Line(usize),
    /// Several lines of at most so many characters.
    Text(usize),
    Email,
    /// One of a closed list.
    Word,
    /// A list of those.
    Words,
    Reference,
    Boolean,
    /// An address that is called.
    Target,
    /// Six digits, or the id of a request: no text that is kept.
    Opaque,
}

/// A field of an operation, `customer.name` for a nested one.
struct Field(&'static str, Kind, bool);

const REQUIRED: bool = true;
const OPTIONAL: bool = false;

/// An operation that takes a body.
struct Operation {
    verb: &'static str,
    path: String,
    good: Value,
    status: u16,
    fields: Vec<Field>,
    client: Client,
}

/// Every operation with a body. A test below holds this list against the API's description.
async fn operations(app: &TestApp) -> Vec<Operation> {
    use Kind::*;
    let row = app.customer_row(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    app.staff("dana@rfs.example", "Dana", doorkey::domain::staff::Role::Technician).await;
    let (alice, admin, anon) = (app.customer(ALICE).await, app.admin().await, app.anon());
    let target = json!({ "url": "https://example.com/" });
    let webhook = admin.post("/api/v1/webhooks", &target).await.expect(201).json();
    let webhook = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let operation = |verb, path: &str, client: &Client, status, good, fields| Operation {
        verb,
        path: path.replace("{reference}", ticket.as_str()).replace("{id}", &row.id.to_string()),
        good,
        status,
        fields,
        client: client.clone(),
    };
    let ticket_good = json!({
        "customer": { "email": ALICE }, "subject": "s", "description": "d", "notify": false,
    });
    vec![
        operation(
            "POST",
            "/api/v1/portal/links",
            &anon,
            202,
            json!({ "email": ALICE }),
            vec![Field("email", Email, REQUIRED), Field("ticket", Reference, OPTIONAL)],
        ),
        operation(
            "POST",
            "/api/v1/portal/codes",
            &anon,
            401,
            json!({ "request_id": "nobody's", "code": "123456" }),
            vec![Field("request_id", Opaque, REQUIRED), Field("code", Opaque, REQUIRED)],
        ),
        operation(
            "POST",
            "/api/v1/portal/tickets/{reference}/replies",
            &alice,
            201,
            json!({ "body": "b" }),
            vec![Field("body", Text(2_000), REQUIRED)],
        ),
        operation(
            "POST",
            "/api/v1/tickets",
            &admin,
            201,
            ticket_good,
            vec![
                Field("customer.email", Email, REQUIRED),
                Field("customer.name", Line(200), OPTIONAL),
                Field("customer.phone", Line(50), OPTIONAL),
                Field("customer.company", Line(200), OPTIONAL),
                Field("subject", Line(200), REQUIRED),
                Field("description", Text(20_000), REQUIRED),
                Field("priority", Word, OPTIONAL),
                Field("category", Word, OPTIONAL),
                Field("assignee", Email, OPTIONAL),
                Field("notify", Boolean, OPTIONAL),
            ],
        ),
        operation(
            "PATCH",
            "/api/v1/tickets/{reference}",
            &admin,
            200,
            json!({}),
            vec![
                Field("status", Word, OPTIONAL),
                Field("priority", Word, OPTIONAL),
                Field("category", Word, OPTIONAL),
                Field("assignee", Email, OPTIONAL),
                Field("subject", Line(200), OPTIONAL),
                Field("notify", Boolean, OPTIONAL),
            ],
        ),
        operation(
            "POST",
            "/api/v1/tickets/{reference}/notes",
            &admin,
            201,
            json!({ "body": "b", "visibility": "internal" }),
            vec![
                Field("body", Text(5_000), REQUIRED),
                Field("visibility", Word, REQUIRED),
                Field("notify", Boolean, OPTIONAL),
            ],
        ),
        operation(
            "POST",
            "/api/v1/customers",
            &admin,
            201,
            json!({ "email": "new@example.com" }),
            vec![
                Field("email", Email, REQUIRED),
                Field("name", Line(200), OPTIONAL),
                Field("phone", Line(50), OPTIONAL),
                Field("company", Line(200), OPTIONAL),
                Field("notes", Text(5_000), OPTIONAL),
            ],
        ),
        operation(
            "PATCH",
            "/api/v1/customers/{id}",
            &admin,
            200,
            json!({}),
            vec![
                Field("name", Line(200), OPTIONAL),
                Field("phone", Line(50), OPTIONAL),
                Field("company", Line(200), OPTIONAL),
                Field("notes", Text(5_000), OPTIONAL),
                Field("active", Boolean, OPTIONAL),
            ],
        ),
        operation(
            "POST",
            "/api/v1/customers/{id}/links",
            &admin,
            201,
            json!({}),
            vec![Field("ticket", Reference, OPTIONAL)],
        ),
        operation(
            "POST",
            "/api/v1/tickets/{reference}/resolution",
            &admin,
            200,
            json!({ "text": "t" }),
            vec![Field("text", Text(5_000), REQUIRED), Field("notify", Boolean, OPTIONAL)],
        ),
        operation(
            "POST",
            "/api/v1/webhooks",
            &admin,
            201,
            json!({ "url": "https://example.com/" }),
            vec![
                Field("url", Target, REQUIRED),
                Field("description", Line(200), OPTIONAL),
                Field("events", Words, OPTIONAL),
            ],
        ),
        operation(
            "PATCH",
            &webhook,
            &admin,
            200,
            json!({}),
            vec![
                Field("url", Target, OPTIONAL),
                Field("description", Line(200), OPTIONAL),
                Field("events", Words, OPTIONAL),
                Field("active", Boolean, OPTIONAL),
            ],
        ),
    ]
}

impl Operation {
    /// The good body with another value in `field`; `None` takes it out.
    fn with(&self, field: &str, value: Option<Value>) -> Value {
        let mut body = self.good.clone();
        let (parent, name) = match field.split_once('.') {
            Some((parent, name)) => (body.get_mut(parent).unwrap(), name),
            None => (&mut body, field),
        };
        let parent = parent.as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(name.to_owned(), value)),
            None => drop(parent.remove(name)),
        }
        body
    }

    async fn send(&self, body: &Value) -> Answer {
        self.client.json(self.verb, &self.path, body).await
    }

    async fn raw(&self, body: impl Into<axum::body::Bytes>, kind: Option<&str>) -> Answer {
        self.client.send(self.verb, &self.path, body, kind).await
    }

    /// Demands exactly this error about exactly this field.
    async fn refuses(&self, field: &str, value: Option<Value>, code: &str) {
        let answer = self.send(&self.with(field, value.clone())).await;
        let shown: String = format!("{value:?}").chars().take(80).collect();
        assert_eq!(
            answer.fields(),
            [format!("{field} {code}")],
            "{} {}: {field} = {shown}: {}",
            self.verb,
            self.path,
            answer.text()
        );
    }
}

#[tokio::test]
async fn every_field_in_every_wrong_form_is_named_with_the_reason() {
    let app = TestApp::start().await;
    let operations = operations(&app).await;
    for operation in &operations {
        let before = app.dump().await;
        for Field(name, kind, required) in &operation.fields {
            wrong_types(operation, name, *kind).await;
            wrong_texts(operation, name, *kind, *required).await;
            if *required {
                operation.refuses(name, None, "required").await;
                operation.refuses(name, Some(Value::Null), "required").await;
            }
        }
        let after = app.dump().await;
        let path = format!("{} {}", operation.verb, operation.path);
        assert_eq!(dump::difference(&before, &after), "", "{path} changed something");
    }
}

async fn wrong_types(operation: &Operation, name: &str, kind: Kind) {
    for value in [json!(1), json!(-1.5), json!([1]), json!([null]), json!({}), json!({ "a": 1 })] {
        operation.refuses(name, Some(value), "malformed").await;
    }
    if kind != Kind::Words {
        operation.refuses(name, Some(json!([])), "malformed").await;
        operation.refuses(name, Some(json!(["x"])), "malformed").await;
    }
    match kind {
        Kind::Boolean => {
            for value in
                [json!("yes"), json!("true"), json!("false"), json!(""), json!("\0"), json!(0)]
            {
                operation.refuses(name, Some(value), "malformed").await;
            }
        }
        _ => {
            operation.refuses(name, Some(json!(true)), "malformed").await;
            operation.refuses(name, Some(json!(false)), "malformed").await;
        }
    }
}

/// Texts with what cannot be shown: NUL, other control characters, characters that are none.
const CONTROL: [&str; 7] =
    ["a\0b", "\u{1b}[31m", "a\u{7}b", "a\u{7f}b", "a\u{85}b", "a\u{9b}b", "a\u{8}b"];

async fn wrong_texts(operation: &Operation, name: &str, kind: Kind, required: bool) {
    match kind {
        Kind::Line(most) | Kind::Text(most) => {
            for control in CONTROL.iter().chain(&["a\u{fffe}b", "a\u{fdd0}b", "a\u{10ffff}b"]) {
                operation.refuses(name, Some(json!(control)), "control_characters").await;
            }
            operation.refuses(name, Some(json!("x".repeat(most + 1))), "too_long").await;
            if (most + 1) * 4 < 30_000 {
                operation.refuses(name, Some(json!("😀".repeat(most + 1))), "too_long").await;
            }
            if matches!(kind, Kind::Line(_)) {
                for broken in ["a\nb", "a\r\nb", "a\tb"] {
                    operation.refuses(name, Some(json!(broken)), "control_characters").await;
                }
            }
            if required || name == "subject" {
                for empty in ["", " ", "\n\n", "\u{3000}", "\u{a0}\t"] {
                    operation.refuses(name, Some(json!(empty)), "required").await;
                }
            }
        }
        Kind::Email => {
            for control in CONTROL {
                let typed = format!("{control}@example.com");
                operation.refuses(name, Some(json!(typed)), "control_characters").await;
            }
            operation.refuses(name, Some(json!("")), "required").await;
            let long = format!("{}@example.com", "x".repeat(243));
            operation.refuses(name, Some(json!(long)), "too_long").await;
            for bad in [
                "alice",
                "@example.com",
                "alice@",
                "alice@@example.com",
                "a b@example.com",
                "alice@example.com,bob@example.com",
                "alice@example.com;bob@example.com",
                "Alice <alice@example.com>",
                "alice(comment)@example.com",
                "\"alice\"@example.com",
                "alice@[192.0.2.1]",
                "alice@example",
                "alice@exa mple.com",
                "alice@.com",
                "alice..b@example.com",
            ] {
                operation.refuses(name, Some(json!(bad)), "malformed").await;
            }
        }
        Kind::Word => {
            for bad in ["nonsense", "OPEN", "open ", "open\0", "'; DROP TABLE tickets; --"] {
                let answer = operation.send(&operation.with(name, Some(json!(bad)))).await;
                let fields = answer.fields();
                let codes = ["unknown_value", "control_characters"];
                let named = codes.iter().any(|code| fields == [format!("{name} {code}")]);
                assert!(named, "{name} = {bad:?}: {fields:?}");
            }
        }
        Kind::Words => {
            operation.refuses(name, Some(json!("ticket.created")), "malformed").await;
            for bad in ["nonsense", "", "ticket.created ", "ticket.created\0"] {
                let list = json!(["ticket.created", bad]);
                operation.refuses(name, Some(list), "unknown_value").await;
            }
        }
        Kind::Target => {
            for control in CONTROL {
                let typed = format!("https://example.com/{control}");
                operation.refuses(name, Some(json!(typed)), "control_characters").await;
            }
            operation.refuses(name, Some(json!(" ")), "required").await;
            let long = format!("https://example.com/{}", "x".repeat(1_981));
            operation.refuses(name, Some(json!(long)), "too_long").await;
            for bad in ["example.com", "http://example.com/", "https://a:b@example.com/"] {
                operation.refuses(name, Some(json!(bad)), "malformed").await;
            }
        }
        Kind::Reference => {
            for bad in ["", "TKT-", "TKT-12345", "TKT-1234567", "TKT-%%%%%%", "TKT-12\u{0}456", "7"]
            {
                operation.refuses(name, Some(json!(bad)), "malformed").await;
            }
        }
        Kind::Opaque => {
            for bad in ["".to_owned(), "x".repeat(65), "12345678901234567890".repeat(4)] {
                operation.refuses(name, Some(json!(bad)), "malformed").await;
            }
            if name == "code" {
                for bad in ["12345", "1234567", "12345a", "１２３４５６", "12345\0"] {
                    operation.refuses(name, Some(json!(bad)), "malformed").await;
                }
            }
        }
        Kind::Boolean => {}
    }
}

#[tokio::test]
async fn every_text_is_taken_up_to_its_limit_and_comes_back_as_it_was() {
    let app = TestApp::start().await;
    for operation in operations(&app).await {
        operation.send(&operation.good).await.expect(operation.status);
        if operation.path.ends_with("/resolution") || operation.path == "/api/v1/customers" {
            continue; // once is all that may be done with this body
        }
        for Field(name, kind, _) in &operation.fields {
            let (Kind::Line(most) | Kind::Text(most)) = *kind else { continue };
            for letter in ["x", "é", "😀", "ש", "\u{200d}", "\u{202e}"] {
                if letter.len() * most > 31_000 {
                    continue;
                }
                let text = letter.repeat(most - 1) + "y";
                let answer = operation.send(&operation.with(name, Some(json!(text)))).await;
                let told = answer.expect(operation.status).json();
                if let Some(kept) = told.get(*name) {
                    assert_eq!(kept, &json!(text), "{name} of {}", operation.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn unknown_fields_are_refused_whatever_they_would_set() {
    let app = TestApp::start().await;
    let operations = operations(&app).await;
    let mut columns: Vec<String> = Vec::new();
    for table in app.tables().await {
        columns.extend(app.columns(&table).await.into_iter().map(|(name, _)| name));
    }
    columns.extend(
        ["__proto__", "constructor", "customer_email", "is_admin", "$where", ""].map(String::from),
    );
    columns.sort();
    columns.dedup();
    assert!(columns.len() > 60, "{columns:?}");
    for operation in &operations {
        let before = app.dump().await;
        let known: Vec<&str> = operation
            .fields
            .iter()
            .map(|Field(name, ..)| name.split('.').next().unwrap())
            .collect();
        for column in columns.iter().filter(|column| !known.contains(&column.as_str())) {
            for value in [json!(1), json!("x"), json!(true), json!(null)] {
                operation.refuses(column, Some(value), "unknown_field").await;
            }
        }
        let after = app.dump().await;
        assert_eq!(dump::difference(&before, &after), "", "{} {}", operation.verb, operation.path);
    }
    // Nested objects are as strict.
    let create = operations.iter().find(|it| it.path == "/api/v1/tickets").unwrap();
    for column in ["id", "notes", "active", "email_key", "created_at"] {
        let name = format!("customer.{column}");
        create.refuses(&name, Some(json!(1)), "unknown_field").await;
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_told_apart_and_changes_nothing() {
    let app = TestApp::start().await;
    for operation in operations(&app).await {
        let before = app.dump().await;
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let leaf = operation.fields[0].0.rsplit('.').next().unwrap();
        let unreadable: Vec<(&str, Vec<u8>)> = vec![
            ("nothing", Vec::new()),
            ("half", b"{\"body\": \"x".to_vec()),
            ("a list", b"[]".to_vec()),
            ("a text", b"\"x\"".to_vec()),
            ("null", b"null".to_vec()),
            ("two values", b"{} {}".to_vec()),
            ("a comment", b"{} // x".to_vec()),
            ("single quotes", b"{'body': 'x'}".to_vec()),
            ("NaN", b"{\"body\": NaN}".to_vec()),
            ("a huge number", b"{\"body\": 1e999}".to_vec()),
            ("a raw NUL", b"{\"body\": \"a\0b\"}".to_vec()),
            ("a lone surrogate", format!("{{\"{leaf}\": \"\\ud800\"}}").into_bytes()),
            ("a low surrogate", format!("{{\"{leaf}\": \"x\\udc00y\"}}").into_bytes()),
            ("invalid UTF-8", b"{\"body\": \"\xff\xfe\"}".to_vec()),
            ("an overlong NUL", b"{\"body\": \"\xc0\x80\"}".to_vec()),
            ("a name twice", format!("{{\"{leaf}\": \"x\", \"{leaf}\": \"y\"}}").into_bytes()),
            ("a deep list", deep.clone().into_bytes()),
            ("a deep value", format!("{{\"{leaf}\": {deep}}}").into_bytes()),
            ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ];
        for (what, bytes) in unreadable {
            let answer = operation.raw(bytes, Some("application/json")).await;
            assert_eq!(answer.problem(), "400 malformed_json", "{what}: {}", operation.path);
        }
        // Descriptions may be long, and each character of theirs escaped.
        let limit = if operation.path.starts_with("/api/v1/tickets") { 256 } else { 32 };
        let large = format!("{{\"{leaf}\": \"{}\"}}", "x".repeat((limit + 1) * 1024));
        let answer = operation.raw(large, Some("application/json")).await;
        assert_eq!(answer.problem(), "413 too_large", "{}", operation.path);
        let good = operation.good.to_string();
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/jsonp"),
            Some("application/json; charset=utf-16"),
        ] {
            let answer = operation.raw(good.clone(), kind).await;
            assert_eq!(answer.problem(), "415 unsupported_media_type", "{kind:?}");
        }
        let after = app.dump().await;
        assert_eq!(dump::difference(&before, &after), "", "{} {}", operation.verb, operation.path);
    }
}

#[tokio::test]
async fn every_operation_with_a_body_is_in_this_list() {
    let app = TestApp::start().await;
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    let listed = operations(&app).await;
    let mut described: Vec<(String, String, Value)> = Vec::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap_or(&Map::new()) {
            if operation.get("requestBody").is_some() {
                described.push((verb.to_uppercase(), path.clone(), operation.clone()));
            }
        }
    }
    assert_eq!(described.len(), listed.len());
    let matches = |pattern: &str, path: &str| {
        let (pattern, path): (Vec<_>, Vec<_>) =
            (pattern.split('/').collect(), path.split('/').collect());
        pattern.len() == path.len()
            && pattern.iter().zip(&path).all(|(p, s)| p.starts_with('{') || p == s)
    };
    for (verb, path, _) in described {
        let found = listed.iter().any(|it| it.verb == verb && matches(&path, &it.path));
        assert!(found, "{verb} {path} is not tried with bad input");
    }
}

#[tokio::test]
async fn queries_and_paths_are_read_as_strictly_as_bodies() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let (alice, admin) = (app.customer(ALICE).await, app.admin().await);
    let before = app.dump().await;
    let lists = [
        (&alice, "/api/v1/portal/tickets".to_owned(), vec!["status", "q", "cursor", "limit"]),
        (
            &admin,
            "/api/v1/tickets".to_owned(),
            vec![
                "status", "priority", "category", "assignee", "customer", "q", "sort", "cursor",
                "limit",
            ],
        ),
        (&admin, format!("/api/v1/tickets/{ticket}/timeline"), vec!["cursor", "limit"]),
        (&admin, "/api/v1/customers".to_owned(), vec!["q", "cursor", "limit"]),
        (&admin, format!("/api/v1/customers/{}/links", row.id), vec!["cursor", "limit"]),
    ];
    for (client, path, names) in &lists {
        for name in names {
            let refuses = async |value: &str, codes: &[&str]| {
                let answer = client.get(&format!("{path}?{name}={value}")).await;
                let fields = answer.fields();
                let wanted = codes.iter().any(|code| fields == [format!("{name} {code}")]);
                assert!(wanted, "{path}?{name}={value}: {fields:?}");
            };
            refuses("%FF", &["malformed"]).await;
            if let Some(code) = nonsense(name) {
                refuses("a", &[code]).await;
            }
            client.get(&format!("{path}?{name}=")).await.expect(200);
            let twice = client.get(&format!("{path}?{name}=1&{name}=1")).await;
            assert!(twice.fields().contains(&format!("{name} malformed")), "{name}");
            match *name {
                "limit" => {
                    for value in ["0", "101", "-1", "1.5", "1e2", "+5x", "99999999999999999999"] {
                        refuses(value, &["malformed"]).await;
                    }
                    client.get(&format!("{path}?limit=1")).await.expect(200);
                    client.get(&format!("{path}?limit=100")).await.expect(200);
                }
                "cursor" => {
                    for value in
                        ["%00", "AAAA", "..%2F", "AAAAAAAAAAA=", "%27%20OR%201", &"A".repeat(500)]
                    {
                        refuses(value, &["malformed"]).await;
                    }
                }
                "q" => {
                    refuses(&"x".repeat(201), &["too_long"]).await;
                    refuses("a%00b", &["control_characters"]).await;
                    refuses("a%0Ab", &["control_characters"]).await;
                    for odd in ["%25", "_", "%5C", "%27", "%22", "%3B--", "%F0%9F%98%80"] {
                        client.get(&format!("{path}?q={odd}")).await.expect(200);
                    }
                }
                _ => refuses("a%00b", &["unknown_value", "control_characters"]).await,
            }
        }
        let unknown = client.get(&format!("{path}?page=2")).await;
        assert_eq!(unknown.fields(), ["page unknown_field"]);
    }
    for name in
        ["nonsense", "%00", "TKT-%00%00%00%00%00%00", "%FF%FE", "..", "TKT-UUUUUU", "%2e%2e%2f"]
    {
        for (client, path) in [
            (&alice, format!("/api/v1/portal/tickets/{name}")),
            (&alice, format!("/portal/tickets/{name}")),
            (&admin, format!("/api/v1/tickets/{name}")),
            (&admin, format!("/api/v1/tickets/{name}/timeline")),
            (&admin, format!("/api/v1/customers/{name}")),
            (&admin, format!("/api/v1/customers/{name}/links")),
        ] {
            let answer = client.get(&path).await;
            assert!(answer.status == 404, "{path}: {}", answer.status);
        }
    }
    for id in [
        "0",
        "-1",
        "1.0",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999",
        "+1",
        "1e3",
        "0x1",
    ] {
        assert_eq!(
            admin.get(&format!("/api/v1/customers/{id}")).await.problem(),
            "404 not_found",
            "{id}"
        );
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}

/// What is wrong with "a" as a parameter of this name.
fn nonsense(name: &str) -> Option<&'static str> {
    match name {
        "status" | "priority" | "sort" => Some("unknown_value"),
        "q" | "category" => None,
        _ => Some("malformed"),
    }
}

#[tokio::test]
async fn a_key_of_another_form_is_refused() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let (alice, admin) = (app.customer(ALICE).await, app.admin().await);
    let create = json!({ "customer": { "email": ALICE }, "subject": "s", "description": "d" });
    let posts = [
        (&alice, format!("/api/v1/portal/tickets/{ticket}/replies"), json!({ "body": "b" })),
        (&admin, "/api/v1/tickets".to_owned(), create),
        (
            &admin,
            format!("/api/v1/tickets/{ticket}/notes"),
            json!({ "body": "b", "visibility": "internal" }),
        ),
    ];
    for (client, path, body) in posts {
        let before = app.dump().await;
        for key in [String::new(), "x".repeat(256), "a b".into(), "ключ".into(), "a\tb".into()]
        {
            let answer = client.key(&key).post(&path, &body).await;
            assert_eq!(answer.fields(), ["Idempotency-Key malformed"], "{path}: {key:?}");
        }
        let answer = client.key("a").key("a").post(&path, &body).await;
        assert_eq!(answer.fields(), ["Idempotency-Key malformed"], "two of them");
        assert_eq!(dump::difference(&before, &app.dump().await), "");
        let longest = format!("{path:x>255}").replace('/', "-");
        client.key(&longest).post(&path, &body).await.expect(201);
    }
}

#[tokio::test]
async fn a_page_s_address_that_was_damaged_shows_its_beginning() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "Beeps").await.reference;
    let list = alice.get("/portal").await.expect(200).text();
    for address in ["/portal?cursor=zz", "/portal?cursor=", "/portal?cursor=AAAA&status=zz"] {
        assert_eq!(alice.get(address).await.expect(200).text(), list, "{address}");
    }
    let whole = alice.get(&format!("/portal/tickets/{ticket}")).await.expect(200).text();
    let damaged = alice.get(&format!("/portal/tickets/{ticket}?before=zz")).await.expect(200);
    assert_eq!(damaged.text(), whole);
}
