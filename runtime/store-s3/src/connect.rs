//! How to reach a bucket: its address, who asks, and whom to trust. TLS is always verified; plain HTTP is for this
//! machine, or has to be asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};
use weir_store::{Result, StoreError};

/// Seconds for a connection, and for one request with everything it sends or receives.
const CONNECT: u64 = 10;
const REQUEST: u64 = 300;
/// Times that a request is sent again after a status 5xx or a connection that broke before it was sent.
const RETRIES: usize = 3;
const RETRY_TIMEOUT: u64 = 60;

/// `s3://bucket/prefix`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
}

impl Address {
    /// What is wrong with it, in words for people, if it is none.
    pub fn parse(url: &str) -> std::result::Result<Address, &'static str> {
        let rest = url
            .strip_prefix("s3://")
            .ok_or("write s3://BUCKET/PREFIX")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
        if !fits {
            return Err(
                "a bucket is named with 3 to 63 small letters, digits, `-` and `.`; write s3://BUCKET/PREFIX",
            );
        }
        let prefix = prefix.trim_matches('/');
        let part = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !prefix.is_empty() && !prefix.split('/').all(part) {
            return Err("the prefix is made of letters, digits, `-`, `_`, `.` and single slashes");
        }
        Ok(Address {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.is_empty() {
            true => write!(f, "s3://{}", self.bucket),
            false => write!(f, "s3://{}/{}", self.bucket, self.prefix),
        }
    }
}

/// Who asks. `Debug` shows none of it.
#[derive(Clone, Default)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
    /// Of temporary credentials.
    pub token: Option<String>,
}

impl Credentials {
    pub(crate) fn hidden(&self) -> Vec<String> {
        let token = self.token.iter().cloned();
        [self.key.clone(), self.secret.clone()]
            .into_iter()
            .chain(token)
            .collect()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything that has to be known of a bucket.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: Address,
    /// Of another service than Amazon's: `https://s3.isp.example`. The bucket becomes a part of the path.
    pub endpoint: Option<String>,
    pub region: String,
    pub credentials: Credentials,
    /// PEM text of the only authority to trust, in place of those of the machine.
    pub ca: Option<Vec<u8>>,
    /// Plain HTTP to another machine is wanted: everybody on the way can read and change what is sent.
    pub plain_http: bool,
}

fn wrong(what: impl Into<String>) -> StoreError {
    StoreError::Unknown(what.into())
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(crate) fn objects(settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    let mut plain = false;
    if let Some(endpoint) = &settings.endpoint {
        let url = Url::parse(endpoint)
            .map_err(|_| wrong("`store.endpoint` is no URL: write https://HOST"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "`store.endpoint` holds a user or a password: name them with `key` and `secret` under [store]",
            ));
        }
        plain = match url.scheme() {
            "https" => false,
            "http" if is_this_machine(&url) || settings.plain_http => true,
            "http" => {
                return Err(wrong(
                    "`store.endpoint` is plain HTTP to another machine: write https://, or say that it is wanted with `plain_http = true` under \
                     [store] if nobody else is on that network",
                ));
            }
            _ => {
                return Err(wrong(
                    "`store.endpoint` is no URL of HTTP: write https://HOST",
                ));
            }
        };
    }
    let connector = Connector {
        tls: tls(settings.ca.as_deref())?,
        plain,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.address.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.credentials.key)
        .with_secret_access_key(&settings.credentials.secret)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_allow_http(plain)
        .with_http_connector(connector)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: RETRIES,
            retry_timeout: Duration::from_secs(RETRY_TIMEOUT),
        });
    if let Some(token) = &settings.credentials.token {
        builder = builder.with_token(token);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    let built = builder
        .build()
        .map_err(|error| wrong(format!("{} cannot be used: {error}", settings.address)))?;
    Ok(Arc::new(built))
}

fn tls(ca: Option<&[u8]>) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                certificate
                    .map_err(|e| e.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()))
                    .map_err(|e| {
                        wrong(format!(
                            "`store.ca` holds a certificate that cannot be used: {e}"
                        ))
                    })?;
            }
            if roots.is_empty() {
                return Err(wrong(
                    "`store.ca` holds no certificate: write the authority's certificate there as PEM",
                ));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Makes the HTTP client: verified, without redirects, in time.
struct Connector {
    tls: rustls::ClientConfig,
    plain: bool,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .https_only(!self.plain)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy of the environment is for reaching the internet, not this machine.
            .connect_timeout(Duration::from_secs(CONNECT))
            .timeout(Duration::from_secs(REQUEST))
            .no_gzip()
            .user_agent("weir");
        let client = match self.plain {
            true => client.no_proxy(),
            false => client,
        };
        let client = client
            .build()
            .map_err(|error| object_store::Error::Generic {
                store: "S3",
                source: Box::new(error),
            })?;
        Ok(HttpClient::new(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_buckets_with_safe_prefixes() {
        for (url, bucket, prefix) in [
            ("s3://weir", "weir", ""),
            ("s3://weir/", "weir", ""),
            ("s3://isp-weir.eu/lake/side", "isp-weir.eu", "lake/side"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(
                (address.bucket.as_str(), address.prefix.as_str()),
                (bucket, prefix)
            );
        }
        for bad in [
            "s3://",
            "s3://a",
            "s3://Big",
            "file:x",
            "s3://weir/a//b",
            "s3://weir/../x",
            "s3://weir/a b",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Address::parse("s3://weir/a/").expect("reads").to_string(),
            "s3://weir/a"
        );
    }

    fn settings(endpoint: &str) -> Settings {
        Settings {
            address: Address::parse("s3://weir/p").expect("an address"),
            endpoint: Some(endpoint.to_owned()),
            region: "us-east-1".to_owned(),
            credentials: Credentials {
                key: "id".to_owned(),
                secret: "canary".to_owned(),
                token: None,
            },
            ca: None,
            plain_http: false,
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_asked_for() {
        for good in [
            "http://127.0.0.1:9000",
            "http://localhost:9000/",
            "http://[::1]:9000",
            "https://s3.isp.example",
        ] {
            objects(&settings(good)).expect(good);
        }
        let error = objects(&settings("http://10.0.0.9:9000")).expect_err("plain");
        assert!(error.to_string().contains("plain_http"), "{error}");
        let asked = Settings {
            plain_http: true,
            ..settings("http://10.0.0.9:9000")
        };
        objects(&asked).expect("asked for");
        for bad in ["ftp://x", "nothing", "https://user:canary@x"] {
            let error = objects(&settings(bad)).expect_err(bad).to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        assert!(!format!("{:?}", settings("https://x")).contains("canary"));
    }
}
