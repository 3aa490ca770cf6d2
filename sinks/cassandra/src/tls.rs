//! Encryption, as the config wants it.

use crate::plan::halt;
use crate::settings::Tls;
use plimsoll_sink_api::SinkError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The driver's TLS settings.
pub(crate) fn config(tls: &Tls) -> Result<Arc<ClientConfig>, SinkError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots
                    .add(certificate)
                    .map_err(|e| unreadable(file, &e.to_string()))?;
            }
        }
        None => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // Some systems list certificates that no parser takes.
                let _ = roots.add(certificate);
            }
        }
    }
    if roots.is_empty() {
        return Err(halt("no certificate authority is known").hint("set ca_file"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| halt(format!("TLS: {e}")))?
        .with_root_certificates(roots);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e.to_string()))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|e| unreadable(certificate, &e.to_string()))?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(file, &e.to_string()))
}

fn unreadable(file: &Path, why: &str) -> SinkError {
    halt(format!("{}: {why}", file.display())).hint("a PEM file is wanted")
}
