//! Addresses: of people, of web pages, of mail servers, of sockets, and paths of the desk.
#![no_main]

use doorkey::config::smtp_url::SmtpUrl;
use doorkey::config::{Listen, PublicUrl};
use doorkey::domain::email::Email;
use doorkey::domain::{text, webhooks};
use doorkey::web::admin::then;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|text: &str| {
    person(text);
    desk(text);
    hook(text);
    if let Ok(url) = PublicUrl::parse(text) {
        assert_eq!(PublicUrl::parse(url.as_str()).as_ref(), Ok(&url));
        assert!(url.is_https() || url.is_loopback());
    }
    if let Ok(listen) = Listen::parse(text) {
        assert_eq!(Listen::parse(&listen.to_string()).as_ref(), Ok(&listen));
    }
    // What is wrong is told without the password.
    for setting in [format!("smtp://u:K3nnw0rt{text}"), format!("smtps://u:K3nnw0rt@{text}")] {
        if let Err(error) = SmtpUrl::parse(&setting) {
            assert!(!error.contains("K3nnw0rt"), "{error}");
        }
    }
    let _ = SmtpUrl::parse(text);
});

fn person(typed: &str) {
    let Ok(email) = Email::parse("email", typed) else { return };
    let address = email.as_str();
    assert_eq!(Email::parse("email", address).as_ref(), Ok(&email));
    assert!(address.len() <= 254 && address.matches('@').count() == 1);
    let bad = |it: char| it.is_control() || text::is_invisible(it) || "\"(),;<>\\".contains(it);
    assert!(!address.contains(bad), "{address:?}");
    // Whoever is taken as a customer can be mailed.
    assert!(address.parse::<lettre::Address>().is_ok(), "{address:?}");
    // Two addresses with one key have one customer: the key's own key is itself.
    let key = email.key();
    if let Ok(again) = Email::parse("email", &key) {
        assert_eq!(again.key(), key, "{address:?}");
    }
}

/// Where somebody goes after signing in is a page of the desk, however a browser reads it.
fn desk(wanted: &str) {
    let found = then::local(wanted);
    assert!(found == wanted || found == then::HOME);
    let here = Url::parse("https://desk.example/x/y").expect("an address");
    let there = here.join(found).expect("an address");
    assert_eq!(there.origin(), here.origin(), "{found:?}");
    let path = there.path();
    assert!(path == "/admin" || path.starts_with("/admin/"), "{found:?}");
}

/// What is called is public, and its address says nothing else.
fn hook(typed: &str) {
    let Ok(target) = webhooks::parse_url("url", typed, &[]) else { return };
    assert_eq!(webhooks::parse_url("url", &target, &[]).as_ref(), Ok(&target));
    let url = Url::parse(&target).expect("an address");
    assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
    if let Ok(address) = url.host_str().unwrap_or_default().trim_matches(['[', ']']).parse() {
        assert!(webhooks::may_call(address, &[]), "{target}");
    }
}
