//! Where to listen: an address and a port, or a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What comes before the path of a Unix socket.
const UNIX: &str = "unix:";
/// `sockaddr_un` holds 108 bytes, the last of them zero.
const LONGEST_PATH: usize = 107;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port.
    Address(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Reads `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/doorkey/doorkey.sock`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write an IP address and a port, such as 127.0.0.1:8080, \
             or unix: and a path, such as unix:/run/doorkey/doorkey.sock";
        let Some(path) = text.strip_prefix(UNIX) else {
            return text.parse().map(Self::Address).map_err(|_| wanted.to_owned());
        };
        if path.is_empty() || path.contains('\0') {
            return Err(wanted.to_owned());
        }
        if path.len() > LONGEST_PATH {
            return Err(format!("a socket's path has at most {LONGEST_PATH} bytes; {wanted}"));
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }

    /// The address; none for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether both cannot be listened on by one process. Port 0 is any that is free.
    pub fn collides_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(path), Self::Unix(other)) => path == other,
            (Self::Address(here), Self::Address(there)) => {
                let (ip, other) = (here.ip(), there.ip());
                let same = ip == other || ip.is_unspecified() || other.is_unspecified();
                same && here.port() == there.port() && here.port() != 0
            }
            _ => false,
        }
    }

    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.ip().is_loopback())
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_read_and_written_alike() {
        for good in ["127.0.0.1:8080", "[::1]:80", "unix:/run/doorkey.sock", "unix:d.sock"] {
            assert_eq!(Listen::parse(good).expect(good).to_string(), good);
        }
        assert!(Listen::parse("unix:/run/doorkey.sock").expect("a socket").is_local());
        assert!(!Listen::parse("0.0.0.0:80").expect("an address").is_local());
        let long = format!("unix:/{}", "x".repeat(107));
        for bad in ["", "8080", "localhost:8080", "unix:", "/run/doorkey.sock", long.as_str()] {
            let error = Listen::parse(bad).expect_err(bad);
            assert!(error.contains("127.0.0.1:8080") && error.contains("unix:/"), "{error}");
        }
    }
}
