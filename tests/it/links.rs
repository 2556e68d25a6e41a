//! Links: how long they open, what ends them, what is kept of them, and codes beside them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use doorkey::domain::Actor;
use doorkey::domain::customers::{self, CustomerChange};
use doorkey::domain::entries::Visibility;
use doorkey::domain::links;
use doorkey::error::Error;
use doorkey::ids::Token;
use doorkey::jobs;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::desk::somebody;
use crate::support::{TestApp, dump};

const ALICE: &str = "alice@example.com";
const SESSION: &str = "/api/v1/portal/session";
const WEEK: u64 = 604_800;

/// What the portal says to this client: `200`, or a problem.
async fn says(client: &Client) -> String {
    let answer = client.get(SESSION).await;
    if answer.status == 200 { "200".to_owned() } else { answer.problem() }
}

/// Asks for a link and returns the id of the request.
async fn ask(client: &Client, address: &str) -> String {
    let answer = client.post("/api/v1/portal/links", &json!({ "email": address })).await;
    let answer = answer.expect(202).json();
    answer["request_id"].as_str().unwrap().to_owned()
}

async fn redeem(client: &Client, request_id: &str, code: &str) -> String {
    let body = json!({ "request_id": request_id, "code": code });
    let answer = client.post("/api/v1/portal/codes", &body).await;
    if answer.status == 200 { "200".to_owned() } else { answer.problem() }
}

#[tokio::test]
async fn a_link_ends_with_its_last_millisecond() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    app.sleep(WEEK - 1);
    assert_eq!(says(&alice).await, "200");
    app.clock.advance(Duration::from_millis(999));
    assert_eq!(says(&alice).await, "200");
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(says(&alice).await, "401 link_expired");
    let page = alice.get("/portal").await;
    assert_eq!(page.status, 401);
    assert!(page.text().contains("This link has expired"), "{}", page.text());
}

#[tokio::test]
async fn a_shorter_life_is_a_shorter_life() {
    let app = TestApp::with(|config| config.portal.link_ttl = Duration::from_secs(2)).await;
    app.customer_row(ALICE).await;
    ask(&app.anon(), ALICE).await;
    app.deliver().await;
    let alice = app.anon().open(&app.mailbox(ALICE).link());
    assert!(app.mailbox(ALICE).last().text.contains("2 seconds"));
    assert_eq!(says(&alice).await, "200");
    app.sleep(2);
    assert_eq!(says(&alice).await, "401 link_expired");
}

#[tokio::test]
async fn a_link_opens_as_often_as_it_is_used_and_opening_changes_nothing() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let alice = app.customer(ALICE).await;
    let before = app.dump().await;
    let ticket_page = format!("/portal/tickets/{}", ticket.reference);
    for address in ["192.0.2.1", "192.0.2.2", "198.51.100.3", "2001:db8::1", "2001:db8:1::1"] {
        let there = alice.from(address);
        for path in ["/portal", &ticket_page, SESSION, &format!("/api/v1{ticket_page}")] {
            there.get(path).await.expect(200);
            there.send("HEAD", path, "", None).await.expect(200);
        }
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "", "nothing is on a page's way");
    app.write_uses().await;
    let after = app.dump().await;
    let changed: Vec<&String> =
        before.keys().filter(|table| before[*table] != after[*table]).collect();
    assert_eq!(changed, ["links", "ticket_reads"]);
}

#[tokio::test]
async fn an_address_that_was_cut_back_by_hand_leads_to_the_list() {
    let app = TestApp::start().await;
    for path in ["/portal/", "/portal/tickets", "/portal/tickets/", "/portal/?token=A&to=//x"] {
        let answer = app.anon().get(path).await.expect(308);
        assert_eq!(answer.header("location"), Some("/portal"), "{path}");
    }
}

#[tokio::test]
async fn uses_are_counted_and_written_later() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let (link, token) = app.link_for(row.id).await;
    let alice = app.anon().bearer(&token.reveal());
    for _ in 0..3 {
        alice.get(SESSION).await.expect(200);
        app.sleep(10);
    }
    let count = format!("SELECT use_count FROM links WHERE id = {}", link.id);
    assert_eq!(app.number(&count).await, 0);
    app.write_uses().await;
    assert_eq!(app.number(&count).await, 3);
    let last = format!("SELECT last_used_at FROM links WHERE id = {}", link.id);
    assert_eq!(app.number(last).await, crate::support::START.0 + 20_000);
    app.write_uses().await;
    assert_eq!(app.number(&count).await, 3, "written once");
}

#[tokio::test]
async fn revoking_ends_one_link_or_all_at_once() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let bob = app.customer("bob@example.com").await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (link, token) = app.link_for(row.id).await;
        clients.push((link.id, app.anon().bearer(&token.reveal())));
    }
    let id = clients[0].0;
    app.act(move |tx, _, now| links::revoke(tx, &somebody(), row.id, id, now)).await.unwrap();
    assert_eq!(says(&clients[0].1).await, "401 link_invalid");
    assert_eq!(says(&clients[1].1).await, "200");
    app.act(move |tx, _, now| links::revoke_all(tx, &somebody(), row.id, now)).await.unwrap();
    assert_eq!(says(&clients[1].1).await, "401 link_invalid");
    assert_eq!(says(&clients[2].1).await, "401 link_invalid");
    assert_eq!(says(&bob).await, "200");
    // Who revoked it first stays known, and a revoked link does not turn into an expired one.
    let by: Vec<String> =
        app.column("SELECT revoked_by FROM links WHERE revoked_by IS NOT NULL").await;
    assert_eq!(by, ["Dana Reyes"; 3]);
    app.sleep(WEEK);
    assert_eq!(says(&clients[0].1).await, "401 link_invalid");
    let page = clients[0].1.get("/portal").await.expect(401).text();
    assert!(page.contains("This link is not valid"), "{page}");
}

#[tokio::test]
async fn what_another_process_ends_is_over_here_with_the_next_request() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.customer(ALICE).await, app.customer("bob@example.com").await);
    let (first, second) =
        (app.customer_row(ALICE).await.id, app.customer_row("bob@example.com").await.id);
    for client in [&alice, &bob] {
        assert_eq!(says(client).await, "200");
    }
    let beside = app.beside().await;
    let now = beside.clock.now();
    let out = CustomerChange { active: Some(false), ..CustomerChange::default() };
    let ended: Result<_, Error> = beside
        .db
        .write(move |tx| {
            links::revoke_all(tx, &somebody(), first, now)?;
            customers::change(tx, &somebody(), second, out.clone(), now)
        })
        .await;
    ended.unwrap();
    for client in [&alice, &bob] {
        assert_eq!(says(client).await, "401 link_invalid");
        client.get("/portal").await.expect(401);
    }
}

#[tokio::test]
async fn signing_out_ends_this_link_and_ending_all_access_ends_every_one() {
    let app = TestApp::start().await;
    let (here, there) = (app.customer(ALICE).await, app.customer(ALICE).await);
    here.delete(SESSION).await.expect(204);
    assert_eq!(says(&here).await, "401 link_invalid");
    assert_eq!(says(&there).await, "200");
    assert_eq!(here.delete(SESSION).await.problem(), "401 link_invalid", "it opens nothing now");
    let third = app.customer(ALICE).await;
    let request_id = ask(&app.anon(), ALICE).await;
    app.deliver().await;
    let code = app.mailbox(ALICE).code();
    there.delete(&format!("{SESSION}?all=true")).await.expect(204);
    for client in [&there, &third, &app.anon().open(&app.mailbox(ALICE).link())] {
        assert_eq!(says(client).await, "401 link_invalid");
    }
    let late = redeem(&app.anon(), &request_id, &code).await;
    assert_eq!(late, "401 code_invalid", "a code that was mailed before is worthless too");
}

#[tokio::test]
async fn an_inactive_customer_is_out_at_once_and_comes_back_with_a_new_link() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let alice = app.customer(ALICE).await;
    let request_id = ask(&app.anon(), ALICE).await;
    app.deliver().await;
    let code = app.mailbox(ALICE).code();
    // One more mail waits while they are put out.
    app.create(app.new_ticket(ALICE, "A broken camera")).await.unwrap();
    app.set_active(row.id, false).await;
    assert_eq!(says(&alice).await, "401 link_invalid");
    assert_eq!(redeem(&app.anon(), &request_id, &code).await, "401 code_invalid");
    ask(&app.anon(), ALICE).await;
    app.sleep(120);
    app.deliver().await;
    assert_eq!(app.mailbox(ALICE).len(), 1, "no mail goes to somebody who is out");
    let settled: Vec<(String, String)> =
        app.column("SELECT state, error FROM outbox WHERE kind = 'ticket_created'").await;
    assert_eq!(settled, [("failed".to_owned(), "the customer is inactive".to_owned())]);
    let refused = app
        .act(move |tx, rules, now| {
            links::issue_by_hand(
                tx,
                rules,
                &Actor::System,
                (row.id, None),
                links::Reason::Staff,
                now,
            )
        })
        .await;
    assert!(refused.is_err());
    // What happens on their tickets is written and mailed to nobody.
    let reference = app.ticket(ALICE, "Another").await.reference;
    app.note(&reference, "We come.", Visibility::Public).await.unwrap();
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE state = 'queued'").await, 0);
    // Back in: what was out stays out, and a new link works.
    app.set_active(row.id, true).await;
    assert_eq!(says(&alice).await, "401 link_invalid");
    assert_eq!(says(&app.customer(ALICE).await).await, "200");
}

#[tokio::test]
async fn an_expired_link_is_remembered_for_90_days_and_then_unknown() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let fresh = app.customer(ALICE).await;
    app.sleep(WEEK + 90 * 86_400);
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(says(&alice).await, "401 link_expired");
    app.clock.advance(Duration::from_millis(1));
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(says(&alice).await, "401 link_invalid");
    assert_eq!(says(&fresh).await, "401 link_invalid");
    assert_eq!(app.number("SELECT COUNT(*) FROM links").await, 0);
}

#[tokio::test]
async fn the_clock_set_back_revives_what_has_not_ended_and_nothing_revoked() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    alice.delete(SESSION).await.expect(204);
    app.set_clock(doorkey::clock::Millis(app.now().0 - 86_400_000));
    assert_eq!(says(&alice).await, "401 link_invalid");
}

#[tokio::test]
async fn an_end_that_was_noticed_stays_when_the_clock_is_set_back() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    app.sleep(WEEK);
    assert!(!jobs::tidy::end(&app).await.unwrap());
    app.set_clock(doorkey::clock::Millis(app.now().0 - 8 * 86_400_000));
    assert_eq!(says(&alice).await, "401 link_expired");
    alice.get("/portal").await.expect(401);
    // What is issued under that clock works by it, also once it went too far ahead and came back.
    let again = app.customer(ALICE).await;
    assert_eq!(says(&again).await, "200");
    app.sleep_days(3_650);
    jobs::tidy::end(&app).await.unwrap();
    app.set_clock(doorkey::clock::Millis(app.now().0 - 3_650 * 86_400_000));
    assert_eq!(says(&again).await, "401 link_expired");
    assert_eq!(says(&app.customer(ALICE).await).await, "200");
    // Many are noted in several transactions, so none holds the others up for long.
    let row = app.customer_row(ALICE).await;
    for _ in 0..501 {
        app.link_for(row.id).await;
    }
    app.sleep(WEEK);
    assert!(jobs::tidy::end(&app).await.unwrap(), "there is more");
    assert!(!jobs::tidy::end(&app).await.unwrap());
}

#[tokio::test]
async fn nothing_but_the_whole_token_opens() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let token = alice.secret().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    let hash = Token::parse(&token).unwrap().hash().0;
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 43 letters hold two bits more than 32 bytes: letters that differ only there are no token.
    let place = alphabet.find(last).unwrap();
    let other_last = alphabet.chars().nth(place ^ 1).unwrap();
    let swapped: String = token
        .chars()
        .map(|it| {
            if it.is_ascii_lowercase() { it.to_ascii_uppercase() } else { it.to_ascii_lowercase() }
        })
        .collect();
    let forms = [
        "%".into(),
        "_".into(),
        "*".into(),
        "?".into(),
        "%25".into(),
        "_".repeat(43),
        "%".repeat(43),
        token[..1].to_owned(),
        token[..42].to_owned(),
        token[1..].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{}{other_last}", &token[..42]),
        token.to_uppercase(),
        token.to_lowercase(),
        swapped,
        format!("[\"{token}\"]"),
        format!("\"{token}\""),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("{token}%00"),
        format!("token={token}"),
        format!("dk_{token}"),
        URL_SAFE_NO_PAD.encode(hash),
        hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        format!("{}!", STANDARD_NO_PAD.encode(&bytes)),
        "null".into(),
        "undefined".into(),
        "0".into(),
        " ".into(),
        "A".repeat(43),
        URL_SAFE_NO_PAD.encode([0; 32]),
        URL_SAFE_NO_PAD.encode([255; 32]),
        "A".repeat(8_000),
    ];
    let before = app.dump().await;
    for form in forms {
        assert_eq!(says(&app.anon().bearer(&form)).await, "401 link_invalid", "{form}");
    }
    let anon = app.anon();
    for (header, value) in [
        ("Authorization", format!("Basic {token}")),
        ("Authorization", token.clone()),
        ("Cookie", format!("token={token}")),
        ("Cookie", format!("__Host-session={token}")),
        ("X-Authorization", format!("Bearer {token}")),
        ("Proxy-Authorization", format!("Bearer {token}")),
    ] {
        let answer = anon.header(header, &value).get(SESSION).await;
        assert_eq!(answer.problem(), "401 link_invalid", "{header}");
    }
    let twice = alice.header("Authorization", &format!("Bearer {token}"));
    assert_eq!(says(&twice).await, "401 link_invalid");
    for query in [format!("?token={token}"), format!("?access_token={token}")] {
        let answer = anon.get(&format!("{SESSION}{query}")).await;
        assert_eq!(answer.problem(), "401 link_invalid");
    }
    assert_eq!(says(&alice).await, "200");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn nothing_at_rest_opens_anything() {
    let app = TestApp::start().await;
    let row = app.customer_row(ALICE).await;
    let request_id = ask(&app.anon(), ALICE).await;
    app.create(app.new_ticket(ALICE, "A broken camera")).await.unwrap();
    let (_, by_hand) = app.link_for(row.id).await;
    let program = app.technician().await;
    tries_every_secret(&app, "while mails wait").await;
    app.deliver().await;
    let mails = app.mailbox(ALICE);
    assert_eq!(mails.len(), 2);
    let mut secrets: Vec<String> = mails
        .0
        .iter()
        .map(|mail| {
            crate::support::mailbox::link(&mail.text).split_once("#token=").unwrap().1.to_owned()
        })
        .collect();
    secrets.push(by_hand.reveal());
    secrets.push(program.secret().to_owned());
    let code = mails.0.iter().find_map(|mail| crate::support::mailbox::code(&mail.text)).unwrap();
    secrets.push(code.clone());
    secrets.push(request_id.clone());
    assert_ne!(secrets[0], secrets[1], "each mail has its own link");
    tries_every_secret(&app, "after mails were sent").await;
    for (table, rows) in app.dump().await {
        for text in rows {
            for secret in &secrets {
                let words =
                    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '-');
                assert!(
                    !words.into_iter().any(|word| word == secret),
                    "{table} holds a secret: {text}"
                );
            }
        }
    }
    assert_eq!(redeem(&app.anon(), &request_id, &code).await, "200", "the code was a real one");
    tries_every_secret(&app, "after a code was used").await;
}

/// Tries every piece of the database that has the form of a token, in text and in bytes.
async fn tries_every_secret(app: &TestApp, when: &str) {
    let pieces = pieces(app).await;
    for (table, piece) in &pieces {
        let client = app.anon().bearer(piece);
        assert_ne!(says(&client).await, "200", "{when}: {table} opens the portal");
        let key = app.anon().bearer(&format!("dk_{piece}"));
        let answer = key.get("/api/v1/tickets").await;
        assert_eq!(answer.status, 401, "{when}: {table} is an API key");
    }
    let tried = pieces.len();
    assert!(tried > 20, "{when}: only {tried} tried: is this test looking at the hashes?");
}

/// Every piece of the database that has the form of a token, with its table: of texts each 43 letters in a row,
/// and 32 bytes as a token writes them.
pub async fn pieces(app: &TestApp) -> Vec<(String, String)> {
    let mut pieces = Vec::new();
    for (table, rows) in app.dump().await {
        let apart = |it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '-';
        let words = rows.iter().flat_map(|row| row.split(apart)).filter(|word| word.len() >= 43);
        for word in words {
            let texts = (0..=word.len() - 43).map(|at| word[at..at + 43].to_owned());
            let bytes = unhex(word).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
            pieces.extend(texts.chain(bytes).map(|piece| (table.clone(), piece)));
        }
    }
    pieces
}

fn unhex(word: &str) -> Option<Vec<u8>> {
    if word.len() != 64 {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&word[2 * at..2 * at + 2], 16).ok()).collect()
}

#[tokio::test]
async fn a_code_opens_the_page_that_asked_and_opens_it_once() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let anon = app.anon();
    let mine = ask(&anon, ALICE).await;
    let theirs = ask(&anon, "bob@example.com").await;
    app.deliver().await;
    let code = app.mailbox(ALICE).code();
    assert_eq!(redeem(&anon, &theirs, &code).await, "401 code_invalid", "another page");
    assert_eq!(redeem(&anon, "nobody asked this", &code).await, "401 code_invalid");
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let body = json!({ "request_id": mine, "code": spaced });
    let opened = anon.post("/api/v1/portal/codes", &body).await.expect(200).json();
    let alice = anon.bearer(opened["token"].as_str().unwrap());
    assert_eq!(opened["expires_at"], "2026-11-19T09:14:00.000Z");
    assert_eq!(says(&alice).await, "200");
    assert_eq!(redeem(&anon, &mine, &code).await, "401 code_invalid", "once");
}

#[tokio::test]
async fn a_code_lives_for_15_minutes_and_5_tries() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let anon = app.anon();
    for (late, answer) in [(899, "200"), (900, "401 code_invalid")] {
        let request_id = ask(&anon, ALICE).await;
        app.deliver().await;
        let code = app.mailbox(ALICE).code();
        app.sleep(late);
        assert_eq!(redeem(&anon, &request_id, &code).await, answer, "{late} s");
    }
    for (wrong, answer) in [(4, "200"), (5, "401 code_invalid")] {
        app.sleep(3_600);
        let request_id = ask(&anon, ALICE).await;
        app.deliver().await;
        let code = app.mailbox(ALICE).code();
        for number in 0..wrong {
            let guess = format!("{:06}", (code.parse::<u32>().unwrap() + 1 + number) % 1_000_000);
            assert_eq!(redeem(&anon, &request_id, &guess).await, "401 code_invalid");
        }
        assert_eq!(redeem(&anon, &request_id, &code).await, answer, "after {wrong} tries");
    }
}

#[tokio::test]
async fn a_code_is_not_worth_more_when_tried_by_many_at_once() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let request_id = ask(&app.anon(), ALICE).await;
    app.deliver().await;
    let code = app.mailbox(ALICE).code();
    let mut tries = JoinSet::new();
    for _ in 0..8 {
        let (anon, request_id, code) = (app.anon(), request_id.clone(), code.clone());
        tries.spawn(async move { redeem(&anon, &request_id, &code).await });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "200").count(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_mail_leads_to_the_ticket_that_was_wanted_if_it_is_theirs() {
    let app = TestApp::start().await;
    let mine = app.ticket(ALICE, "A broken camera").await;
    let theirs = app.ticket("bob@example.com", "The vault").await;
    let anon = app.anon();
    for (wanted, leads_to) in [
        (mine.reference.to_string(), format!("/portal/tickets/{}#token=", mine.reference)),
        (theirs.reference.to_string(), "/portal#token=".to_owned()),
        ("TKT-000000".to_owned(), "/portal#token=".to_owned()),
    ] {
        let body = json!({ "email": ALICE, "ticket": wanted });
        anon.post("/api/v1/portal/links", &body).await.expect(202);
        app.deliver().await;
        let mail = app.mailbox(ALICE);
        let link = mail.link();
        assert!(link.starts_with(&format!("http://localhost:8080{leads_to}")), "{link}");
        assert!(!mail.last().text.contains(theirs.reference.as_str()));
        app.sleep(60);
    }
}

#[tokio::test]
async fn links_in_mails_come_from_the_settings_alone() {
    let app = TestApp::start().await;
    app.customer_row(ALICE).await;
    let liar = app
        .anon()
        .header("Host", "evil.example")
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "host=evil.example;proto=https");
    ask(&liar, ALICE).await;
    app.deliver().await;
    let mail = app.mailbox(ALICE);
    assert!(mail.link().starts_with("http://localhost:8080/portal#token="));
    assert!(!mail.last().html.contains("evil.example"));
}

#[tokio::test]
async fn mail_goes_to_the_address_on_record_and_to_no_look_alike() {
    let app = TestApp::start().await;
    app.customer_row("mike@example.com").await;
    let anon = app.anon();
    for typed in ["mıke@example.com", "ｍike@example.com", "mike@exämple.com", "MİKE@example.com"]
    {
        let body = json!({ "email": typed });
        let answer = anon.post("/api/v1/portal/links", &body).await;
        assert!(answer.status == 202 || answer.status == 422, "{typed}: {}", answer.status);
        app.deliver().await;
        assert!(app.mails().is_empty(), "{typed}");
    }
    ask(&anon, "MIKE@EXAMPLE.COM").await;
    app.deliver().await;
    assert_eq!(app.mailbox("mike@example.com").len(), 1);
}
