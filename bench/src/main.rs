//! `make bench`: the service beside the baseline, on the same rows in the same run.
//!
//! Speeds of a machine say little; ratios of one run say something. Each round
//! runs the baseline and then the service, into a table in the same state, after a
//! CHECKPOINT, and compares what they wrote.

mod cassandra;
mod compare;
mod consume;
mod growth;
mod kafka;
mod latency;
mod load;
mod postgres;
mod proxy;
mod report;
mod service;
mod stats;
mod wire;

use clap::Parser;
use compare::{Baseline, Case};
use load::{Keys, Load};
use postgres::Postgres;
use report::{Machine, Report};
use service::Running;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use wire::Wire;

/// Measures plimsoll beside the baseline. Runs beside real servers: make bench.
#[derive(Debug, Parser)]
struct Args {
    /// Which cases; all of them when none is named: append, upsert, avro, protobuf,
    /// mapping, debezium, debezium-avro, debezium-connect, zipf, zipf-folded, log, documents, thin, cassandra, cassandra-batches, consume, latency, memory, growth
    cases: Vec<String>,
    /// Records of a comparison
    #[arg(long, default_value_t = 3_000_000)]
    records: u64,
    /// A line for [sinks.bench.batch], instead of the defaults
    #[arg(long, default_value = "")]
    batch: String,
    /// Alternations
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The binary to measure
    #[arg(long, default_value = "target/release/plimsoll")]
    plimsoll: PathBuf,
    /// Where the results go, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the plot goes, as SVG
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Results of an earlier run, for the plot
    #[arg(long)]
    with: Option<PathBuf>,
    /// What the case consume starts
    #[arg(long, hide = true, requires = "topic", requires = "bootstrap")]
    child: Option<consume::Child>,
    #[arg(long, hide = true)]
    topic: Option<String>,
    #[arg(long, hide = true)]
    bootstrap: Option<String>,
}

/// Why there is no figure.
#[derive(Debug)]
pub struct Failed(String);

/// Of anything here.
pub type Result<T> = std::result::Result<T, Failed>;

impl Failed {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// What all cases share.
pub struct Bench {
    bootstrap: String,
    postgres: Postgres,
    upstream: SocketAddr,
    plimsoll: PathBuf,
    folder: TempDir,
    rounds: usize,
    topics: usize,
}

impl Bench {
    /// A name that was not used before.
    fn topic(&mut self, name: &str) -> String {
        self.topics += 1;
        format!("bench.{name}.{}.{}", std::process::id(), self.topics)
    }

    fn progress(&self, what: &str) {
        let _ = writeln!(std::io::stderr(), "bench: {what}");
    }
}

fn cases(records: u64) -> Vec<Case> {
    let orders = Load {
        records,
        ids: (records / 3).max(1),
        keys: Keys::Uniform,
        partitions: 4,
        bytes: 200,
        wire: Wire::Json,
    };
    let case = |name, mode, load, baseline| Case {
        name,
        mode,
        load,
        baseline,
        batch: String::new(),
    };
    // As many as the service takes into one statement by default.
    let upsert = Baseline::Upsert { chunk: 10_000 };
    let zipf = Load {
        keys: Keys::Zipf,
        ..orders
    };
    let written = |wire| Load { wire, ..orders };
    // Of two kilobytes and more.
    let with_schemas = Load {
        records: (records / 5).max(1),
        ids: (records / 15).max(1),
        ..written(Wire::DebeziumConnect)
    };
    let documents = Load {
        records: records / 8,
        bytes: 2_000,
        ..orders
    };
    let thin = Load {
        partitions: 64,
        ..orders
    };
    vec![
        case("append", "append", orders, Baseline::CopyText),
        case("upsert", "upsert", orders, upsert),
        case(
            "mapping",
            "append",
            written(Wire::Renamed),
            Baseline::CopyText,
        ),
        case("avro", "append", written(Wire::Avro), Baseline::CopyText),
        case(
            "protobuf",
            "append",
            written(Wire::Protobuf),
            Baseline::CopyText,
        ),
        case("debezium", "upsert", written(Wire::Debezium), upsert),
        case(
            "debezium-avro",
            "upsert",
            written(Wire::DebeziumAvro),
            upsert,
        ),
        case("debezium-connect", "upsert", with_schemas, upsert),
        case("zipf", "upsert", zipf, Baseline::UpsertEach),
        case("zipf-folded", "upsert", zipf, upsert),
        case("log", "log", orders, Baseline::CopyBinary),
        case("documents", "log", documents, Baseline::CopyBinary),
        case("thin", "append", thin, Baseline::CopyText),
    ]
}

fn main() -> std::process::ExitCode {
    match start(&Args::parse()) {
        Ok(text) => {
            let _ = write!(std::io::stdout(), "{text}");
            std::process::ExitCode::SUCCESS
        }
        Err(Failed(why)) => {
            let _ = writeln!(std::io::stderr(), "bench: {why}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<String> {
    if let (Some(child), Some(topic), Some(bootstrap)) = (args.child, &args.topic, &args.bootstrap)
    {
        return consume::run(child, bootstrap, topic, args.records);
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(args))
}

async fn run(args: &Args) -> Result<String> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|_| Failed::new(format!("{name} is not set; hint: make bench")))
    };
    let url = variable("PLIMSOLL_TEST_POSTGRES")?;
    let bin = PathBuf::from(variable("PLIMSOLL_TEST_POSTGRES_BIN")?);
    let address = url
        .split_once('@')
        .and_then(|(_, rest)| rest.split_once('/'));
    let upstream = address
        .and_then(|(address, _)| address.parse().ok())
        .ok_or_else(|| Failed::new("PLIMSOLL_TEST_POSTGRES has no address"))?;
    let mut bench = Bench {
        bootstrap: variable("PLIMSOLL_TEST_KAFKA")?,
        postgres: Postgres::connect(&url, &bin).await?,
        upstream,
        plimsoll: args.plimsoll.clone(),
        folder: tempfile::tempdir()?,
        rounds: args.rounds.max(1),
        topics: 0,
    };
    let wanted = |name: &str| args.cases.is_empty() || args.cases.iter().any(|c| c == name);
    let mut report = Report {
        machine: Machine::here(),
        postgres: bench.postgres.settings().await?,
        comparisons: Vec::new(),
        consuming: None,
        backlog: None,
        latency: None,
        curves: Vec::new(),
    };
    for mut case in cases(args.records) {
        if wanted(case.name) {
            case.batch.clone_from(&args.batch);
            report.comparisons.push(bench.compare(&case).await?);
        }
    }
    // A row is a request there: a fifth of the records takes longer than all do
    // elsewhere.
    let orders = Load {
        records: (args.records / 5).max(1),
        ids: (args.records / 15).max(1),
        keys: Keys::Uniform,
        partitions: 4,
        bytes: 200,
        wire: Wire::Json,
    };
    for case in cassandra::cases(orders) {
        if wanted(case.name) {
            report.comparisons.push(bench.cassandra(&case).await?);
        }
    }
    if wanted("consume") {
        report.consuming = Some(bench.consuming(args.records).await?);
    }
    if wanted("memory") {
        report.backlog = Some(backlog(&mut bench, args.records / 3 * 10).await?);
    }
    if wanted("latency") {
        report.latency = Some(low_rate(&mut bench).await?);
    }
    if wanted("growth") {
        report.curves = vec![
            bench.by_partitions().await?,
            bench.by_batch().await?,
            bench.by_width().await?,
            bench.by_table().await?,
            bench.by_delay("append").await?,
            bench.by_delay("upsert").await?,
        ];
    }
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n")?;
    }
    if let Some(file) = &args.plot {
        report.plot(file, args.with.as_deref())?;
    }
    bench.postgres.close().await;
    Ok(report.text())
}

/// Far more than fits into memory, at full speed.
async fn backlog(bench: &mut Bench, records: u64) -> Result<service::Seen> {
    let case = Case {
        name: "memory",
        mode: "append",
        load: Load {
            records,
            ids: 1_000_000,
            keys: Keys::Uniform,
            partitions: 4,
            bytes: 200,
            wire: Wire::Json,
        },
        baseline: Baseline::CopyText,
        batch: String::new(),
    };
    let topic = bench.topic(case.name);
    bench.progress(&format!("memory: producing {records} records"));
    bench.publish(&topic, case.load).await?;
    bench
        .postgres
        .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        .await?;
    let settings = bench.settings(&case, &topic)?;
    let seen = bench.service(&case, &settings).await?;
    kafka::delete(&bench.bootstrap, &[&topic]).await?;
    Ok(seen)
}

/// 1,000 records a second for twenty seconds, `linger_ms = 5`.
async fn low_rate(bench: &mut Bench) -> Result<latency::Latency> {
    let load = Load {
        records: 20_000,
        ids: 5_000,
        keys: Keys::Uniform,
        partitions: 1,
        bytes: 200,
        wire: Wire::Json,
    };
    let case = Case {
        name: "latency",
        mode: "append",
        load,
        baseline: Baseline::CopyText,
        batch: "linger_ms = 5".to_owned(),
    };
    let topic = bench.topic(case.name);
    kafka::create(&bench.bootstrap, &topic, 1).await?;
    let postgres = &mut bench.postgres;
    postgres
        .execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        .await?;
    bench.empty(&case).await?;
    let settings = bench.settings(&case, &topic)?;
    let running = Running::start(&settings, bench.folder.path(), &mut bench.postgres).await?;
    let owned = "SELECT count(*) FROM bench_state.positions WHERE owner IS NOT NULL";
    while bench.postgres.number(owned).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found =
        latency::measure(&bench.bootstrap, &topic, load, 1_000, &mut bench.postgres).await?;
    running.stop()?;
    Ok(found)
}
