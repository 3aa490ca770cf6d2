//! Beside a real Apicurio: see scripts/with-servers.

use super::{get, refused, registry, settings};
use crate::Registry;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use plimsoll_protocol::Class;
use plimsoll_record::{Registered, SchemaId, SchemaKind, Schemas};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// It listens some ten seconds after the tests begin, on a busy machine later.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks whether it listens.
const LOOK: Duration = Duration::from_millis(200);

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; hint: scripts/with-servers cargo test"))
}

/// The registry that all tests share, when it answers.
async fn shared() -> String {
    let url = variable("PLIMSOLL_TEST_REGISTRY");
    answers(&url).await;
    url
}

async fn answers(url: &str) {
    let (registry, until) = (registry(url), Instant::now() + PATIENCE);
    while let Err(why) = registry.reach().await {
        assert_eq!(why.class, Class::Unavailable, "{why}");
        assert!(Instant::now() < until, "{why}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A name that no other test has.
fn unique(name: &str) -> String {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let number = TESTS.fetch_add(1, Ordering::SeqCst);
    format!("{name}-{}-{number}", std::process::id())
}

async fn ask(method: Method, url: &str, body: &Value) -> Value {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request");
    let response = client.request(request).await.expect("an answer");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("an answer");
    let bytes = bytes.to_bytes();
    assert!(status.is_success(), "{url}: {status} {bytes:?}");
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// Registers a schema, and gives its id.
async fn register(
    url: &str,
    subject: &str,
    kind: &str,
    text: &str,
    refers: &[(&str, &str)],
) -> u32 {
    let reference =
        |(name, subject): &(&str, &str)| json!({"name": name, "subject": subject, "version": 1});
    let references: Vec<Value> = refers.iter().map(reference).collect();
    let body = json!({"schemaType": kind, "schema": text, "references": references});
    let subject = crate::place::encoded(subject);
    let registered = ask(
        Method::POST,
        &format!("{url}/subjects/{subject}/versions"),
        &body,
    )
    .await;
    let id = registered["id"].as_u64().expect("an id");
    u32::try_from(id).expect("an id")
}

fn names(schema: &Registered) -> Vec<(&str, &str)> {
    let all = schema.dependencies().into_iter();
    all.map(|it| (&*it.name, &*it.schema.text)).collect()
}

#[tokio::test]
async fn avro_with_references_is_had_by_every_kind_of_id() {
    let url = shared().await;
    // Shared by all tests of this server: its name makes it a schema of its own.
    let street = unique("Street").replace('-', "_");
    let record = |name: &str, kind: &str| {
        format!(
            r#"{{"type":"record","name":"{name}","namespace":"shop","fields":[{{"name":"x","type":{kind}}}]}}"#
        )
    };
    let (leaf, middle) = (unique("shop/street é"), unique("shop/address"));
    let texts = [
        record(&street, "\"string\""),
        record(&format!("Address{street}"), &format!("\"shop.{street}\"")),
        record(
            &format!("Order{street}"),
            &format!("\"shop.Address{street}\""),
        ),
    ];
    register(&url, &leaf, "AVRO", &texts[0], &[]).await;
    let to_leaf = format!("shop.{street}");
    register(&url, &middle, "AVRO", &texts[1], &[(&to_leaf, &leaf)]).await;
    let to_middle = format!("shop.Address{street}");
    let subject = unique("orders-value");
    let id = register(&url, &subject, "AVRO", &texts[2], &[(&to_middle, &middle)]).await;

    let registry = registry(&url);
    let got = get(&registry, id).await.expect("a schema");
    assert_eq!((&got.kind, &got.text), (&SchemaKind::Avro, &texts[2]));
    let want = [(&*to_leaf, &*texts[0]), (&*to_middle, &*texts[1])];
    assert_eq!(names(&got), want);
    assert_eq!(registry.kept().schemas, 3);

    // By Apicurio's own ids: this interface's id is that of the content.
    let front = url.split("/apis/").next().expect("a host");
    let meta = format!("{front}/apis/registry/v2/groups/default/artifacts/{subject}/meta");
    let meta = ask(Method::GET, &meta, &Value::Null).await;
    assert_eq!(meta["contentId"], id);
    let global = meta["globalId"].as_i64().expect("an id");
    for own in [SchemaId::Global(global), SchemaId::Content(id.into())] {
        let by_own = registry.fetch(own).await.expect("a schema");
        assert_eq!((&by_own.kind, &by_own.text), (&SchemaKind::Avro, &texts[2]));
        assert_eq!(by_own.id, Some(own));
        assert_eq!(names(&by_own), want);
    }
}

#[tokio::test]
async fn protobuf_is_had_as_text_or_as_its_descriptor_and_json_schema_as_it_is() {
    let url = shared().await;
    let mark = unique("m").replace('-', "_");
    let import = unique("shop/address.proto");
    let address = format!("syntax = \"proto3\";\npackage {mark};\nmessage A {{ string s = 1; }}\n");
    register(&url, &import, "PROTOBUF", &address, &[]).await;
    let order = format!(
        "syntax = \"proto3\";\npackage {mark};\nimport \"a.proto\";\nmessage O {{ A a = 1; }}\n"
    );
    let refers = [("a.proto", &*import)];
    let id = register(&url, &unique("o-value"), "PROTOBUF", &order, &refers).await;
    let registry = registry(&url);
    let got = get(&registry, id).await.expect("a schema");
    assert_eq!((&got.kind, &got.text), (&SchemaKind::Protobuf, &order));
    assert_eq!(names(&got), [("a.proto", &*address)]);

    // What Confluent's client for Python registers: of tests/data/wire.
    let wire = include_str!("../../../record/tests/data/wire/registry.json");
    let wire: Vec<Value> = serde_json::from_str(wire).expect("JSON");
    let descriptor = wire
        .iter()
        .find(|it| it["subject"] == "address.proto" && it["version"] == 2);
    let descriptor = descriptor.expect("a descriptor")["schema"]
        .as_str()
        .expect("a text");
    let id = register(&url, &unique("d-value"), "PROTOBUF", descriptor, &[]).await;
    let got = get(&registry, id).await.expect("a schema");
    assert_eq!((&got.kind, &*got.text), (&SchemaKind::Protobuf, descriptor));

    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}"#;
    let id = register(&url, &unique("j-value"), "JSON", schema, &[]).await;
    let got = get(&registry, id).await.expect("a schema");
    assert_eq!((&got.kind, &*got.text), (&SchemaKind::Json, schema));
}

#[tokio::test]
async fn what_is_not_there_halts_and_a_wrong_path_says_so() {
    let url = shared().await;
    let right = registry(&url);
    let unknown = i32::MAX;
    let ids = [
        SchemaId::Id(unknown.unsigned_abs()),
        SchemaId::Global(unknown.into()),
        SchemaId::Content(unknown.into()),
    ];
    for id in ids {
        let said = refused(right.fetch(id).await, Class::Halt);
        assert!(
            said.starts_with(&format!("the registry does not know {id} (")),
            "{said}"
        );
        assert_eq!(right.get(Some(id)), None);
    }
    let said = refused(right.fetch(SchemaId::Guid([7; 16])).await, Class::Halt);
    assert!(said.contains("has no GUIDs, as Apicurio"), "{said}");

    let front = url.split("/apis/").next().expect("a host");
    for path in ["", "/apis/ccompat", "/nowhere"] {
        let wrong = registry(&format!("{front}{path}"));
        let said = refused(get(&wrong, 1).await, Class::Halt);
        assert!(
            said.contains("is the url of [schema_registry] right?"),
            "{path}: {said}"
        );
        assert_eq!(wrong.reach().await.expect_err(path).class, Class::Halt);
    }
}

/// A registry of the test's own. Where `scripts/with-servers` finds it, if the test
/// dies.
struct OwnRegistry {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl OwnRegistry {
    fn start() -> Self {
        let folder = PathBuf::from(variable("PLIMSOLL_TEST_FOLDER")).join(unique("own_registry"));
        fs::create_dir_all(&folder).expect("a folder");
        // Below the ports that the system gives away: nobody takes it while it is down.
        let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let first = 10_000 + (std::process::id() % 10_000) as u16;
        let port = (first..30_000).find(free).expect("a port");
        let mut own = Self {
            folder,
            port,
            child: None,
        };
        own.begin();
        own
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    fn begin(&mut self) {
        let libs = PathBuf::from(variable("PLIMSOLL_TEST_REGISTRY_LIBS"));
        let jar = fs::read_dir(libs).expect("the registry's files");
        let jar = jar
            .map(|entry| entry.expect("a file").path())
            .find(|path| path.to_string_lossy().ends_with("-runner.jar"))
            .expect("the registry");
        let log = fs::File::create(self.folder.join("log")).expect("a log");
        let child = Command::new("java")
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar"])
            .arg(jar)
            .env("QUARKUS_HTTP_HOST", "127.0.0.1")
            .env("QUARKUS_HTTP_PORT", self.port.to_string())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("java");
        fs::write(self.folder.join("pid"), child.id().to_string()).expect("a pid file");
        self.child = Some(child);
    }

    /// SIGKILL.
    fn kill(&mut self) {
        let _ = fs::remove_file(self.folder.join("pid"));
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for OwnRegistry {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test]
async fn a_registry_that_is_killed_is_waited_for_and_what_it_said_is_kept() {
    let mut own = OwnRegistry::start();
    let url = own.url();
    answers(&url).await;
    let [kept, late] = ["\"long\"", "\"string\""];
    let kept_id = register(&url, "kept", "AVRO", kept, &[]).await;
    let late_id = register(&url, "late", "AVRO", late, &[]).await;
    let registry = Registry::new(&settings(&[&url])).expect("a registry");
    assert_eq!(get(&registry, kept_id).await.expect("a schema").text, kept);

    own.kill();
    let said = refused(get(&registry, late_id).await, Class::Unavailable);
    assert!(said.starts_with(&url), "{said}");
    assert_eq!(get(&registry, kept_id).await.expect("kept").text, kept);

    own.begin();
    answers(&url).await;
    // It has forgotten all, as it had them in memory: one id is unknown, the other kept.
    refused(get(&registry, late_id).await, Class::Halt);
    assert_eq!(get(&registry, kept_id).await.expect("kept").text, kept);
    register(&url, "kept", "AVRO", kept, &[]).await;
    assert_eq!(register(&url, "late", "AVRO", late, &[]).await, late_id);
    assert_eq!(get(&registry, late_id).await.expect("a schema").text, late);
}
