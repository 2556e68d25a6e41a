//! What the tests speak with: an application on a database of its own with a clock that stands
//! still, the people who use it through its doors, their mailboxes, and eyes on every row.
//!
//! ```ignore
//! let app = TestApp::start().await;
//! let (alice, tech) = (app.customer("alice@example.com").await, app.technician().await);
//! let ticket = app.ticket_for("alice@example.com").await;
//! app.deliver().await;
//! alice.open(&app.mailbox("alice@example.com").link());
//! ```

pub mod authority;
pub mod client;
pub mod contract;
pub mod desk;
pub mod dump;
pub mod hook;
pub mod issuer;
pub mod mailbox;
pub mod plans;
pub mod smtp;
pub mod trace;

use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use doorkey::app::App;
use doorkey::clock::{Clock, Millis};
use doorkey::config::{Config, Secret};
use doorkey::db::{Engine, Tx};
use doorkey::domain::Rules;
use doorkey::error::Error;
use doorkey::jobs;
use doorkey::web;
use doorkey::web::server::Limits;
use tempfile::TempDir;

use crate::real::postgres::Postgres;
use client::Client;
use mailbox::Mailbox;

/// When every test begins: 2026-11-12T09:14:00Z.
pub const START: Millis = Millis(1_794_474_840_000);

/// The application under test. Clones are the same one.
#[derive(Clone)]
pub struct TestApp(Arc<Inner>);

struct Inner {
    // In the order in which they must go: connections before their database.
    router: Router,
    anew: OnceLock<Router>,
    app: Arc<App>,
    _folder: TempDir,
    _database: Option<Postgres>,
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0.app
    }
}

impl TestApp {
    /// An application with the usual settings on a fresh database.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = memory_folder();
        let database = Postgres::create();
        let url = match &database {
            Some(postgres) => postgres.url(),
            None => format!("sqlite:{}", folder.path().join("doorkey.db").display()),
        };
        let mut config = Config::default();
        config.database.url = Secret::new(url);
        config.data_dir = folder.path().join("data");
        change(&mut config);
        Self::build(config, folder, database).await
    }

    /// An application on the database at `url`, which stays when it ends.
    pub async fn on(url: &str) -> Self {
        let folder = memory_folder();
        let mut config = Config::default();
        config.database.url = Secret::new(url);
        config.data_dir = folder.path().join("data");
        Self::build(config, folder, None).await
    }

    async fn build(config: Config, folder: TempDir, database: Option<Postgres>) -> Self {
        let app = App::start(config, Clock::fixed(START)).await.unwrap();
        let router = web::edge(Arc::clone(&app), Limits::default()).router;
        let anew = OnceLock::new();
        Self(Arc::new(Inner { router, anew, app, _folder: folder, _database: database }))
    }

    /// A second process on the same database, with its own clock at the same time.
    pub async fn beside(&self) -> Arc<App> {
        App::start(self.config.clone(), Clock::fixed(self.clock.now())).await.unwrap()
    }

    /// The application itself, as jobs take it.
    pub fn shared(&self) -> Arc<App> {
        Arc::clone(&self.0.app)
    }

    /// Whether the tests run on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.db.engine() == Engine::Postgres
    }

    /// Every URL, as the server has them.
    pub fn router(&self) -> Router {
        self.0.router.clone()
    }

    /// The same, of a server that keeps no page that it made: what it says is true.
    pub fn anew(&self) -> Router {
        let limits = Limits { pages: 0, ..Limits::default() };
        self.0.anew.get_or_init(|| web::edge(self.shared(), limits).router).clone()
    }

    /// Somebody with nothing in their hands.
    pub fn anon(&self) -> Client {
        Client::new(self.clone())
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Moves the clock on.
    pub fn sleep(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Moves the clock on by whole days.
    pub fn sleep_days(&self, days: u64) {
        self.sleep(days * 86_400);
    }

    /// Sets the clock to any moment, the past included.
    pub fn set_clock(&self, to: Millis) {
        match &self.clock {
            Clock::Fixed(millis) => millis.store(to.0, std::sync::atomic::Ordering::SeqCst),
            Clock::System => panic!("tests have a fixed clock"),
        }
    }

    /// Runs `work` in a transaction that writes, with the rules and the time.
    pub async fn act<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>, &Rules, Millis) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let now = self.now();
        self.decide(move |tx, rules| work(tx, rules, now)).await
    }

    /// Looks at every request for a link and hands over every mail that is due.
    pub async fn deliver(&self) {
        while jobs::requests::work(self).await.unwrap() {}
        while jobs::deliver::next(self).await.unwrap() {}
    }

    /// Writes the openings gathered so far.
    pub async fn write_uses(&self) {
        jobs::uses::write(self).await.unwrap();
    }

    /// Every mail captured for this address, oldest first.
    pub fn mailbox(&self, email: &str) -> Mailbox {
        let mut mails = self.mails();
        mails.retain(|mail| mail.to == email);
        Mailbox(mails)
    }

    /// Every mail captured, oldest first.
    pub fn mails(&self) -> Vec<doorkey::mail::capture::Captured> {
        match &self.post.transport {
            doorkey::mail::Transport::Capture(capture) => {
                let mut mails = capture.list();
                mails.reverse();
                mails
            }
            doorkey::mail::Transport::Smtp(_) => panic!("this application captures no mail"),
        }
    }

    /// Makes every hand-over fail, or work again.
    pub fn break_mail(&self, broken: bool) {
        let (folder, aside) =
            (self.config.data_dir.join("mailbox"), self.config.data_dir.join("mailbox.aside"));
        if broken {
            std::fs::rename(&folder, &aside).unwrap();
        } else {
            std::fs::rename(&aside, &folder).unwrap();
        }
    }

    /// Runs a statement of the test's own.
    pub async fn sql(&self, statement: impl Into<String>) {
        let statement = statement.into();
        let done: Result<u64, Error> = self.db.write(move |tx| Ok(tx.run(&statement, &[])?)).await;
        done.unwrap();
    }

    /// The one column of the rows of a query of the test's own.
    pub async fn column<T: doorkey::db::FromRow + Send + 'static>(
        &self,
        query: impl Into<String>,
    ) -> Vec<T> {
        let query = query.into();
        let found: Result<Vec<T>, Error> = self.db.read(move |tx| Ok(tx.rows(&query, &[])?)).await;
        found.unwrap()
    }

    /// The one number that a query of the test's own answers.
    pub async fn number(&self, query: impl Into<String>) -> i64 {
        let found: Vec<i64> = self.column(query).await;
        assert_eq!(found.len(), 1, "one number");
        found[0]
    }
}

/// A folder in memory where the system has one: the tests commit a lot, and what survives a
/// power cut is tested elsewhere.
fn memory_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}
