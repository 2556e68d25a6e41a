//! Where the binary listens beside a port: a Unix socket, and sockets that systemd opened; and
//! what it tells systemd.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use super::doorkey::{Doorkey, free_port};
use super::{PATIENCE, Process, have, wait_for};

const PYTHON: &str = "/usr/bin/python3";
const REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What `/healthz` answers over a stream, if anything.
fn health(mut stream: impl std::io::Read + std::io::Write) -> Option<String> {
    stream.write_all(REQUEST.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200 ").then_some(answer)
}

fn wait_for_socket(path: &Path) -> String {
    wait_for("an answer over the Unix socket", || health(UnixStream::connect(path).ok()?))
}

#[test]
fn it_listens_on_a_unix_socket_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorkey.sock");
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_LISTEN", &format!("unix:{}", path.display()));
    doorkey.run_without_waiting();
    assert!(wait_for_socket(&path).ends_with("ok"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "owner and group may connect");
    assert!(TcpStream::connect(("127.0.0.1", doorkey.port())).is_err(), "and there is no port");

    let second = doorkey.command().arg("serve").output().unwrap();
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{words}");
    assert!(words.contains("another process listens there") && words.contains("--listen"));

    // A kill leaves the file, and the next start replaces it.
    doorkey.kill();
    assert!(path.exists());
    doorkey.run_without_waiting();
    wait_for_socket(&path);
    assert!(doorkey.terminate().success());
    assert!(!path.exists(), "removed at the end");
}

#[test]
fn a_proxy_behind_the_socket_says_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorkey.sock");
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("DOORKEY_LISTEN", &format!("unix:{}", path.display()));
    doorkey.run_without_waiting();
    wait_for_socket(&path);
    let ask = |client: &str| {
        let body = r#"{"email":"nobody@example.com"}"#;
        let mut stream = UnixStream::connect(&path).unwrap();
        let request = format!(
            "POST /api/v1/portal/links HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Forwarded-For: {client}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    // 30 an hour from one network; the next client is another.
    let answers: Vec<u16> = (0..31).map(|_| ask("192.0.2.1")).collect();
    assert_eq!((answers[29], answers[30]), (202, 429));
    assert_eq!(ask("192.0.2.2"), 202);
}

/// Starts what follows as systemd would: listening sockets as file descriptors 3, 4, …, given as
/// `tcp=PORT=NAME unix=PATH=NAME`.
const ACTIVATE: &str = "
import os, socket, sys
sockets, command = sys.argv[1].split(), sys.argv[2:]
opened, names = [], []
for words in sockets:
    kind, where, name = words.split('=')
    if kind == 'tcp':
        listening = socket.create_server(('127.0.0.1', int(where)))
    elif kind == 'unix':
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(where)
        listening.listen()
    else:
        listening = open(os.devnull)
    # Out of the way first: its number may be one that is needed.
    opened.append(os.dup2(listening.fileno(), 60 + len(opened)))
    names.append(name)
for number, file in enumerate(opened):
    os.dup2(file, 3 + number)
    os.set_inheritable(3 + number, True)
os.environ['LISTEN_FDS'] = str(len(opened))
os.environ['LISTEN_FDNAMES'] = ':'.join(names)
os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(command[0], command)
";

/// `doorkey serve` with the settings of `doorkey` and sockets that were opened before it.
fn activate(doorkey: &Doorkey, sockets: &str) -> Command {
    let settings = doorkey.command();
    let mut command = Command::new(PYTHON);
    command.args(["-c", ACTIVATE, sockets]).arg(settings.get_program()).arg("serve");
    for (name, value) in settings.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn sockets_that_systemd_opened_count_in_place_of_the_setting() {
    if !have(&[PYTHON]) {
        return;
    }
    let doorkey = Doorkey::prepare(&[]);
    let port = free_port();
    let process = Process::start(&mut activate(&doorkey, &format!("tcp={port}=doorkey.socket")));
    wait_for("an answer on the port that was handed over", || {
        health(TcpStream::connect(("127.0.0.1", port)).ok()?)
    });
    assert!(TcpStream::connect(("127.0.0.1", doorkey.port())).is_err(), "the setting is not used");
    drop(process);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activated.sock");
    let mut process = Process::start(&mut activate(&doorkey, &format!("unix={}=", path.display())));
    wait_for_socket(&path);
    process.signal("TERM");
    let status = wait_for("the server to stop", || process.0.try_wait().unwrap());
    assert!(status.success() && path.exists(), "systemd's socket stays systemd's");
}

#[test]
fn sockets_of_systemd_have_their_places_by_name() {
    if !have(&[PYTHON]) {
        return;
    }
    let mut doorkey = Doorkey::prepare(&[]);
    let (plain, numbers) = (free_port(), free_port());
    let sockets = format!("tcp={plain}=redirect tcp={numbers}=metrics");
    // It would lead to itself.
    let output = activate(&doorkey, &sockets).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("must begin with https://"));

    doorkey.set("DOORKEY_PUBLIC_URL", "https://support.example.com");
    let _process = Process::start(&mut activate(&doorkey, &sockets));
    // None is for everything, so the setting counts.
    wait_for("an answer", || health(TcpStream::connect(("127.0.0.1", doorkey.port())).ok()?));
    let ask = |port: u16, path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let away = ask(plain, "/portal");
    assert!(away.contains("location: https://support.example.com/portal\r\n"), "{away}");
    assert!(ask(numbers, "/metrics").contains("doorkey_build_info"));
}

#[test]
fn what_is_no_socket_stops_the_start() {
    if !have(&[PYTHON]) {
        return;
    }
    let doorkey = Doorkey::prepare(&[]);
    let output = activate(&doorkey, "file==").output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("file descriptor 3") && words.contains("ListenStream="), "{words}");
}

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify.sock");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut words = [0; 256];
        let length = systemd.recv(&mut words).unwrap();
        String::from_utf8(words[..length].to_vec()).unwrap()
    };
    let mut doorkey = Doorkey::prepare(&[]);
    doorkey.set("NOTIFY_SOCKET", path.to_str().unwrap());
    doorkey.run_without_waiting();
    assert_eq!(hear().trim(), "READY=1");
    let answer = health(TcpStream::connect(("127.0.0.1", doorkey.port())).unwrap());
    assert!(answer.is_some(), "ready means that it answers");
    assert!(doorkey.terminate().success());
    assert_eq!(hear().trim(), "STOPPING=1");
    // Nobody listening is no reason not to start.
    drop(systemd);
    doorkey.run_without_waiting();
    wait_for("an answer", || health(TcpStream::connect(("127.0.0.1", doorkey.port())).ok()?));
}
