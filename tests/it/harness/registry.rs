//! A real schema registry, Apicurio, that all tests share; and a way to it that can be
//! closed.

use super::scrape::ask;
use super::servers::variable;
use super::{free_port, spawn, unique, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The path below which Apicurio speaks as Confluent's registry does.
const PATH: &str = "/apis/ccompat/v7";

/// The shared registry.
pub struct Registry(SocketAddr);

impl Registry {
    /// Waits until it answers: it takes longer to start than the other servers.
    pub fn shared() -> Self {
        let url = variable("PLIMSOLL_TEST_REGISTRY");
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix(PATH))
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("no address in {url}"));
        let path = format!("{PATH}/schemas/types");
        wait::within(
            Duration::from_secs(180),
            "the registry answers",
            || match ask(address, "GET", &path, "") {
                Some((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            },
        );
        Self(address)
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.0)
    }

    /// How Apicurio's own clients reach it.
    pub fn native_url(&self) -> String {
        format!("http://{}/apis/registry/v2", self.0)
    }

    /// Registers a schema of Avro under a subject of its own, and gives its id.
    pub fn register(&self, schema: &str) -> u32 {
        self.register_as("AVRO", schema, &[])
    }

    /// The same of any kind, with what it refers to: names, and the schemas of the kind
    /// that they are of.
    pub fn register_as(&self, kind: &str, schema: &str, references: &[(&str, &str)]) -> u32 {
        let references = references.iter().map(|(name, schema)| {
            let subject = unique("reference");
            self.post(&subject, &json!({"schema": schema, "schemaType": kind}));
            json!({"name": name, "subject": subject, "version": 1})
        });
        let references: Vec<Value> = references.collect();
        let body = json!({"schema": schema, "schemaType": kind, "references": references});
        self.post(&unique("subject"), &body)
    }

    fn post(&self, subject: &str, body: &Value) -> u32 {
        let path = format!("{PATH}/subjects/{subject}/versions");
        let answer = ask(self.0, "POST", &path, &body.to_string());
        let Some((200, body)) = answer else {
            panic!("{answer:?}");
        };
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let id = body["id"].as_u64().expect("an id");
        u32::try_from(id).expect("an id")
    }
}

/// A way to the registry; while it is closed nobody listens there.
pub struct Gate {
    upstream: SocketAddr,
    port: u16,
    open: Mutex<Option<JoinHandle<()>>>,
}

impl Gate {
    /// One that is closed.
    pub fn closed(registry: &Registry) -> Self {
        Self {
            upstream: registry.0,
            port: free_port(),
            open: Mutex::new(None),
        }
    }

    /// How to reach the registry by it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Opens it.
    pub fn open(&self) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", self.port)).expect("its port");
        listener.set_nonblocking(true).expect("a listener");
        let upstream = self.upstream;
        let task = spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            // Dropped with the task: connections end when the gate closes.
            let mut carried = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                carried.spawn(carry(client, upstream));
            }
        });
        *self.open.lock().expect("not poisoned") = Some(task);
    }

    /// Closes it, and cuts what goes through.
    pub fn close(&self) {
        let task = self.open.lock().expect("not poisoned").take();
        task.expect("an open gate").abort();
        let at = SocketAddr::from(([127, 0, 0, 1], self.port));
        wait::until("nobody listens", || match ask(at, "GET", PATH, "") {
            None => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
}

async fn carry(mut client: TcpStream, upstream: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(upstream).await {
        // Ends of connections are what gates are for.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
