//! Whether the database answers, is up to date, and keeps what it is given.

use std::path::Path;

use super::plain::{self, Cause};
use super::{Finding, ago};
use crate::cli::progress::count_that;
use crate::clock::Millis;
use crate::config::Config;
use crate::db::{self, DatabaseSettings, Db};
use crate::domain::health::{self, Health};

const DATABASE: &str = "database";

pub(super) async fn look(config: &Config, now: Millis) -> Vec<Finding> {
    // Opening it would make it.
    let url = config.database.url.reveal();
    if let Some(file) = db::sqlite_file(url).filter(|file| !file.exists()) {
        let found = format!("there is none yet at {}", file.display());
        let mend = "run doorkey migrate, or start doorkey serve, which makes it; if there should be one, \
            look at database.url (DOORKEY_DATABASE_URL)";
        return vec![Finding::warning(DATABASE, found, mend)];
    }
    let db = match Db::open(&DatabaseSettings::new(config.database.url.reveal())).await {
        Ok(db) => db,
        Err(error) => return vec![unusable(url, &error.to_string())],
    };
    let mut findings = vec![Finding::ok(DATABASE, format!("{} answers", db.engine().label()))];
    findings.extend(large_log(db.log_bytes()));
    match db.inspect().await {
        Ok(facts) => findings.extend(facts.into_iter().map(|fact| match fact.mend {
            None => Finding::ok(DATABASE, fact.found),
            Some(mend) => Finding::fault(DATABASE, fact.found, mend),
        })),
        Err(error) => findings.push(unusable(url, &error.to_string())),
    }
    match db.pending_migrations().await {
        Ok(pending) if pending.is_empty() => {
            findings.push(Finding::ok("migrations", "none is missing"));
            match db.read(move |tx| health::look(tx, now)).await {
                Ok(health) => findings.extend(inside(&health, now)),
                Err(error) => findings.push(unusable(url, &error.to_string())),
            }
        }
        Ok(pending) => findings.push(Finding::warning(
            "migrations",
            format!("{} to be applied: {}", pending.len(), pending.join(", ")),
            "run doorkey migrate, or start doorkey serve, which does so first",
        )),
        Err(error) => findings.push(unusable(url, &error.to_string())),
    }
    db.close().await;
    findings
}

/// SQLite's log, if it is not emptied.
fn large_log(bytes: u64) -> Option<Finding> {
    let found = format!("its log (-wal) has {} MiB", bytes >> 20);
    let mend = "somebody reads for very long, and the log grows meanwhile: end backups, exports and other \
         programs that have the file open (fuser names them), or restart doorkey serve";
    (bytes > db::MUCH_LOG).then(|| Finding::warning(DATABASE, found, mend))
}

fn unusable(url: &str, reason: &str) -> Finding {
    let (found, mend) = match db::sqlite_file(url) {
        Some(file) => of_sqlite(file, reason),
        None => of_postgres(reason),
    };
    Finding::fault(DATABASE, plain::with(&found, reason), mend)
}

/// What a SQLite database says that cannot be used, and how to mend it.
fn of_sqlite(file: &Path, reason: &str) -> (String, &'static str) {
    let has = |words: &str| reason.contains(words);
    let file = file.display();
    if has("malformed") || has("corrupt") {
        (format!("{file} is damaged"), BACKUP)
    } else if has("not a database") {
        (format!("{file} is no SQLite database, or its beginning is damaged"), BACKUP)
    } else if has("disk I/O") {
        let mend =
            "look at the disk and the system's log (dmesg); copy what can be read elsewhere first";
        (format!("the disk with {file} fails"), mend)
    } else if has("busy") {
        (
            format!("another process keeps {file} to itself"),
            "wait for it, or end it: fuser names it",
        )
    } else if has("disk is full") {
        (format!("there is no room left on the disk with {file}"), "free some")
    } else {
        let mend = "look at database.url (DOORKEY_DATABASE_URL); the file and its folder must belong to the \
             user that serve runs as";
        (format!("{file} cannot be opened and written by this user"), mend)
    }
}

const BACKUP: &str = "stop doorkey serve, move the file and those that end in -wal and -shm aside, and put \
     the last backup in place: doorkey restore; see \"Backup and restore\" in docs/OPERATIONS.md";

/// The same for a PostgreSQL server.
fn of_postgres(reason: &str) -> (String, &'static str) {
    let has = |words: &str| reason.contains(words);
    let own = |plain: &str, mend| (plain.to_owned(), mend);
    let it = "the database server";
    if has("authentication") || has("pg_hba.conf") || has("role") {
        let mend = "mend user and password in database.url (DOORKEY_DATABASE_URL), special characters in \
             percent encoding, or what pg_hba.conf allows";
        return own("the database server does not let us in", mend);
    }
    if has("database") && has("does not exist") {
        let mend = "create it as \"Data\" in docs/OPERATIONS.md says, or mend database.url \
             (DOORKEY_DATABASE_URL)";
        return own("the server has no database of this name", mend);
    }
    match Cause::of(reason) {
        Some(Cause::UnknownHost) => (
            Cause::UnknownHost.words(it),
            "mend the host in database.url (DOORKEY_DATABASE_URL), or the DNS of this machine",
        ),
        Some(cause @ (Cause::Refused | Cause::Silent | Cause::Unreachable | Cause::HungUp)) => (
            cause.words(it),
            "start the server, open the firewall, or mend host and port in database.url \
             (DOORKEY_DATABASE_URL)",
        ),
        Some(cause) => (
            cause.words(it),
            "name the authority of its certificate with sslrootcert=FILE in database.url \
             (DOORKEY_DATABASE_URL), and its host by the name in the certificate",
        ),
        None => own(
            "the database cannot be used",
            "look at database.url (DOORKEY_DATABASE_URL) and at the log of the database server",
        ),
    }
}

/// What the rows tell.
fn inside(health: &Health, now: Millis) -> Vec<Finding> {
    vec![clock(health, now), staff(health), outbox(health, now), backup(health, now)]
}

fn clock(health: &Health, now: Millis) -> Finding {
    match health.newest {
        Some(newest) if newest > now => Finding::fault(
            "clock",
            format!(
                "the newest ticket is {} s in the future: the clock was set back",
                newest.since(now).as_secs()
            ),
            "set this machine's clock by the network (timedatectl set-ntp true)",
        ),
        _ => Finding::ok("clock", "nothing in the database is newer than now"),
    }
}

fn staff(health: &Health) -> Finding {
    if health.has_admin {
        return Finding::ok("staff", "there is an admin");
    }
    Finding::warning(
        "staff",
        "nobody is an admin",
        "doorkey staff add --email you@example.com --name You --role admin",
    )
}

fn outbox(health: &Health, now: Millis) -> Finding {
    match health.oldest_due {
        Some(due) if now.since(due).as_secs() > 600 => Finding::fault(
            "outbox",
            format!("a mail has been due since {}", ago(due, now)),
            "is doorkey serve running? Its log and /readyz say why mail does not leave",
        ),
        _ if health.failed > 0 => Finding::warning(
            "outbox",
            given_up(health.failed),
            "doorkey outbox list --state failed says why",
        ),
        _ => Finding::ok("outbox", "nothing waits too long"),
    }
}

fn given_up(mails: i64) -> String {
    let mails = u64::try_from(mails).unwrap_or_default();
    format!("{} given up", count_that(mails, "mail", ["was", "were"]))
}

fn backup(health: &Health, now: Millis) -> Finding {
    let mend = "doorkey backup /a/safe/place/doorkey.backup, every day, to another machine; see \
         \"Backup and restore\" in docs/OPERATIONS.md";
    match health.last_backup {
        None => Finding::warning("backup", "there was none yet", mend),
        Some(at) if now.since(at).as_secs() > 2 * 86_400 => {
            Finding::warning("backup", format!("the last was made {}", ago(at, now)), mend)
        }
        Some(at) => Finding::ok("backup", format!("the last was made {}", ago(at, now))),
    }
}
