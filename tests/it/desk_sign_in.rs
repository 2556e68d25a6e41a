//! Staff sign in: by link and by code, once, in the browser that asked; and what ends a session.

use std::path::Path;

use doorkey::config::PublicUrl;
use doorkey::domain::staff::{self, Role};
use doorkey::domain::{Actor, backups, staff_sign_ins};
use doorkey::ids::Token;
use doorkey::jobs;

use crate::support::client::{Answer, Client};
use crate::support::desk::email;
use crate::support::desk::somebody;
use crate::support::mailbox::sign_in_link;
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const NOBODY: &str = "nobody@rfs.example";
const MINUTES: u64 = 60;
const HOURS: u64 = 3600;
const ASK: &str = "/admin/sign-in";

async fn with_dana() -> TestApp {
    let app = TestApp::start().await;
    app.staff(DANA, "Dana Reyes", Role::Technician).await;
    app
}

/// Somebody asks for a way in, from an address of their own so that no limit is met by accident.
async fn ask(browser: &Client, address: &str) {
    let answer = browser.form(ASK, &[("email", address)]).await.expect(303);
    assert_eq!(answer.header("location"), Some("/admin/sign-in/sent"));
}

/// A browser in which Dana is signed in by mailed link.
async fn signed_in(app: &TestApp) -> Client {
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    app.deliver().await;
    let link = app.mailbox(DANA).sign_in_path();
    browser.form(&link, &[]).await.expect(303);
    app.sleep(MINUTES);
    browser
}

async fn is_in(browser: &Client) -> bool {
    let answer = browser.get("/admin").await;
    match answer.status {
        200 => true,
        303 => {
            assert_eq!(answer.header("location"), Some("/admin/sign-in"));
            false
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

#[tokio::test]
async fn a_mailed_link_signs_in_after_one_press() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    browser.get("/admin/sign-in/sent").await.expect(200);
    app.deliver().await;
    let mailbox = app.mailbox(DANA);
    assert_eq!(mailbox.kinds(), ["staff_sign_in"]);
    assert!(mailbox.last().text.contains("15 minutes"), "{}", mailbox.last().text);
    let link = mailbox.sign_in_path();
    let before = app.dump().await;
    for _ in 0..3 {
        let page = browser.get(&link).await.expect(200);
        assert!(page.text().contains(&format!("<form class=\"card stack\" action=\"{link}\"")));
        browser.send("HEAD", &link, "", None).await.expect(200);
        app.anon().get(&link).await.expect(403);
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "", "opening a link changes nothing");
    assert!(!is_in(&browser).await);
    let answer = browser.form(&link, &[]).await.expect(303);
    assert_eq!(answer.header("location"), Some("/admin/passkeys?then=%2Fadmin"));
    let page = browser.get("/admin").await.expect(200);
    assert!(page.text().contains("Dana Reyes"), "{}", page.text());
    assert_eq!(browser.cookie("doorkey-asked"), None);
}

#[tokio::test]
async fn a_code_signs_in_the_browser_that_asked() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    app.deliver().await;
    let code = app.mailbox(DANA).code();
    let other = app.anon().browser();
    ask(&other, NOBODY).await;
    for stranger in [&other, &app.anon().browser()] {
        stranger.form("/admin/sign-in/code", &[("code", &code)]).await.expect(422);
    }
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    browser.form("/admin/sign-in/code", &[("code", &spaced)]).await.expect(303);
    assert!(is_in(&browser).await);
    let link = app.mailbox(DANA).sign_in_path();
    let used = browser.form(&link, &[]).await.expect(410);
    assert!(used.text().contains("used already"), "{}", used.text());
}

#[tokio::test]
async fn who_asks_twice_gets_one_mail_and_gets_in_with_it() {
    for by_code in [false, true] {
        let app = with_dana().await;
        let browser = app.anon().browser();
        // The mail answers the first request; the others came too soon after it.
        for _ in 0..3 {
            ask(&browser, DANA).await;
        }
        app.deliver().await;
        assert_eq!(app.mailbox(DANA).len(), 1);
        let (link, code) = (app.mailbox(DANA).sign_in_path(), app.mailbox(DANA).code());
        if by_code {
            browser.form("/admin/sign-in/code", &[("code", &code)]).await.expect(303);
        } else {
            browser.form(&link, &[]).await.expect(303);
        }
        assert!(is_in(&browser).await);
    }
    // And it is remembered for the last few only.
    let app = with_dana().await;
    let browser = app.anon().browser();
    for _ in 0..6 {
        ask(&browser, DANA).await;
    }
    assert_eq!(browser.cookie("doorkey-asked").unwrap().len(), 5 * 22 + 4);
    app.deliver().await;
    browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(403);
}

#[tokio::test]
async fn a_link_and_its_code_work_once_together() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    app.deliver().await;
    let (link, code) = (app.mailbox(DANA).sign_in_path(), app.mailbox(DANA).code());
    let asked = browser.cookie("doorkey-asked").unwrap();
    // The same browser, pressing eight times at once.
    let twins: Vec<Client> = (0..8).map(|_| app.anon().browser()).collect();
    let mut presses = tokio::task::JoinSet::new();
    for twin in &twins {
        twin.set_cookie("doorkey-asked", &asked);
        let (twin, link) = (twin.clone(), link.clone());
        presses.spawn(async move { twin.form(&link, &[]).await.status });
    }
    let mut statuses = presses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410, 410, 410, 410, 410, 410, 410]);
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 1);
    browser.form("/admin/sign-in/code", &[("code", &code)]).await.expect(422);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_link_is_of_no_use_in_another_browser() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    app.deliver().await;
    let link = app.mailbox(DANA).sign_in_path();
    let thief = app.anon().browser();
    let forger = app.anon().browser();
    forger.set_cookie("doorkey-asked", "AAAAAAAAAAAAAAAAAAAAAA");
    for other in [&thief, &forger] {
        let page = other.form(&link, &[]).await.expect(403);
        assert!(page.text().contains("belongs to another browser"), "{}", page.text());
        assert!(!is_in(other).await);
    }
    browser.form(&link, &[]).await.expect(303);
    assert!(is_in(&browser).await);
}

#[tokio::test]
async fn a_link_and_its_code_end_after_fifteen_minutes_exactly() {
    for late in [false, true] {
        let app = with_dana().await;
        let browser = app.anon().browser();
        ask(&browser, DANA).await;
        app.deliver().await;
        let (link, code) = (app.mailbox(DANA).sign_in_path(), app.mailbox(DANA).code());
        app.clock.advance(staff_sign_ins::TTL - std::time::Duration::from_millis(1));
        browser.get(&link).await.expect(200);
        if late {
            app.clock.advance(std::time::Duration::from_millis(1));
            let page = browser.get(&link).await.expect(410);
            assert!(page.text().contains("has expired"), "{}", page.text());
            browser.form(&link, &[]).await.expect(410);
            browser.form("/admin/sign-in/code", &[("code", &code)]).await.expect(422);
            assert!(!is_in(&browser).await);
        } else {
            browser.form(&link, &[]).await.expect(303);
            assert!(is_in(&browser).await);
        }
    }
}

#[tokio::test]
async fn five_wrong_codes_end_a_code_and_not_the_link() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    app.deliver().await;
    let (link, code) = (app.mailbox(DANA).sign_in_path(), app.mailbox(DANA).code());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let page = browser.form("/admin/sign-in/code", &[("code", wrong)]).await.expect(422);
        assert!(page.text().contains("This code is not valid."), "{}", page.text());
    }
    browser.form("/admin/sign-in/code", &[("code", &code)]).await.expect(422);
    browser.form(&link, &[]).await.expect(303);
}

#[tokio::test]
async fn a_member_of_staff_has_twenty_tries_of_codes_a_day() {
    let app = with_dana().await;
    for round in 0..5 {
        let browser = app.anon().browser().from(&format!("198.51.100.{round}"));
        ask(&browser, DANA).await;
        app.deliver().await;
        assert_eq!(app.mailbox(DANA).len(), round + 1);
        let code = app.mailbox(DANA).code();
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..4 {
            browser.form("/admin/sign-in/code", &[("code", wrong)]).await.expect(422);
        }
        let last = browser.form("/admin/sign-in/code", &[("code", &code)]).await.status;
        // Four tries and a good one each: the fifth round finds none left.
        assert_eq!(last, if round < 4 { 303 } else { 422 }, "round {round}");
        if round == 4 {
            browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
        }
        app.sleep(20 * MINUTES);
    }
}

/// Everything of an answer but what is drawn at random for it.
fn plain(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_default().to_owned();
    let value = cookie.split(['=', ';']).nth(1).unwrap_or_default().to_owned();
    assert_eq!(value.len(), 22, "{cookie}");
    answer.without_request_id().replace(&value, "…")
}

#[tokio::test]
async fn who_is_on_the_staff_is_not_told() {
    let app = with_dana().await;
    app.staff("gone@rfs.example", "Gone", Role::Admin).await;
    app.act(|tx, _, now| {
        staff::set_active(tx, &Actor::System, &email("gone@rfs.example"), false, now)
    })
    .await
    .unwrap();
    // The counters of limits are there from now on, whoever asks.
    let first = app.anon().browser();
    ask(&first, "first@rfs.example").await;
    first.form("/admin/sign-in/code", &[("code", "000000")]).await.expect(422);
    app.sleep(MINUTES);
    let mut answers = Vec::new();
    let mut rows = Vec::new();
    let mut tries = Vec::new();
    for address in [DANA, "gone@rfs.example", NOBODY, "DANA@RFS.EXAMPLE"] {
        let browser = app.anon().browser();
        let before = app.dump().await;
        let answer = browser.form(ASK, &[("email", address)]).await.expect(303);
        rows.push(dump::difference(&before, &app.dump().await).lines().count());
        answers.push(plain(&answer));
        app.deliver().await;
        answers.push(browser.get("/admin/sign-in/sent").await.expect(200).without_request_id());
        let before = app.dump().await;
        let wrong = browser.form("/admin/sign-in/code", &[("code", "000000")]).await.expect(422);
        answers.push(wrong.without_request_id());
        tries.push(dump::difference(&before, &app.dump().await).lines().count());
        app.sleep(MINUTES);
    }
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &answers[index % 3]);
    }
    assert!(rows.iter().all(|count| *count == rows[0]), "{rows:?}");
    // A code is as much work, too. The fourth is Dana again, whose counter is there by now.
    assert!(tries[..3].iter().all(|count| *count == tries[0]), "{tries:?}");
    assert_eq!(app.mailbox(DANA).len(), 2);
    assert_eq!(app.mails().len(), 2, "nobody else is mailed");
    assert_eq!(app.number("SELECT count(*) FROM staff_sign_ins WHERE email IS NOT NULL").await, 0);
}

#[tokio::test]
async fn asking_is_limited_by_address_and_by_network() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    for _ in 0..3 {
        ask(&browser, DANA).await;
        app.deliver().await;
    }
    assert_eq!(app.mailbox(DANA).len(), 1, "one a minute");
    for _ in 0..10 {
        app.sleep(2 * MINUTES);
        ask(&browser, DANA).await;
        app.deliver().await;
    }
    assert_eq!(app.mailbox(DANA).len(), 5, "five an hour");
    let stranger = app.anon().browser().from("203.0.113.9");
    for address in [DANA, NOBODY].iter().cycle().take(30) {
        ask(&stranger, address).await;
    }
    for address in [DANA, NOBODY] {
        let refused = stranger.form(ASK, &[("email", address)]).await.expect(429);
        assert!(refused.header("retry-after").is_some());
    }
    ask(&app.anon().browser().from("203.0.113.10"), DANA).await;
}

#[tokio::test]
async fn a_typed_address_is_kept_with_what_is_wrong_with_it() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    for typed in ["dana", "", "a@b@c", "<script>@x", "dana@rfs.example, eve@evil.example"] {
        let page = browser.form(ASK, &[("email", typed)]).await.expect(422);
        assert!(page.text().contains("aria-invalid=\"true\""), "{typed}: {}", page.text());
        assert!(!page.text().contains("<script>"), "{}", page.text());
        assert_eq!(page.header("set-cookie"), None);
    }
    browser.form(ASK, &[("email", DANA), ("role", "admin")]).await.expect(422);
    let twice = [("email", DANA), ("email", NOBODY)];
    browser.form(ASK, &twice).await.expect(422);
    for code in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
        browser.form("/admin/sign-in/code", &[("code", code)]).await.expect(422);
    }
    assert_eq!(app.number("SELECT count(*) FROM staff_sign_ins").await, 0);
}

#[tokio::test]
async fn after_signing_in_one_is_where_one_wanted_to_be_and_never_elsewhere() {
    let app = with_dana().await;
    let turned = app.anon().get("/admin/sessions?x=1").await.expect(303);
    let door = turned.header("location").unwrap().to_owned();
    // The first time one is offered a passkey on the way.
    signed_in(&app).await;
    app.sleep(HOURS);
    assert_eq!(door, "/admin/sign-in?then=%2Fadmin%2Fsessions%3Fx%3D1");
    let page = app.anon().get(&door).await.expect(200);
    assert!(page.text().contains("name=\"then\" value=\"/admin/sessions?x=1\""), "{}", page.text());
    for (wanted, lands) in [
        ("/admin/sessions?x=1", "/admin/sessions?x=1"),
        ("//evil.example", "/admin"),
        ("/\\evil.example", "/admin"),
        ("https://evil.example/admin", "/admin"),
        ("https:evil.example", "/admin"),
        ("/admin/..//evil.example", "/admin"),
        ("/admin/%2e%2e//evil.example", "/admin"),
        ("/admin\r\nLocation: https://evil.example", "/admin"),
        ("/portal", "/admin"),
        ("/admin/sign-out", "/admin"),
    ] {
        let browser = app.anon().browser();
        let asked = browser.form(ASK, &[("email", DANA), ("then", wanted)]).await.expect(303);
        assert_eq!(asked.header("location"), Some("/admin/sign-in/sent"));
        app.deliver().await;
        let entered = browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
        assert_eq!(entered.header("location"), Some(lands), "{wanted}");
        app.sleep(HOURS);
    }
}

#[tokio::test]
async fn cookies_are_as_strict_as_the_address_allows() {
    for (https, session, asked) in
        [(true, "__Host-doorkey", "__Host-doorkey-asked"), (false, "doorkey", "doorkey-asked")]
    {
        let app = TestApp::with(|config| {
            if https {
                config.server.public_url = PublicUrl::parse("https://desk.example").unwrap();
            }
        })
        .await;
        app.staff(DANA, "Dana Reyes", Role::Admin).await;
        let browser = app.anon().browser();
        let secure = if https { "; Secure" } else { "" };
        let rest = |age: u64| format!("; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Lax");
        let answer = browser.form(ASK, &[("email", DANA)]).await.expect(303);
        let value = browser.cookie(asked).expect("a cookie");
        assert_eq!(answer.header("set-cookie").unwrap(), format!("{asked}={value}{}", rest(4500)));
        app.deliver().await;
        let answer = browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
        let value = browser.cookie(session).expect("a cookie");
        assert_eq!(value.len(), 43);
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(set[0].to_str().unwrap(), format!("{session}={value}{}", rest(7 * 86_400)));
        assert!(is_in(&browser).await);
        let dumped = format!("{:?}", app.dump().await);
        assert!(!dumped.contains(&value), "the token lies in the database");
        let left = browser.form("/admin/sign-out", &[]).await.expect(303);
        assert_eq!(left.header("set-cookie").unwrap(), format!("{session}={}", rest(0)));
        assert!(!is_in(&browser).await);
        browser.set_cookie(session, &value);
        assert!(!is_in(&browser).await, "the session is over, not only forgotten");
    }
}

#[tokio::test]
async fn signing_in_gives_a_new_session_and_ends_the_one_before() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    let planted = Token::random().reveal();
    browser.set_cookie("doorkey", &planted);
    ask(&browser, DANA).await;
    app.deliver().await;
    browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
    let first = browser.cookie("doorkey").unwrap();
    assert_ne!(first, planted);
    app.sleep(MINUTES);
    ask(&browser, DANA).await;
    app.deliver().await;
    browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
    assert_ne!(browser.cookie("doorkey").unwrap(), first);
    let old = app.anon().browser();
    old.set_cookie("doorkey", &first);
    assert!(!is_in(&old).await);
    assert!(is_in(&browser).await);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_without_use() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    assert!(is_in(&browser).await);
    app.write_uses().await;
    app.sleep(12 * HOURS - 1);
    assert!(is_in(&browser).await);
    app.write_uses().await;
    app.sleep(12 * HOURS - 1);
    assert!(is_in(&browser).await, "each use counts");
    app.write_uses().await;
    app.sleep(12 * HOURS);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_session_that_ended_stays_so_when_the_clock_is_set_back() {
    let app = with_dana().await;
    let (idle, used) = (signed_in(&app).await, signed_in(&app).await);
    app.sleep(11 * HOURS);
    assert!(is_in(&used).await);
    app.write_uses().await;
    app.sleep(HOURS);
    jobs::tidy::end(&app).await.unwrap();
    app.set_clock(doorkey::clock::Millis(app.now().0 - 2 * 3_600_000));
    assert!(!is_in(&idle).await);
    assert!(is_in(&used).await, "one that is used goes on");
}

#[tokio::test]
async fn a_session_ends_after_seven_days_however_much_it_is_used() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    let mut left = 7 * 24 * HOURS - MINUTES;
    while left > 0 {
        assert!(is_in(&browser).await, "{left} s to go");
        app.write_uses().await;
        let step = left.min(6 * HOURS);
        app.sleep(step);
        left -= step;
    }
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn uses_are_written_at_most_once_a_minute_and_never_on_a_pages_way() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    let used = "SELECT last_used_at FROM sessions";
    let began = app.number(used).await;
    for _ in 0..3 {
        assert!(is_in(&browser).await);
    }
    assert_eq!(app.number(used).await, began, "a page writes nothing");
    app.write_uses().await;
    let noted = app.number(used).await;
    assert_eq!(noted, app.now().0);
    app.sleep(MINUTES - 1);
    assert!(is_in(&browser).await);
    app.write_uses().await;
    assert_eq!(app.number(used).await, noted);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let app = with_dana().await;
    let (office, phone) = (signed_in(&app).await, signed_in(&app).await);
    let page = office.get("/admin/sessions").await.expect(200).text();
    assert_eq!(page.matches("Firefox on Linux, 192.0.2.x").count(), 2, "{page}");
    assert_eq!(page.matches("This one").count(), 1, "{page}");
    assert!(!page.contains("192.0.2.1<"), "the address itself is not kept");
    let ids: Vec<i64> = app.column("SELECT id FROM sessions ORDER BY id").await;
    app.staff("eve@rfs.example", "Eve", Role::Admin).await;
    let eve = app.anon().browser();
    ask(&eve, "eve@rfs.example").await;
    app.deliver().await;
    eve.form(&app.mailbox("eve@rfs.example").sign_in_path(), &[]).await.expect(303);
    for id in [ids[0], 7, -1] {
        eve.form(&format!("/admin/sessions/{id}/end"), &[]).await.expect(404);
    }
    office.form(&format!("/admin/sessions/{}/end", ids[1]), &[]).await.expect(303);
    assert!(is_in(&office).await && !is_in(&phone).await);
    let again = signed_in(&app).await;
    let answer = again.form("/admin/sessions/end-all", &[]).await.expect(303);
    assert_eq!(answer.header("location"), Some("/admin/sign-in?out=true"));
    assert!(!is_in(&office).await && !is_in(&again).await);
    assert!(is_in(&eve).await, "everywhere is everywhere of one's own");
}

#[tokio::test]
async fn signing_out_everywhere_takes_mails_under_way_with_it() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    let other = app.anon().browser();
    ask(&other, DANA).await;
    app.deliver().await;
    let (link, code) = (app.mailbox(DANA).sign_in_path(), app.mailbox(DANA).code());
    browser.form("/admin/sessions/end-all", &[]).await.expect(303);
    other.form(&link, &[]).await.expect(410);
    other.form("/admin/sign-in/code", &[("code", &code)]).await.expect(422);
}

#[tokio::test]
async fn disabling_somebody_ends_all_their_ways_in_at_once_on_every_process() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    let waiting = app.anon().browser();
    ask(&waiting, DANA).await;
    app.deliver().await;
    let link = app.mailbox(DANA).sign_in_path();
    let queued = app.anon().browser().from("198.51.100.1");
    app.sleep(MINUTES);
    ask(&queued, DANA).await;
    jobs::requests::work(&app).await.unwrap();
    // Another process does it.
    let beside = app.beside().await;
    let now = beside.clock.now();
    let done: Result<_, doorkey::error::Error> = beside
        .db
        .write(move |tx| staff::set_active(tx, &somebody(), &email(DANA), false, now))
        .await;
    done.unwrap();
    assert!(!is_in(&browser).await);
    waiting.get(&link).await.expect(410);
    waiting.form(&link, &[]).await.expect(410);
    let mails = app.mailbox(DANA).len();
    app.deliver().await;
    assert_eq!(app.mailbox(DANA).len(), mails, "a mail under way is given up");
    app.act(|tx, _, now| staff::set_active(tx, &somebody(), &email(DANA), true, now))
        .await
        .unwrap();
    assert!(!is_in(&browser).await, "enabling brings no session back");
    waiting.form(&link, &[]).await.expect(410);
}

#[tokio::test]
async fn a_link_of_the_command_line_works_once_in_any_browser() {
    let app = with_dana().await;
    let issue = async || {
        let made = app.act(|tx, _, now| {
            let dana = staff::find_by_email(tx, &email(DANA))?;
            staff_sign_ins::issue_by_hand(tx, &Actor::System, &dana, now)
        });
        let url = staff_sign_ins::url("http://localhost:8080", &made.await.unwrap().0);
        sign_in_link(&url)["http://localhost:8080".len()..].to_owned()
    };
    let link = issue().await;
    let browser = app.anon().browser();
    browser.get(&link).await.expect(200);
    browser.form(&link, &[]).await.expect(303);
    assert!(is_in(&browser).await);
    app.anon().browser().form(&link, &[]).await.expect(410);
    let late = issue().await;
    app.sleep(15 * MINUTES);
    app.anon().browser().form(&late, &[]).await.expect(410);
    app.act(|tx, _, now| staff::set_active(tx, &somebody(), &email(DANA), false, now))
        .await
        .unwrap();
    let refused = app.act(|tx, _, now| {
        let dana = staff::find_by_email(tx, &email(DANA))?;
        staff_sign_ins::issue_by_hand(tx, &Actor::System, &dana, now)
    });
    assert!(refused.await.is_err());
}

#[tokio::test]
async fn a_restored_backup_lets_nobody_in() {
    let app = with_dana().await;
    let browser = signed_in(&app).await;
    let waiting = app.anon().browser();
    ask(&waiting, DANA).await;
    app.deliver().await;
    let link = app.mailbox(DANA).sign_in_path();
    let restored = app.act(|tx, _, now| backups::make_safe(tx, now)).await.unwrap();
    assert_eq!(restored.sessions, 1);
    assert!(!is_in(&browser).await);
    waiting.form(&link, &[]).await.expect(410);
}

#[tokio::test]
async fn nothing_at_rest_lets_anybody_into_the_desk() {
    let app = with_dana().await;
    let dana = signed_in(&app).await;
    let waiting = app.anon().browser();
    ask(&waiting, DANA).await;
    app.deliver().await;
    let link = app.mailbox(DANA).sign_in_path();
    let (asked, code) = (waiting.cookie("doorkey-asked").unwrap(), app.mailbox(DANA).code());
    waiting.form("/admin/sign-in/passkey/begin", &[]).await.expect(200);
    let token = link.rsplit('/').next().unwrap();
    for secret in [token, &asked, &code, &dana.cookie("doorkey").unwrap()] {
        for (table, rows) in app.dump().await {
            let holds = |row: &String| {
                let apart = |it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '-';
                row.split(apart).any(|word| word == secret)
            };
            assert!(!rows.iter().any(holds), "{table} holds {secret}");
        }
    }
    let pieces = crate::links::pieces(&app).await;
    assert!(pieces.len() > 4, "{pieces:?}");
    for (table, piece) in pieces {
        let thief = app.anon().browser();
        thief.set_cookie("doorkey", &piece);
        assert!(!is_in(&thief).await, "{table} holds a session");
        // Even in the browser that asked.
        waiting.form(&format!("/admin/sign-in/link/{piece}"), &[]).await.expect(410);
    }
    assert!(is_in(&dana).await, "the session was a real one");
    waiting.form(&link, &[]).await.expect(303);
}

#[tokio::test]
async fn a_mail_tried_again_carries_a_link_of_its_own() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    ask(&browser, DANA).await;
    jobs::requests::work(&app).await.unwrap();
    app.break_mail(true);
    jobs::deliver::next(&app).await.unwrap();
    app.break_mail(false);
    app.sleep(10);
    app.deliver().await;
    assert_eq!(app.mailbox(DANA).len(), 1);
    browser.form(&app.mailbox(DANA).sign_in_path(), &[]).await.expect(303);
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let app = with_dana().await;
    signed_in(&app).await;
    let rows = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM staff_sign_ins)";
    assert_eq!(app.number(rows).await, 2);
    app.sleep_days(6);
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(app.number(rows).await, 1, "who was there is remembered for a while");
    app.sleep_days(32);
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(app.number(rows).await, 0);
}

#[tokio::test]
async fn what_was_typed_survives_the_end_of_a_session() {
    let app = with_dana().await;
    let browser = app.anon().browser();
    let typed = [("subject", "A \"broken\" <camera>"), ("description", "one\r\ntwo")];
    let page = browser.form("/admin/tickets/new", &typed).await.expect(401).text();
    assert!(page.contains("action=\"/admin/tickets/new\""), "{page}");
    assert!(
        page.contains("name=\"subject\" value=\"A &#34;broken&#34; &#60;camera&#62;\""),
        "{page}"
    );
    assert!(page.contains("value=\"one\r\ntwo\""), "{page}");
    let program = browser.header("Accept", "application/json");
    assert_eq!(program.form("/admin/tickets/new", &typed).await.problem(), "401 signed_out");
    let json = browser.header("Sec-Fetch-Site", "same-origin");
    json.send("POST", "/admin/x", "{}", Some("application/json")).await.expect(303);
}

#[tokio::test]
async fn unknown_pages_are_told_in_the_desks_frame_and_only_to_staff() {
    let app = with_dana().await;
    let anon = app.anon().browser();
    let turned = anon.get("/admin/no/such/page").await.expect(303);
    assert!(turned.header("location").unwrap().starts_with("/admin/sign-in?then="));
    let dana = signed_in(&app).await;
    let page = dana.get("/admin/no/such/page").await.expect(404).text();
    assert!(page.contains("There is no such page") && page.contains("Sign out"), "{page}");
    let ours = dana.header("Sec-Fetch-Site", "same-origin");
    let put = ours.send("PUT", "/admin", "", None).await.expect(405).text();
    assert!(put.contains("This cannot be done here") && put.contains("Sign out"), "{put}");
    let json = dana.header("Accept", "application/json");
    assert_eq!(json.get("/admin/no/such/page").await.problem(), "404 not_found");
    dana.get("/administrator").await.expect(404);
}

#[tokio::test]
async fn every_page_of_the_desk_is_private_and_tells_its_origin_to_us_alone() {
    let app = with_dana().await;
    let dana = signed_in(&app).await;
    for path in ["/admin", "/admin/sessions", "/admin/sign-in", "/admin/none"] {
        let answer = dana.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert!(!answer.text().contains("no-referrer"), "{path}");
    }
}

/// Every route below `/admin` as the source has it: `("POST", "/admin/sessions/{id}/end")`, sorted.
pub fn routes() -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/admin")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for call in text.split(".route(").skip(1) {
                let call = call.split("\n}").next().unwrap();
                let path = call.split('"').nth(1).unwrap();
                assert!(path.starts_with("/admin"), "{path} is no address of the desk");
                let verbs = [("GET", "get("), ("POST", "post("), ("GET", "any(")];
                let named = verbs.iter().filter(|(_, word)| call.contains(word));
                found.extend(named.map(|(verb, _)| (*verb, path.to_owned())));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn no_other_site_can_make_a_browser_do_anything_at_the_desk() {
    let app = with_dana().await;
    let dana = signed_in(&app).await;
    let routes = routes();
    assert!(routes.len() >= 12, "{routes:?}");
    assert!(routes.contains(&("POST", "/admin/sign-out".to_owned())), "{routes:?}");
    let own = app.config.server.public_url.as_str().to_owned();
    let before = app.dump().await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", &own)],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Referer", &own)],
    ];
    let mut refused = 0;
    for (_, route) in &routes {
        let path = route.replace("{id}", "1").replace("{token}", "x").replace("{*rest}", "x");
        for method in ["POST", "PUT", "PATCH", "DELETE", "MERGE"] {
            for headers in foreign {
                let set = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
                let client = headers.iter().fold(dana.clone(), set);
                let kind = Some("application/x-www-form-urlencoded");
                let answer = client.send(method, &path, "", kind).await;
                assert_eq!(answer.status, 403, "{method} {path} {headers:?}: {}", answer.text());
                assert_eq!(answer.header("set-cookie"), None);
                refused += 1;
            }
        }
    }
    assert!(refused >= 480, "{refused}");
    assert_eq!(dump::difference(&before, &app.dump().await), "");
    let by_origin = dana.header("Origin", &own);
    by_origin.send("POST", "/admin/sign-out", "", None).await.expect(303);
    assert!(!is_in(&dana).await);
}

#[tokio::test]
async fn only_forms_are_taken() {
    let app = with_dana().await;
    let dana = signed_in(&app).await;
    let ours = dana.header("Sec-Fetch-Site", "same-origin");
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        ours.send("POST", "/admin/sign-out", "x=1", Some(kind)).await.expect(415);
    }
    let form = Some("application/x-www-form-urlencoded; charset=UTF-8");
    ours.send("POST", "/admin/sign-out", "all=true", form).await.expect(422);
    ours.send("POST", "/admin/sign-out", b"\xff\xfe".to_vec(), form).await.expect(400);
    ours.send("POST", "/admin/sign-out", "%ff=1", form).await.expect(422);
    ours.send("POST", "/admin/sign-out", "a".repeat(40_000), form).await.expect(413);
    assert!(is_in(&dana).await);
}

#[tokio::test]
async fn a_session_says_who_acts() {
    let app = with_dana().await;
    let dana = signed_in(&app).await;
    let token = Token::parse(&dana.cookie("doorkey").unwrap()).unwrap();
    let now = app.now();
    let found = app.db.read(move |tx| doorkey::domain::sessions::find(tx, token.hash(), now)).await;
    let found: Option<doorkey::domain::sessions::SignedIn> = found.unwrap();
    let actor = found.unwrap().actor();
    assert!(
        matches!(actor, Actor::Staff { name, role: Role::Technician, .. } if name == "Dana Reyes")
    );
}
