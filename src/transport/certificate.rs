//! Our DTLS certificate.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use dimpl::DtlsCertificate;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};

use super::dtls::Configs;
use super::section::Fingerprint;

/// A self-signed ECDSA P-256 certificate with its key. Peers know it by its fingerprint alone, so one serves all
/// transports of a process.
#[derive(Clone)]
pub struct Certificate {
    dtls: DtlsCertificate,
    fingerprint: Fingerprint,
    configs: Configs,
}

/// The certificate could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DTLS certificate could not be generated")]
pub struct CertificateError;

impl Certificate {
    /// A new certificate, from the crypto library's own randomness. For `net/` and `cli/`: the floors below take it
    /// as a parameter.
    ///
    /// Its serial number is random, because Firefox refuses two certificates of one issuer and number. Its validity
    /// is a fixed century: WebRTC peers check the fingerprint, not the dates, and no clock is read here.
    pub fn generate() -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| CertificateError)?;
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(|_| CertificateError)?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, "visavis");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2119, 12, 31);
        let mut serial = [0u8; 16];
        SystemRandom::new().fill(&mut serial).map_err(|_| CertificateError)?;
        serial[0] &= 0x7F; // a serial number is a positive integer
        params.serial_number = Some(serial.to_vec().into());
        let certificate = params.self_signed(&key).map_err(|_| CertificateError)?;
        let der = certificate.der().to_vec();
        let fingerprint = fingerprint_of(&der);
        let dtls = DtlsCertificate { certificate: der, private_key: key.serialize_der() };
        Ok(Self { dtls, fingerprint, configs: Configs::new().map_err(|_| CertificateError)? })
    }

    /// SHA-256 of the certificate, for `a=fingerprint`.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// How handshakes are made.
    #[cfg_attr(test, expect(dead_code, reason = "tests have a configuration with a seed for each connection"))]
    pub(super) fn configs(&self) -> &Configs {
        &self.configs
    }

    pub(super) fn dtls(&self) -> DtlsCertificate {
        self.dtls.clone()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?})", self.fingerprint)
    }
}

/// SHA-256 of a certificate in DER (RFC 8122 §5).
pub(super) fn fingerprint_of(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    Fingerprint(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_certificate_has_its_own_fingerprint() {
        let (one, other) = (Certificate::generate().unwrap(), Certificate::generate().unwrap());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_eq!(one.fingerprint(), fingerprint_of(&one.dtls().certificate));
        assert!(!format!("{one:?}").contains("private"));
    }
}
