//! The settings of TLS that all tables spell alike: `ca_file`, `cert_file`, `key_file`.

use super::reader::Reader;
use plimsoll_tls::{ClientCertificate, Tls};
use std::path::PathBuf;

/// Reads them. That a certificate comes with its key is a rule of the table's.
pub(super) fn read(table: &Reader<'_, '_>) -> Tls {
    let file = |name| table.text(name).map(|text| PathBuf::from(text.value));
    let (ca_file, cert_file, key_file) = (file("ca_file"), file("cert_file"), file("key_file"));
    Tls {
        ca_file,
        client_certificate: cert_file.zip(key_file).map(|(cert_file, key_file)| {
            ClientCertificate {
                cert_file,
                key_file,
            }
        }),
    }
}
