//! TLS of the clients that have no settings for it of their own: whom a connection
//! trusts, and as whom it comes.
//!
//! The files are read when a client is made. A file that changes counts from the next
//! client on.

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// What a connection trusts and shows. All files are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that are trusted; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// What the server is shown, where it asks.
    pub client_certificate: Option<ClientCertificate>,
}

/// Certificate and key of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, is not PEM, or holds nothing of what is wanted.
    #[error("{}: {why}", .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What reading it said.
        why: String,
    },
    /// Neither a file nor the system names an authority.
    #[error("no certificate authority is known")]
    NoAuthority,
    /// The library cannot do what is asked of it.
    #[error("TLS: {0}")]
    Unsupported(#[source] rustls::Error),
}

impl TlsError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "a PEM file is wanted",
            Self::NoAuthority => "set ca_file, or install the system's certificates",
            Self::Unsupported(_) => "this is a defect of plimsoll",
        }
    }
}

impl Tls {
    /// For a client of `rustls`, TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let builder = builder(self.roots()?)?;
        let Some(ClientCertificate {
            cert_file,
            key_file,
        }) = &self.client_certificate
        else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(cert_file)?;
        let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| unreadable(key_file, &e))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| unreadable(cert_file, &e))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(file) => {
                for certificate in certificates(file)? {
                    roots.add(certificate).map_err(|e| unreadable(file, &e))?;
                }
            }
            None => {
                for certificate in rustls_native_certs::load_native_certs().certs {
                    // Some systems list certificates that no parser takes.
                    let _ = roots.add(certificate);
                }
            }
        }
        match roots.is_empty() {
            true => Err(TlsError::NoAuthority),
            false => Ok(roots),
        }
    }
}

/// For a connector that wants a config, and speaks plain text.
///
/// # Errors
/// [`TlsError::Unsupported`].
pub fn trusting_nobody() -> Result<ClientConfig, TlsError> {
    Ok(builder(RootCertStore::empty())?.with_no_client_auth())
}

fn builder(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unsupported)?
        .with_root_certificates(roots))
}

/// At least one: a file of something else is read without an error.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(file, &e))?;
    match found.is_empty() {
        true => Err(unreadable(file, &"there is no certificate in it")),
        false => Ok(found),
    }
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::Unreadable {
        file: file.to_owned(),
        why: why.to_string(),
    }
}
