//! A target of webhooks: takes calls on a port of its own and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    head: String,
    pub body: String,
}

impl Call {
    /// A header of the request.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).unwrap()
    }

    /// The first line: method, path, version.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The target. It ends with its value.
pub struct Hook {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
    running: JoinHandle<()>,
}

impl Hook {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, answers) = (Arc::default(), Arc::default());
        let running = tokio::spawn(serve(listener, Arc::clone(&calls), Arc::clone(&answers)));
        Self { address, calls, answers, running }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?from=doorkey", self.address)
    }

    /// The next answers, each a status line's end (`500 Oops`) and perhaps headers; after them 204.
    pub fn answer(&self, answers: &[&str]) {
        self.answers.lock().unwrap().extend(answers.iter().map(ToString::to_string));
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The types of the events it was called with.
    pub fn types(&self) -> Vec<String> {
        let calls = self.calls();
        calls.iter().map(|call| call.json()["type"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.running.abort();
    }
}

type Shared<T> = Arc<Mutex<T>>;

async fn serve(listener: TcpListener, calls: Shared<Vec<Call>>, answers: Shared<VecDeque<String>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(take(stream, Arc::clone(&calls), Arc::clone(&answers)));
    }
}

async fn take(mut stream: TcpStream, calls: Shared<Vec<Call>>, answers: Shared<VecDeque<String>>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let (head, body) = loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..read]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
        let call = Call { head: head.to_owned(), body: String::new() };
        if body.len() >= call.header("content-length").parse().unwrap() {
            break (head.to_owned(), body.to_owned());
        }
    };
    calls.lock().unwrap().push(Call { head, body });
    let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| "204 No Content".into());
    let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await;
}
