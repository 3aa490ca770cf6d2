//! Kafka into Cassandra, beside a load generator with the same driver, statement,
//! rows and requests under way.

use crate::compare::Comparison;
use crate::load::{Load, Orders};
use crate::service::{Running, Seen};
use crate::{Bench, Failed, Result, kafka};
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlDecimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests under way: the service's default, and the generator's.
const IN_FLIGHT: usize = 256;
/// Tasks of the generator, for the service has a writer for each of as many
/// partitions.
const WRITERS: usize = 4;
/// How often the positions are asked for: far from what a server would feel.
const LOOK: Duration = Duration::from_millis(50);
/// A server that was just started listens within that time.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A word.
    pub name: &'static str,
    /// What is read.
    pub load: Load,
    /// Rows of one partition key together; the generator never does that.
    pub batches: bool,
    /// The table's primary key, of `id` and `seq`.
    pub key: &'static str,
}

/// Cases of the report: a row per order, and a row per change of an order.
#[must_use]
pub fn cases(load: Load) -> [Case; 2] {
    let few = Load {
        ids: (load.records / 100).max(1),
        ..load
    };
    [
        Case {
            name: "cassandra",
            load,
            batches: false,
            key: "id",
        },
        Case {
            name: "cassandra-batches",
            load: few,
            batches: true,
            key: "id, seq",
        },
    ]
}

/// An order as a row.
struct Row {
    id: i64,
    customer: String,
    status: String,
    amount: CqlDecimal,
    quantity: i32,
    created_at: String,
    seq: i64,
    note: String,
}

/// A server, and how to reach it.
struct Server {
    session: Session,
    address: String,
}

impl Server {
    async fn connect(address: &str) -> Result<Self> {
        let until = Instant::now() + TIMEOUT;
        loop {
            match session(address).await {
                Ok(session) => {
                    return Ok(Self {
                        session,
                        address: address.to_owned(),
                    });
                }
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => tokio::time::sleep(LOOK * 10).await,
            }
        }
    }

    async fn run(&self, cql: &str) -> Result<()> {
        self.session.query_unpaged(cql, ()).await?;
        Ok(())
    }

    /// Empty tables for whoever comes next.
    async fn clean(&self, key: &str) -> Result<()> {
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        for keyspace in ["bench", "bench_state"] {
            self.run(&format!("DROP KEYSPACE IF EXISTS {keyspace}"))
                .await?;
            self.run(&format!(
                "CREATE KEYSPACE {keyspace} WITH replication = {replication}"
            ))
            .await?;
        }
        self.run(&format!(
            "CREATE TABLE bench.orders (id bigint, customer text, status text, amount decimal, \
             quantity int, created_at text, seq bigint, note text, PRIMARY KEY ({key}))"
        ))
        .await
    }

    /// The sum of all positions; 0 as long as there is none.
    async fn progress(&self) -> i64 {
        let select = "SELECT next_offset FROM bench_state.positions";
        let Ok(found) = self.session.query_unpaged(select, ()).await else {
            return 0;
        };
        let Ok(rows) = found.into_rows_result() else {
            return 0;
        };
        let Ok(rows) = rows.rows::<(i64,)>() else {
            return 0;
        };
        rows.flatten().map(|(next,)| next).sum()
    }

    /// The table must hold what the load makes of it.
    async fn exact(&self, case: &Case, who: &str) -> Result<()> {
        let mut expected = BTreeMap::new();
        for row in rows(case.load)? {
            let key = match case.key {
                "id" => (row.id, 0),
                _ => (row.id, row.seq),
            };
            expected.insert(key, row.seq);
        }
        let pager = self
            .session
            .query_iter("SELECT id, seq FROM bench.orders", ())
            .await?;
        let mut found = pager.rows_stream::<(i64, i64)>()?;
        while let Some((id, seq)) = found.try_next().await? {
            let key = match case.key {
                "id" => (id, 0),
                _ => (id, seq),
            };
            if expected.remove(&key) != Some(seq) {
                let what = format!("{}: {who} wrote another row of {id}", case.name);
                return Err(Failed::new(what));
            }
        }
        match expected.len() {
            0 => Ok(()),
            missing => Err(Failed::new(format!(
                "{}: {who} did not write {missing} rows",
                case.name
            ))),
        }
    }
}

async fn session(address: &str) -> Result<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::One)
        .build();
    Ok(SessionBuilder::new()
        .known_node(address)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await?)
}

fn rows(load: Load) -> Result<Vec<Row>> {
    let mut orders = Orders::new(load);
    let mut rows = Vec::new();
    while let Some(order) = orders.next() {
        let mut fields = order.line.trim_end_matches('\n').split('\t');
        let mut next = || fields.next().map(str::to_owned).unwrap_or_default();
        let bad = |_| Failed::new("the load");
        rows.push(Row {
            id: next().parse().map_err(bad)?,
            customer: next(),
            status: next(),
            amount: {
                let digits: i64 = next().replace('.', "").parse().map_err(bad)?;
                let bytes = digits.to_be_bytes();
                let zeros = bytes.iter().take_while(|b| **b == 0).count().min(7);
                // One zero stays where the next byte would read as a sign.
                let from = zeros - usize::from(zeros > 0 && bytes[zeros] > 127);
                CqlDecimal::from_signed_be_bytes_and_exponent(bytes[from..].to_vec(), 2)
            },
            quantity: next().parse().map_err(bad)?,
            created_at: next(),
            seq: next().parse().map_err(bad)?,
            note: next(),
        });
    }
    Ok(rows)
}

/// Writes all rows, as fast as so many requests under way allow.
async fn generate(address: String, load: Load) -> Result<Duration> {
    let session = session(&address).await?;
    let insert = session
        .prepare(
            "INSERT INTO bench.orders (id, customer, status, amount, quantity, created_at, seq, \
             note) VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
        )
        .await?;
    let session = Arc::new(session);
    let mut parts: Vec<Vec<Row>> = (0..WRITERS).map(|_| Vec::new()).collect();
    for row in rows(load)? {
        parts[usize::try_from(row.id).unwrap_or_default() % WRITERS].push(row);
    }
    let began = Instant::now();
    let writers: Vec<_> = parts
        .into_iter()
        .map(|part| tokio::spawn(write(session.clone(), insert.clone(), part)))
        .collect();
    for writer in writers {
        writer.await??;
    }
    Ok(began.elapsed())
}

/// The rows of one writer.
async fn write(session: Arc<Session>, insert: PreparedStatement, rows: Vec<Row>) -> Result<()> {
    let (session, insert) = (&*session, &insert);
    stream::iter(rows)
        .map(|row| async move {
            let values = (
                row.id,
                &row.customer,
                &row.status,
                &row.amount,
                row.quantity,
                &row.created_at,
                row.seq,
                &row.note,
                row.seq + 1,
            );
            session.execute_unpaged(insert, values).await.map(|_| ())
        })
        .buffer_unordered(IN_FLIGHT / WRITERS)
        .try_collect::<()>()
        .await?;
    Ok(())
}

impl Bench {
    /// Alternates the generator and the service over the same rows.
    pub async fn cassandra(&mut self, case: &Case) -> Result<Comparison> {
        let address = std::env::var("PLIMSOLL_TEST_CASSANDRA")
            .map_err(|_| Failed::new("PLIMSOLL_TEST_CASSANDRA is not set; hint: make bench"))?;
        let server = Server::connect(&address).await?;
        let topic = self.topic(case.name);
        let records = case.load.records;
        self.progress(&format!("{}: producing {records} records", case.name));
        self.publish(&topic, case.load).await?;
        let (mut baselines, mut services) = (Vec::new(), Vec::new());
        // The first ones of each are not counted: the server compiles itself.
        for round in 0..=self.rounds {
            server.clean(case.key).await?;
            let (to, load) = (server.address.clone(), case.load);
            let took = tokio::task::spawn_blocking(move || {
                tokio::runtime::Builder::new_multi_thread()
                    .enable_all()
                    .build()?
                    .block_on(generate(to, load))
            })
            .await??;
            server.exact(case, "the generator").await?;
            server.clean(case.key).await?;
            let seen = self.service_on_cassandra(case, &topic, &server).await?;
            server.exact(case, "the service").await?;
            let baseline = records as f64 / took.as_secs_f64();
            self.progress(&format!(
                "{}: round {round}: {:.0} records/s, the generator {baseline:.0}",
                case.name, seen.records_per_s
            ));
            if round > 0 {
                baselines.push(baseline);
                services.push(seen);
            }
        }
        kafka::delete(&self.bootstrap, &[&topic]).await?;
        Ok(Comparison::of(case.name, records, baselines, &services))
    }

    async fn service_on_cassandra(
        &self,
        case: &Case,
        topic: &str,
        server: &Server,
    ) -> Result<Seen> {
        let config = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\n[http]\nlisten = \"off\"\n\
             [sinks.bench]\ntopics = [\"{topic}\"]\ngroup_id = \"{topic}\"\n\
             [sinks.bench.cassandra]\ncontact_points = [\"{}\"]\nsingle_node = true\n\
             consistency = \"ONE\"\nstate_keyspace = \"bench_state\"\nmax_in_flight = {IN_FLIGHT}\n\
             batches = {}\ntable = \"bench.orders\"\n",
            self.bootstrap, server.address, case.batches
        );
        let running = Running::spawn(&self.plimsoll, &config, self.folder.path())?;
        let progress = async || server.progress().await;
        running.watch(case.load.records, LOOK, progress).await
    }
}
