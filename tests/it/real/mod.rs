//! Real processes for the tests that need them: a mail server, PostgreSQL, Doorkey's own binary
//! and a browser. Whatever is started here ends with the value that started it.

pub mod browser;
mod contract;
mod doctor;
pub mod doorkey;
mod examples;
mod health;
mod https;
mod image;
mod listening;
mod live;
mod machine;
mod mailing;
pub mod mariadb;
mod obtaining;
pub mod oidc;
mod outbound;
mod packaged;
mod pair;
mod pebble;
pub mod postgres;
mod serving;
pub mod smtp;
mod watching;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a real process may take to do what it was asked: long, because a loaded machine is
/// no failure, and nobody waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Notes that a test does not run here, and why. Where nothing may be missing (`CI=true`) it
/// fails instead.
pub fn skip(reason: &str) {
    let line = format!("{}: {reason}", std::thread::current().name().unwrap_or("a test"));
    assert!(std::env::var("CI").as_deref() != Ok("true"), "must not be skipped here: {line}");
    eprintln!("SKIPPED {line}");
    if let Ok(file) = std::env::var("DOORKEY_TEST_SKIPS") {
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// Whether all of these programs are here; if not, the test is skipped.
pub fn have(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|path| !Path::new(path).exists()).collect();
    if !missing.is_empty() {
        skip(&format!("{missing:?} not here; ./scripts/test installs what is needed"));
    }
    missing.is_empty()
}

/// The folder of a Node package that ./scripts/test installs; if it is not here, the test is skipped.
pub fn node_module(name: &str) -> Option<PathBuf> {
    let modules = std::env::var("DOORKEY_TEST_NODE_MODULES").map(PathBuf::from);
    let folder = modules.map(|folder| folder.join(name)).ok().filter(|folder| folder.exists());
    if folder.is_none() {
        skip(&format!("the Node package {name} is not here; ./scripts/test installs it"));
    }
    folder
}

/// Asks `question` until it has an answer.
///
/// Panics with `what` when it has none for too long.
pub fn wait_for<T>(what: &str, question: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, question)
}

/// The same with more patience.
pub fn wait_within<T>(
    patience: Duration,
    what: &str,
    mut question: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(begun.elapsed() < patience, "waited {patience:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with its owner, together with what it started itself.
pub struct Process(pub Child);

impl Process {
    /// Starts `command` at the head of a process group of its own.
    pub fn start(command: &mut Command) -> Self {
        use std::os::unix::process::CommandExt as _;
        let child = command.process_group(0).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Sends a signal (`TERM`, `KILL`, `STOP`) to the process alone.
    pub fn signal(&self, name: &str) {
        send(name, &self.0.id().to_string());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        send("KILL", &format!("-{}", self.0.id()));
        let _ = self.0.wait();
    }
}

fn send(signal: &str, process: &str) {
    let kill = Command::new("kill").args(["-s", signal, "--", process]).output();
    kill.expect("the program kill");
}

mod tests {
    use super::*;

    #[test]
    fn a_process_ends_with_its_owner() {
        let process = Process::start(Command::new("sleep").arg("1000"));
        let proc_entry = format!("/proc/{}", process.0.id());
        assert!(Path::new(&proc_entry).exists());
        drop(process);
        assert!(!Path::new(&proc_entry).exists());
    }
}
