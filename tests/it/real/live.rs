//! Streams of events from real processes: what one process writes is told by another, a stop ends
//! them at once, and Prometheus hears how many there are.

use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;

use super::doorkey::Doorkey;
use super::{PATIENCE, wait_for};

const ANA: &str = "ana@cafe-lumen.example";

/// A stream, and what it told so far.
struct Listening {
    response: Response,
    heard: String,
    ended: bool,
}

impl Listening {
    async fn open(doorkey: &Doorkey, path: &str, header: (&str, &str)) -> Self {
        let client = Client::builder().build().unwrap();
        let asked = client.get(doorkey.url(path)).header(header.0, header.1).send().await.unwrap();
        assert_eq!(asked.status(), 200, "{path}");
        assert_eq!(asked.headers()["content-type"], "text/event-stream");
        Self { response: asked, heard: String::new(), ended: false }
    }

    /// Listens until these words come; how long that took.
    async fn hear(&mut self, words: &str) -> Duration {
        let begun = Instant::now();
        while !self.heard.contains(words) {
            self.more(begun, words).await;
            assert!(!self.ended, "{words:?} did not come before the end: {}", self.heard);
        }
        begun.elapsed()
    }

    /// Listens until the end.
    async fn end(&mut self) -> Duration {
        let begun = Instant::now();
        while !self.ended {
            self.more(begun, "the end").await;
        }
        begun.elapsed()
    }

    async fn more(&mut self, begun: Instant, what: &str) {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let chunk = tokio::time::timeout(left, self.response.chunk()).await;
        match chunk.unwrap_or_else(|_| panic!("{what:?} did not come: {}", self.heard)) {
            Ok(Some(bytes)) => self.heard.push_str(std::str::from_utf8(&bytes).unwrap()),
            Ok(None) => self.ended = true,
            Err(error) => panic!("the stream broke: {error}"),
        }
    }
}

fn link(doorkey: &Doorkey) -> String {
    let made = doorkey.cli(&["customer", "link", "--email", ANA]);
    let url = made["url"].as_str().unwrap().to_owned();
    url.split_once("#token=").unwrap().1.to_owned()
}

async fn portal(doorkey: &Doorkey, reference: &str, token: &str) -> Listening {
    let path = format!("/portal/tickets/{reference}/live");
    let mut listening =
        Listening::open(doorkey, &path, ("authorization", &format!("Bearer {token}"))).await;
    listening.hear("data: changed").await;
    listening.heard.clear();
    listening
}

/// Signs somebody in with the link of the command line; the cookie they get.
async fn session(doorkey: &Doorkey) -> String {
    let dana = ["staff", "add", "--email", "dana@rfs.example", "--name", "Dana", "--role", "admin"];
    let link = doorkey.cli(&dana)["url"].as_str().unwrap().to_owned();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.post(link).header("sec-fetch-site", "same-origin").send().await.unwrap();
    let cookies = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
    let session = cookies.map(|it| it.split(';').next().unwrap()).find(|it| it.len() > 40);
    session.expect("a session").to_owned()
}

async fn desk(doorkey: &Doorkey, cookie: &str) -> Listening {
    let mut listening = Listening::open(doorkey, "/admin/live?after=0", ("cookie", cookie)).await;
    listening.hear("retry:").await;
    listening
}

/// The number of open streams of a kind, as Prometheus reads it.
async fn open_streams(port: u16, kind: &str) -> Option<String> {
    let text =
        reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.ok()?.text().await.ok()?;
    let line = format!("doorkey_streams_open{{kind=\"{kind}\"}} ");
    text.lines().find_map(|it| it.strip_prefix(&line).map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_writes_is_told_and_a_stop_ends_every_stream_at_once() {
    let metrics = super::doorkey::free_port();
    let address = format!("127.0.0.1:{metrics}");
    let mut doorkey = Doorkey::start(&[("DOORKEY_METRICS_LISTEN", &address)]);
    let program = doorkey.program("admin");
    let reference = program.open_ticket(ANA, "It beeps", "Since Monday.").await;
    let token = link(&doorkey);
    let cookie = session(&doorkey).await;
    let mut ana = portal(&doorkey, &reference, &token).await;
    let mut dana = desk(&doorkey, &cookie).await;
    assert_eq!(open_streams(metrics, "portal").await.as_deref(), Some("1"));
    assert_eq!(open_streams(metrics, "desk").await.as_deref(), Some("1"));
    // The command line is a process of its own, on the same database.
    let made = ["ticket", "add", "--email", ANA, "--subject", "By telephone", "--description", "x"];
    let other = doorkey.cli(&made)["reference"].as_str().unwrap().to_owned();
    println!("the desk was told after {:?}", dana.hear(&other).await);
    program.note(&reference, "We come on Tuesday.").await;
    println!("the customer was told after {:?}", ana.hear("data: changed").await);
    let (mut second, begun) = (portal(&doorkey, &reference, &token).await, Instant::now());
    doorkey.cli(&["customer", "disable", "--email", ANA]);
    second.end().await;
    ana.end().await;
    println!("access that ended ended the streams after {:?}", begun.elapsed());
    assert!(doorkey.terminate().success());
    dana.end().await;
    assert!(!doorkey.log().contains("still running at the end"), "{}", doorkey.last_words());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_tell_each_others_news() {
    if std::env::var_os("DOORKEY_TEST_DATABASE_URL").is_none() {
        return; // PostgreSQL alone is shared by processes that serve
    }
    let first = Doorkey::start(&[]);
    let database = first.database_url();
    let mut second = Doorkey::start(&[("DOORKEY_DATABASE_URL", database.as_str())]);
    let program = first.program("admin");
    let reference = program.open_ticket(ANA, "It beeps", "Since Monday.").await;
    let cookie = session(&first).await;
    let token = link(&first);
    let mut ana = portal(&second, &reference, &token).await;
    let mut dana = desk(&second, &cookie).await;
    program.note(&reference, "We come on Tuesday.").await;
    println!("the desk of the other was told after {:?}", dana.hear("note_added").await);
    println!("the customer there was told after {:?}", ana.hear("data: changed").await);
    // Who has the ticket open there is known here.
    let at_ticket = format!("/admin/live?after=0&ticket={reference}");
    let there = Listening::open(&second, &at_ticket, ("cookie", &cookie)).await;
    let eve = ["staff", "add", "--email", "eve@rfs.example", "--name", "Eve", "--role", "admin"];
    first.cli(&eve);
    let page = async || {
        let client = Client::new();
        let asked = client.get(first.url(&format!("/admin/tickets/{reference}")));
        asked.header("cookie", &eves(&first).await).send().await.unwrap().text().await.unwrap()
    };
    let begun = Instant::now();
    while !page().await.contains("looking at this ticket, too") {
        assert!(begun.elapsed() < PATIENCE, "nobody is at the ticket");
    }
    drop(there);
    // A session that is ended in one process ends its streams in the other.
    first.cli(&["staff", "disable", "--email", "dana@rfs.example"]);
    println!("the session's stream there ended after {:?}", dana.end().await);
    assert!(second.terminate().success());
    ana.end().await;
}

/// A session of Eve's, made once.
async fn eves(doorkey: &Doorkey) -> String {
    static COOKIE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let make = async || {
        let made: Value = doorkey.cli(&["staff", "link", "--email", "eve@rfs.example"]);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let link = made["url"].as_str().unwrap();
        let sent = client.post(link).header("sec-fetch-site", "same-origin").send().await.unwrap();
        let cookies = sent.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        let session = cookies.map(|it| it.split(';').next().unwrap()).find(|it| it.len() > 40);
        session.expect("a session").to_owned()
    };
    COOKIE.get_or_init(make).await.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_take_little_memory_and_leave_room_for_others() {
    const STREAMS: usize = 1_000;
    let metrics = super::doorkey::free_port();
    let address = format!("127.0.0.1:{metrics}");
    let settings = [("DOORKEY_METRICS_LISTEN", address.as_str()), ("DOORKEY_LIMITS", "off")];
    let doorkey = Doorkey::start(&settings);
    let program = doorkey.program("admin");
    let reference = program.open_ticket(ANA, "It beeps", "Since Monday.").await;
    let token = link(&doorkey);
    let before = memory(metrics).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(portal(&doorkey, &reference, &token).await);
    }
    assert_eq!(open_streams(metrics, "portal").await, Some(STREAMS.to_string()));
    let each = (memory(metrics).await - before) / STREAMS as f64;
    println!("a stream takes {each:.0} bytes");
    assert!(each < 64.0 * 1024.0, "{each} bytes a stream");
    program.note(&reference, "We come on Tuesday.").await;
    for stream in &mut streams {
        stream.hear("data: changed").await;
    }
    drop(streams);
    wait_for("streams to end with their clients", || {
        tokio::task::block_in_place(|| {
            let count = tokio::runtime::Handle::current().block_on(open_streams(metrics, "portal"));
            (count.as_deref() == Some("0")).then_some(())
        })
    });
}

/// Bytes that the process occupies.
async fn memory(port: u16) -> f64 {
    let text = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    let text = text.text().await.unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix("process_resident_memory_bytes "));
    line.unwrap().parse().unwrap()
}
