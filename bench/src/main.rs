//! `make bench`: the service beside the baseline, on the same rows in the same run.
//!
//! Speeds of a machine say little; ratios of one run say something. Each round
//! runs the baseline and then the service, into a table in the same state, after a
//! CHECKPOINT, and compares what they wrote.

mod cassandra;
mod compare;
mod consume;
mod growth;
mod idle;
mod kafka;
mod latency;
mod load;
mod paced;
mod plain;
mod postgres;
mod process;
mod produce;
mod proxy;
mod report;
mod scrape;
mod service;
mod stats;
mod thin;
mod wait;
mod wide;
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
    /// Which cases; those of half an hour when none is named: append, upsert, avro, protobuf,
    /// mapping, debezium, debezium-avro, debezium-connect, zipf, zipf-folded, log, documents,
    /// thin, cassandra, cassandra-batches, consume, latency, memory, growth. Only when they
    /// are named: thin-paced (6 minutes a round), wide-backlog (5 minutes a round), idle
    /// (6 minutes a round)
    #[arg(value_parser = known_case)]
    cases: Vec<String>,
    /// Records of a comparison
    #[arg(long, default_value_t = 3_000_000)]
    records: u64,
    /// A line for [sinks.bench.batch], instead of the defaults
    #[arg(long, default_value = "")]
    batch: String,
    /// Seconds that are measured of thin-paced (30) and idle (60)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,
    /// TOPICSxPARTITIONS of thin-paced, such as 10x200, instead of its four
    #[arg(long, value_parser = shape)]
    shape: Vec<(u64, u64)>,
    /// NAME=VALUE of librdkafka for the plain consumer, instead of what makes it fastest
    #[arg(long, value_parser = property)]
    property: Vec<(String, String)>,
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
    /// What a paced case starts: a plain consumer by this file
    #[arg(long, hide = true)]
    plain: Option<PathBuf>,
    #[arg(long, hide = true)]
    topic: Option<String>,
    #[arg(long, hide = true)]
    bootstrap: Option<String>,
}

/// The cases of an ordinary run, besides the comparisons.
const OTHERS: [&str; 6] = [
    "cassandra",
    "cassandra-batches",
    "consume",
    "latency",
    "memory",
    "growth",
];
/// The cases that run only when they are named, because they take long.
const LONG: [&str; 3] = ["thin-paced", "wide-backlog", "idle"];

fn known_case(name: &str) -> std::result::Result<String, String> {
    let comparisons = cases(1).into_iter().map(|case| case.name);
    let all: Vec<_> = comparisons.chain(OTHERS).chain(LONG).collect();
    match all.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("there is no such case; hint: {}", all.join(", "))),
    }
}

fn property(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("hint: NAME=VALUE, such as fetch.wait.max.ms=10")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// More partitions than one broker is made for.
const MOST_PARTITIONS: u64 = 10_000;

fn shape(text: &str) -> std::result::Result<(u64, u64), String> {
    let numbers = text
        .split_once('x')
        .and_then(|(topics, partitions)| topics.parse().ok().zip(partitions.parse().ok()));
    match numbers {
        Some((topics @ 1.., partitions @ 1..))
            if u64::saturating_mul(topics, partitions) <= MOST_PARTITIONS =>
        {
            Ok((topics, partitions))
        }
        _ => Err(format!(
            "hint: topics and partitions of each, {MOST_PARTITIONS} in all at the most: 10x200"
        )),
    }
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
    seconds: Option<u64>,
    shapes: Vec<(u64, u64)>,
    properties: Vec<(String, String)>,
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
    if let Some(spec) = &args.plain {
        return plain::run(spec);
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
        seconds: args.seconds,
        shapes: args.shape.clone(),
        properties: args.property.clone(),
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
        thin: Vec::new(),
        wide: Vec::new(),
        idle: Vec::new(),
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
    named(&mut bench, args, &mut report).await?;
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n")?;
    }
    // A run without comparisons leaves an earlier plot as it is.
    if let Some(file) = args
        .plot
        .as_ref()
        .filter(|_| !report.comparisons.is_empty())
    {
        report.plot(file, args.with.as_deref())?;
    }
    bench.postgres.close().await;
    Ok(report.text())
}

/// The cases that run only when they are named.
async fn named(bench: &mut Bench, args: &Args, report: &mut Report) -> Result<()> {
    let named = |name: &str| args.cases.iter().any(|c| c == name);
    if named("thin-paced") {
        report.thin = bench.thin().await?;
    }
    if named("wide-backlog") {
        report.wide = bench.wide(args.records).await?;
    }
    if named("idle") {
        report.idle = bench.idle().await?;
    }
    Ok(())
}

/// Far more than fits into memory, at full speed.
async fn backlog(bench: &mut Bench, records: u64) -> Result<service::Seen> {
    let load = Load {
        records,
        ids: 1_000_000,
        keys: Keys::Uniform,
        partitions: 4,
        bytes: 200,
        wire: Wire::Json,
    };
    let case = Case::append("memory", load);
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
        batch: "linger_ms = 5".to_owned(),
        ..Case::append("latency", load)
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn a_case_that_there_is_not_is_refused_and_the_help_names_every_one_that_there_is() {
        let refused = Args::try_parse_from(["bench", "apend"]).expect_err("no such case");
        assert!(refused.to_string().contains("append, upsert"), "{refused}");
        let help = Args::command().render_long_help().to_string();
        let words: Vec<_> = help.split([' ', ',', '\n', ':', '.']).collect();
        let comparisons = cases(1).into_iter().map(|case| case.name);
        for name in comparisons.chain(OTHERS).chain(LONG) {
            assert!(known_case(name).is_ok());
            assert!(words.contains(&name), "{name}: {help}");
        }
    }

    #[test]
    fn a_shape_is_topics_and_partitions_and_none_of_them_nothing() {
        assert_eq!(shape("10x200"), Ok((10, 200)));
        for wrong in [
            "10",
            "0x4",
            "4x0",
            "x",
            "1x10001",
            "18446744073709551615x2",
            "-1x4",
        ] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_property_has_a_name_and_a_value() {
        let pair = ("fetch.wait.max.ms".to_owned(), "10".to_owned());
        assert_eq!(property("fetch.wait.max.ms=10"), Ok(pair));
        assert!(property("fetch.wait.max.ms").is_err());
    }
}
