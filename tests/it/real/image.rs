//! The container image, unpacked and run as an engine would: as its user, with its command, its
//! environment and its health check, and with nothing on the disk but what is in it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::doorkey::free_port;
use super::{Process, have, skip, wait_for};

struct Image {
    folder: TempDir,
    config: Value,
    port: u16,
}

impl Image {
    /// Unpacks the archive that ./scripts/test made. `None`, and the test skipped, where there is none.
    fn unpack() -> Option<Self> {
        let Some(archive) = std::env::var_os("DOORKEY_TEST_IMAGE") else {
            skip("no image; ./scripts/test makes it");
            return None;
        };
        if !rustix::process::geteuid().is_root() {
            skip("only root runs a program in another root folder");
            return None;
        }
        have(&["/usr/sbin/chroot"]).then_some(())?;
        let folder = tempfile::tempdir().unwrap();
        untar(&PathBuf::from(archive), folder.path());
        let read = |name: &str| -> Value {
            serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
        };
        let manifest = read("manifest.json")[0].clone();
        let config = read(manifest["Config"].as_str().unwrap());
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o755)).unwrap();
        for layer in manifest["Layers"].as_array().unwrap() {
            untar(&folder.path().join(layer.as_str().unwrap()), &root);
        }
        Some(Self { folder, config: config["config"].clone(), port: free_port() })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A command of the image, on a port of this test's own.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(format!("--userspec={}", self.config["User"].as_str().unwrap()));
        command.arg(self.root()).args(words).env_clear();
        for pair in self.config["Env"].as_array().unwrap() {
            let (name, value) = pair.as_str().unwrap().split_once('=').unwrap();
            command.env(name, value);
        }
        command.env("DOORKEY_LISTEN", format!("0.0.0.0:{}", self.port));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn words(&self, name: &str) -> Vec<&str> {
        let words = self.config[name].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap()).collect()
    }

    /// Whether the image's own check finds the container healthy.
    fn is_healthy(&self) -> bool {
        let check = self.config["Healthcheck"]["Test"].as_array().unwrap();
        let check: Vec<&str> = check.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(check[0], "CMD", "there is no shell to ask with");
        self.command(&check[1..]).status().unwrap().success()
    }
}

fn untar(archive: &std::path::Path, into: &std::path::Path) {
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--same-permissions", "--same-owner", "--numeric-owner", "--file"]);
    assert!(tar.arg(archive).arg("-C").arg(into).status().unwrap().success(), "{tar:?}");
}

#[test]
fn the_image_serves_as_nobody_in_particular_and_tells_its_health() {
    let Some(image) = Image::unpack() else { return };
    assert_eq!(image.config["User"], "65532:65532");
    assert!(image.config["ExposedPorts"]["8080/tcp"].is_object());
    assert!(image.config["Volumes"]["/var/lib/doorkey"].is_object());
    assert!(!image.root().join("bin").exists() && !image.root().join("usr/bin/sh").exists());
    let authorities = image.root().join("etc/ssl/certs/ca-certificates.crt");
    assert!(authorities.metadata().unwrap().len() > 100_000, "mail servers are checked by these");

    assert!(!image.is_healthy(), "nothing runs yet");
    let words = [image.words("Entrypoint"), image.words("Cmd")].concat();
    let mut process = Process::start(&mut image.command(&words));
    wait_for("the container to be healthy", || image.is_healthy().then_some(()));
    let data = image.root().join("var/lib/doorkey");
    let database = data.join("doorkey.db").metadata().unwrap();
    assert_eq!((database.uid(), database.mode() & 0o777), (65532, 0o600));
    let folder = data.metadata().unwrap();
    assert_eq!((folder.uid(), folder.mode() & 0o777), (65532, 0o700));
    let signal = image.config["StopSignal"].as_str().unwrap();
    process.signal(signal.trim_start_matches("SIG"));
    let status = wait_for("the container to stop", || process.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert!(!image.is_healthy(), "and it is told when it is over");
}
