//! How staff come in, as they meet it: the first admin by a link of the command line, then by mail,
//! with JavaScript and without.

use serde_json::json;

use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;
use crate::real::smtp::Smtp;
use crate::support::mailbox::{code, sign_in_link};

const DANA: &str = "dana@rfs.example";

/// A mail server, Doorkey with its first admin, and a browser.
struct Stage {
    smtp: Smtp,
    doorkey: Doorkey,
    browser: Browser,
    /// The link that `staff add` printed.
    first_link: String,
}

impl Stage {
    async fn set() -> Option<Self> {
        let smtp = Smtp::start()?;
        let browser = Browser::start().await?;
        let doorkey = Doorkey::start_with_mail(&smtp, &[]);
        let dana = ["staff", "add", "--email", DANA, "--name", "Dana Reyes", "--role", "admin"];
        let first_link = doorkey.cli(&dana)["url"].as_str().unwrap().to_owned();
        Some(Self { smtp, doorkey, browser, first_link })
    }

    /// Asks for a way in, in this browser; returns the text of the mail that comes.
    async fn ask(&self, number: usize) -> String {
        self.browser.fill("Email", DANA).await;
        self.browser.press("Send Me a Link").await;
        self.browser.see("a link is on its way").await;
        self.smtp.wait_for(DANA, number).text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_link_to_signing_out_everywhere() {
    let Some(stage) = Stage::set().await else { return };
    let Stage { doorkey, browser, first_link, .. } = &stage;
    browser.open(first_link).await;
    browser.see("Sign in to the desk").await;
    browser.press("Sign In").await;
    browser.see("Sign in faster next time").await;
    browser.follow("Not now").await;
    browser.see("Hello, Dana").await;
    browser.assert_quiet().await;
    // By mail, from a page of the desk: one lands where one wanted to be.
    browser.press("Sign out").await;
    browser.see("You are signed out.").await;
    browser.open(&doorkey.url("/admin/sessions?from=bookmark")).await;
    let mail = stage.ask(1).await;
    let asked = browser.tab().await;
    browser.open_new_tab(&sign_in_link(&mail)).await;
    browser.press("Sign In").await;
    browser.see_address("/admin/sessions?from=bookmark").await;
    browser.see("Chrome on Linux").await;
    browser.see("127.0.0.x").await;
    browser.open(first_link).await;
    browser.see("This link was used already").await;
    browser.switch(&asked).await;
    browser.open(&doorkey.url("/admin/sessions")).await;
    let cookies = browser.driver().get_all_cookies().await.unwrap();
    browser.press("Sign Out Everywhere").await;
    browser.see("You are signed out.").await;
    browser.assert_quiet().await;
    let mut secrets: Vec<String> = cookies.into_iter().map(|cookie| cookie.value).collect();
    assert!(!secrets.is_empty(), "a session is a cookie");
    for link in [first_link, &sign_in_link(&mail)] {
        secrets.push(link.rsplit('/').next().unwrap().to_owned());
    }
    secrets.push(code(&mail).unwrap());
    let log = doorkey.log();
    assert!(log.contains("/admin/sign-in/link/{token}"), "requests are logged by their routes");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_typed_where_the_link_was_asked_for() {
    let Some(stage) = Stage::set().await else { return };
    let Stage { doorkey, browser, .. } = &stage;
    browser.open(&doorkey.url("/admin")).await;
    let mail = stage.ask(1).await;
    let phone = Browser::start().await.unwrap();
    phone.open(&sign_in_link(&mail)).await;
    phone.see("This link belongs to another browser").await;
    browser.fill("6-digit code", &code(&mail).unwrap()).await;
    browser.press("Sign In").await;
    browser.see("Sign in faster next time").await;
    phone.open(&doorkey.url("/admin")).await;
    phone.find("field", "Email").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_without_javascript() {
    let Some(stage) = Stage::set().await else { return };
    let Stage { doorkey, browser, .. } = &stage;
    // The driver's own scripts still run: only those of pages are shut off.
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&doorkey.url("/admin")).await;
    let mail = stage.ask(1).await;
    browser.open(&sign_in_link(&mail)).await;
    browser.press("Sign In").await;
    browser.follow("Not now").await;
    browser.see("Hello, Dana").await;
    browser.follow("Signed in as Dana Reyes…").await;
    browser.see("Your sessions").await;
    browser.press("Sign Out Everywhere").await;
    browser.see("You are signed out.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_sends_is_refused_by_a_real_browser() {
    let Some(stage) = Stage::set().await else { return };
    let Stage { doorkey, browser, first_link, .. } = &stage;
    browser.open(first_link).await;
    browser.press("Sign In").await;
    browser.follow("Not now").await;
    browser.see("Hello, Dana").await;
    // Another site by its name, on the same machine: a page that sends a form by itself.
    let evil = format!(
        "data:text/html,<form method=post action='{}'><button>Win</button></form>",
        doorkey.url("/admin/sessions/end-all")
    );
    browser.open(&evil).await;
    browser.press("Win").await;
    browser.see("This was not done").await;
    browser.open(&doorkey.url("/admin")).await;
    browser.see("Hello, Dana").await;
}

/// Signs Dana in, an admin.
pub(super) async fn sign_in(browser: &Browser, doorkey: &Doorkey) {
    let dana = ["staff", "add", "--email", DANA, "--name", "Dana Reyes", "--role", "admin"];
    browser.open(doorkey.cli(&dana)["url"].as_str().unwrap()).await;
    browser.press("Sign In").await;
    browser.follow("Not now").await;
    browser.see("Hello, Dana").await;
}

/// Fills the form on the page of saved answers, and sends it.
pub(super) async fn save_answer(browser: &Browser, name: &str, text: &str) {
    browser.fill("Name", name).await;
    browser.fill("Text", text).await;
    browser.press("Save Answer").await;
}

/// Ticks the boxes of all tickets of the list.
pub(super) async fn choose_all(browser: &Browser) {
    let tick = "document.querySelectorAll('.pick input').forEach((it) => it.checked = true)";
    browser.evaluate(tick).await;
}

/// Picks what stands in a list of choices of a form.
pub(super) async fn pick(browser: &Browser, form: &str, field: &str, value: &str) {
    let script = format!("document.forms['{form}'].elements['{field}'].value = '{value}'");
    browser.evaluate(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_listed_changed_and_written_down_without_javascript() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    sign_in(browser, &doorkey).await;
    for subject in ["The gate stays open", "Camera 2 is dark"] {
        program.open_ticket("ana@cafe-lumen.example", subject, "Since Monday.").await;
    }
    browser.follow("Tickets").await;
    browser.see("The gate stays open").await;
    browser.fill("Search tickets", "camera").await;
    browser.press("Search").await;
    browser.see_no_more("The gate stays open").await;
    browser.see("Camera 2 is dark").await;
    browser.follow("Tickets").await;
    browser.see("The gate stays open").await;
    choose_all(browser).await;
    pick(browser, "several", "priority", "urgent").await;
    browser.press("Change Them").await;
    browser.see("2 tickets changed.").await;
    browser.press("Undo All 2").await;
    browser.see("2 tickets put back.").await;

    browser.follow("New Ticket").await;
    browser.fill("E-mail", "lumen").await;
    browser.fill("Subject", "The bell is silent").await;
    browser.fill("Description", "She called at nine.").await;
    browser.press("Find").await;
    browser.press("Ana Costa…").await;
    browser.press("Create Ticket").await;
    browser.see_address("/admin/tickets/TKT-").await;
    browser.open(&doorkey.url("/admin/tickets?q=bell")).await;
    browser.follow("The bell is silent").await;
    browser.see_address("/admin/tickets/TKT-").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_answer_is_put_where_somebody_writes() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    sign_in(browser, &doorkey).await;
    browser.open(&doorkey.url("/admin/answers")).await;
    save_answer(browser, "Power cut", "Hello {customer}, press 1.").await;
    browser.see("Power cut").await;
    let program = doorkey.program("admin");
    let ticket = program.open_ticket("ana@example.com", "Dark", "All of it").await;
    let page = doorkey.url(&format!("/admin/tickets/{ticket}"));
    let choose = "for (const option of document.querySelectorAll('.saved option')) \
         option.selected = option.textContent === 'Power cut'";
    let filled = "Hello Ana Costa, press 1.";

    browser.open(&page).await;
    // Forms that were taken over since take it once, too.
    program.set_status(&ticket, "in_progress").await;
    browser.see("Set Back to Open").await;
    browser.fill("Note", "[] I looked.").await;
    browser.evaluate("document.querySelector('#note').setSelectionRange(1, 1)").await;
    browser.evaluate(choose).await;
    browser.press("Insert into the note").await;
    let wanted = format!("[{filled}] I looked.");
    for _ in 0..100 {
        if browser.value("Note").await == wanted {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(browser.value("Note").await, wanted, "at the caret, once, without a new page");

    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&page).await;
    browser.fill("Note", "I looked.").await;
    browser.evaluate(choose).await;
    browser.press("Insert into the note").await;
    browser.see("Add a note").await;
    assert_eq!(browser.value("Note").await, format!("I looked.\n\n{filled}"));
    browser.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_offered_while_somebody_types() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    sign_in(browser, &doorkey).await;
    program.open_ticket("ana@cafe-lumen.example", "The gate", "Stays open.").await;
    browser.open(&doorkey.url("/admin/tickets/new")).await;
    browser.fill("E-mail", "lum").await;
    let offered = "return document.querySelector('#customers option')?.value ?? ''";
    for _ in 0..200 {
        if browser.evaluate(offered).await == json!("ana@cafe-lumen.example") {
            return browser.assert_quiet().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody is offered");
}

/// Gives the browser a device of its own that keeps passkeys and unlocks them by itself.
pub(super) async fn give_authenticator(browser: &Browser) {
    browser.devtools("WebAuthn.enable", json!({ "enableUI": false })).await;
    let options = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    browser.devtools("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_added_after_the_first_sign_in_and_used_for_the_next() {
    let Some(browser) = Browser::start().await else { return };
    let doorkey = Doorkey::start(&[("DOORKEY_STAFF_REQUIRE_PASSKEY", "on")]);
    let dana = ["staff", "add", "--email", DANA, "--name", "Dana Reyes", "--role", "admin"];
    let link = doorkey.cli(&dana)["url"].as_str().unwrap().to_owned();
    give_authenticator(&browser).await;
    browser.open(&link).await;
    browser.press("Sign In").await;
    browser.see("Sign in faster next time").await;
    browser.fill("Name of the passkey", "Dana’s laptop").await;
    browser.press("Add a Passkey").await;
    browser.see("Hello, Dana").await;
    browser.press("Sign out").await;
    browser.see("You are signed out.").await;
    browser.press("Use a Passkey").await;
    browser.see("Hello, Dana").await;
    browser.open(&doorkey.url("/admin/sessions")).await;
    browser.see("with a passkey").await;
    browser.follow("your passkeys").await;
    browser.see("Dana’s laptop").await;
    browser.see("Last used").await;
    // The same device has one already, and says so.
    browser.press("Add a Passkey").await;
    browser.see("This device has a passkey for you already.").await;
    browser.press("Remove the passkey Dana’s laptop").await;
    browser.see_no_more("Dana’s laptop").await;
    browser.press("Sign out").await;
    browser.press("Use a Passkey").await;
    browser.see("This passkey was not taken.").await;
    browser.assert_quiet().await;
}
