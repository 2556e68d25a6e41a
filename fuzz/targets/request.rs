//! Whole requests, through every layer to the database: no input is a mistake of ours, and nothing that was
//! written is markup on a page. The first line says who asks, how, and for what; then come headers, an
//! empty line and the body. TKT-000000 and CUSTOMER are put in for a ticket and a customer that are there.
#![no_main]

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderName, Request};
use axum::response::Response;
use doorkey::app::App;
use doorkey::clock::{Clock, Millis};
use doorkey::config::{Config, Secret};
use doorkey::domain::customers::NewCustomer;
use doorkey::domain::email::Email;
use doorkey::domain::links::{self, Reason};
use doorkey::domain::staff::{self, NewStaff, Role};
use doorkey::domain::tickets::{self, NewTicket, Priority};
use doorkey::domain::{Actor, api_keys, staff_sign_ins};
use doorkey::error::Error;
use doorkey::web;
use doorkey::web::ctx::Peer;
use doorkey::web::server::Limits;
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// 2026-11-12T09:14:00Z.
const NOW: Millis = Millis(1_794_474_840_000);
/// Requests to one house: then comes a new one, whose keys all work and whose database is small.
const MOST: u32 = 2_000;
/// No page of ours holds such an element.
const MARK: &str = "<fuzz";

thread_local! {
    static RUNTIME: Runtime = Runtime::new().expect("a runtime");
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let kept = HOUSE.take().filter(|house| house.asked < MOST);
            let mut house = match kept {
                Some(house) => house,
                None => House::open().await,
            };
            house.asked += 1;
            house.ask(input).await;
            HOUSE.set(Some(house));
        });
    });
});

/// Doorkey with a ticket, and with somebody of each kind in it.
struct House {
    router: Router,
    asked: u32,
    reference: String,
    customer: String,
    token: String,
    key: String,
    session: String,
    _folder: TempDir,
}

impl House {
    async fn open() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let folder = folder.expect("a folder");
        let mut config = Config::default();
        let database = folder.path().join("doorkey.db");
        config.database.url = Secret::new(format!("sqlite:{}", database.display()));
        config.data_dir = folder.path().join("data");
        config.limits = false;
        let app = App::start(config, Clock::fixed(NOW)).await.expect("an application");
        let made = app.decide(|tx, rules| {
            let email = |text| Email::parse("email", text).map_err(Error::from);
            let new = NewTicket {
                customer: NewCustomer::with_email(email("ana@example.net")?),
                subject: "Alarm".to_owned(),
                description: "It beeps.".to_owned(),
                priority: Priority::Medium,
                category: None,
                assignee: None,
                notify: false,
            };
            let ticket = tickets::create(tx, rules, &Actor::System, &new, None, NOW)?;
            let whose = (ticket.customer.id, None);
            let (_, token) =
                links::issue_by_hand(tx, rules, &Actor::System, whose, Reason::Api, NOW)?;
            let new = NewStaff {
                email: email("dana@example.com")?,
                name: "Dana Reyes".to_owned(),
                role: Role::Admin,
            };
            let dana = staff::add(tx, &Actor::System, &new, NOW)?;
            let (link, _) = staff_sign_ins::issue_by_hand(tx, &Actor::System, &dana, NOW)?;
            let (_, key) = api_keys::create(tx, &Actor::System, "the shop", Role::Admin, NOW)?;
            Ok::<_, Error>((ticket, token.reveal(), key, staff_sign_ins::url("", &link)))
        });
        let (ticket, token, key, sign_in) = made.await.expect("a ticket");
        let router = web::edge(Arc::clone(&app), Limits::default()).router;
        let request =
            Request::post(sign_in).header("sec-fetch-site", "same-origin").body(Body::empty());
        let response =
            router.clone().oneshot(request.expect("a request")).await.expect("an answer");
        let cookie = response.headers().get(SET_COOKIE).and_then(|it| it.to_str().ok());
        let session = cookie.and_then(|it| it.split(';').next()).expect("a session").to_owned();
        let (reference, customer) = (ticket.reference.to_string(), ticket.customer.id.to_string());
        Self { router, asked: 0, reference, customer, token, key, session, _folder: folder }
    }

    async fn ask(&self, input: &[u8]) {
        let Some(request) = self.request(input) else { return };
        let asked = format!("{} {}", request.method(), request.uri());
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        judge(&asked, response).await;
    }

    fn request(&self, input: &[u8]) -> Option<Request<Body>> {
        let at = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
        let head = std::str::from_utf8(&input[..at]).ok()?;
        let mut lines = head.lines();
        let mut words = lines.next()?.splitn(3, ' ');
        let (who, method, path) = (words.next()?, words.next()?, words.next()?);
        let path = path.replace("TKT-000000", &self.reference).replace("CUSTOMER", &self.customer);
        let peer = Peer::Address([192, 0, 2, 1].into());
        let mut request = Request::builder().method(method).uri(path).extension(peer);
        request = match who {
            "customer" => request.header(AUTHORIZATION, format!("Bearer {}", self.token)),
            "program" => request.header(AUTHORIZATION, format!("Bearer {}", self.key)),
            "desk" => request.header(COOKIE, &self.session).header("sec-fetch-site", "same-origin"),
            _ => request,
        };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            request = request.header(HeaderName::from_bytes(name.as_bytes()).ok()?, value.trim());
        }
        let body = input.get(at + 2..).unwrap_or_default();
        request.body(Body::from(Bytes::copy_from_slice(body))).ok()
    }
}

async fn judge(asked: &str, response: Response) {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    // On a machine with much to do the database may be busy.
    assert!(status < 500 || status == 503, "{asked}: {status}");
    let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{asked}");
    assert!(header("content-security-policy").is_some(), "{asked}");
    let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if kind == "text/event-stream" {
        // It has no end.
        return;
    }
    let body = body.collect().await.expect("a body").to_bytes();
    if kind.contains("html") {
        let page = std::str::from_utf8(&body).expect("a page");
        assert!(!page.contains(MARK), "{asked}: {page}");
    } else if kind.contains("json") && !body.is_empty() {
        let said: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(kind != "application/problem+json" || said["status"] == status, "{asked}: {said}");
    }
}
