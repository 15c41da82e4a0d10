//! TLS, always verified: by the machine's authorities, by one authority from a file, or by the digest of one
//! certificate. There is no way to switch it off.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256};

use crate::error::{Cause, TlsFault};

/// Whom a source trusts.
#[derive(Clone, Default, Debug)]
pub enum Trust {
    /// The authorities of this machine.
    #[default]
    System,
    /// The authorities in this PEM text, and no others.
    Authority(Vec<u8>),
    /// One certificate, by its SHA-256: whoever signed it, whatever name and dates it holds.
    Pin([u8; 32]),
}

/// `sha256:` and 64 hexadecimal digits; colons between bytes are allowed.
pub fn pin(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .trim()
        .strip_prefix("sha256:")?
        .bytes()
        .filter(|b| *b != b':')
        .collect();
    if digits.len() != 64 {
        return None;
    }
    let mut pin = [0; 32];
    for (byte, pair) in pin.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(pin)
}

/// As it is written into `weir.toml`.
pub fn shown(pin: &[u8; 32]) -> String {
    let digits: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// The certificate a server presented the last time, for messages.
pub type Presented = Arc<Mutex<Option<[u8; 32]>>>;

pub fn config(trust: &Trust, presented: &Presented) -> Result<ClientConfig, Cause> {
    let provider = Arc::new(ring::default_provider());
    let settings = |message: String, help: &str| Cause::Settings {
        message,
        help: help.to_owned(),
    };
    let chain = |roots: RootCertStore| {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map(Check::Chain)
            .map_err(|error| settings(format!("no authority can be trusted: {error}"), ""))
    };
    let check = match trust {
        Trust::System => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(settings(
                    "this machine trusts no certificate authority".to_owned(),
                    "install the package ca-certificates, or name the authority of the CRM with `ca`",
                ));
            }
            chain(roots)?
        }
        Trust::Authority(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate
                    .map_err(|e| e.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()));
                added.map_err(|error| {
                    settings(
                        format!("`ca` holds a certificate that cannot be used: {error}"),
                        "",
                    )
                })?;
            }
            if roots.is_empty() {
                return Err(settings(
                    "`ca` holds no certificate".to_owned(),
                    "write the authority's certificate there as PEM: -----BEGIN CERTIFICATE-----",
                ));
            }
            chain(roots)?
        }
        Trust::Pin(pin) => Check::Pin(*pin),
    };
    let verifier = Verifier {
        check,
        provider: Arc::clone(&provider),
        presented: Arc::clone(presented),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| settings(format!("TLS cannot be set up: {error}"), ""))?
        // The name says it is dangerous; all that is added is the memory of what was presented, and the pin.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
enum Check {
    Chain(Arc<WebPkiServerVerifier>),
    Pin([u8; 32]),
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
    presented: Presented,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let digest: [u8; 32] = Sha256::digest(end_entity.as_ref()).into();
        if let Ok(mut presented) = self.presented.lock() {
            *presented = Some(digest);
        }
        match &self.check {
            Check::Chain(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Check::Pin(pin) if *pin == digest => Ok(ServerCertVerified::assertion()),
            Check::Pin(_) => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// What rustls says, in our words.
pub fn fault(error: &Error, host: &str) -> TlsFault {
    match error {
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => TlsFault::SelfSigned,
            // A self-signed server certificate that marks itself an authority.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                TlsFault::SelfSigned
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongHost {
                    host: host.to_owned(),
                }
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFault::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFault::NotYet
            }
            CertificateError::ApplicationVerificationFailure => TlsFault::OtherCertificate,
            other => TlsFault::Other(format!("{other}")),
        },
        other => TlsFault::Other(format!("{other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_shown() {
        let pin_of_7 = [7; 32];
        assert_eq!(pin(&shown(&pin_of_7)), Some(pin_of_7));
        let colons = format!("sha256:{}", ["07"; 32].join(":"));
        assert_eq!(pin(&colons), Some(pin_of_7));
        for wrong in [
            "",
            "07",
            "sha256:07",
            "sha1:07",
            &format!("sha256:{}", "zz".repeat(32)),
        ] {
            assert_eq!(pin(wrong), None, "{wrong}");
        }
    }
}
