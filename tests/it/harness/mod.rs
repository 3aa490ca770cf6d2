//! What the tests stand on: servers, processes, a proxy, and the oracle.

pub mod acl;
pub mod alerts;
pub mod authority;
pub mod case;
pub mod cassandra;
pub mod connect;
pub mod dashboard;
pub mod debezium;
pub mod disk;
pub mod feed;
pub mod kafka;
pub mod kafka_proxy;
pub mod kafka_wire;
pub mod oracle;
pub mod orders;
mod place;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod random;
pub mod registry;
pub mod scrape;
pub mod secured;
pub mod servers;
pub mod service;
pub mod source_types;
pub mod wait;
pub mod wire;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// Waits for a future; tests themselves are plain threads.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Lets a future run beside the tests.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    RUNTIME.spawn(future)
}

/// Listens on 127.0.0.1, and lets a future carry each connection, until the task
/// is aborted.
pub fn listen<F>(
    carry: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> (SocketAddr, tokio::task::JoinHandle<()>)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let accept = spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        while let Ok((client, _)) = listener.accept().await {
            let carried = carry(client);
            spawn(async move {
                // Ends of connections are what proxies are for.
                let _ = carried.await;
            });
        }
    });
    (address, accept)
}

/// A name that no other test has: fits topics, groups, schemas and folders.
pub fn unique(name: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{name}_{}", &id[..8])
}

/// A folder for one test, in the run's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(servers::variable("PLIMSOLL_TEST_FOLDER")).join(unique(name));
    std::fs::create_dir(&folder).expect("a folder for the test");
    folder
}

/// A port on 127.0.0.1 that nobody listens on, below the range from which the
/// system takes ports for outgoing connections. No two tests get the same one:
/// a server that is down keeps its port.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = 10_000 + (uuid::Uuid::new_v4().as_u128() % 20_000) as u16;
        let new = GIVEN.lock().expect("not poisoned").insert(port);
        if new && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
