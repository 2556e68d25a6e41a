//! A Debian of its own in a folder, made by debootstrap, and the Debian package to install in it.
//!
//! `./scripts/test` makes both and names them: `DOORKEY_TEST_CHROOT` is never written to, each test
//! gets a copy; `DOORKEY_TEST_DEB` is the package of the release binary.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::{PATIENCE, Process, have, skip};

const PYTHON: &str = "/usr/bin/python3";
const UNIT: &str = "usr/lib/systemd/system/doorkey.service";
/// In the place of systemd: writes down what the maintainer scripts ask for.
const SYSTEMCTL: &str = "#!/bin/sh
case \"$*\" in
    *is-enabled*) echo enabled ;;
    *is-active*) ;;
    *) echo \"$*\" >> /root/systemctl ;;
esac
";

/// The machine. Nothing of it is left when this is dropped.
pub struct Machine {
    folder: TempDir,
    package: PathBuf,
}

impl Machine {
    /// A machine on which Doorkey was never installed. `None`, and the test skipped, where one
    /// cannot be made.
    pub fn new() -> Option<Self> {
        let (Some(base), Some(package)) =
            (std::env::var_os("DOORKEY_TEST_CHROOT"), std::env::var_os("DOORKEY_TEST_DEB"))
        else {
            skip("no Debian in a folder or no package; ./scripts/test makes them, as root");
            return None;
        };
        let analyze = "/usr/bin/systemd-analyze";
        if !have(&[PYTHON, analyze, "/usr/sbin/chroot", "/usr/bin/dpkg-deb"]) {
            return None;
        }
        let base = PathBuf::from(base);
        // Beside it: the same disk, and devices may be opened there.
        let folder =
            tempfile::Builder::new().prefix("machine-").tempdir_in(base.parent()?).unwrap();
        let mut copy = Command::new("cp");
        copy.args(["-a", "--reflink=auto", "-T"]).arg(&base).arg(folder.path());
        assert!(copy.status().unwrap().success(), "{copy:?}");
        let machine = Self { folder, package: package.into() };
        machine.write("usr/bin/systemctl", SYSTEMCTL, 0o755);
        std::fs::create_dir_all(machine.path("run/systemd/system")).unwrap();
        Some(machine)
    }

    /// A path of the machine, as this one has it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.path(path);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// `root:doorkey 640` of a file or folder.
    pub fn owner_and_mode(&self, path: &str) -> String {
        self.sh(&format!("stat -c '%U:%G %a' /{path}")).trim().to_owned()
    }

    /// Types `line` into a shell as root.
    pub fn try_sh(&self, line: &str) -> Output {
        Command::new("/usr/sbin/chroot")
            .arg(self.folder.path())
            .args(["/bin/sh", "-ec", line])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Types `line` into a shell as root; it must succeed. Returns what it prints.
    pub fn sh(&self, line: &str) -> String {
        let output = self.try_sh(line);
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{line}: {}\n{said}\n{errors}", output.status);
        said
    }

    /// Installs the package under test with what it depends on, out of what was downloaded before.
    pub fn install(&self) -> String {
        self.install_file(&self.package)
    }

    /// Installs any package of Doorkey. Settings that were changed are kept, as `apt` offers.
    pub fn install_file(&self, package: &Path) -> String {
        std::fs::copy(package, self.path("var/doorkey.deb")).unwrap();
        let keep =
            "-o Dpkg::Options::=--force-confold -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0";
        self.sh(&format!("apt-get install -y --no-install-recommends {keep} /var/doorkey.deb 2>&1"))
    }

    /// The package with another version and one more line in its settings file.
    pub fn newer_package(&self, version: &str) -> PathBuf {
        let tree = self.path("root/newer");
        let file = self.path("root/newer.deb");
        let script = "
            dpkg-deb --raw-extract \"$1\" \"$2\"
            sed -i \"s/^Version: .*/Version: $4/\" \"$2/DEBIAN/control\"
            echo '# A line of the new version.' >> \"$2/etc/doorkey/doorkey.toml\"
            dpkg-deb -Zgzip -z1 --root-owner-group --build \"$2\" \"$3\"";
        let mut command = Command::new("sh");
        command.args(["-ec", script, "sh"]).args([&self.package, &tree, &file]).arg(version);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        file
    }

    /// Owner and time of everything in the package, each of them once.
    pub fn times_in_package(&self) -> BTreeSet<String> {
        let listed =
            Command::new("dpkg-deb").arg("--contents").arg(&self.package).output().unwrap();
        let said = text(&listed.stdout);
        // -rw-r--r-- 0/0   1630 2026-11-23 06:37 ./etc/doorkey/doorkey.toml
        let words = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.map(|words| [words[1], words[3], words[4]].join(" ")).collect()
    }

    /// What the package's scripts asked systemd for, and forgets it.
    pub fn asked_of_systemd(&self) -> String {
        let asked = std::fs::read_to_string(self.path("root/systemctl")).unwrap_or_default();
        std::fs::write(self.path("root/systemctl"), "").unwrap();
        asked
    }

    /// Starts the installed unit as systemd would (see `as_unit.py`), and waits until it says that
    /// it is ready. `environment` is what a drop-in would add.
    pub fn start(&self, environment: &[(&str, &str)]) -> Process {
        let socket = self.path("run/notify");
        let _ = std::fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).unwrap();
        let log = std::fs::File::create(self.path("root/log")).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real/as_unit.py");
        let mut command = Command::new("unshare");
        command.args(["--mount", PYTHON, script]).arg(self.folder.path()).arg(self.path(UNIT));
        command.arg("NOTIFY_SOCKET=/run/notify");
        command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = Process::start(&mut command);
        let mut said = [0; 64];
        let length = notified.recv(&mut said).unwrap_or_else(|_| panic!("{}", self.log()));
        assert_eq!(text(&said[..length]).trim(), "READY=1", "{}", self.log());
        process
    }

    /// Everything that the unit logged.
    pub fn log(&self) -> String {
        self.read("root/log")
    }

    /// What systemd's own tool says about the installed unit and the examples beside it: nothing, if
    /// it has no complaint.
    pub fn verify_units(&self) -> String {
        // With the units of this system, which the machine lacks, and the machine's program.
        let program = self.path("usr/bin/doorkey").display().to_string();
        let copies = self.path("root/units");
        std::fs::create_dir(&copies).unwrap();
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no", "--generators=no"]);
        for name in ["service", "socket", "backup.service", "backup.timer"] {
            let name = format!("doorkey{}{name}", if name.contains('.') { "-" } else { "." });
            let examples = format!("usr/share/doc/doorkey/examples/{name}");
            let from = if name == "doorkey.service" { UNIT } else { &examples };
            let unit = self.read(from).replace("/usr/bin/doorkey", &program);
            std::fs::write(copies.join(&name), unit).unwrap();
            command.arg(copies.join(&name));
        }
        let output = command.output().unwrap();
        let said = text(&output.stderr);
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains("doorkey")).collect();
        assert_eq!(output.status.success(), complaints.is_empty(), "{said}");
        complaints.join("\n")
    }

    /// How exposed the unit is, from 0 (not at all) to 10, by systemd's own measure.
    pub fn exposure(&self) -> f64 {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager"]).arg(self.path(UNIT));
        let said = text(&command.output().unwrap().stdout);
        let verdict = said.split("Overall exposure level for doorkey.service: ").nth(1);
        let number = verdict.and_then(|verdict| verdict.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    }

    /// Whether something is there.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// The number of the user `doorkey`, to whom the data belongs.
    pub fn owner(&self, path: &str) -> u32 {
        self.path(path).metadata().unwrap().uid()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
