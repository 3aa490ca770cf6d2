//! A registry behind TLS that wants to know who asks.

use super::fake::{Fake, Reply};
use super::{get, refused, settings};
use crate::{Registry, Settings};
use plimsoll_protocol::Class;
use plimsoll_tls::ClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, certificate.pem()).expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// Certificate and key, PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    fn client(&self, folder: &Path, name: &str) -> ClientCertificate {
        let (certificate, key) = self.sign(name);
        let write = |what: &str, text: String| {
            let file = folder.join(format!("{name}.{what}"));
            fs::write(&file, text).expect("a file");
            file
        };
        ClientCertificate {
            cert_file: write("crt", certificate),
            key_file: write("key", key),
        }
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.expect("a connection");
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

fn server(authority: &Authority) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(&authority.file).expect("a certificate");
    roots.add(root).expect("a root");
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let (certificate, key) = authority.sign("localhost");
    let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients.build().expect("a verifier"))
        .with_single_cert(vec![chain], key)
        .expect("a server")
}

struct World {
    folder: TempDir,
    own: Authority,
    other: Authority,
    fake: Fake,
}

async fn world() -> World {
    let folder = TempDir::new().expect("a folder");
    let own = Authority::new(folder.path(), "own");
    let other = Authority::new(folder.path(), "other");
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = tcp.local_addr().expect("an address");
    let acceptor = TlsAcceptor::from(Arc::new(server(&own)));
    let fake = Fake::on(TlsListener { tcp, acceptor }, address, |_| Reply::long());
    World {
        folder,
        own,
        other,
        fake,
    }
}

impl World {
    /// Settings that are right.
    fn settings(&self) -> Settings {
        let url = format!("https://localhost:{}", self.fake.address.port());
        let mut settings = settings(&[&url]);
        settings.tls.ca_file = Some(self.own.file.clone());
        settings.tls.client_certificate = Some(self.own.client(self.folder.path(), "alice"));
        settings
    }

    async fn refused(&self, settings: &Settings) -> String {
        let registry = Registry::new(settings).expect("a registry");
        let said = refused(get(&registry, 7).await, Class::Unavailable);
        assert_eq!(self.fake.paths(), [""; 0]);
        said
    }
}

#[tokio::test]
async fn a_registry_is_reached_by_tls_with_a_certificate_of_ones_own() {
    let world = world().await;
    let registry = Registry::new(&world.settings()).expect("a registry");
    drop(get(&registry, 7).await.expect("a schema"));
    assert_eq!(world.fake.paths(), ["/schemas/ids/7"]);
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_waited_for_with_a_hint() {
    let world = world().await;

    let mut unknown = world.settings();
    unknown.tls.ca_file = Some(world.other.file.clone());
    let said = world.refused(&unknown).await;
    assert!(
        said.contains("hint: is ca_file of [schema_registry]"),
        "{said}"
    );

    let mut elsewhere = world.settings();
    elsewhere.urls = vec![format!("https://{}", world.fake.address)];
    let said = world.refused(&elsewhere).await;
    assert!(
        said.contains("hint: is ca_file of [schema_registry]"),
        "{said}"
    );

    let mut nobody = world.settings();
    nobody.tls.client_certificate = None;
    let said = world.refused(&nobody).await;
    assert!(
        said.contains("hint: does the registry want a client"),
        "{said}"
    );

    let mut stranger = world.settings();
    stranger.tls.client_certificate = Some(world.other.client(world.folder.path(), "mallory"));
    let said = world.refused(&stranger).await;
    assert!(
        said.contains("hint: does the registry want a client"),
        "{said}"
    );
}

#[tokio::test]
async fn tls_at_a_port_that_does_not_speak_it_says_so() {
    let plain = Fake::start(|_| Reply::long()).await;
    let world = world().await;
    let mut settings = world.settings();
    settings.urls = vec![format!("https://localhost:{}", plain.address.port())];
    let said = world.refused(&settings).await;
    assert!(
        said.contains("hint: does the registry speak TLS at this port?"),
        "{said}"
    );
    assert_eq!(plain.paths(), [""; 0]);
}
