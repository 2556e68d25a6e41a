//! `doorkey demo`: a throw-away portal with a believable company in it.
//!
//! [`story`] reads what happens, [`plan`], [`turns`] and [`calendar`] make a year of it, [`fill`]
//! puts it into the database through the same functions as everybody else.

mod calendar;
mod fill;
mod plan;
mod story;
mod turns;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde_json::json;
use tokio::net::TcpListener;

use super::CliError;
use super::serve::{self, House};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Brand, Config, Database, Flags, Listen, Mail, PublicUrl, Secret, Server};
use crate::domain::Rules;
use crate::domain::customers;
use crate::domain::email::Email;
use crate::domain::links::{self, Reason};
use crate::domain::{Actor, staff, staff_sign_ins};
use crate::error::Error;

/// Who to sign in as, and what there is to see.
const TRY: [(&str, &str); 5] = [
    (READY, "a café, with a bit of everything"),
    ("marion@halden-property.example", "nine buildings, sixty tickets"),
    ("c.abara@harrow-museum.example", "a museum, and one very long ticket"),
    ("sylvie.arsenault@courriel.example", "at home, in French"),
    ("secretary@noor-mosque.example", "partly in Arabic"),
];
/// The customer whose link is printed.
const READY: &str = "ana@cafe-lumen.example";
/// The admin whose link to the desk is printed.
const DESK: &str = "helen@rfs.example";

/// Show a portal full of tickets, without setting anything up
///
/// Everything is made for the occasion: a database in a temporary folder with an alarm and
/// camera installer's year, and a mailbox that catches every mail. It is removed at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorkey demo --listen 127.0.0.1:8080")]
pub struct Args {
    /// The address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print one JSON object with the addresses: {"url", "portal", "desk", "mailbox", "link",
    /// "desk_link", "staff", "customers"}
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The settings among the arguments.
    pub fn flags(&self) -> Flags {
        self.listen.iter().map(|listen| ("listen", listen.clone())).collect()
    }
}

/// Fills a new database and serves it until Ctrl-C.
pub async fn run(args: Args, config: Config) -> Result<(), CliError> {
    let listener = listen(&config.server.listen).await?;
    let address = listener.local_addr()?;
    let stop = serve::stop_signal()?;
    let folder = tempfile::Builder::new().prefix("doorkey-demo-").tempdir()?;
    let config = settings(config, address, folder.path())?;
    let app = App::start(config, Clock::System).await?;
    let (company, scripts) = story::load().map_err(|error| CliError::Failed(error.to_string()))?;
    fill::fill(&app, company, &scripts).await?;
    let url = app.config.server.public_url.as_str().to_owned();
    let links = Links { portal: ready_link(&app).await?, desk: desk_link(&app).await? };
    println!("{}", if args.json { as_json(&url, &links) } else { welcome(&url, &links) });
    let result = serve::answer(app, House::of(listener.into()), stop).await;
    folder.close()?;
    result
}

/// A browser must reach it, and only one on this machine.
async fn listen(place: &Listen) -> Result<TcpListener, CliError> {
    let address = place.address().ok_or_else(|| {
        let text = "a browser cannot open a Unix socket; choose --listen 127.0.0.1:8080";
        CliError::Usage(text.to_owned())
    })?;
    public_url(address)?;
    TcpListener::bind(address)
        .await
        .map_err(|error| serve::cannot_listen(place, "--listen", &error))
}

/// The demo's own settings: of those that were made only where to listen and what to log count,
/// so that it touches no real database and mails nobody.
fn settings(config: Config, address: SocketAddr, folder: &Path) -> Result<Config, CliError> {
    let mailbox = |text| Email::parse("mail.staff_inbox", text).map_err(Error::from);
    let default = Config::default();
    Ok(Config {
        server: Server {
            listen: address.into(),
            public_url: public_url(address)?,
            ..default.server
        },
        database: Database {
            url: Secret::new(format!("sqlite:{}", folder.join("doorkey.db").display())),
        },
        data_dir: folder.to_owned(),
        mail: Mail {
            from: "RFS Support <support@rfs.example>".to_owned(),
            staff_inbox: Some(mailbox("desk@rfs.example")?),
            show_captured: true,
            ..default.mail
        },
        brand: Brand {
            phone: Some("613 555 0142".to_owned()),
            hours: Some("weekdays 8 to 18".to_owned()),
            ..default.brand
        },
        log: config.log,
        ..default
    })
}

/// What a browser on this machine calls `address`. The mailbox shows links that open everything,
/// so the demo is for this machine; `0.0.0.0` is let through, as a container forwards to it.
fn public_url(address: SocketAddr) -> Result<PublicUrl, CliError> {
    let ip = address.ip();
    let own = if ip.is_unspecified() {
        SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
    } else {
        address
    };
    if !own.ip().is_loopback() {
        return Err(CliError::Usage(format!(
            "the demo is for this machine alone, and {ip} can be reached from others; \
             choose --listen 127.0.0.1:{}",
            address.port()
        )));
    }
    PublicUrl::parse(&format!("http://{own}")).map_err(CliError::Usage)
}

/// The address that opens one customer's portal.
async fn ready_link(app: &App) -> Result<String, Error> {
    let now = app.clock.now();
    let email = Email::parse("email", READY)?;
    let issue = move |tx: &mut crate::db::Tx<'_>, rules: &Rules| {
        let customer = customers::find_by_email(tx, &email)?;
        links::issue_by_hand(tx, rules, &Actor::System, (customer.id, None), Reason::Staff, now)
    };
    let (_, token) = app.decide(issue).await?;
    Ok(links::url(app.config.server.public_url.as_str(), None, &token))
}

/// The address that signs the company's admin in, once.
async fn desk_link(app: &App) -> Result<String, Error> {
    let (now, email) = (app.clock.now(), Email::parse("email", DESK)?);
    let issue = move |tx: &mut crate::db::Tx<'_>| {
        let staff = staff::find_by_email(tx, &email)?;
        staff_sign_ins::issue_by_hand(tx, &Actor::System, &staff, now)
    };
    let (token, _) = app.db.write(issue).await?;
    Ok(staff_sign_ins::url(app.config.server.public_url.as_str(), &token))
}

/// Addresses that open something at once.
struct Links {
    /// One customer's portal.
    portal: String,
    /// The desk, once.
    desk: String,
}

fn welcome(url: &str, links: &Links) -> String {
    let Links { portal, desk } = links;
    let mut people = String::new();
    for (email, what) in TRY {
        // Writing to a string cannot fail.
        let _ = writeln!(people, "              {email:<36}{what}");
    }
    format!(
        "\n  RFS, an installer of alarms and cameras, with a year of tickets. Open:\n\n\
         \x20 Hub       {url}/\n\
         \x20 Portal    {url}/portal\n\
         \x20           and ask for a link with one of these addresses:\n{people}\
         \x20 Desk      {url}/admin\n\
         \x20           and ask for a link with {DESK}, who is the admin\n\
         \x20 Mailbox   {url}/dev/mailbox\n\
         \x20           where every mail arrives, those links too\n\n\
         \x20 Or be Ana of Café Lumen at once:\n  {portal}\n\
         \x20 Or Helen at the desk (works once, for 15 minutes):\n  {desk}\n\n\
         \x20 Ctrl-C ends it and removes everything.\n"
    )
}

fn as_json(url: &str, links: &Links) -> String {
    json!({
        "url": url,
        "portal": format!("{url}/portal"),
        "mailbox": format!("{url}/dev/mailbox"),
        "link": links.portal,
        "desk": format!("{url}/admin"),
        "desk_link": links.desk,
        "staff": [DESK],
        "customers": TRY.map(|(email, _)| email),
    })
    .to_string()
}
