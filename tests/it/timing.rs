//! Whether time tells who is a customer, or what there is. Statistics, so they are not run with the others: they
//! want a machine that does nothing else, and the release binary.
//!
//! ```text
//! DOORKEY_TEST_BIN=target/release/doorkey cargo nextest run --run-ignored only -E 'test(/^timing/)' --no-capture
//! ```
//!
//! What is told is the chance that an answer for a customer takes longer than one for a stranger: 0.5 if time
//! tells nothing. With a thousand of each its standard deviation is 0.013.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::real::doorkey::Doorkey;
use crate::real::smtp::Smtp;

/// How many customers, and as many strangers, are asked for.
const ASKED: usize = 1_000;
/// How many of each go before a request of somebody else's that is measured: 3,000 requests an hour are taken.
const PROBED: usize = 700;
/// Three standard deviations.
const NOTHING: f64 = 0.04;

/// The chance that one of `these` is longer than one of `those`; a tie is half a chance.
fn chance(these: &[Duration], those: &[Duration]) -> f64 {
    let mut sorted = those.to_vec();
    sorted.sort_unstable();
    let wins = these.iter().map(|time| {
        let (shorter, not_longer) = (
            sorted.partition_point(|other| other < time),
            sorted.partition_point(|other| other <= time),
        );
        (shorter + not_longer) as f64 / 2.0
    });
    wins.sum::<f64>() / (these.len() * those.len()) as f64
}

/// A server with customers `0@known.example` and so on.
struct Door {
    doorkey: Doorkey,
    client: reqwest::Client,
    asked: usize,
    random: u64,
}

impl Door {
    fn open(doorkey: Doorkey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("customers.csv");
        let lines: String = (0..ASKED).map(|number| format!("{number}@known.example\n")).collect();
        std::fs::write(&file, format!("email\n{lines}")).unwrap();
        doorkey.cli(&["customer", "import", file.to_str().unwrap()]);
        Self { doorkey, client: reqwest::Client::new(), asked: 0, random: 0x9E37_79B9_7F4A_7C15 }
    }

    /// A number that nobody foresees (xorshift).
    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Asks for a link, each time from another network, and tells how long the answer took.
    async fn ask(&mut self, address: &str) -> Duration {
        self.asked += 1;
        let from = format!("10.{}.{}.1", self.asked / 250, self.asked % 250);
        let request = self.client.post(self.doorkey.url("/api/v1/portal/links"));
        let request = request.header("X-Forwarded-For", from).json(&json!({ "email": address }));
        let begun = Instant::now();
        let answer = request.send().await.unwrap();
        let status = answer.status();
        answer.bytes().await.unwrap();
        let took = begun.elapsed();
        assert_eq!(status, 202);
        took
    }

    /// Customers and strangers in an order that is drawn: the next `count` of each.
    fn order(&mut self, count: usize) -> Vec<(bool, String)> {
        let mut all: Vec<(bool, String)> = (0..count)
            .flat_map(|number| {
                [
                    (true, format!("{number}@known.example")),
                    (false, format!("{number}@other.example")),
                ]
            })
            .collect();
        for at in (1..all.len()).rev() {
            let other = usize::try_from(self.draw(at as u64 + 1)).unwrap();
            all.swap(at, other);
        }
        all
    }

    /// How long answers for customers take against those for strangers.
    async fn direct(&mut self) -> f64 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (is_known, address) in self.order(ASKED) {
            let took = self.ask(&address).await;
            if is_known { known.push(took) } else { unknown.push(took) }
        }
        chance(&known, &unknown)
    }

    /// How long a stranger's answer takes shortly after a customer's against after another stranger's.
    async fn afterwards(&mut self) -> f64 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (is_known, address) in self.order(PROBED) {
            self.ask(&address).await;
            let pause = Duration::from_millis(self.draw(51));
            tokio::time::sleep(pause).await;
            let took = self.ask("probe@other.example").await;
            if is_known { known.push(took) } else { unknown.push(took) }
        }
        chance(&known, &unknown)
    }

    /// A handler that looks customers up while somebody waits: what this must see.
    async fn naive(&mut self) -> f64 {
        let program = self.doorkey.program("technician");
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (is_known, _) in self.order(100) {
            let took = self.ask("naive@other.example").await;
            let begun = Instant::now();
            if is_known {
                program.get("/customers?q=7@known.example").await;
            }
            let took = took + begun.elapsed();
            if is_known { known.push(took) } else { unknown.push(took) }
        }
        chance(&known, &unknown)
    }
}

fn behind_a_proxy() -> [(&'static str, &'static str); 2] {
    [("DOORKEY_TRUSTED_PROXIES", "127.0.0.1,::1"), ("DOORKEY_LOG", "warn")]
}

/// With a mail server that takes mail, one that is away, and one that takes connections and says nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a statistic: it wants a machine that does nothing else"]
async fn known_and_unknown_addresses_take_the_same_time() {
    let Some(mut smtp) = Smtp::start() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("smtp://{}?tls=none", silent.local_addr().unwrap());
    for way in ["up", "down", "silent"] {
        if way == "down" {
            smtp.stop();
        }
        let open = || {
            let mut settings = behind_a_proxy().to_vec();
            if way == "silent" {
                settings.push(("DOORKEY_SMTP_URL", silent.as_str()));
            }
            Door::open(Doorkey::start_with_mail(&smtp, &settings))
        };
        let direct = open().direct().await;
        let afterwards = open().afterwards().await;
        println!("mail server {way}: direct {direct:.3}, afterwards {afterwards:.3}");
        assert!((direct - 0.5).abs() < NOTHING, "mail server {way}: {direct}");
        assert!((afterwards - 0.5).abs() < NOTHING, "mail server {way}: {afterwards}");
    }
    let naive = Door::open(Doorkey::start(&behind_a_proxy())).naive().await;
    println!("a handler that looks somebody up: {naive:.3}");
    assert!(naive > 0.9, "{naive}: this would see nothing");
}

/// Of two customers, each asks for the other's ticket and for one that is not there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a statistic: it wants a machine that does nothing else"]
async fn somebody_else_s_ticket_and_none_take_the_same_time() {
    let doorkey = Doorkey::start(&[("DOORKEY_LOG", "warn")]);
    let program = doorkey.program("technician");
    program.open_ticket("ana@known.example", "Mine", "Mine.").await;
    let theirs = program.open_ticket("ben@known.example", "The vault", "Theirs.").await;
    let link = doorkey.cli(&["customer", "link", "--email", "ana@known.example"]);
    let token = link["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    let mut door = Door { doorkey, client: reqwest::Client::new(), asked: 0, random: 0x9E37_79B9 };
    let (mut foreign, mut missing) = (Vec::new(), Vec::new());
    for (is_foreign, _) in door.order(ASKED) {
        let reference = if is_foreign { theirs.as_str() } else { "TKT-ZZZZZZ" };
        let path = door.doorkey.url(&format!("/portal/tickets/{reference}"));
        let request = door.client.get(path).bearer_auth(&token);
        let begun = Instant::now();
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404);
        answer.bytes().await.unwrap();
        if is_foreign { foreign.push(begun.elapsed()) } else { missing.push(begun.elapsed()) }
    }
    let told = chance(&foreign, &missing);
    println!("somebody else's ticket: {told:.3}");
    assert!((told - 0.5).abs() < NOTHING, "{told}");
}
