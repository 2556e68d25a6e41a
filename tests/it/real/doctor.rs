//! `doorkey doctor` on a house in order, and on houses with one thing broken each: the fault is
//! named, and how to mend it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use doorkey::db::{DatabaseSettings, Db};
use serde_json::Value;

use super::doorkey::Doorkey;
use super::smtp::Smtp;
use crate::support::authority::Authority;

/// What the doctor finds, whatever the exit code.
fn examine(doorkey: &Doorkey, arguments: &[&str]) -> (i32, Vec<Value>) {
    let mut command = vec!["doctor"];
    command.extend_from_slice(arguments);
    let output = doorkey.try_cli(&command);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = report["findings"].as_array().unwrap().clone();
    let faults = findings.iter().filter(|it| it["level"] == "fault").count();
    let code = output.status.code().unwrap();
    assert_eq!((code == 0, report["ok"] == true), (faults == 0, faults == 0), "{report}");
    (code, findings)
}

/// The doctor finds this fault about this thing and says so much of the mending.
#[track_caller]
fn assert_fault(doorkey: &Doorkey, about: &str, found: &str, mend: &str) {
    let (code, findings) = examine(doorkey, &[]);
    assert_eq!(code, 1);
    let named = findings.iter().any(|it| {
        let has = |field: &str, words: &str| it[field].as_str().unwrap().contains(words);
        it["level"] == "fault" && it["about"] == about && has("found", found) && has("mend", mend)
    });
    assert!(named, "{about}, {found}, {mend}: {findings:#?}");
}

/// A house that nobody serves, with one ticket and its mail.
fn with_a_ticket() -> Doorkey {
    let doorkey = Doorkey::prepare(&[]);
    doorkey.cli(&[
        "ticket",
        "add",
        "--email",
        "a@b.example",
        "--subject",
        "s",
        "--description",
        "d",
    ]);
    doorkey
}

fn sql(doorkey: &Doorkey, statement: &'static str) {
    let settings = DatabaseSettings::new(doorkey.database_url());
    let done = async move {
        let db = Db::open(&settings).await?;
        let changed: Result<u64, doorkey::db::DbError> =
            db.write(move |tx| tx.run(statement, &[])).await;
        db.close().await;
        changed
    };
    tokio::runtime::Runtime::new().unwrap().block_on(done).unwrap();
}

#[test]
fn a_house_in_order_has_no_fault_and_the_test_mail_arrives() {
    let Some(smtp) = Smtp::start() else { return };
    let doorkey = Doorkey::start_with_mail(&smtp, &[]);
    doorkey.cli(&[
        "staff",
        "add",
        "--email",
        "kim@rfs.example",
        "--name",
        "Kim",
        "--role",
        "admin",
    ]);
    let (_, findings) = examine(&doorkey, &["--to", "kim@rfs.example"]);
    let faults = findings.iter().filter(|it| it["level"] == "fault");
    let unsafe_here: Vec<&str> = faults.map(|it| it["found"].as_str().unwrap()).collect();
    // The tests' own PostgreSQL syncs nothing to be quick, and that is a fault to be named.
    let expected: &[&str] = match std::env::var_os("DOORKEY_TEST_DATABASE_URL") {
        Some(_) => &["fsync is off", "full_page_writes is off"],
        None => &[],
    };
    assert_eq!(unsafe_here, expected, "{findings:#?}");
    smtp.wait_for("kim@rfs.example", 1);
    assert_eq!(smtp.mails_to("kim@rfs.example")[0].subject(), "A test mail from Doorkey");
    let about = |about: &str| findings.iter().filter(|it| it["about"] == about).count();
    for thing in ["public URL", "proxy", "clock", "database", "migrations", "staff", "outbox"] {
        assert!(about(thing) > 0, "{thing} was not looked at");
    }
    for thing in ["backup", "sender", "mail server", "disk", "open files"] {
        assert!(about(thing) > 0, "{thing} was not looked at");
    }
    let words = doorkey.command().arg("doctor").output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.lines().any(|line| line.starts_with("ok     database: ")), "{words}");
}

#[test]
fn a_provider_that_cannot_be_used_is_named_and_one_that_can_is_told() {
    let (about, public_url) = ("OpenID Connect", "http://localhost:8080");
    let settings =
        [("DOORKEY_OIDC_CLIENT_ID", "doorkey"), ("DOORKEY_OIDC_CLIENT_SECRET", "hunter2")];
    let at = |issuer: &str| {
        let mut all = settings.to_vec();
        all.push(("DOORKEY_OIDC_ISSUER", issuer));
        Doorkey::prepare(&all)
    };
    let nobody = format!("http://127.0.0.1:{}", super::doorkey::free_port());
    assert_fault(&at(&nobody), about, "nothing listens", "start the provider");
    assert_fault(
        &at("https://login.rfs.invalid"),
        about,
        "not found in the DNS",
        "the host in oidc",
    );
    let Some(provider) = super::oidc::Oidc::start(public_url) else { return };
    let slash = format!("{}/", provider.issuer());
    assert_fault(&at(&slash), about, "names the issuer http://127.0.0.1", "letter by letter");
    let below = format!("{}/realms/staff", provider.issuer());
    assert_fault(&at(&below), about, "it answers 404", ".well-known");
    let doorkey = at(provider.issuer());
    let (_, findings) = examine(&doorkey, &[]);
    let told = findings.iter().find(|it| it["about"] == about).expect("it was looked at");
    assert_eq!(told["level"], "ok", "{told}");
    assert!(told["found"].as_str().unwrap().ends_with("/admin/sign-in/oidc/callback"), "{told}");
    assert!(!format!("{findings:?}").contains("hunter2"));
    let (_, without) = examine(&Doorkey::prepare(&[]), &[]);
    assert!(without.iter().all(|it| it["about"] != about), "nobody asks for one");
    // Over https its certificate must be from an authority that the system knows.
    let authority = Authority::new();
    let Some(secure) = super::oidc::Oidc::start_secure(public_url, &authority) else { return };
    let mut doorkey = at(secure.issuer());
    assert_fault(&doorkey, about, "does not know (TLS failed", "update-ca-certificates");
    doorkey.set("SSL_CERT_FILE", authority.file().to_str().unwrap());
    let (_, findings) = examine(&doorkey, &[]);
    let told = findings.iter().find(|it| it["about"] == about).expect("it was looked at");
    assert_eq!(told["level"], "ok", "{told}");
}

#[test]
fn a_server_that_does_not_run_is_named() {
    let doorkey = Doorkey::prepare(&[]);
    assert_fault(&doorkey, "public URL", "cannot be opened", "start doorkey serve");
}

#[test]
fn a_name_that_leads_nowhere_is_named() {
    let doorkey = Doorkey::prepare(&[("DOORKEY_PUBLIC_URL", "https://support.rfs.invalid")]);
    assert_fault(&doorkey, "public URL", "is not found in the DNS (no address", "A or AAAA record");
}

#[test]
fn another_program_at_the_address_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut head) = (stream, [0; 1024]);
            let _ = stream.read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    });
    let doorkey = Doorkey::prepare(&[("DOORKEY_PUBLIC_URL", &url)]);
    assert_fault(&doorkey, "public URL", "not as Doorkey does", "Behind a proxy");
}

#[test]
fn a_proxy_that_hides_everybody_and_one_that_is_everybody_are_named() {
    let mut doorkey = Doorkey::prepare(&[("DOORKEY_PUBLIC_URL", "https://support.rfs.invalid")]);
    assert_fault(&doorkey, "proxy", "share the limits of one", "DOORKEY_TRUSTED_PROXIES");
    doorkey.set("DOORKEY_TRUSTED_PROXIES", "0.0.0.0/0");
    assert_fault(&doorkey, "proxy", "limits hold for nobody", "and no others");
}

#[test]
fn a_database_that_is_away_is_named() {
    let url = "postgres://nobody:hunter2@127.0.0.1:1/nothing";
    let doorkey = Doorkey::prepare(&[("DOORKEY_DATABASE_URL", url)]);
    assert_fault(&doorkey, "database", "nothing listens", "start the server");
    let said = String::from_utf8(doorkey.try_cli(&["doctor"]).stdout).unwrap();
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_mail_server_that_refuses_us_is_named() {
    let Some(smtp) = Smtp::start() else { return };
    let authority = smtp.authority().display().to_string();
    let wrong = smtp.url().replace("%40", "%40x");
    let mut doorkey = Doorkey::prepare(&[
        ("DOORKEY_SMTP_URL", &wrong),
        ("DOORKEY_MAIL_FROM", "RFS <support@rfs.example>"),
        ("SSL_CERT_FILE", &authority),
    ]);
    assert_fault(
        &doorkey,
        "mail server",
        "does not take our login (logging in",
        "user and password",
    );
    doorkey.set("DOORKEY_SMTP_URL", &smtp.url());
    doorkey.set("SSL_CERT_FILE", "/dev/null");
    assert_fault(
        &doorkey,
        "mail server",
        "authority that this machine does not know (enc",
        "?ca=FILE",
    );
    doorkey.set("DOORKEY_SMTP_URL", "smtp://u:p@127.0.0.1:1");
    assert_fault(&doorkey, "mail server", "nothing listens", "host and port");
    doorkey.set("DOORKEY_SMTP_URL", "smtp://u:p@mail.rfs.invalid");
    assert_fault(&doorkey, "mail server", "is not found in the DNS (conn", "mend the host");
}

/// Listens, and says `words` to everybody who comes.
fn says(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(words);
            kept.push(stream);
        }
    });
    address
}

#[test]
fn a_port_that_is_no_mail_servers_is_named_in_plain_words_and_in_time() {
    let mut doorkey = Doorkey::prepare(&[("DOORKEY_MAIL_FROM", "RFS <support@rfs.example>")]);
    for (scheme, words, found) in [
        ("smtp", &b"SSH-2.0-OpenSSH_9.2\r\n"[..], "what answers there is no mail server (greeting"),
        (
            "smtp",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "what answers there is no mail server (greeting",
        ),
        (
            "smtps",
            b"220 mail.rfs.example ESMTP\r\n",
            "answers, but not encrypted, at this port (enc",
        ),
        ("smtp", b"", "takes the connection and then says nothing (greeting"),
    ] {
        doorkey.set("DOORKEY_SMTP_URL", &format!("{scheme}://u:p@{}", says(words)));
        let begun = Instant::now();
        assert_fault(&doorkey, "mail server", found, "smtp:// goes with port 587");
        // A minute is what a mail may take, not a person who looks.
        assert!(begun.elapsed() < Duration::from_secs(40), "{found}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_damaged_database_is_mended_with_a_backup_and_not_with_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorkey.db");
    let url = format!("sqlite:{}", file.display());
    let doorkey = Doorkey::prepare(&[("DOORKEY_DATABASE_URL", &url)]);
    std::fs::write(
        &file,
        "This is a letter and no database, and long enough to be one.".repeat(99),
    )
    .unwrap();
    assert_fault(&doorkey, "database", "is no SQLite database", "doorkey restore");
    std::fs::remove_file(&file).unwrap();
    doorkey.cli(&["migrate"]);
    let mut bytes = std::fs::read(&file).unwrap();
    let from = 4_096.min(bytes.len());
    bytes[from..].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    assert_fault(&doorkey, "database", "is damaged", "doorkey restore");
    let said = String::from_utf8(doorkey.try_cli(&["doctor"]).stdout).unwrap();
    assert!(!said.contains("password"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_are_findings() {
    let doorkey = Doorkey::prepare(&[
        ("DOORKEY_TICKETS_AUTO_CLOSE_DAYS", "soon"),
        ("DOORKEY_METRICS_LISTEN", "nowhere"),
    ]);
    let (code, findings) = examine(&doorkey, &[]);
    let found: Vec<&str> = findings.iter().map(|it| it["found"].as_str().unwrap()).collect();
    assert_eq!((code, findings.len()), (1, 2), "{findings:#?}");
    assert!(findings.iter().all(|it| it["about"] == "settings" && it["level"] == "fault"));
    assert!(
        found.iter().any(|it| it.contains("DOORKEY_TICKETS_AUTO_CLOSE_DAYS: soon")),
        "{found:?}"
    );
    let words = doorkey.command().arg("doctor").output().unwrap();
    assert_eq!(words.status.code(), Some(1));
    assert!(
        String::from_utf8(words.stdout)
            .unwrap()
            .contains("FAULT  settings: DOORKEY_METRICS_LISTEN")
    );
    let shown = doorkey.try_cli(&["config"]);
    let errors: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((shown.status.code(), errors["errors"].as_array().unwrap().len()), (Some(2), 2));
    assert!(String::from_utf8(shown.stderr).unwrap().contains("DOORKEY_METRICS_LISTEN: "));
    let words = doorkey.command().arg("config").output().unwrap();
    assert_eq!((words.status.code(), words.stdout.len()), (Some(2), 0));
}

#[test]
fn a_clock_that_was_set_back_is_named() {
    let doorkey = with_a_ticket();
    sql(&doorkey, "UPDATE tickets SET updated_at = 4102444800000");
    assert_fault(&doorkey, "clock", "in the future", "timedatectl");
}

#[test]
fn mail_that_nobody_sends_is_named() {
    let doorkey = with_a_ticket();
    sql(&doorkey, "UPDATE outbox SET due_at = 1000");
    assert_fault(&doorkey, "outbox", "has been due since", "is doorkey serve running");
}

#[test]
fn a_certificate_that_ends_or_does_not_fit_is_named() {
    let authority = Authority::new();
    let mut doorkey = Doorkey::prepare(&[]);
    let (certificate, key) = authority.files();
    let url = format!("https://localhost:{}", doorkey.port());
    doorkey.set("DOORKEY_PUBLIC_URL", &url);
    doorkey.set("DOORKEY_TLS_CERTIFICATE", certificate.to_str().unwrap());
    doorkey.set("DOORKEY_TLS_KEY", key.to_str().unwrap());
    assert_fault(&doorkey, "certificate", certificate.to_str().unwrap(), "DOORKEY_TLS_CERTIFICATE");
    authority.put(&authority.issue("localhost", 2020));
    assert_fault(&doorkey, "certificate", "", "tls");
}

#[test]
fn the_doctor_changes_nothing() {
    let doorkey = Doorkey::prepare(&[]);
    if doorkey.database_url().starts_with("sqlite:") {
        let (_, findings) = examine(&doorkey, &[]);
        let missing = findings.iter().find(|it| it["about"] == "database").unwrap();
        assert_eq!(missing["level"], "warning", "{missing}");
        assert!(missing["found"].as_str().unwrap().contains("there is none yet at"), "{missing}");
        let file = doorkey.data_dir().join("doorkey.db");
        assert!(!file.exists(), "it is not made");
        // An empty file is an empty database.
        std::fs::create_dir_all(doorkey.data_dir()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let (_, findings) = examine(&doorkey, &[]);
    let pending = findings.iter().find(|it| it["about"] == "migrations").unwrap();
    assert_eq!(pending["level"], "warning");
    assert!(pending["mend"].as_str().unwrap().contains("doorkey migrate"));
    doorkey.cli(&["migrate"]);
    let (_, findings) = examine(&doorkey, &[]);
    let done = findings.iter().find(|it| it["about"] == "migrations").unwrap();
    assert_eq!(done["found"], "none is missing");
}
