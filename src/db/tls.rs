//! How PostgreSQL's address is read, and TLS to it.
//!
//! Stricter than libpq: where TLS is spoken at all, the server's certificate is always checked,
//! so `require`, `verify-ca` and `verify-full` mean the same.

use std::path::Path;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use postgres::Config;
use postgres::config::{Host, SslMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::DbError;

/// Reads `postgres://user:password@host/database?options`.
///
/// Without `sslmode`, a server on this machine is spoken to in the clear and any other with TLS
/// if it offers it. `sslrootcert=FILE` replaces the system's certificate authorities.
pub(super) fn read_url(url: &str) -> Result<(Config, MakeRustlsConnect), DbError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut authorities = None;
    let mut mode_given = false;
    let mut kept = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", file)) => authorities = Some(decode(file)),
            Some(("sslmode", mode)) => {
                mode_given = true;
                let mode = if mode.starts_with("verify-") { "require" } else { mode };
                kept.push(format!("sslmode={mode}"));
            }
            _ => kept.push(option.to_owned()),
        }
    }
    // The parser's errors name options and never their values, so no password gets out.
    let mut config: Config = format!("{address}?{}", kept.join("&"))
        .parse()
        .map_err(|error| DbError::Bug(format!("the database's address: {error}")))?;
    if !mode_given && config.get_hosts().iter().all(is_here) {
        config.ssl_mode(SslMode::Disable);
    }
    let roots = match config.get_ssl_mode() {
        SslMode::Disable => RootCertStore::empty(),
        _ => roots(authorities.as_deref())?,
    };
    Ok((config, connector(roots)?))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1" | "[::1]"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn roots(file: Option<&str>) -> Result<RootCertStore, DbError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        DbError::Unavailable(format!("sslrootcert {file}: {error}"))
    };
    let certificates =
        CertificateDer::pem_file_iter(Path::new(file)).map_err(|error| unreadable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    Ok(roots)
}

fn connector(roots: RootCertStore) -> Result<MakeRustlsConnect, DbError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DbError::Bug(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        read_url(url).map(|(config, _)| config.get_ssl_mode()).expect("an address")
    }

    #[test]
    fn tls_is_left_out_only_on_this_machine_or_when_asked() {
        assert_eq!(mode("postgres://u:p@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres:///d?host=/var/run/postgresql"), SslMode::Disable);
        assert_eq!(mode("postgres://u:p@localhost/d?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgres://u:p@db.example/d"), SslMode::Prefer);
        assert_eq!(mode("postgres://u:p@db.example/d?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgres://u:p@db.example/d?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn options_reach_the_server() {
        let (config, _) =
            read_url("postgresql://localhost/d?options=-csearch_path%3Da&sslrootcert=system")
                .expect("an address");
        assert_eq!(config.get_options(), Some("-csearch_path=a"));
    }

    #[test]
    fn a_malformed_address_is_told_without_its_password() {
        for bad in ["postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h/d?nonsense=hunter2"] {
            let error = read_url(bad).err().expect("no address").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
