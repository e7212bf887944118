//! The controller's own certificate authority: who a proxy believes.
//!
//! In: the time, and what a Secret holds. Out: certificates of the feed's server, and what proxies
//! check them against. Never: a moment in which a certificate is used that some proxy cannot check.
//!
//! An authority lives a year. Two months before its end there is a second one, and both stand in
//! what proxies read. Only a month later, when every proxy has long read it, certificates are
//! signed by the second. The first goes when its year is over.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::pem::parse_x509_pem;

use crate::limits::{
    AUTHORITY_LIFETIME, AUTHORITY_OVERLAP, AUTHORITY_RENEWED_BEFORE, CLOCK_SKEW_MAX, LEAF_LIFETIME,
};

/// Names in the Secret: certificate and key, of the older authority and of the newer.
const SECRET_NAMES: [[&str; 2]; 2] = [["ca.crt", "ca.key"], ["next.crt", "next.key"]];

/// One authority, or two while the one follows the other.
#[derive(Clone)]
pub struct Authorities {
    /// Oldest first; never empty.
    all: Vec<Authority>,
}

/// Whether anything became different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing.
    Kept,
    /// To be stored, and told to the proxies.
    Changed,
}

/// What the server shows for a day.
pub struct Leaf {
    server: Arc<ServerConfig>,
    expires: SystemTime,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A key or a certificate could not be made.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// What the server would show is refused by its own TLS.
    #[error("use a certificate")]
    Use(#[from] rustls::Error),
    /// The Secret lacks an entry, or an entry is not what it should be. A new authority can take
    /// its place; running proxies keep what they have and believe it when they have read it.
    #[error("read `{name}` of the Secret")]
    Secret {
        /// Which entry.
        name: &'static str,
    },
}

#[derive(Clone)]
struct Authority {
    certificate: String,
    key: String,
    starts: SystemTime,
    expires: SystemTime,
}

impl Authorities {
    /// One new authority.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(now: SystemTime) -> Result<Self, AuthorityError> {
        Ok(Self {
            all: vec![Authority::generate(now)?],
        })
    }

    /// What [`Self::to_secret`] gave.
    ///
    /// # Errors
    /// [`AuthorityError::Secret`]
    pub fn from_secret(entries: &BTreeMap<String, Vec<u8>>) -> Result<Self, AuthorityError> {
        let mut all = Vec::new();
        for names in SECRET_NAMES {
            let is_first = all.is_empty();
            if is_first || names.iter().any(|it| entries.contains_key(*it)) {
                all.push(Authority::read(entries, names)?);
            }
        }
        Ok(Self { all })
    }

    /// The entries of a Secret.
    pub fn to_secret(&self) -> BTreeMap<String, Vec<u8>> {
        let named = self.all.iter().zip(SECRET_NAMES);
        let entries = named.flat_map(|(authority, [certificate, key])| {
            [
                (certificate.to_owned(), authority.certificate.clone().into()),
                (key.to_owned(), authority.key.clone().into()),
            ]
        });
        entries.collect()
    }

    /// Brings the next authority in its time and lets the last one go. To be asked at the start and
    /// at least daily.
    ///
    /// # Errors
    /// When the system has no randomness; all is as before.
    pub fn renew(&mut self, now: SystemTime) -> Result<Renewal, AuthorityError> {
        let n_before = self.all.len();
        let is_ending = |it: &Authority| it.expires <= now + AUTHORITY_RENEWED_BEFORE;
        let next = match self.all.last() {
            Some(newest) if !is_ending(newest) => None,
            Some(_) | None => Some(Authority::generate(now)?),
        };
        let is_changed = next.is_some();
        self.all.extend(next);
        self.all.retain(|it| it.expires > now);
        // After a long pause both may be ending: then the newer of them is what proxies know.
        let n_extra = self.all.len().saturating_sub(SECRET_NAMES.len());
        self.all.drain(..n_extra);
        if is_changed || self.all.len() != n_before {
            return Ok(Renewal::Changed);
        }
        Ok(Renewal::Kept)
    }

    /// What proxies check the server against, as PEM.
    pub fn bundle_pem(&self) -> String {
        self.all.iter().map(|it| &*it.certificate).collect()
    }

    /// A certificate for the server, for a day; to be replaced long before.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn leaf(&self, dns_names: &[String], now: SystemTime) -> Result<Leaf, AuthorityError> {
        let signer = self.signer(now);
        let signer = signer.ok_or(AuthorityError::Secret { name: "ca.crt" })?;
        let mut params = CertificateParams::new(dns_names)?;
        params.not_before = (now - CLOCK_SKEW_MAX).into();
        let expires = signer.expires.min(now + LEAF_LIFETIME);
        params.not_after = expires.into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let issuer_key = KeyPair::from_pem(&signer.key)?;
        let issuer = Issuer::from_ca_cert_pem(&signer.certificate, issuer_key)?;
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|_| rustls::Error::General("a key that was just made".into()))?;
        Ok(Leaf {
            server: server_config(certificate.der().clone(), key)?,
            expires,
        })
    }

    /// The newest that proxies have had the time to read of, or the only one.
    fn signer(&self, now: SystemTime) -> Option<&Authority> {
        let is_known = |it: &&Authority| it.starts + AUTHORITY_OVERLAP <= now;
        self.all.iter().rfind(is_known).or(self.all.first())
    }
}

impl Leaf {
    /// When it is no longer valid.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}

/// TLS 1.3 alone: both ends are ours.
fn server_config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

impl Authority {
    fn generate(now: SystemTime) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "portway feed");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - CLOCK_SKEW_MAX).into();
        params.not_after = (now + AUTHORITY_LIFETIME).into();
        let certificate = params.self_signed(&key)?.pem();
        Self::parse(certificate, key.serialize_pem()).ok_or(AuthorityError::Secret {
            name: "a new authority",
        })
    }

    fn read(
        entries: &BTreeMap<String, Vec<u8>>,
        [certificate, key]: [&'static str; 2],
    ) -> Result<Self, AuthorityError> {
        let text = |name: &'static str| {
            let bytes = entries.get(name);
            let text = bytes.and_then(|it| String::from_utf8(it.clone()).ok());
            text.ok_or(AuthorityError::Secret { name })
        };
        let authority = Self::parse(text(certificate)?, text(key)?);
        authority.ok_or(AuthorityError::Secret { name: certificate })
    }

    /// `None` when the texts are not a certificate and its key.
    fn parse(certificate: String, key: String) -> Option<Self> {
        let (_, pem) = parse_x509_pem(certificate.as_bytes()).ok()?;
        let parsed = pem.parse_x509().ok()?;
        let key_pair = KeyPair::from_pem(&key).ok()?;
        let is_its_key = parsed.public_key().subject_public_key.data == key_pair.public_key_raw();
        let validity = parsed.validity();
        let at = |seconds: i64| {
            let since = Duration::from_secs(u64::try_from(seconds).ok()?);
            SystemTime::UNIX_EPOCH.checked_add(since)
        };
        let starts = at(validity.not_before.timestamp())?;
        let expires = at(validity.not_after.timestamp())?;
        (is_its_key && parsed.is_ca()).then_some(Self {
            certificate,
            key,
            starts,
            expires,
        })
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lives = self.all.iter().map(|it| (it.starts, it.expires));
        f.debug_list().entries(lives).finish()
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut leaf = f.debug_struct("Leaf");
        leaf.field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
