//! A test's own keyspace, questions to Cassandra, and a server of a test's own.

use super::place::Place;
use super::servers::variable;
use super::{block_on, folder, free_port, unique, wait};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::response::PagingState;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Replication of one-node clusters.
pub const REPLICATION: &str = "{'class': 'SimpleStrategy', 'replication_factor': 1}";

/// The address of the server that tests share.
pub fn shared() -> SocketAddr {
    let address = variable("PLIMSOLL_TEST_CASSANDRA");
    address
        .parse()
        .unwrap_or_else(|_| panic!("no address: {address}"))
}

/// A keyspace of one test, for its tables and for plimsoll's.
pub struct Keyspace {
    session: Session,
    /// Its name.
    pub name: String,
    address: SocketAddr,
}

impl Keyspace {
    /// On a server that runs or is starting.
    pub fn on(address: SocketAddr, test: &str) -> Self {
        Self::made(SessionBuilder::new(), address, test)
    }

    /// On a server that asks who is there, as its first user.
    pub fn as_superuser(address: SocketAddr, test: &str) -> Self {
        let builder = SessionBuilder::new().user("cassandra", "cassandra");
        Self::made(builder, address, test)
    }

    fn made(builder: SessionBuilder, address: SocketAddr, test: &str) -> Self {
        let session = wait::until(&format!("{address} answers"), || {
            let builder = builder.clone().known_node_addr(address);
            block_on(builder.build()).map_err(|e| e.to_string())
        });
        let keyspace = Self {
            session,
            // Names of keyspaces have 48 letters at most.
            name: unique(test),
            address,
        };
        keyspace.execute(&format!(
            "CREATE KEYSPACE {{k}} WITH replication = {REPLICATION}"
        ));
        keyspace
    }

    /// `[sinks.orders.cassandra]` for this keyspace, through an address that may
    /// be a proxy's.
    pub fn sink(&self, address: SocketAddr, more: &str, tables: &str) -> String {
        let name = &self.name;
        format!(
            "[sinks.orders.cassandra]\ncontact_points = [\"{address}\"]\nsingle_node = true\n\
             consistency = \"ONE\"\nstate_keyspace = \"{name}\"\n{more}\n{}",
            tables.replace("{k}", name)
        )
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs a statement; `{k}` stands for the keyspace.
    #[track_caller]
    pub fn execute(&self, cql: &str) {
        self.try_execute(cql)
            .unwrap_or_else(|e| panic!("{e}\n{cql}"));
    }

    /// The same, of a server that may be busy: for what may be done twice.
    #[track_caller]
    pub fn execute_patiently(&self, cql: &str) {
        wait::until("the server is not too busy", || self.try_execute(cql));
    }

    fn try_execute(&self, cql: &str) -> Result<(), String> {
        let cql = cql.replace("{k}", &self.name);
        let done = block_on(self.session.query_unpaged(cql.as_str(), ()));
        done.map(|_| ()).map_err(|e| e.to_string())
    }

    /// `SELECT JSON …`, a row each; `{k}` stands for the keyspace.
    #[track_caller]
    pub fn rows(&self, select: &str) -> Vec<Value> {
        self.try_rows(select)
            .unwrap_or_else(|e| panic!("{e}\n{select}"))
    }

    /// The same, of a server that may be away or busy.
    pub fn try_rows(&self, select: &str) -> Result<Vec<Value>, String> {
        let cql = format!("SELECT JSON {}", select.replace("{k}", &self.name));
        // By pages: a server gives up on too many cells that were removed.
        let (mut all, mut state) = (Vec::new(), PagingState::start());
        loop {
            let page = self.session.query_single_page(cql.as_str(), (), state);
            let (result, paging) = block_on(page).map_err(|e| e.to_string())?;
            let result = result.into_rows_result().map_err(|e| e.to_string())?;
            for row in result.rows::<(String,)>().map_err(|e| e.to_string())? {
                let (text,) = row.map_err(|e| e.to_string())?;
                all.push(serde_json::from_str(&text).map_err(|e| e.to_string())?);
            }
            match paging.into_paging_control_flow() {
                ControlFlow::Break(()) => return Ok(all),
                ControlFlow::Continue(next) => state = next,
            }
        }
    }

    /// The stored positions of a topic by partition; empty as long as there are
    /// none, or nobody to ask.
    pub fn positions(&self, topic: &str) -> Vec<i64> {
        let select = "topic, partition, generation, next_offset FROM {k}.positions";
        let mut rows: Vec<(i64, i64, i64)> = self
            .try_rows(select)
            .unwrap_or_default()
            .iter()
            .filter(|row| row["topic"] == topic)
            .map(|row| {
                let number = |column: &str| row[column].as_i64().expect("a number");
                (
                    number("partition"),
                    number("generation"),
                    number("next_offset"),
                )
            })
            .collect();
        rows.sort_unstable();
        // Of each partition the latest generation.
        let mut positions: Vec<(i64, i64)> = Vec::new();
        for (partition, _, next) in rows {
            match positions.last_mut() {
                Some(last) if last.0 == partition => last.1 = next,
                _ => positions.push((partition, next)),
            }
        }
        positions.into_iter().map(|(_, next)| next).collect()
    }
}

/// A server of a test's own.
pub struct OwnCassandra {
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
    _place: Option<Place>,
}

impl OwnCassandra {
    /// Starts one like the shared one, with more lines in its `cassandra.yaml`.
    pub fn start(settings: &str) -> Self {
        Self::start_in(settings, Some(Place::take()))
    }

    /// The same for a test that has a server of its own already: one that runs alone.
    pub fn start_beside_another(settings: &str) -> Self {
        Self::start_in(settings, None)
    }

    fn start_in(settings: &str, place: Option<Place>) -> Self {
        let folder = folder("own_cassandra");
        let template = PathBuf::from(variable("PLIMSOLL_TEST_CASSANDRA_TEMPLATE"));
        let (port, storage, jmx) = (free_port(), free_port(), free_port());
        let of = |name: &str| fs::read_to_string(template.join(name)).expect(name);
        let moved = |text: String| {
            let (from, to) = (template.to_str(), folder.to_str());
            text.replace(from.expect("plain"), to.expect("plain"))
        };
        let yaml: String = moved(of("cassandra.yaml"))
            .lines()
            .map(
                |line| match line.split_once(':').map(|(key, _)| key.trim()) {
                    Some("storage_port") => format!("storage_port: {storage}\n"),
                    Some("native_transport_port") => format!("native_transport_port: {port}\n"),
                    Some("- seeds") => format!("      - seeds: \"127.0.0.1:{storage}\"\n"),
                    Some(_) | None => format!("{line}\n"),
                },
            )
            .collect();
        let args: String = moved(of("java.args"))
            .lines()
            .map(|line| match line.split_once('=') {
                Some(("-Dcassandra.jmx.local.port", _)) => {
                    format!("-Dcassandra.jmx.local.port={jmx}\n")
                }
                Some(_) | None => format!("{line}\n"),
            })
            .collect();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect(name);
        write("cassandra.yaml", &format!("{yaml}{settings}\n"));
        write("java.args", &args);
        write("logback.xml", &of("logback.xml"));
        let mut server = Self {
            folder,
            port,
            server: None,
            _place: place,
        };
        server.begin();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Starts it, or starts it again; returns when it listens.
    pub fn begin(&mut self) {
        let log = fs::File::create(self.folder.join("log")).expect("the server's log");
        let errors = log.try_clone().expect("a second handle");
        let server = Command::new("java")
            .arg(format!("@{}", self.folder.join("java.args").display()))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("java starts");
        // Where `scripts/with-servers` looks, should the test be killed.
        fs::write(self.folder.join("pid"), format!("{}\n", server.id())).expect("a pid file");
        self.server = Some(server);
        wait::until("Cassandra listens", || {
            std::net::TcpStream::connect_timeout(&self.address(), Duration::from_secs(1))
                .map(drop)
                .map_err(|e| e.to_string())
        });
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("Cassandra can be killed");
            server.wait().expect("Cassandra ends");
            let _ = fs::remove_file(self.folder.join("pid"));
        }
    }
}

impl Drop for OwnCassandra {
    fn drop(&mut self) {
        self.kill();
    }
}
