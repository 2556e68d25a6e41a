//! A MariaDB of a test's own: the real server on a Unix socket, in a folder that goes with it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::{Process, have, wait_for};

const SERVER: &str = "/usr/sbin/mariadbd";
const CLIENT: &str = "/usr/bin/mariadb";

/// A running server; ended, with its data, when this is dropped.
pub struct MariaDb {
    folder: TempDir,
    _process: Process,
}

impl MariaDb {
    /// Starts a server whose clock is two hours before UTC's, or says why the test is skipped.
    pub fn start() -> Option<Self> {
        if !have(&[SERVER, CLIENT]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let mut command = Command::new(SERVER);
        command
            .args(["--no-defaults", "--skip-networking", "--skip-grant-tables"])
            .args(["--default-time-zone=+02:00", "--character-set-server=utf8mb4"])
            .arg(format!("--datadir={}", at("data")))
            .arg(format!("--socket={}", at("socket")))
            .arg(format!("--pid-file={}", at("pid")))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.arg("--user=root");
        }
        let server = Self { _process: Process::start(&mut command), folder };
        wait_for("MariaDB to answer", || {
            server.say(&["--execute", "SELECT 1"], None).status.success().then_some(())
        });
        Some(server)
    }

    /// A new database that `file` fills.
    pub fn fill(&self, database: &str, file: &Path) {
        let create = format!("CREATE DATABASE {database}");
        let created = self.say(&["--execute", &create], None);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        self.run(database, file);
    }

    /// What the statements of `file` give, written as docs/MIGRATING.md says.
    pub fn run(&self, database: &str, file: &Path) -> Vec<u8> {
        let flags = [
            "--batch",
            "--raw",
            "--skip-column-names",
            "--quick",
            "--default-character-set=utf8mb4",
        ];
        let done = self.say(&[&flags[..], &[database]].concat(), Some(file));
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{}: {errors}", file.display());
        done.stdout
    }

    fn say(&self, arguments: &[&str], input: Option<&Path>) -> Output {
        let input =
            input.map_or_else(Stdio::null, |file| std::fs::File::open(file).unwrap().into());
        Command::new(CLIENT)
            .arg("--no-defaults")
            .arg(format!("--socket={}", self.folder.path().join("socket").display()))
            .args(arguments)
            .stdin(input)
            .output()
            .unwrap()
    }
}
