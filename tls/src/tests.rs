use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let files = Self { folder };
        let [mine, other] = ["mine", "other"].map(|name| {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed([format!("{name}.example")]).expect("a certificate");
            files.put(&format!("{name}.pem"), &cert.pem());
            files.put(&format!("{name}.key"), &signing_key.serialize_pem());
            cert.pem()
        });
        files.put("both.pem", &format!("{mine}{other}"));
        files.put("empty.pem", "");
        files.put("text.pem", "no certificate\n");
        files.put(
            "broken.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        files
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tls(&self, ca: &str, client: Option<(&str, &str)>) -> Tls {
        Tls {
            ca_file: Some(self.path(ca)),
            client_certificate: client.map(|(cert, key)| ClientCertificate {
                cert_file: self.path(cert),
                key_file: self.path(key),
            }),
        }
    }
}

#[test]
fn authorities_and_a_certificate_are_read() {
    let files = Files::new();
    let shown = |tls: Tls| {
        tls.client_config()
            .expect("TLS")
            .client_auth_cert_resolver
            .has_certs()
    };
    assert!(!shown(files.tls("mine.pem", None)));
    assert!(!shown(files.tls("both.pem", None)));
    assert!(shown(files.tls("both.pem", Some(("mine.pem", "mine.key")))));
}

#[test]
fn a_file_that_does_not_serve_is_named() {
    let files = Files::new();
    let mine = |cert, key| files.tls("mine.pem", Some((cert, key)));
    for (tls, file) in [
        (files.tls("missing.pem", None), "missing.pem"),
        (files.tls("empty.pem", None), "empty.pem"),
        (files.tls("text.pem", None), "text.pem"),
        (files.tls("broken.pem", None), "broken.pem"),
        // A key alone is PEM, too.
        (files.tls("mine.key", None), "mine.key"),
        (mine("missing.pem", "mine.key"), "missing.pem"),
        (mine("mine.key", "mine.key"), "mine.key"),
        (mine("mine.pem", "missing.key"), "missing.key"),
        (mine("mine.pem", "mine.pem"), "mine.pem"),
        // The key of another certificate.
        (mine("mine.pem", "other.key"), "mine.pem"),
    ] {
        let error = tls.client_config().expect_err(file);
        let said = error.to_string();
        let named = files.path(file).display().to_string();
        assert!(said.starts_with(&named), "{file}: {said}");
        assert!(said.len() > named.len() + 2, "{file}: {said}");
        assert!(!error.hint().is_empty());
    }
}
