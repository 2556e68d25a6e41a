//! A real OpenID Connect provider: the certified `oidc-provider` of Node, with its own pages for signing
//! in, and somebody who goes through them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::{Process, node_module};
use crate::support::authority::Authority;

/// How it knows Doorkey, by the name of `doorkey`: a secret with characters that must be written out twice on their way (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "hunter2/+ %";

/// The provider. It stops when this is dropped.
pub struct Oidc {
    issuer: String,
    process: Process,
}

impl Oidc {
    /// Starts one for the Doorkey with this public URL, which tells addresses in its ID tokens. `None`, and
    /// the test skipped, where it is missing.
    pub fn start(public_url: &str) -> Option<Self> {
        Self::start_with(public_url, "ID_TOKEN", &[])
    }

    /// The same, which tells addresses at its userinfo endpoint alone.
    pub fn start_with_userinfo(public_url: &str) -> Option<Self> {
        Self::start_with(public_url, "USERINFO", &[])
    }

    /// The same over https, with a certificate for `localhost` from this authority.
    pub fn start_secure(public_url: &str, authority: &Authority) -> Option<Self> {
        authority.put(&authority.issue("localhost", 2090));
        let (certificate, key) = authority.files();
        Self::start_with(public_url, "ID_TOKEN", &[certificate, key])
    }

    fn start_with(public_url: &str, place: &str, files: &[PathBuf]) -> Option<Self> {
        let package = node_module("oidc-provider")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real/oidc_provider.mjs");
        let mut process = Process::start(
            Command::new("node")
                .arg(script)
                .arg(std::path::absolute(Path::new(&package)).unwrap())
                .args([&format!("{public_url}/admin/sign-in/oidc/callback"), place])
                .args(files)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let said = BufReader::new(process.0.stdout.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        let issuer = lines.find(|line| line.starts_with("http"));
        let issuer = issuer.expect("the provider says what it calls itself");
        // It may go on writing, and would end if nobody read.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { issuer, process })
    }

    /// What it calls itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process.signal("KILL");
        let _ = self.process.0.wait();
    }

    /// Goes to `url`, signs in there as `who`, and agrees to what is asked. Returns where the provider
    /// leads then.
    pub async fn sign_in(&self, url: &str, who: &str) -> String {
        let browser = Visitor::new(&self.issuer);
        let form = browser.follow(url).await;
        let login = format!("prompt=login&login={}&password=any", who.replace('@', "%40"));
        let form = browser.send(&form, &login).await;
        browser.send(&form, "prompt=consent").await
    }

    /// Goes to `url` and calls it off. Returns where the provider leads then.
    pub async fn call_off(&self, url: &str) -> String {
        let browser = Visitor::new(&self.issuer);
        let form = browser.follow(url).await;
        browser.follow(&format!("{form}/abort")).await
    }
}

/// A browser at the provider: it keeps cookies and follows redirects as long as they stay there.
struct Visitor<'a> {
    issuer: &'a str,
    client: Client,
    cookies: std::sync::Mutex<BTreeMap<String, String>>,
}

impl<'a> Visitor<'a> {
    fn new(issuer: &'a str) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { issuer, client, cookies: std::sync::Mutex::default() }
    }

    async fn follow(&self, url: &str) -> String {
        let request = self.client.get(url).header(COOKIE, self.cookies());
        self.arrive(url, request.send().await.unwrap()).await
    }

    async fn send(&self, url: &str, form: &str) -> String {
        let request = self.client.post(url).header(COOKIE, self.cookies());
        let kind = "application/x-www-form-urlencoded";
        let request = request.header("content-type", kind).body(form.to_owned());
        self.arrive(url, request.send().await.unwrap()).await
    }

    fn cookies(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().map(|(name, it)| format!("{name}={it}")).collect::<Vec<_>>().join("; ")
    }

    /// Follows redirects to a page of the provider's, or to the first address elsewhere.
    async fn arrive(&self, url: &str, answer: Response) -> String {
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            self.cookies.lock().unwrap().insert(name.to_owned(), value);
        }
        let Some(location) = answer.headers().get(LOCATION) else {
            assert_eq!(answer.status(), 200, "{url}: {}", answer.text().await.unwrap());
            return url.to_owned();
        };
        let next = reqwest::Url::parse(url).unwrap().join(location.to_str().unwrap()).unwrap();
        match next.as_str().starts_with(self.issuer) {
            true => Box::pin(self.follow(next.as_str())).await,
            false => next.to_string(),
        }
    }
}
