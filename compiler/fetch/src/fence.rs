//! The fence: which servers a fetch may talk to. A CRM's answer, a redirect or a name server must not turn Weir into
//! somebody's way into the network it runs in.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Looks a name up. Tests bring their own name server.
pub trait Lookup: Send + Sync {
    fn lookup(&self, host: String)
    -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub struct System;

impl Lookup for System {
    fn lookup(
        &self,
        host: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Scheme, host and port: what a browser calls an origin.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Why nothing is at this address that a CRM's name should lead to. Private networks are fine: many CRMs live there.
pub fn refused(address: IpAddr) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    };
    // What clouds tell their machines about themselves, keys included.
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) if v4.is_loopback() => Some("which is this machine"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("which is a link-local or metadata address"),
        IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_multicast() => {
            Some("which is no address of a server")
        }
        IpAddr::V6(v6) if v6.is_loopback() => Some("which is this machine"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() || v6 == METADATA_V6 => {
            Some("which is a link-local or metadata address")
        }
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => {
            Some("which is no address of a server")
        }
        _ => None,
    }
}

/// The configured host says itself that it is this machine.
pub fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// The configured host is this machine, so plain HTTP does not leave it.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        None => false,
    }
}

/// A name that leads behind the fence.
#[derive(Debug)]
pub struct Fenced {
    pub host: String,
    pub address: IpAddr,
    pub why: &'static str,
}

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to {}, {}", self.host, self.address, self.why)
    }
}

impl std::error::Error for Fenced {}

/// A name that cannot be looked up.
#[derive(Debug)]
pub struct Unknown {
    pub host: String,
    pub what: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.what)
    }
}

impl std::error::Error for Unknown {}

/// Looks names up for every connection, and gives only addresses that were checked: the name cannot change its mind
/// between check and connection.
#[derive(Clone)]
pub struct FencedResolver(pub Arc<dyn Lookup>);

impl Resolve for FencedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let lookup = self.0.lookup(host.clone());
        Box::pin(async move {
            let found = match lookup.await {
                Ok(found) if found.is_empty() => Err("it has no address".to_owned()),
                Ok(found) => Ok(found),
                Err(error) => Err(error.to_string()),
            };
            let found = found.map_err(|what| Unknown {
                host: host.clone(),
                what,
            })?;
            if !is_local_name(&host) {
                for address in &found {
                    if let Some(why) = refused(*address) {
                        return Err(Box::new(Fenced {
                            host,
                            address: *address,
                            why,
                        })
                            as Box<dyn std::error::Error + Send + Sync>);
                    }
                }
            }
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_crm_has_are_refused_in_every_spelling() {
        for (address, want) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("fe80::1", true),
            ("fd00:ec2::254", true),
            ("0.0.0.0", true),
            ("::", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("ff02::1", true),
            ("10.0.0.5", false),
            ("192.168.1.5", false),
            ("100.64.0.1", false),
            ("203.0.113.9", false),
            ("fd12::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(
                refused(address.parse().unwrap()).is_some(),
                want,
                "{address}"
            );
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).unwrap();
        let base = url("https://crm.example/api");
        for (other, want) in [
            ("https://crm.example:443/login", true),
            ("https://CRM.example/", true),
            ("http://crm.example/", false),
            ("https://crm.example:8443/", false),
            ("https://evil.example/", false),
        ] {
            assert_eq!(same_origin(&base, &url(other)), want, "{other}");
        }
        for (text, want) in [
            ("http://127.0.0.1:1/", true),
            ("http://localhost/", true),
            ("http://[::1]/", true),
            ("http://localhost.evil.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_this_machine(&url(text)), want, "{text}");
        }
    }
}
