//! The Debian package on a Debian of its own: from nothing to the first mailed link, ruin and
//! restore, upgrade, removal. Nothing here is set up but what an operator would do.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::{Value, json};

use super::doorkey::free_port;
use super::machine::Machine;
use super::pebble::Pebble;
use super::smtp::{Mail, Smtp};
use super::{Process, wait_for};

const HOST: &str = "support.example.com";
const URL: &str = "https://support.example.com";
const CUSTOMER: &str = "ana@example.net";
const SETTINGS: &str = "etc/doorkey/doorkey.toml";
const LONG: u64 = 90 * 86_400;

/// The house of an operator: the machine, and the world around it.
struct House {
    machine: Machine,
    smtp: Smtp,
    pebble: Pebble,
    address: Ipv4Addr,
}

impl House {
    /// A machine whose name is in the DNS, a mail server, and an authority for certificates, all of
    /// which the machine's list of authorities knows.
    async fn new() -> Option<Self> {
        let machine = Machine::new()?;
        let smtp = Smtp::start()?;
        // Of the addresses that lead here, one that nobody else listens on.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 99, high, low.max(2));
        let pebble = Pebble::start_for(address, free_port(), 443, LONG).await?;
        let hosts = format!("127.0.0.1 localhost {} example.com\n{address} {HOST}\n", Smtp::NAME);
        machine.write("etc/hosts", &hosts, 0o644);
        let authorities = machine.path("usr/local/share/ca-certificates");
        std::fs::create_dir_all(&authorities).unwrap();
        std::fs::write(authorities.join("pebble.crt"), pebble.root_pem().await).unwrap();
        std::fs::copy(smtp.authority(), authorities.join("mail.crt")).unwrap();
        std::fs::copy(pebble.ca(), machine.path("etc/pebble.pem")).unwrap();
        Some(Self { machine, smtp, pebble, address })
    }

    /// Takes the `#` from the five lines, and puts in this house's values where they are others.
    fn configure(&self) {
        let own = [
            ("#public_url = ", None),
            ("#listen = ", Some(format!("{}:443", self.address))),
            ("#enabled = ", None),
            ("#smtp_url = ", Some(self.smtp.url_at(Smtp::NAME))),
            ("#from = ", None),
        ];
        let mut lines: Vec<String> =
            self.machine.read(SETTINGS).lines().map(str::to_owned).collect();
        for (begins, value) in own {
            let mut found = lines.iter_mut().filter(|line| line.starts_with(begins));
            let line = found.next().unwrap_or_else(|| panic!("{begins}"));
            *line = match value {
                Some(value) => format!("{}{value:?}", &begins[1..]),
                None => line[1..].to_owned(),
            };
            assert!(found.next().is_none(), "{begins} stands there twice");
        }
        std::fs::write(self.machine.path(SETTINGS), lines.join("\n") + "\n").unwrap();
    }

    /// Starts the service; the authority is the tests' own, which a drop-in tells it.
    fn start(&self) -> Process {
        let directory = self.pebble.directory();
        let process = self.machine.start(&[
            ("DOORKEY_ACME_DIRECTORY", &directory),
            ("DOORKEY_ACME_CA", "/etc/pebble.pem"),
        ]);
        wait_for("HTTPS", || (self.try_ask("/healthz", &[])?.0 == 200).then_some(()));
        process
    }

    /// Asks an address of the portal, as somebody who knows the authority: status and JSON.
    fn ask(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        self.try_ask(path, arguments).unwrap_or_else(|| panic!("{path}\n{}", self.machine.log()))
    }

    fn try_ask(&self, path: &str, arguments: &[&str]) -> Option<(u16, Value)> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "-w", "\n%{http_code}", "--cacert"]);
        command.arg(self.machine.path("usr/local/share/ca-certificates/pebble.crt"));
        command.args(["--resolve", &format!("{HOST}:443:{}", self.address)]);
        let output = command.args(arguments).arg(format!("{URL}{path}")).output().unwrap();
        output.status.success().then_some(())?;
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n')?;
        Some((status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default()))
    }

    /// The customer asks for a link on the portal.
    fn ask_for_link(&self) {
        let body = json!({ "email": CUSTOMER }).to_string();
        let (status, said) = self.ask("/api/v1/portal/links", &["--json", &body]);
        assert_eq!(status, 202, "{said}");
    }

    /// What the link in a mail opens: the status, and the session with the list of tickets.
    fn open(&self, mail: &Mail) -> (u16, Value) {
        let bearer = format!("Authorization: Bearer {}", mail.token());
        let (status, session) = self.ask("/api/v1/portal/session", &["-H", &bearer]);
        let (_, list) = self.ask("/api/v1/portal/tickets", &["-H", &bearer]);
        let tickets: Vec<Value> = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| json!([it["reference"], it["subject"], it["status"], it["created_at"]]))
            .collect();
        (status, json!({ "customer": session["customer"], "tickets": tickets }))
    }

    /// The findings of the doctor that are not `ok`, who looks as the service does: in a folder
    /// that is private to somebody else, where sudo leaves it.
    fn doctor(&self, arguments: &str) -> Vec<String> {
        let line = format!(
            "chmod 700 /root && cd /root && setpriv --reuid=doorkey --regid=doorkey --init-groups doorkey doctor --json {arguments}"
        );
        let output = self.machine.try_sh(&line);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(output.status.success(), report["ok"] == true, "{report}");
        let findings = report["findings"].as_array().unwrap();
        findings.iter().filter(|it| it["level"] != "ok").map(Value::to_string).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_machine_to_the_first_link_and_back_from_ruin() {
    let Some(house) = House::new().await else { return };
    let machine = &house.machine;
    assert!(!machine.has("usr/bin/doorkey"));
    machine.install();
    house.configure();
    // Typed by root before the service ever ran: the database is the service's all the same.
    machine.sh("cd /root && doorkey staff add --email kim@example.com --name Kim --role admin");
    assert_eq!(machine.owner_and_mode("var/lib/doorkey/doorkey.db"), "doorkey:doorkey 600");
    assert!(!machine.has("root/data"), "the settings of the house counted");
    let mut service = house.start();
    assert_fenced_in(&service);

    machine.sh(&format!("doorkey customer add --email {CUSTOMER} --name 'Ana Costa'"));
    let ticket = format!("doorkey ticket add --email {CUSTOMER} --description d --subject");
    machine.sh(&format!("{ticket} 'Camera 3 is black at night' --no-mail"));
    let reference = machine.sh(&format!("{ticket} 'Alarm keeps beeping'"));
    let first = house.smtp.wait_for(CUSTOMER, 1);
    let leads_to = format!("{URL}/portal/tickets/{}#token=", reference.trim());
    assert!(first.link().starts_with(&leads_to), "{} {leads_to}", first.link());
    let (status, before) = house.open(&first);
    assert_eq!((status, before["tickets"].as_array().unwrap().len()), (200, 2), "{before}");
    assert_eq!(before["customer"], json!({ "email": CUSTOMER, "name": "Ana Costa" }));
    machine.sh("doorkey health --ready");

    machine.sh("doorkey backup /var/backups/doorkey.db");
    assert_eq!(house.doctor("--to kim@example.com"), [""; 0], "all is green");
    house.smtp.wait_for("kim@example.com", 1);
    let as_root = machine.sh("doorkey doctor");
    assert!(as_root.contains("sudo -u doorkey doorkey doctor"), "{as_root}");

    stop(&mut service);
    machine.sh("apt-get purge -y doorkey 2>&1");
    for gone in ["var/lib/doorkey", "etc/doorkey", "usr/bin/doorkey", "usr/share/doc/doorkey"] {
        assert!(!machine.has(gone), "{gone}");
    }

    machine.install();
    house.configure();
    machine.sh("doorkey restore /var/backups/doorkey.db");
    assert_eq!(machine.owner_and_mode("var/lib/doorkey/doorkey.db"), "doorkey:doorkey 600");
    let mut service = house.start();
    assert_eq!(house.open(&first).0, 401, "no access comes back by itself");
    house.ask_for_link();
    let second = house.smtp.wait_for(CUSTOMER, 2);
    assert!(second.link().starts_with(&format!("{URL}/portal#token=")), "{}", second.link());
    assert_eq!(house.open(&second), (200, before), "and sees the same tickets");
    machine.sh("doorkey backup --replace /var/backups/doorkey.db");
    assert_eq!(house.doctor(""), [""; 0], "all is green again");
    stop(&mut service);
    assert!(machine.log().contains("\"stopped\""), "{}", machine.log());
}

/// The kernel was told what the unit says.
fn assert_fenced_in(service: &Process) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.0.id())).unwrap();
    let holds = |name: &str, value: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(":\t"));
        assert!(lines.any(|line| line == (name, value)), "{name} {value}: {status}");
    };
    // CAP_NET_BIND_SERVICE is number 10.
    for set in ["CapEff", "CapPrm", "CapBnd", "CapAmb"] {
        holds(set, "0000000000000400");
    }
    holds("NoNewPrivs", "1");
    holds("Seccomp", "2");
    holds("Umask", "0077");
}

fn stop(service: &mut Process) {
    service.signal("TERM");
    let status = wait_for("the service to stop", || service.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

#[test]
fn what_is_installed_is_where_it_belongs_and_private() {
    let Some(machine) = Machine::new() else { return };
    machine.install();
    assert_eq!(machine.owner_and_mode(SETTINGS), "root:doorkey 640");
    assert_eq!(machine.owner_and_mode("var/lib/doorkey"), "doorkey:doorkey 750");
    assert_eq!(machine.owner_and_mode("etc/doorkey"), "root:root 755");
    let user = machine.sh("getent passwd doorkey");
    assert!(user.contains(":/var/lib/doorkey:/usr/sbin/nologin"), "{user}");
    let asked = machine.asked_of_systemd();
    let enabled = |line: &str| line.contains("preset") && line.ends_with("doorkey.service");
    assert!(asked.lines().any(enabled), "from the next start of the machine on: {asked}");
    assert!(asked.contains("start doorkey.service"), "and now: {asked}");
    assert_eq!(machine.verify_units(), "", "systemd-analyze verify");
    let exposure = machine.exposure();
    assert!(exposure <= 1.5, "systemd-analyze security: {exposure}");

    let page = machine.sh("zcat /usr/share/man/man1/doorkey.1.gz");
    assert!(page.contains(".TH doorkey 1"), "a manual page");
    for shell in ["bash-completion/completions/doorkey", "fish/vendor_completions.d/doorkey.fish"] {
        assert!(machine.read(&format!("usr/share/{shell}")).contains("restore"), "{shell}");
    }
    assert!(machine.read("usr/share/zsh/vendor-completions/_doorkey").starts_with("#compdef"));
    for paper in ["copyright", "OPERATIONS.md", "doorkey.example.toml", "examples/doorkey.socket"] {
        assert!(machine.has(&format!("usr/share/doc/doorkey/{paper}")), "{paper}");
    }
    assert_eq!(machine.times_in_package().len(), 1, "the commit's alone, so it can be made again");
    // The settings hold a password: nobody else reads them, and is told whom to ask.
    let output = machine.try_sh("runuser -u nobody -- doorkey config");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("sudo -u doorkey"), "{said}");
}

#[test]
fn an_upgrade_and_a_removal_keep_what_is_there_and_a_purge_does_not() {
    let Some(machine) = Machine::new() else { return };
    machine.install();
    let edited = machine.read(SETTINGS).replace("#name = \"Example\"", "name = \"Lumen\"");
    std::fs::write(machine.path(SETTINGS), &edited).unwrap();
    machine.sh(&format!("doorkey customer add --email {CUSTOMER} --name 'Ana Costa'"));
    machine.asked_of_systemd();
    let kept = |machine: &Machine| {
        assert_eq!(machine.read(SETTINGS), edited);
        assert_eq!(machine.owner_and_mode(SETTINGS), "root:doorkey 640");
        assert_eq!(machine.owner_and_mode("var/lib/doorkey/doorkey.db"), "doorkey:doorkey 600");
        let lines = machine.sh("doorkey export /tmp/all.jsonl > /dev/null; cat /tmp/all.jsonl");
        assert!(lines.contains(CUSTOMER), "{lines}");
        machine.sh("rm /tmp/all.jsonl");
    };

    back_up_as_the_example_does(&machine);
    let newer = machine.newer_package("0.9.0-1");
    machine.install_file(&newer);
    assert_eq!(machine.sh("dpkg-query -W -f '${Version}' doorkey"), "0.9.0-1");
    kept(&machine);
    let offered = machine.read("etc/doorkey/doorkey.toml.dpkg-dist");
    assert!(offered.contains("# A line of the new version."), "laid beside it");
    let asked = machine.asked_of_systemd();
    assert!(asked.contains("restart doorkey.service"), "{asked}");
    assert!(!asked.contains("stop doorkey.service"), "not away while it is unpacked: {asked}");

    machine.sh("apt-get remove -y doorkey 2>&1");
    assert!(machine.asked_of_systemd().contains("stop doorkey.service"));
    assert!(!machine.has("usr/bin/doorkey") && machine.has("var/lib/doorkey/doorkey.db"));
    assert_eq!(machine.read(SETTINGS), edited);
    let owner = machine.owner("var/lib/doorkey");
    machine.install();
    kept(&machine);

    machine.sh("apt-get purge -y doorkey 2>&1");
    assert!(!machine.has("var/lib/doorkey") && !machine.has("etc/doorkey"));
    let links = machine.sh("find /etc/systemd /var/lib/systemd -name 'doorkey*'");
    assert_eq!(links, "", "nothing of the unit is left");
    // Whose number it was stays known, as a backup elsewhere may belong to it.
    assert_eq!(machine.sh("id -u doorkey").trim(), owner.to_string());
}

/// Runs what doorkey-backup.service would.
fn back_up_as_the_example_does(machine: &Machine) {
    let unit = machine.read("usr/share/doc/doorkey/examples/doorkey-backup.service");
    let lines = unit.lines().filter(|line| line.starts_with("ExecStart"));
    for line in lines {
        let (_, command) = line.split_once('=').unwrap();
        machine.sh(&command.replace("$$", "$").replace("%%", "%"));
    }
    let made = std::fs::read_dir(machine.path("var/backups/doorkey")).unwrap();
    let names: Vec<_> = made.map(|file| file.unwrap().file_name()).collect();
    let weekday = machine.sh("date +%u");
    assert_eq!(names, [format!("{}.db", weekday.trim()).as_str()]);
}
