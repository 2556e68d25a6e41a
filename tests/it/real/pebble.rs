//! A real certificate authority that speaks ACME: Let's Encrypt's Pebble, with a name server of its
//! own to which every name is this machine. It looks at what it asks for as the real one does.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::doorkey::free_port;
use super::{PATIENCE, Process, have};
use crate::support::authority::{Authority, trusting};

const PEBBLE: &str = "/usr/bin/pebble";
const NAMES: &str = "/usr/bin/pebble-challtestsrv";
const FAR: i32 = 2090;

/// The authority. It stops when this is dropped, and forgets whom it knew.
pub struct Pebble {
    port: u16,
    management: u16,
    own: Authority,
    process: Option<Process>,
    _names: Process,
    _folder: TempDir,
}

impl Pebble {
    /// Starts an authority that looks for texts on `http_port` and for certificates on `tls_port`
    /// and issues certificates for `seconds`. `None`, and the test skipped, where it is missing.
    pub async fn start(http_port: u16, tls_port: u16, seconds: u64) -> Option<Self> {
        Self::start_for(Ipv4Addr::LOCALHOST, http_port, tls_port, seconds).await
    }

    /// As [`Self::start`], with every name being `address`.
    pub async fn start_for(
        address: Ipv4Addr,
        http_port: u16,
        tls_port: u16,
        seconds: u64,
    ) -> Option<Self> {
        if !have(&[PEBBLE, NAMES]) {
            return None;
        }
        let own = Authority::new();
        own.put(&own.issue("localhost", FAR));
        let (certificate, key) = own.files();
        let (port, management, dns) = (free_port(), free_port(), free_port());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": http_port,
            "tlsPort": tls_port,
            "certificateValidityPeriod": seconds,
        }});
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let names = Process::start(
            Command::new(NAMES)
                .args(["-dns01", &format!("127.0.0.1:{dns}"), "-defaultIPv4", &address.to_string()])
                .args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-management", &format!("127.0.0.1:{}", free_port())])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let process = Process::start(
            Command::new(PEBBLE)
                .arg("-config")
                .arg(&file)
                .args(["-dnsserver", &format!("127.0.0.1:{dns}")])
                .env("PEBBLE_VA_NOSLEEP", "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let pebble =
            Self { port, management, own, process: Some(process), _names: names, _folder: folder };
        let up = tokio::time::timeout(PATIENCE, async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        up.await.expect("Pebble listens");
        Some(pebble)
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The certificate that its own HTTPS is checked with.
    pub fn ca(&self) -> String {
        self.own.file().display().to_string()
    }

    /// The root under which it issues; another at each start.
    pub async fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.root_pem().await.as_bytes()).unwrap()
    }

    /// The same as PEM.
    pub async fn root_pem(&self) -> String {
        let mut stream = self.own.connect(self.management, &[]).await.unwrap();
        let request = "GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        answer[answer.find("-----BEGIN").expect("a certificate")..].to_owned()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process = None;
    }
}

/// A connection to `host` on `port` by a client that trusts `root` and nobody else.
pub async fn connect(
    host: &str,
    port: u16,
    root: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    trusting(roots, &["http/1.1"], rustls::ALL_VERSIONS).connect(name, stream).await
}
