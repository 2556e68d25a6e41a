//! Staff sign in at an OpenID Connect provider: a real one that says who they are, and one that lies, is
//! slow, or says what somebody else would like it to say.

use std::time::Duration;

use doorkey::clock::Clock;
use doorkey::domain::Actor;
use doorkey::domain::oidc::{self, Attempt};
use doorkey::domain::staff::{self, Role};
use doorkey::domain::webauthn::text;
use doorkey::ids::{self, Token};
use doorkey::jobs;
use reqwest::Url;
use serde_json::{Value, json};

use crate::real::oidc::{CLIENT_SECRET, Oidc};
use crate::support::client::{Answer, Client};
use crate::support::desk::email;
use crate::support::issuer::{Instead, Issuer, Signer, settings, unsigned};
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const BEGIN: &str = "/admin/sign-in/oidc";
const BACK: &str = "/admin/sign-in/oidc/callback";
const COOKIE: &str = "doorkey-oidc";
const PUBLIC_URL: &str = "http://localhost:8080";

/// An application that knows a provider, and Dana.
async fn app_at(issuer: &str, secret: &str) -> TestApp {
    let provider = settings(issuer, secret);
    let app = TestApp::with(|config| config.oidc = Some(provider)).await;
    app.staff(DANA, "Dana Reyes", Role::Technician).await;
    app
}

/// The same at a real provider, whose clock is the world's.
async fn app_at_real(provider: &Oidc) -> TestApp {
    let app = app_at(provider.issuer(), CLIENT_SECRET).await;
    app.set_clock(Clock::System.now());
    app
}

/// The same at a provider that says what the test wants.
async fn stage() -> (TestApp, Issuer) {
    let issuer = Issuer::start().await;
    (app_at(&issuer.url(), "hunter2").await, issuer)
}

/// The address that a page leads on to by itself; the link on it is the same.
fn way(page: &Answer) -> String {
    let page = page.text();
    let (_, rest) = page.split_once("http-equiv=\"refresh\" content=\"0; url=").expect("a way");
    let url = rest.split('"').next().unwrap();
    assert!(page.contains(&format!("href=\"{url}\"")), "{page}");
    url.replace("&#38;", "&")
}

/// Presses the button; where the browser goes then.
async fn begin(browser: &Client, then: &str) -> Url {
    let page = browser.form(BEGIN, &[("then", then)]).await.expect(200);
    Url::parse(&way(&page)).unwrap()
}

fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(it, _)| it == name);
    found.unwrap_or_else(|| panic!("{url} has no {name}")).1.into_owned()
}

/// The address that a provider's answer leads to.
fn answer(url: &Url) -> String {
    format!("{BACK}?code=c0de&state={}", parameter(url, "state"))
}

/// A path of ours in an address of ours.
fn path(url: &str) -> String {
    url.strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("{url} is none of ours")).to_owned()
}

async fn is_in(browser: &Client) -> bool {
    browser.get("/admin").await.status == 200
}

/// One attempt whose ID token `make` makes of its nonce; what comes of it.
async fn attempt(app: &TestApp, issuer: &Issuer, make: impl FnOnce(&str) -> String) -> Answer {
    let browser = app.anon().browser();
    let url = begin(&browser, "").await;
    issuer.give(make(&parameter(&url, "nonce")));
    let answer = browser.get(&answer(&url)).await;
    assert_eq!(is_in(&browser).await, answer.status == 303, "{}", answer.text());
    answer
}

#[track_caller]
fn says(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(words), "{words}: {}", answer.text());
}

const DOUBTFUL: &str = "We could not check who you are";
const DOWN: &str = "Example Login does not answer";
const STRANGER: &str = "You cannot get in with this account";

#[tokio::test]
async fn somebody_whom_a_real_provider_knows_lands_where_they_wanted_to_be() {
    for provider in [Oidc::start(PUBLIC_URL), Oidc::start_with_userinfo(PUBLIC_URL)] {
        let Some(provider) = provider else { return };
        let app = app_at_real(&provider).await;
        let browser = app.anon().browser();
        let page = browser.get("/admin/sign-in?then=/admin/tickets?q=x").await.expect(200);
        assert!(page.text().contains("Sign In with Example Login"), "{}", page.text());
        let url = begin(&browser, "/admin/tickets?q=x").await;
        let back = provider.sign_in(url.as_str(), DANA).await;
        let entered = browser.get(&path(&back)).await.expect(303);
        assert_eq!(entered.header("location"), Some("/admin/tickets?q=x"));
        assert_eq!(browser.cookie(COOKIE), None);
        let page = browser.get("/admin/sessions").await.expect(200);
        assert!(page.text().contains("with OpenID Connect"), "{}", page.text());
        let told: Vec<String> =
            app.column("SELECT details FROM audit WHERE action = 'session.begun'").await;
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(r#""with":"OpenID Connect""#), "{told:?}");
        // The address in the history of the browser is of no use.
        says(&browser.get(&path(&back)).await, 403, "began elsewhere");
        let other = app.anon().browser();
        says(&other.get(&path(&back)).await, 403, "began elsewhere");
        assert!(!is_in(&other).await);
    }
}

#[tokio::test]
async fn a_real_provider_is_told_who_asks_and_binds_its_answer() {
    let Some(provider) = Oidc::start(PUBLIC_URL) else { return };
    let app = app_at_real(&provider).await;
    let url = begin(&app.anon().browser(), "").await;
    assert!(url.as_str().starts_with(&format!("{}/auth?", provider.issuer())), "{url}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "doorkey"),
        ("redirect_uri", "http://localhost:8080/admin/sign-in/oidc/callback"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&url, name), value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(parameter(&url, name).len(), 43, "{name}");
    }
    // It announces that its answers name it, so one that does not is somebody else's.
    let browser = app.anon().browser();
    let back = provider.sign_in(begin(&browser, "").await.as_str(), DANA).await;
    let (nameless, issuer) = back.split_once("&iss=").expect("the provider names itself");
    assert!(issuer.starts_with("http%3A%2F%2F127.0.0.1"), "{back}");
    says(&browser.get(&path(nameless)).await, 403, DOUBTFUL);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn who_is_not_of_the_staff_learns_nothing_about_it() {
    let Some(provider) = Oidc::start(PUBLIC_URL) else { return };
    let app = app_at_real(&provider).await;
    app.staff("eve@rfs.example", "Eve", Role::Admin).await;
    app.act(|tx, _, now| {
        staff::set_active(tx, &Actor::System, &email("eve@rfs.example"), false, now)
    })
    .await
    .unwrap();
    let before = app.dump().await;
    let mut pages = Vec::new();
    for (who, words) in [
        ("nobody@rfs.example", STRANGER),
        ("eve@rfs.example", STRANGER),
        ("unconfirmed:nobody@rfs.example", "address is not confirmed"),
        ("unconfirmed:dana@rfs.example", "address is not confirmed"),
        ("nameless", "address is not confirmed"),
    ] {
        let browser = app.anon().browser();
        let url = begin(&browser, "/admin/tickets").await;
        let back = provider.sign_in(url.as_str(), who).await;
        let answer = browser.get(&path(&back)).await;
        says(&answer, 403, words);
        assert!(answer.text().contains("href=\"/admin/sign-in?then=%2Fadmin%2Ftickets\""));
        assert!(!answer.text().contains("rfs.example"), "{}", answer.text());
        assert!(!is_in(&browser).await);
        pages.push(answer.without_request_id());
    }
    assert_eq!(pages[0], pages[1], "unknown and disabled look alike");
    assert_eq!(pages[2], pages[3], "and so do unconfirmed ones");
    let after = app.dump().await;
    let changed: Vec<_> = before.keys().filter(|it| before[*it] != after[*it]).collect();
    assert_eq!(changed, ["limits"], "the attempts are used up, and nobody came in");
}

#[tokio::test]
async fn what_is_called_off_at_a_real_provider_is_called_off_here() {
    let Some(mut provider) = Oidc::start(PUBLIC_URL) else { return };
    let app = app_at_real(&provider).await;
    let browser = app.anon().browser();
    let url = begin(&browser, "").await;
    let back = provider.call_off(url.as_str()).await;
    assert!(back.contains("error=access_denied"), "{back}");
    says(&browser.get(&path(&back)).await, 403, "Example Login did not sign you in");
    // The same answer again is no answer.
    says(&browser.get(&path(&back)).await, 410, "This sign-in is over");
    // A code that the provider does not know, and then no provider at all.
    let url = begin(&browser, "").await;
    let made_up = format!("{}&iss={}", answer(&url), provider.issuer());
    says(&browser.get(&made_up).await, 403, DOUBTFUL);
    let url = begin(&browser, "").await;
    let back = provider.sign_in(url.as_str(), DANA).await;
    provider.stop();
    says(&browser.get(&path(&back)).await, 502, DOWN);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_real_provider_refuses_a_wrong_secret() {
    let Some(provider) = Oidc::start(PUBLIC_URL) else { return };
    let app = app_at(provider.issuer(), "another").await;
    app.set_clock(Clock::System.now());
    let browser = app.anon().browser();
    let url = begin(&browser, "").await;
    let back = provider.sign_in(url.as_str(), DANA).await;
    says(&browser.get(&path(&back)).await, 502, DOWN);
}

#[tokio::test]
async fn a_session_takes_the_place_of_the_one_before() {
    let (app, issuer) = stage().await;
    let browser = app.at_the_desk("eve@rfs.example", Role::Technician).await;
    let eves = browser.cookie("doorkey").unwrap();
    let url = begin(&browser, "").await;
    let nonce = parameter(&url, "nonce");
    // Case does not matter in an address.
    let claims = issuer.claims(&nonce, "Dana@RFS.Example", app.now().0);
    issuer.give(issuer.signer.sign(&claims));
    let entered = browser.get(&answer(&url)).await.expect(303);
    assert_eq!(entered.header("location"), Some("/admin"));
    assert!(browser.get("/admin").await.text().contains("Dana Reyes"));
    let old = app.anon().browser();
    old.set_cookie("doorkey", &eves);
    assert!(!is_in(&old).await, "whoever was signed in here before is not any more");
}

#[tokio::test]
async fn only_the_browser_that_began_can_end_it_and_only_once() {
    let (app, issuer) = stage().await;
    let (dana, thief) = (app.anon().browser(), app.anon().browser());
    let url = begin(&dana, "").await;
    let good = issuer.signer.sign(&issuer.claims(&parameter(&url, "nonce"), DANA, app.now().0));
    issuer.give(&good);
    // Another browser has begun, too, or made a cookie up, or none; nobody is asked anything then.
    begin(&thief, "").await;
    let forger = app.anon().browser();
    forger.set_cookie(COOKIE, &Token::random().reveal());
    for other in [&thief, &forger, &app.anon().browser()] {
        says(&other.get(&answer(&url)).await, 403, "This sign-in began elsewhere");
        assert!(!is_in(other).await);
    }
    let wrong = Token::random().reveal();
    let (nonce, challenge) = (parameter(&url, "nonce"), parameter(&url, "code_challenge"));
    let long = "x".repeat(4_000);
    for state in ["", "x", &wrong, &nonce, &challenge, &long, "%FF", "%00", "x&state=y", "x&code=z"]
    {
        let answer = dana.get(&format!("{BACK}?code=c0de&state={state}")).await;
        says(&answer, 403, "This sign-in began elsewhere");
    }
    says(&dana.get(BACK).await, 403, "This sign-in began elsewhere");
    assert!(issuer.asked("/token").is_empty(), "whoever cannot end it makes no call");
    // Eight at once with everything that is needed: one gets in.
    let cookie = dana.cookie(COOKIE).unwrap();
    let mut presses = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (twin, back) = (app.anon().browser(), answer(&url));
        twin.set_cookie(COOKIE, &cookie);
        presses.spawn(async move { twin.get(&back).await.status });
    }
    let mut statuses = presses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410, 410, 410, 410, 410, 410, 410]);
    assert_eq!(issuer.asked("/token").len(), 1);
    says(&dana.get(&answer(&url)).await, 410, "This sign-in is over");
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn an_attempt_ends_after_ten_minutes_exactly_and_is_forgotten() {
    for late in [0, 1] {
        let (app, issuer) = stage().await;
        let browser = app.anon().browser();
        let url = begin(&browser, "").await;
        app.clock.advance(oidc::TTL - Duration::from_millis(1) + Duration::from_millis(late));
        let claims = issuer.claims(&parameter(&url, "nonce"), DANA, app.now().0);
        issuer.give(issuer.signer.sign(&claims));
        let answer = browser.get(&answer(&url)).await;
        match late {
            0 => drop(answer.expect(303)),
            _ => says(&answer, 410, "This sign-in is over"),
        }
    }
    let (app, _issuer) = stage().await;
    begin(&app.anon().browser(), "").await;
    let left = || app.number("SELECT count(*) FROM oidc_sign_ins");
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(left().await, 1);
    app.clock.advance(oidc::TTL + Duration::from_millis(1));
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn several_tabs_and_several_processes_work_together() {
    let (app, issuer) = stage().await;
    let browser = app.anon().browser();
    let first = begin(&browser, "/admin/sessions").await;
    let second = begin(&browser, "/admin/tickets").await;
    for (url, wanted) in [(&first, "/admin/sessions"), (&second, "/admin/tickets")] {
        // The second tab still shows the provider when the first has signed in.
        let cookie = browser.cookie(COOKIE);
        let claims = issuer.claims(&parameter(url, "nonce"), DANA, app.now().0);
        issuer.give(issuer.signer.sign(&claims));
        let entered = browser.get(&answer(url)).await.expect(303);
        assert_eq!(entered.header("location"), Some(wanted));
        browser.set_cookie(COOKIE, &cookie.unwrap());
    }
    // What one process began another can end: all that it takes is in the database and the cookie.
    let url = begin(&browser, "/admin/audit").await;
    let secret = browser.cookie(COOKIE).unwrap().split('.').next().and_then(Token::parse).unwrap();
    let beside = app.beside().await;
    let attempt = Attempt::of(&beside.key, &secret);
    assert!(attempt.is_for(&parameter(&url, "state")));
    assert_eq!(attempt.challenge(), parameter(&url, "code_challenge"));
    let now = beside.clock.now();
    let taken = beside.db.write(move |tx| oidc::take(tx, &secret, now)).await.unwrap();
    assert_eq!(taken.as_deref(), Some("/admin/audit"));
    says(&browser.get(&answer(&url)).await, 410, "This sign-in is over");
    // Of many tabs the last few are remembered.
    for _ in 0..7 {
        begin(&browser, "").await;
    }
    assert_eq!(browser.cookie(COOKIE).unwrap().len(), 5 * 43 + 4);
}

#[tokio::test]
async fn the_database_and_the_log_of_it_hold_nothing_usable() {
    let (app, _issuer) = stage().await;
    let browser = app.anon().browser();
    let url = begin(&browser, "").await;
    let attempt = Attempt::of(&app.key, &Token::parse(&browser.cookie(COOKIE).unwrap()).unwrap());
    let rows = format!("{:?}", app.dump().await);
    let cookie = browser.cookie(COOKIE).unwrap();
    for secret in [&cookie, &attempt.state, &attempt.nonce, &attempt.verifier] {
        assert!(!rows.contains(secret.as_str()));
    }
    assert!(!url.as_str().contains(&attempt.verifier) && !url.as_str().contains(&cookie));
    assert_eq!(parameter(&url, "code_challenge"), text(&ids::sha256(attempt.verifier.as_bytes())));
    // A restored backup ends no sign-in that began before it.
    app.act(|tx, _, now| doorkey::domain::backups::make_safe(tx, now)).await.unwrap();
    assert_eq!(app.number("SELECT count(*) FROM oidc_sign_ins").await, 0);
}

/// Makes a token for a nonce.
type Forger<'a> = Box<dyn Fn(&str) -> String + 'a>;

#[tokio::test]
async fn forged_tokens_let_nobody_in() {
    let (app, issuer) = stage().await;
    let now = app.now().0;
    let (signer, stranger) = (&issuer.signer, Signer::new("one"));
    let good = |nonce: &str| issuer.claims(nonce, DANA, now);
    let with = |nonce: &str, name: &str, value: Value| {
        let mut claims = good(nonce);
        claims[name] = value;
        signer.sign(&claims)
    };
    attempt(&app, &issuer, |nonce| signer.sign(&good(nonce))).await.expect(303);
    let forged: [(&str, Forger<'_>); 12] = [
        ("another key", Box::new(|nonce| stranger.sign(&good(nonce)))),
        ("an unpublished key", Box::new(|nonce| Signer::new("two").sign(&good(nonce)))),
        (
            "no signature",
            Box::new(|nonce| {
                format!("{}.", unsigned(&json!({ "alg": "none", "kid": "one" }), &good(nonce)))
            }),
        ),
        (
            "the public key as a secret",
            Box::new(|nonce| {
                let message = unsigned(&json!({ "alg": "HS256", "kid": "one" }), &good(nonce));
                let signature = ids::hmac_sha256(signer.public_bytes(), message.as_bytes());
                format!("{message}.{}", text(&signature))
            }),
        ),
        ("another nonce", Box::new(|_| signer.sign(&good(&Token::random().reveal())))),
        ("no nonce", Box::new(|nonce| with(nonce, "nonce", Value::Null))),
        ("another client", Box::new(|nonce| with(nonce, "aud", json!("other")))),
        ("another issuer", Box::new(|nonce| with(nonce, "iss", json!("https://evil.example")))),
        ("its time over", Box::new(|nonce| with(nonce, "exp", json!(now / 1000 - 60)))),
        ("not made yet", Box::new(|nonce| with(nonce, "iat", json!(now / 1000 + 61)))),
        ("given to another client", Box::new(|nonce| with(nonce, "azp", json!("other")))),
        ("no token", Box::new(|_| "rubbish".to_owned())),
    ];
    for (what, make) in &forged {
        let answer = attempt(&app, &issuer, make).await;
        assert_eq!(answer.status, 403, "{what}");
        says(&answer, 403, DOUBTFUL);
    }
    let unverified = attempt(&app, &issuer, |nonce| with(nonce, "email_verified", json!(false)));
    says(&unverified.await, 403, "address is not confirmed");
    attempt(&app, &issuer, |nonce| with(nonce, "email_verified", json!("true"))).await.expect(303);
    // Nothing of it was kept for later: what was good is good.
    attempt(&app, &issuer, |nonce| signer.sign(&good(nonce))).await.expect(303);
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 3);
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_not_used() {
    let (app, issuer) = stage().await;
    let browser = app.anon().browser();
    let url = begin(&browser, "").await;
    issuer.give(issuer.signer.sign(&issuer.claims(&parameter(&url, "nonce"), DANA, app.now().0)));
    let elsewhere = format!("{}&iss=https%3A%2F%2Fevil.example", answer(&url));
    says(&browser.get(&elsewhere).await, 403, DOUBTFUL);
    assert!(issuer.asked("/token").is_empty(), "the code is shown to nobody");
    // An error beside a code is an error.
    let url = begin(&browser, "").await;
    let both = format!("{}&error=login_required", answer(&url));
    says(&browser.get(&both).await, 403, "did not sign you in");
    assert!(issuer.asked("/token").is_empty());
}

#[tokio::test]
async fn the_code_is_shown_with_our_secret_and_its_verifier() {
    let (app, issuer) = stage().await;
    let good = |nonce: &str| issuer.signer.sign(&issuer.claims(nonce, DANA, app.now().0));
    attempt(&app, &issuer, good).await.expect(303);
    let asked = issuer.asked("/token").remove(0);
    assert_eq!(asked.authorization.as_deref(), Some("Basic ZG9vcmtleTpodW50ZXIy"));
    for part in ["grant_type=authorization_code", "code=c0de", "code_verifier="] {
        assert!(asked.body.contains(part), "{}", asked.body);
    }
    assert!(!asked.body.contains("hunter2"));
    // A provider that wants it in the form gets it there, and nowhere else.
    issuer.claim("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    app.sleep(3600);
    let good = |nonce: &str| issuer.signer.sign(&issuer.claims(nonce, DANA, app.now().0));
    attempt(&app, &issuer, good).await.expect(303);
    let asked = issuer.asked("/token").remove(1);
    assert_eq!(asked.authorization, None);
    assert!(asked.body.ends_with("&client_id=doorkey&client_secret=hunter2"), "{}", asked.body);
}

#[tokio::test]
async fn metadata_and_keys_are_kept_and_nobody_makes_us_hammer_the_provider() {
    let (app, issuer) = stage().await;
    let metadata = || issuer.asked("/.well-known/openid-configuration").len();
    let keys = || issuer.asked("/keys").len();
    let good = |signer: &Signer, nonce: &str| signer.sign(&issuer.claims(nonce, DANA, app.now().0));
    for _ in 0..3 {
        attempt(&app, &issuer, |nonce| good(&issuer.signer, nonce)).await.expect(303);
    }
    assert_eq!((metadata(), keys()), (1, 1));
    // The provider changes its keys: they are fetched again, but not more than once a minute.
    app.sleep(61);
    let fresh = Signer::new("two");
    issuer.publish(&[&fresh]);
    attempt(&app, &issuer, |nonce| good(&fresh, nonce)).await.expect(303);
    assert_eq!((metadata(), keys()), (1, 2));
    for _ in 0..5 {
        attempt(&app, &issuer, |nonce| good(&Signer::new("three"), nonce)).await.expect(403);
        attempt(&app, &issuer, |nonce| good(&issuer.signer, nonce)).await.expect(403);
    }
    assert_eq!((metadata(), keys()), (1, 2));
    app.sleep(61);
    for _ in 0..5 {
        attempt(&app, &issuer, |nonce| good(&Signer::new("three"), nonce)).await.expect(403);
    }
    assert_eq!((metadata(), keys()), (1, 3));
    app.sleep(3600);
    attempt(&app, &issuer, |nonce| good(&fresh, nonce)).await.expect(303);
    assert_eq!((metadata(), keys()), (2, 4));
}

#[tokio::test]
async fn a_provider_that_is_away_or_talks_nonsense_is_told_calmly_and_left_alone() {
    let discovery = "/.well-known/openid-configuration";
    let huge = format!("{{\"issuer\":\"{}\"}}", "x".repeat(300_000));
    let elsewhere = Issuer::start().await;
    let away = format!("{}{discovery}", elsewhere.url());
    for instead in [
        Instead::Says(500, "oops".into()),
        Instead::Says(404, String::new()),
        Instead::Says(200, "<html>".into()),
        Instead::Says(200, "{}".into()),
        Instead::Says(200, huge),
        Instead::LeadsTo(away),
    ] {
        let (app, issuer) = stage().await;
        issuer.answer_instead(discovery, instead);
        let browser = app.anon().browser();
        for _ in 0..3 {
            let page = browser.form(BEGIN, &[("then", "/admin/tickets")]).await;
            says(&page, 502, DOWN);
            assert!(page.text().contains("href=\"/admin/sign-in?then=%2Fadmin%2Ftickets\""));
        }
        assert_eq!(issuer.asked(discovery).len(), 1, "one that fails is left alone for a while");
        issuer.recover();
        app.sleep(10);
        begin(&browser, "").await;
    }
    assert!(elsewhere.asked(discovery).is_empty(), "no redirect is followed");
    // Its metadata is another's word.
    let (app, issuer) = stage().await;
    issuer.claim("issuer", json!(format!("{}/", issuer.url())));
    says(&app.anon().browser().form(BEGIN, &[]).await, 502, DOWN);
}

#[tokio::test]
async fn a_provider_that_fails_at_the_end_lets_nobody_in() {
    let (app, issuer) = stage().await;
    let good = |nonce: &str| issuer.signer.sign(&issuer.claims(nonce, DANA, app.now().0));
    for (path, instead, status) in [
        ("/token", Instead::Says(401, r#"{"error":"invalid_client"}"#.into()), 502),
        ("/token", Instead::Says(400, r#"{"error":"invalid_grant"}"#.into()), 403),
        ("/token", Instead::Says(400, r#"{"error":"<script>"}"#.into()), 502),
        ("/token", Instead::Says(200, r#"{"access_token":"at"}"#.into()), 502),
        ("/token", Instead::Says(200, "x".repeat(300_000)), 502),
        ("/token", Instead::LeadsTo("/elsewhere".into()), 502),
        ("/keys", Instead::Says(200, "[]".into()), 502),
        ("/keys", Instead::Says(500, String::new()), 502),
    ] {
        app.sleep(3600);
        issuer.answer_instead(path, instead);
        let answer = attempt(&app, &issuer, good).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        issuer.recover();
    }
    assert!(issuer.asked("/elsewhere").is_empty());
}

#[tokio::test]
async fn userinfo_is_asked_where_the_token_holds_no_address_and_counts_for_the_same_person() {
    let (app, issuer) = stage().await;
    let nameless = |nonce: &str| {
        let mut claims = issuer.claims(nonce, DANA, app.now().0);
        claims.as_object_mut().unwrap().remove("email");
        issuer.signer.sign(&claims)
    };
    let good = r#"{"sub":"248289","email":"dana@rfs.example","email_verified":true}"#;
    for (says, status) in [
        (Instead::Says(200, good.into()), 303),
        (Instead::Says(200, good.replace("248289", "248290")), 403),
        (Instead::Says(200, good.replace("true", "false")), 403),
        (Instead::Says(200, "{}".into()), 403),
        (Instead::Says(401, good.into()), 502),
    ] {
        issuer.answer_instead("/userinfo", says);
        assert_eq!(attempt(&app, &issuer, nameless).await.status, status);
    }
    let asked = issuer.asked("/userinfo");
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer at"));
}

/// Takes the ten seconds that a provider is given.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_is_waited_for_once_and_not_for_long() {
    let (app, issuer) = stage().await;
    let discovery = "/.well-known/openid-configuration";
    issuer.answer_instead(discovery, Instead::Waits(Duration::from_secs(60)));
    let begun = std::time::Instant::now();
    let mut presses = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let browser = app.anon().browser();
        presses.spawn(async move { browser.form(BEGIN, &[]).await.status });
    }
    assert_eq!(presses.join_all().await, [502; 5]);
    assert!(begun.elapsed() < Duration::from_secs(20), "one wait, not five");
    assert_eq!(issuer.asked(discovery).len(), 1);
}

#[tokio::test]
async fn where_to_go_then_is_a_page_of_the_desk_and_nothing_else() {
    let (app, issuer) = stage().await;
    for (wanted, granted) in [
        ("/admin/tickets?status=open", "/admin/tickets?status=open"),
        ("https://evil.example/admin", "/admin"),
        ("//evil.example", "/admin"),
        ("/admin/\\evil.example", "/admin"),
        ("/portal", "/admin"),
        ("/admin/sign-out", "/admin"),
    ] {
        let browser = app.anon().browser();
        let url = begin(&browser, wanted).await;
        let claims = issuer.claims(&parameter(&url, "nonce"), DANA, app.now().0);
        issuer.give(issuer.signer.sign(&claims));
        let entered = browser.get(&answer(&url)).await.expect(303);
        assert_eq!(entered.header("location"), Some(granted));
    }
}

#[tokio::test]
async fn nobody_else_can_begin_a_sign_in_for_somebody() {
    let (app, issuer) = stage().await;
    let before = app.dump().await;
    let form = Some("application/x-www-form-urlencoded");
    for site in ["cross-site", "same-site", "none"] {
        let browser = app.anon().browser().header("Sec-Fetch-Site", site);
        browser.send("POST", BEGIN, "", form).await.expect(403);
    }
    app.anon().browser().send("POST", BEGIN, "", form).await.expect(403);
    app.anon().browser().get(BEGIN).await.expect(405);
    assert_eq!(dump::difference(&before, &app.dump().await), "");
    assert!(issuer.asked("/.well-known/openid-configuration").is_empty());
    let page = app.anon().browser().form(BEGIN, &[]).await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self';"), "no page may send a form elsewhere: {policy}");
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
}

#[tokio::test]
async fn over_https_the_cookie_belongs_to_this_host_alone() {
    let issuer = Issuer::start().await;
    let provider = issuer.settings();
    let app = TestApp::with(|config| {
        config.oidc = Some(provider);
        let url = doorkey::config::PublicUrl::parse("https://support.rfs.example");
        config.server.public_url = url.unwrap();
    });
    let app = app.await;
    let page = app.anon().browser().form(BEGIN, &[]).await.expect(200);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-doorkey-oidc="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"), "{cookie}");
    let way = Url::parse(&way(&page)).unwrap();
    let back = "https://support.rfs.example/admin/sign-in/oidc/callback";
    assert_eq!(parameter(&way, "redirect_uri"), back);
}

#[tokio::test]
async fn one_network_begins_so_many_and_another_goes_on() {
    let (app, _issuer) = stage().await;
    let browser = app.anon().browser();
    for _ in 0..120 {
        browser.form(BEGIN, &[]).await.expect(200);
    }
    let refused = browser.form(BEGIN, &[]).await.expect(429);
    assert!(refused.header("retry-after").is_some());
    browser.from("192.0.2.99").form(BEGIN, &[]).await.expect(200);
    app.sleep(3600);
    browser.form(BEGIN, &[]).await.expect(200);
}

#[tokio::test]
async fn an_admin_who_needs_a_passkey_still_needs_it() {
    let issuer = Issuer::start().await;
    let provider = issuer.settings();
    let app = TestApp::with(|config| {
        config.oidc = Some(provider);
        config.staff.require_passkey = true;
    });
    let app = app.await;
    for (address, role, wanted) in [
        ("boss@rfs.example", Role::Admin, Some("/admin/passkeys")),
        ("tech@rfs.example", Role::Technician, None),
    ] {
        app.staff(address, "Somebody", role).await;
        let browser = app.anon().browser();
        let url = begin(&browser, "").await;
        let claims = issuer.claims(&parameter(&url, "nonce"), address, app.now().0);
        issuer.give(issuer.signer.sign(&claims));
        browser.get(&answer(&url)).await.expect(303);
        let page = browser.get("/admin/tickets").await;
        assert_eq!(page.header("location"), wanted, "{address}: {}", page.text());
        assert_eq!(page.status, if wanted.is_some() { 303 } else { 200 });
    }
}

#[tokio::test]
async fn without_a_provider_there_is_neither_button_nor_page() {
    let app = TestApp::start().await;
    let page = app.anon().get("/admin/sign-in").await.expect(200);
    assert!(!page.text().contains("/admin/sign-in/oidc"), "{}", page.text());
    app.anon().browser().form(BEGIN, &[]).await.expect(404);
    app.anon().get(&format!("{BACK}?code=x&state=y")).await.expect(404);
}

/// Begins at a provider and comes back: every statement that there is about it.
pub async fn one_story(app: &TestApp) {
    let (network, key, now) = (b"network", app.key, app.now());
    let begun = app.act(move |tx, rules, now| oidc::begin(tx, rules, &key, "/admin", network, now));
    let secret = begun.await.unwrap();
    app.act(move |tx, _, now| oidc::take(tx, &secret, now)).await.unwrap().expect("a path");
    let visitor = doorkey::domain::sessions::Visitor {
        browser: "Firefox".into(),
        network: "192.0.2.x".into(),
        had: None,
    };
    let dana = email(DANA);
    let came = app.db.write(move |tx| oidc::sign_in(tx, &dana, &visitor, now)).await.unwrap();
    assert!(came.is_some());
}
