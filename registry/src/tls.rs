//! Encryption, as the settings want it.

use crate::answer::halt;
use crate::settings::{ClientCertificate, Settings};
use plimsoll_record::Unavailable;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// For connections to a registry; `encrypted`: there will be some.
pub(crate) fn config(settings: &Settings, encrypted: bool) -> Result<ClientConfig, Unavailable> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots
                    .add(certificate)
                    .map_err(|e| unreadable(file, &e.to_string()))?;
            }
        }
        None if encrypted => {
            for certificate in rustls_native_certs::load_native_certs().certs {
                // Some systems list certificates that no parser takes.
                let _ = roots.add(certificate);
            }
        }
        None => {}
    }
    if encrypted && roots.is_empty() {
        return Err(halt(
            "no certificate authority is known".to_owned(),
            "set ca_file in [schema_registry]",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| halt(format!("TLS: {e}"), "this is a fault of plimsoll"))?
        .with_root_certificates(roots);
    match &settings.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(ClientCertificate { certificate, key }) => {
            let chain = certificates(certificate)?;
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e.to_string()))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|e| unreadable(certificate, &e.to_string()))
        }
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unavailable> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable(file, &e.to_string()))
}

fn unreadable(file: &Path, why: &str) -> Unavailable {
    halt(format!("{}: {why}", file.display()), "a PEM file is wanted")
}
