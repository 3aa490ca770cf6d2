//! What the tests stand on: servers, processes, a proxy, and the oracle.

pub mod authority;
pub mod case;
pub mod cassandra;
pub mod disk;
pub mod kafka;
pub mod oracle;
pub mod orders;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod scrape;
pub mod servers;
pub mod service;
pub mod wait;
pub mod wire;

use std::collections::BTreeSet;
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
