//! A company in which everybody and everything is called by such texts: each kind of field by a door of its own.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::payloads::{lines, packed, texts};
use crate::browser::ANA;
use crate::browser::desk::give_authenticator;
use crate::real::browser::Browser;
use crate::real::doorkey::{Doorkey, Program};

/// In fields that hold one value at a time: out of every kind of place at once.
pub const POLYGLOT: &str = "\"'--></title></style></script><svg onload=owned()>{{owned()}}";
const PHONE: &str = "\"><svg onload=owned()>613 555 0142";
/// Categories, webhooks and views there may be at most.
const CATEGORIES: usize = 50;
const WEBHOOKS: usize = 20;
const VIEWS: usize = 50;
/// How much of a text a mail quotes.
const QUOTED: usize = 3_900;

/// The company, and somebody of it signed in.
pub struct House {
    pub doorkey: Doorkey,
    pub browser: Browser,
    pub program: Program,
    /// Every ticket of Ana's; the first has all texts in its timeline, the next ones in their resolutions.
    pub tickets: Vec<String>,
    /// How many of those are resolved.
    pub resolved: usize,
    folder: TempDir,
}

impl House {
    /// The house, empty but for an admin. `None`, and the test skipped, without a browser.
    pub async fn open() -> Option<Self> {
        let browser = Browser::start().await?;
        let inbox = ("DOORKEY_MAIL_STAFF_INBOX", "desk@rfs.example");
        let doorkey = Doorkey::start(&[inbox, ("DOORKEY_LIMITS", "off")]);
        let program = doorkey.program("admin");
        let folder = tempfile::tempdir().unwrap();
        let (tickets, resolved) = (Vec::new(), 0);
        let house = Self { doorkey, browser, program, tickets, resolved, folder };
        house.sign_in().await;
        Some(house)
    }

    async fn sign_in(&self) {
        let Self { doorkey, browser, .. } = self;
        let name = format!("--name={POLYGLOT}");
        let admin =
            ["staff", "add", "--email", "dana@rfs.example", name.as_str(), "--role", "admin"];
        let link = doorkey.cli(&admin)["url"].as_str().unwrap().to_owned();
        give_authenticator(browser).await;
        browser.open(&link).await;
        browser.press("Sign In").await;
        browser.fill("Name of the passkey", POLYGLOT).await;
        browser.press("Add a Passkey").await;
        browser.see("Hello, ").await;
    }

    /// Fills every field there is.
    pub async fn fill(&mut self) {
        self.set_up().await;
        self.let_people_in();
        self.let_customers_in().await;
        self.open_tickets().await;
        self.write().await;
        self.keep_answers_and_views().await;
    }

    /// Sends forms of the page at `path`; each must lead on to where it leads when it is taken.
    async fn send(&self, path: &str, to: &str, forms: &[Value]) {
        self.browser.open(&self.doorkey.url(path)).await;
        let forms = vec![json!(forms)];
        let answers = self.browser.driver().execute_async(include_str!("send.js"), forms).await;
        let answers: Vec<String> = answers.unwrap().convert().unwrap();
        for answer in answers {
            assert_eq!(answer, format!("200 {to}"), "{path}");
        }
    }

    /// Brand, cards and categories.
    async fn set_up(&self) {
        let brand = json!({ "name": POLYGLOT, "phone": PHONE, "hours": POLYGLOT });
        self.send("/admin/settings", "/admin/settings", &[brand]).await;
        let card = json!({
            "card_1_title": POLYGLOT, "card_1_text": POLYGLOT,
            "card_1_url": "https://example.com/\"onmouseover=owned()//'><svg onload=owned()>",
        });
        self.send("/admin/settings/start-page", "/admin/settings/start-page", &[card]).await;
        let categories = json!({ "categories": categories().join("\r\n") });
        self.send("/admin/settings/tickets", "/admin/settings/tickets", &[categories]).await;
    }

    /// Staff, keys of programs, and webhooks.
    fn let_people_in(&self) {
        for (number, name) in packed(&lines(200), 200, " ").iter().enumerate() {
            let (email, name) = (format!("staff{number}@rfs.example"), format!("--name={name}"));
            self.doorkey.cli(&["staff", "add", "--email", &email, &name, "--role", "technician"]);
            self.doorkey.cli(&["api-key", "create", &name, "--role", "technician"]);
        }
    }

    /// Customers out of a table, Ana among them; and lines that cannot be taken.
    async fn let_customers_in(&self) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let phones = packed(&lines(50), 50, " ");
        let notes = packed(&texts(), 5_000, "\n");
        let mut table = format!(
            "email,name,company,phone,notes\n{ANA},{},{},{},",
            quoted(POLYGLOT),
            quoted(POLYGLOT),
            quoted(PHONE)
        );
        table.push_str(&quoted(&notes[0]));
        let names = packed(&lines(200), 200, " ");
        for number in 0..names.len().max(phones.len()) {
            let name = quoted(&names[number % names.len()]);
            let (phone, note) = (&phones[number % phones.len()], &notes[number % notes.len()]);
            let (phone, note) = (quoted(phone), quoted(note));
            table.push_str(&format!("\n{number}@example.com,{name},{name},{phone},{note}"));
        }
        let file = self.folder.path().join("customers.csv");
        std::fs::write(&file, table).unwrap();
        let done = self.doorkey.cli(&["customer", "import", file.to_str().unwrap()]);
        assert!(done["added"].as_u64().unwrap() > 70, "{done}");
        let bad: String = lines(200).iter().map(|text| format!("{}\n", quoted(text))).collect();
        std::fs::write(self.bad_table(), format!("email\n{bad}")).unwrap();
    }

    /// A table none of whose lines can be taken.
    pub fn bad_table(&self) -> std::path::PathBuf {
        self.folder.path().join("<svg onload=owned()>.csv")
    }

    /// Tickets of Ana's: a subject each, all texts in each description, and a category.
    async fn open_tickets(&mut self) {
        let (everything, categories) = (texts().join("\n"), categories());
        for (number, subject) in packed(&lines(200), 200, " ").iter().enumerate() {
            let body = json!({
                "customer": { "email": ANA }, "subject": subject,
                "description": if number == 0 { &everything } else { subject },
                "category": categories[number % categories.len()],
                "assignee": format!("staff{number}@rfs.example"),
            });
            let made = self.program.ask(Method::POST, "/tickets", Some(body), 201).await;
            self.tickets.push(made["reference"].as_str().unwrap().to_owned());
        }
    }

    /// Notes, replies and resolutions, and webhooks that are told of them.
    async fn write(&mut self) {
        let (first, link) = (self.tickets[0].clone(), self.link());
        for (number, about) in packed(&lines(200), 200, " ").iter().take(WEBHOOKS).enumerate() {
            let hook =
                json!({ "url": format!("https://hooks.invalid/{number}"), "description": about });
            self.program.ask(Method::POST, "/webhooks", Some(hook), 201).await;
        }
        for text in packed(&texts(), QUOTED, "\n") {
            self.program.note(&first, &text).await;
            let internal = json!({ "body": text, "visibility": "internal" });
            let path = format!("/tickets/{first}/notes");
            self.program.ask(Method::POST, &path, Some(internal), 201).await;
            self.resolved += 1;
            self.program.resolve(&self.tickets[self.resolved], &text).await;
        }
        let token = link.split_once("#token=").unwrap().1;
        let path = self.doorkey.url(&format!("/api/v1/portal/tickets/{first}/replies"));
        for text in packed(&texts(), 2_000, "\n") {
            let reply = reqwest::Client::new().post(&path).json(&json!({ "body": text }));
            let sent = reply.bearer_auth(token).send().await.unwrap();
            assert_eq!(sent.status(), 201, "{:?}", sent.text().await);
        }
    }

    /// Saved answers and views.
    async fn keep_answers_and_views(&self) {
        let (names, bodies) = (packed(&lines(200), 200, " "), packed(&texts(), 5_000, "\n"));
        let numbered = names.iter().enumerate();
        let answers: Vec<Value> = numbered
            .map(|(at, name)| json!({ "name": name, "body": bodies[at % bodies.len()] }))
            .collect();
        self.send("/admin/answers", "/admin/answers", &answers).await;
        let views: Vec<Value> = names
            .iter()
            .take(VIEWS)
            .map(|name| json!({ "name": name, "query": "assignee=me" }))
            .collect();
        self.send("/admin/tickets?assignee=me", "/admin/tickets", &views).await;
    }

    /// A new link to Ana's tickets.
    pub fn link(&self) -> String {
        let made = self.doorkey.cli(&["customer", "link", "--email", ANA]);
        made["url"].as_str().unwrap().to_owned()
    }
}

/// As many categories as there may be.
fn categories() -> Vec<String> {
    packed(&lines(100), 100, " ").into_iter().take(CATEGORIES).collect()
}

/// The texts that stand in the first `count` names of at most 200 characters.
pub fn of_names(count: usize) -> Vec<String> {
    let names: Vec<String> = packed(&lines(200), 200, " ").into_iter().take(count).collect();
    let mut kept = lines(200);
    kept.retain(|text| names.iter().any(|name| name.contains(text.as_str())));
    kept
}

/// What stands on a page of webhooks.
pub fn of_webhooks() -> Vec<String> {
    of_names(WEBHOOKS)
}

/// What stands on the page of views.
pub fn of_views() -> Vec<String> {
    of_names(VIEWS)
}
