//! The portal as people meet it: stories in a real browser, with the real binary and a real mail
//! server. Each starts its own of everything.

use crate::real::browser::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn the_rig_finds_things_by_their_names() {
    let Some(browser) = Browser::start().await else { return };
    let page = "data:text/html,<label for=e>Email</label><input id=e><button>Send <span aria-hidden=true>x</span></button><a href=%23>A <bdi>link</bdi></a>";
    browser.open(page).await;
    browser.fill("Email", "Grüße 😀 مرحبا").await;
    assert_eq!(browser.value("Email").await, "Grüße 😀 مرحبا");
    assert!(browser.has("button", "Send").await);
    assert!(browser.has("link", "A li…").await);
    assert!(!browser.has("button", "Email").await);
    browser.assert_quiet().await;
}
