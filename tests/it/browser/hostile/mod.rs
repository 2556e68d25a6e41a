//! What people type stays what they typed: hundreds of texts that would like to be more than text, in every
//! field there is, opened in a real browser by every page and mail that shows them.
//!
//! Twice over. First with our Content-Security-Policy, which must find nothing to object to; then with the
//! browser's regard for it switched off, so that nothing but our own care with people's words stands in the
//! way. A text that runs says so in the browser's log, and so does what breaks the policy.

mod direction;
mod fill;
mod payloads;

use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use thirtyfour::By;

use self::fill::{House, POLYGLOT, of_views, of_webhooks};
use self::payloads::{lines, packed, texts};
use super::ANA;
use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;
use crate::real::{PATIENCE, wait_for};

/// Mails that are opened for themselves; the others are read.
const OPENED: usize = 30;

/// What `look.js` says of a document.
#[derive(Deserialize)]
struct Look {
    words: String,
    faults: Vec<String>,
}

/// Has everything that runs or breaks the policy written down from the next page on.
async fn watch(browser: &Browser) {
    let source = json!({ "source": include_str!("watch.js") });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
}

/// Whether the browser minds what our policy says, from the next page on.
async fn mind_the_policy(browser: &Browser, minds: bool) {
    browser.devtools("Page.setBypassCSP", json!({ "enabled": !minds })).await;
}

/// Reads the page that is open, or the one at `address` with `token` in hand, and finds nothing in it that is
/// not ours. Returns its words.
async fn look(
    browser: &Browser,
    address: Option<&str>,
    token: Option<&str>,
    is_mail: bool,
) -> String {
    let arguments = vec![json!(address), json!(token), json!(is_mail)];
    let seen = browser.driver().execute_async(include_str!("look.js"), arguments).await.unwrap();
    let seen: Look = seen.convert().unwrap();
    let page = address.map_or(browser.address().await, str::to_owned);
    assert!(seen.faults.is_empty(), "{page}:\n{}", seen.faults.join("\n"));
    seen.words
}

/// Asserts that `words` hold every one of `texts` as it was typed.
#[track_caller]
fn assert_shows(place: &str, words: &str, texts: &[String]) {
    let missing: Vec<&String> =
        texts.iter().filter(|text| !words.contains(text.as_str())).collect();
    assert!(missing.is_empty(), "{place} does not show {missing:#?}\nbut {words}");
}

impl House {
    /// Opens a page of ours and returns its words.
    async fn visit(&self, path: &str) -> String {
        self.browser.open(&self.doorkey.url(path)).await;
        look(&self.browser, None, None, false).await
    }

    /// Opens a list and the pages that follow it; returns the words of all.
    async fn visit_all(&self, path: &str) -> String {
        let mut words = self.visit(path).await;
        while let Ok(next) = self.browser.driver().find(By::Css("a[rel=next]")).await {
            let next = next.attr("href").await.unwrap().unwrap();
            words.push_str(&self.visit(&next).await);
        }
        words
    }

    /// Reads a page without opening it.
    async fn read(&self, path: &str, token: Option<&str>) -> String {
        look(&self.browser, Some(&self.doorkey.url(path)), token, false).await
    }

    async fn tour(&self) {
        let begun = Instant::now();
        self.see_the_portal().await;
        self.see_the_desks_tickets().await;
        self.see_the_desks_people().await;
        self.see_what_the_desk_keeps().await;
        self.see_the_doors().await;
        self.see_the_mails().await;
        self.browser.assert_quiet().await;
        println!("seen after {:?}", begun.elapsed());
    }

    async fn see_the_portal(&self) {
        let Self { browser, tickets, .. } = self;
        let link = self.link();
        browser.open(&link).await;
        browser.see("Your tickets").await;
        let shown = async || {
            let count =
                browser.evaluate("return document.querySelectorAll('.ticket').length").await;
            count.as_u64().unwrap()
        };
        let more = Instant::now();
        while shown().await < tickets.len() as u64 {
            assert!(more.elapsed() < PATIENCE, "{} of {} tickets", shown().await, tickets.len());
            browser.follow_if_there("Show more").await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_shows("the list", &look(browser, None, None, false).await, &lines(200));
        for (at, reference) in tickets[..=self.resolved].iter().enumerate() {
            browser.open(&self.doorkey.url(&format!("/portal/tickets/{reference}"))).await;
            browser.see("What happened so far").await;
            let words = look(browser, None, None, false).await;
            if at == 0 {
                assert_shows("the ticket", &words, &texts());
            }
        }
        browser.fill("Reply", POLYGLOT).await;
        browser.open(&self.doorkey.url("/portal")).await;
        browser.fill("Search your tickets", POLYGLOT).await;
        browser.see_address("q=").await;
        browser.see("Your tickets").await;
        look(browser, None, None, false).await;
    }

    async fn see_the_desks_tickets(&self) {
        assert_shows("the list", &self.visit_all("/admin/tickets").await, &lines(200));
        assert_shows("the views", &self.visit("/admin/tickets").await, &of_views());
        let first = format!("/admin/tickets/{}", self.tickets[0]);
        assert_shows("the ticket", &self.visit(&first).await, &texts());
        let mut resolutions = String::new();
        for reference in &self.tickets[1..=self.resolved] {
            resolutions.push_str(&self.visit(&format!("/admin/tickets/{reference}")).await);
        }
        assert_shows("the resolutions", &resolutions, &texts());
        self.visit(&format!("{first}/customer")).await;
        self.visit("/admin").await;
        self.visit("/admin/tickets?q=owned").await;
    }

    async fn see_the_desks_people(&self) {
        assert_shows("customers", &self.visit_all("/admin/customers").await, &lines(200));
        let ana = self.program.get(&format!("/customers?q={ANA}")).await;
        let ana = ana["items"][0]["id"].as_str().unwrap().to_owned();
        self.visit(&format!("/admin/customers/{ana}")).await;
        self.visit(&format!("/admin/customers/{ana}/erase")).await;
        assert_shows("the staff", &self.visit("/admin/staff").await, &lines(200));
        let colleague = self.browser.driver().find(By::Css("a[href^='/admin/staff/']")).await;
        let colleague = colleague.unwrap().attr("href").await.unwrap().unwrap();
        self.visit(&colleague).await;
        self.look_through_a_bad_table().await;
    }

    async fn look_through_a_bad_table(&self) {
        self.visit("/admin/customers/import").await;
        let field = self.browser.driver().find(By::Css("input[type=file]")).await.unwrap();
        field.send_keys(self.bad_table().display().to_string()).await.unwrap();
        self.browser.press("Look Through It").await;
        self.browser.see("Line 2").await;
        look(&self.browser, None, None, false).await;
    }

    async fn see_what_the_desk_keeps(&self) {
        assert_shows("the keys", &self.visit("/admin/api-keys").await, &lines(200));
        assert_shows("the webhooks", &self.visit("/admin/webhooks").await, &of_webhooks());
        let webhook = self.browser.driver().find(By::Css("a[href^='/admin/webhooks/']")).await;
        self.visit(&webhook.unwrap().attr("href").await.unwrap().unwrap()).await;
        let answers = self.visit("/admin/answers").await;
        assert_shows("the answers", &answers, &texts());
        let answer = self.browser.driver().find(By::Css("a[href^='/admin/answers/']")).await;
        self.visit(&answer.unwrap().attr("href").await.unwrap().unwrap()).await;
        for page in ["", "/start-page", "/tickets", "/mails"] {
            self.visit(&format!("/admin/settings{page}")).await;
        }
        self.visit("/admin/passkeys").await;
        self.visit("/admin/sessions").await;
        self.visit("/admin/outbox?state=sent").await;
        assert_shows("the log", &self.visit_all("/admin/audit").await, &lines(200));
    }

    /// Pages for everybody.
    async fn see_the_doors(&self) {
        for path in ["/", "/portal/help", "/api/docs", "/admin/help"] {
            self.visit(path).await;
        }
    }

    /// What is not opened for itself is read: every other ticket and customer, and what pages give back of what was
    /// searched for or cannot be found.
    async fn read_the_rest(&self) {
        let (link, mut notes) = (self.link(), String::new());
        let token = Some(link.split_once("#token=").unwrap().1);
        for reference in &self.tickets {
            self.read(&format!("/portal/tickets/{reference}"), token).await;
            self.read(&format!("/admin/tickets/{reference}"), None).await;
        }
        let everybody = self.program.get("/customers?limit=100").await;
        for customer in everybody["items"].as_array().unwrap() {
            let page = format!("/admin/customers/{}", customer["id"].as_str().unwrap());
            notes.push_str(&self.read(&page, None).await);
        }
        assert_shows("notes on customers", &notes, &texts());
        for search in searches() {
            self.read(&format!("/portal?q={search}"), token).await;
            let filters = format!("q={search}&customer={search}&category={search}");
            self.read(&format!("/admin/tickets?{filters}"), None).await;
            let filters = format!("who={search}&about={search}&from={search}");
            self.read(&format!("/admin/audit?{filters}"), None).await;
            for asked in ["tickets?q=", "customers?q=", "tickets/new/customers?q=", "sign-in?then="]
            {
                self.read(&format!("/admin/{asked}{search}"), None).await;
            }
            for path in ["/", "/admin/", "/portal/tickets/", "/admin/help/", "/assets/"] {
                self.read(&format!("{path}{search}"), None).await;
            }
        }
        for mail in self.mails().await.iter().skip(OPENED) {
            let page = self.doorkey.url(&format!("{mail}/html"));
            look(&self.browser, Some(&page), None, true).await;
        }
        self.browser.assert_quiet().await;
    }

    /// The addresses of all mails, on the page that lists them.
    async fn mails(&self) -> Vec<String> {
        self.visit("/dev/mailbox").await;
        let script =
            "return Array.from(document.querySelectorAll('.mails a'), (link) => link.pathname)";
        let mails = self.browser.evaluate(script).await;
        let mails: Vec<String> = serde_json::from_value(mails).unwrap();
        assert!(mails.len() > self.tickets.len(), "{mails:?}");
        mails
    }

    /// The newest mails, as a mail program shows them: among them those that quote everything.
    async fn see_the_mails(&self) {
        wait_for("every mail to be handed over", || {
            let queued = self.doorkey.cli(&["outbox", "list", "--state", "queued"]);
            queued["items"].as_array().unwrap().is_empty().then_some(())
        });
        let list = self.visit("/dev/mailbox").await;
        assert!(list.contains("Resolved"), "{list}");
        let mut words = String::new();
        for mail in self.mails().await.iter().take(OPENED) {
            self.browser.open(&self.doorkey.url(&format!("{mail}/html"))).await;
            words.push_str(&look(&self.browser, None, None, true).await);
        }
        // A mail quotes line by line.
        assert_shows("the mails", &words, &lines(usize::MAX));
    }
}

/// All texts as what is searched for, with the control characters that no field keeps.
fn searches() -> Vec<String> {
    let encode = |text: &String| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    packed(&payloads::all(), 190, " ").iter().map(encode).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_type_runs_anywhere() {
    let Some(mut house) = House::open().await else { return };
    watch(&house.browser).await;
    house.fill().await;
    mind_the_policy(&house.browser, true).await;
    house.tour().await;
    mind_the_policy(&house.browser, false).await;
    house.tour().await;
    house.read_the_rest().await;
    house.nothing_was_fetched_from_elsewhere().await;
    house.programs_are_told_word_for_word().await;
    let log = house.doorkey.log();
    assert!(log.contains("/admin/tickets/{reference}"), "requests are logged");
    assert!(!log.contains("owned"), "words of people in the log");
}

impl House {
    async fn nothing_was_fetched_from_elsewhere(&self) {
        let requests = self.browser.requests().await;
        assert!(requests.len() > 200, "only {} requests", requests.len());
        let own = self.doorkey.url("/");
        // The browser opens a page of its own first.
        let ours = ["data:", "about:", "chrome://", own.as_str()];
        for (address, _) in requests {
            assert!(ours.iter().any(|begin| address.starts_with(*begin)), "{address}");
        }
    }

    /// The feed is for programs: JSON, which no browser takes for a page, and every character as it was typed.
    async fn programs_are_told_word_for_word(&self) {
        let (mut words, mut cursor) = (String::new(), String::new());
        loop {
            let page = self.program.get(&format!("/events?limit=100{cursor}")).await;
            let events = page["items"].as_array().unwrap();
            for event in events {
                words.push_str(event["entry"]["body"].as_str().unwrap_or_default());
            }
            // A feed has no last page, only one with nothing new.
            let Some(next) = page["next_cursor"].as_str().filter(|_| !events.is_empty()) else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_shows("the feed", &words, &texts());
        let feed = self.doorkey.url("/api/v1/events");
        let answer =
            reqwest::Client::new().get(feed).bearer_auth(self.program.key()).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
}

/// Everything above would be quiet as well if nobody listened.
#[tokio::test(flavor = "multi_thread")]
async fn the_rig_sees_what_runs_and_the_policy_what_it_forbids() {
    let Some(browser) = Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    watch(&browser).await;
    let text = "%3Cimg src=x onerror=owned()%3E%3Cb style=color:red%3E%3C/b%3E";
    browser.open(&format!("data:text/html,{text}")).await;
    wait_for_complaint(&browser, "OWNED").await;
    let page = "data:text/html,<p>It says \"</p><script>1</script><a href=javascript:owned() onclick=owned()>x</a>";
    browser.open(page).await;
    let arguments = vec![json!(null), json!(null), json!(false)];
    let seen = browser.driver().execute_async(include_str!("look.js"), arguments).await.unwrap();
    let seen: Look = seen.convert().unwrap();
    assert_eq!(seen.faults.len(), 3, "{:?}", seen.faults);
    assert!(seen.words.contains("It says \""), "{}", seen.words);

    let style = "const it = document.createElement('b'); it.setAttribute('style', 'color: red'); return it.style.color";
    let inner = "try { document.createElement('b').innerHTML = '<i>x</i>'; return 'taken' } catch (error) { return error.name }";
    let source = "try { document.createElement('script').src = '/x.js'; return 'taken' } catch (error) { return error.name }";
    let policy = "try { trustedTypes.createPolicy('other', {}); return 'taken' } catch (error) { return error.name }";
    for (minds, wanted) in [
        (true, ["", "TypeError", "TypeError", "TypeError"]),
        (false, ["red", "taken", "taken", "taken"]),
    ] {
        mind_the_policy(&browser, minds).await;
        browser.open(&doorkey.url("/")).await;
        for (script, wanted) in [style, inner, source, policy].into_iter().zip(wanted) {
            assert_eq!(browser.evaluate(script).await, wanted, "{script}, policy: {minds}");
            let told = browser.complaints().await.iter().any(|it| it.contains("VIOLATION"));
            assert_eq!(told, minds, "{script}");
        }
    }
}

async fn wait_for_complaint(browser: &Browser, word: &str) {
    let begun = Instant::now();
    while !browser.complaints().await.iter().any(|complaint| complaint.contains(word)) {
        assert!(begun.elapsed() < PATIENCE, "{word} is not in the log");
    }
}
