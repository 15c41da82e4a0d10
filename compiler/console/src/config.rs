//! How a console is set up: where it listens, what it reads, and under which names it may be asked.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything the console must be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens. Anything but loopback needs TLS in front of it: cookies are then `Secure`.
    pub bind: SocketAddr,
    /// How browsers reach it through a reverse proxy: `https://weir.example.net`. `None`: at `bind` itself.
    pub public_url: Option<String>,
    /// Users file, as [`users::add`](crate::users::add) makes it.
    pub users: PathBuf,
    /// Status socket of the runtime; `None`: there is no runtime on this machine.
    pub runtime: Option<PathBuf>,
    /// MaxMind databases of countries, cities or networks (ASN), in any order.
    pub mmdb: Vec<PathBuf>,
    /// `/metrics` answers, without signing in.
    pub metrics: bool,
    /// What pages will want is read before they are asked for, whenever a channel moves or something was built: nobody
    /// waits for a large artifact, and it is in memory although nobody looks.
    pub read_ahead: bool,
}

/// `https://weir.example.net` in its parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Public {
    pub secure: bool,
    /// Host, with the port where one was written.
    pub host: String,
}

/// Why a console cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "{0:?} is not how browsers reach a console: write `https://` and a host, and no path, such as \
         `https://weir.example.net`"
    )]
    BadPublicUrl(String),
    #[error(transparent)]
    Users(#[from] crate::users::UsersError),
    #[error("no random numbers are to be had: {0}")]
    Random(getrandom::Error),
    #[error(
        "cannot listen at {bind}: {cause}; another program listens there (`ss -ltnp` names it) or this user may not: choose another place, such as --bind 127.0.0.1:8081"
    )]
    Bind {
        bind: SocketAddr,
        cause: std::io::Error,
    },
}

impl Config {
    pub(crate) fn public(&self) -> Result<Option<Public>, ConfigError> {
        let Some(url) = &self.public_url else {
            return Ok(None);
        };
        let bad = || ConfigError::BadPublicUrl(url.clone());
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(bad()),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let good = !host.is_empty()
            && host.len() <= 255
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
        match good {
            true => Ok(Some(Public { secure, host })),
            false => Err(bad()),
        }
    }

    /// Cookies are for TLS only: always, but on loopback without anything in front of it.
    pub(crate) fn secure_cookies(&self) -> Result<bool, ConfigError> {
        Ok(match self.public()? {
            Some(public) => public.secure || !self.bind.ip().is_loopback(),
            None => !self.bind.ip().is_loopback(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(bind: &str, public_url: Option<&str>) -> Config {
        Config {
            bind: bind.parse().expect("an address"),
            public_url: public_url.map(str::to_owned),
            users: "users.json".into(),
            runtime: None,
            mmdb: Vec::new(),
            metrics: false,
            read_ahead: false,
        }
    }

    #[test]
    fn cookies_are_secure_unless_everything_is_on_loopback() {
        for (bind, url, want) in [
            ("127.0.0.1:8081", None, false),
            ("[::1]:8081", None, false),
            ("192.0.2.1:8081", None, true),
            ("0.0.0.0:8081", Some("http://weir.example"), true),
            ("127.0.0.1:8081", Some("https://weir.example"), true),
        ] {
            let secure = config(bind, url).secure_cookies().expect("a good address");
            assert_eq!(secure, want, "{bind} {url:?}");
        }
    }

    #[test]
    fn a_public_address_is_a_scheme_and_a_host() {
        for bad in [
            "weir.example",
            "ftp://x",
            "https://",
            "https://x/y",
            "https://u@x",
            "https://x\ny",
        ] {
            let public = config("127.0.0.1:1", Some(bad)).public();
            assert!(public.is_err(), "{bad}");
        }
        let good = config("127.0.0.1:1", Some("https://Weir.Example:8443/")).public();
        let host = good.expect("good").map(|p| p.host);
        assert_eq!(host.as_deref(), Some("weir.example:8443"));
    }
}
