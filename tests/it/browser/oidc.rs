//! Staff sign in at a real OpenID Connect provider, in a real browser, with JavaScript and without.

use serde_json::json;

use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;
use crate::real::oidc::{CLIENT_SECRET, Oidc};

use super::looks::look_at;

const DANA: &str = "dana@rfs.example";

/// A provider, a Doorkey that knows it and Dana, and a browser.
async fn stage() -> Option<(Oidc, Doorkey, Browser)> {
    let mut doorkey = Doorkey::prepare(&[
        ("DOORKEY_OIDC_CLIENT_ID", "doorkey"),
        ("DOORKEY_OIDC_CLIENT_SECRET", CLIENT_SECRET),
        ("DOORKEY_OIDC_NAME", "Example Login"),
    ]);
    let provider = Oidc::start(&doorkey.url(""))?;
    let browser = Browser::start().await?;
    doorkey.set("DOORKEY_OIDC_ISSUER", provider.issuer());
    doorkey.restart();
    let dana = ["staff", "add", "--email", DANA, "--name", "Dana Reyes", "--role", "admin"];
    doorkey.cli(&dana);
    Some((provider, doorkey, browser))
}

/// Goes through the provider's own pages as `who`.
async fn sign_in_there(browser: &Browser, who: &str) {
    browser.press("Sign In with Example Login").await;
    browser.see_address("/interaction/").await;
    browser.fill("Enter any login", who).await;
    browser.fill("and password", "any").await;
    browser.press("Sign-in").await;
    browser.press("Continue").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_provider_and_back_to_the_page_that_was_wanted() {
    let Some((_provider, doorkey, browser)) = stage().await else { return };
    browser.open(&doorkey.url("/admin/sessions?from=bookmark")).await;
    sign_in_there(&browser, DANA).await;
    browser.see_address("/admin/sessions?from=bookmark").await;
    browser.see("with OpenID Connect").await;
    browser.press("Sign out").await;
    browser.see("You are signed out.").await;
    // The provider still knows this browser: one press is enough.
    browser.press("Sign In with Example Login").await;
    browser.see("Hello, Dana").await;
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_without_javascript() {
    let Some((_provider, doorkey, browser)) = stage().await else { return };
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&doorkey.url("/admin")).await;
    sign_in_there(&browser, DANA).await;
    browser.see("Hello, Dana").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_with_a_provider_is_accessible_and_says_why_it_stays_shut() {
    let Some((mut provider, mut doorkey, browser)) = stage().await else { return };
    browser.open(&doorkey.url("/admin/sign-in")).await;
    browser.find("button", "Sign In with Example Login").await;
    look_at(&browser, "desk-sign-in-oidc").await;
    sign_in_there(&browser, "nobody@rfs.example").await;
    browser.see("You cannot get in with this account").await;
    look_at(&browser, "desk-sign-in-oidc-stranger").await;
    browser.follow("Back to Signing In").await;
    provider.stop();
    // It forgets the provider's metadata, which is kept for an hour.
    doorkey.restart();
    browser.press("Sign In with Example Login").await;
    browser.see("Example Login does not answer").await;
    // The browser notes that the answer was a 502, which is no fault of the page.
    browser.driver().browser_log().await.unwrap();
    look_at(&browser, "desk-sign-in-oidc-away").await;
    browser.open(&doorkey.url("/admin/sign-in/oidc/callback?code=x&state=y")).await;
    browser.see("This sign-in began elsewhere").await;
    look_at(&browser, "desk-sign-in-oidc-elsewhere").await;
}
