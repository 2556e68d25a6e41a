//! A mail server that says what the test tells it to, in this process and in the clear.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use doorkey::config::smtp_url::SmtpUrl;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The server; it ends with the runtime of its test.
#[derive(Clone)]
pub struct Smtp {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What the next recipients are answered, before everybody is welcome again.
    recipients: VecDeque<&'static str>,
    /// What the next contents are answered, though they are taken, before `250` again.
    contents: VecDeque<&'static str>,
    /// What every client is answered instead of a welcome to its `MAIL FROM`.
    sender: Option<&'static str>,
    mails: Vec<Taken>,
}

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub to: String,
    pub content: String,
}

impl Taken {
    /// The Message-ID.
    pub fn message_id(&self) -> &str {
        let line = self.content.lines().find(|line| line.starts_with("Message-ID:"));
        line.expect("a Message-ID").trim_start_matches("Message-ID:").trim()
    }
}

impl Smtp {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let smtp = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let server = smtp.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.talk(stream).await.ok() });
            }
        });
        smtp
    }

    /// The setting `mail.smtp_url`.
    pub fn url(&self) -> SmtpUrl {
        SmtpUrl::parse(&format!("smtp://{}?tls=none", self.address)).unwrap()
    }

    /// Answers the next recipients so.
    pub fn answer_recipients(&self, answers: &[&'static str]) {
        self.lock().recipients.extend(answers);
    }

    /// Takes the next mails and answers so.
    pub fn answer_contents(&self, answers: &[&'static str]) {
        self.lock().contents.extend(answers);
    }

    /// Answers every `MAIL FROM` so, or welcomes it again.
    pub fn answer_senders(&self, answer: Option<&'static str>) {
        self.lock().sender = answer;
    }

    /// The mails taken so far.
    pub fn mails(&self) -> Vec<Taken> {
        self.lock().mails.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 test ESMTP\r\n").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                "EHLO" => "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
                "MAIL" => self.lock().sender.unwrap_or("250 ok").to_owned(),
                "RCPT" => {
                    to = line[line.find('<').unwrap() + 1..line.find('>').unwrap()].to_owned();
                    self.lock().recipients.pop_front().unwrap_or("250 ok").to_owned()
                }
                "DATA" => {
                    writer.write_all(b"354 go\r\n").await?;
                    let mut content = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        content.push_str(&line);
                        content.push('\n');
                    }
                    let mut state = self.lock();
                    state.mails.push(Taken { to: to.clone(), content });
                    state.contents.pop_front().unwrap_or("250 taken").to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 ok".to_owned(),
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
