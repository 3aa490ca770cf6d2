//! `plimsoll verify`: the log read once more, and compared with the table.
//!
//! ```text
//!  database ─► one snapshot: positions, dead letters, rows ─► hashes ─┐
//!  Kafka ────► records up to the positions ─► decode ─► the values as ├► compare
//!              the database writes them ─► hashes ────────────────────┘
//! ```
//!
//! It shares the config, the decoder and the reading of the catalogue with the
//! service, and nothing of what writes.

mod cassandra;
mod cells;
mod compare;
mod database;
mod entry;
mod log;
mod postgres;
mod report;
mod sqlite;
mod table;

use crate::admin::AdminError;
use crate::cli::ConfigArg;
use crate::config::{Backend, Config, Sink as Settings};
use crate::consume::{Cluster, cluster_config};
use crate::exit::Exit;
use clap::Args;
use database::{Database, Failed, Standing};
use plimsoll_cassandra::CassandraSink;
use plimsoll_postgres::PostgresSink;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Missing, Prepared, Sink, SinkError, Table, TableRule, rule_for};
use plimsoll_sqlite::{SqliteSettings, SqliteSink};
use report::{Report, TableReport};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use table::Comparing;

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Of this sink alone
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Look at one of N rows, chosen by a hash of their key: 1/64
    #[arg(long, value_name = "1/N", default_value = "1/1")]
    sample: Sample,
    /// Memory for the comparison; what does not fit goes to temporary files
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    memory_mib: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample(u64);

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("1/").and_then(|n| n.parse().ok());
        match number {
            Some(n @ 1..=1_000_000) => Ok(Self(n)),
            _ => Err("a sample is written 1/64".to_owned()),
        }
    }
}

impl Sample {
    fn takes(self, identity: u128) -> bool {
        // Not the bits that choose the bucket.
        ((identity >> 64) as u64).is_multiple_of(self.0)
    }
}

/// Compares, and prints what was found.
///
/// # Errors
/// A config that is wrong, a sink that is not in it, or nobody takes the output.
pub fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    if let Some(name) = &args.sink
        && !config.sinks.iter().any(|s| s.name == *name)
    {
        return Err(AdminError::Refused(format!(
            "--sink: the config has no sink \"{name}\"; hint: it has {}",
            names(&config)
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| AdminError::System(format!("no runtime: {e}")))?;
    let tables = match runtime.block_on(all(&config, args)) {
        Ok(tables) => tables,
        Err(error @ (AdminError::Config(_) | AdminError::Output(_))) => return Err(error),
        Err(error) => {
            // Whatever the reason: the question has no answer.
            let _ = writeln!(io::stderr(), "could not tell: {error}");
            return Ok(report::Verdict::CouldNotTell.exit());
        }
    };
    let report = Report::new(tables);
    if args.json {
        let text =
            serde_json::to_string_pretty(&report).map_err(|e| AdminError::System(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        report.print(out)?;
    }
    Ok(report.verdict.exit())
}

fn names(config: &Config) -> String {
    let names: Vec<&str> = config.sinks.iter().map(|s| s.name.as_str()).collect();
    names.join(", ")
}

async fn all(config: &Config, args: &VerifyArgs) -> Result<Vec<TableReport>, AdminError> {
    let client = cluster_config(&config.kafka, "plimsoll-verify");
    let cluster = Cluster::silent(client)?;
    let cluster_id = cluster.id()?;
    let mut reports = Vec::new();
    let chosen = |s: &&Settings| args.sink.as_ref().is_none_or(|name| s.name == *name);
    for settings in config.sinks.iter().filter(chosen) {
        let failed = |e: Failed| AdminError::Refused(format!("sinks.{}: {e}", settings.name));
        let mut database = open(settings).await?;
        let standings = database.positions(&settings.name).await.map_err(failed)?;
        if let Some(other) = standings
            .iter()
            .filter_map(|s| s.cluster.as_ref())
            .find(|id| **id != cluster_id)
        {
            return Err(AdminError::Refused(format!(
                "sinks.{}: its positions are of cluster {other}, and this is cluster {cluster_id}; hint: \
                 kafka.bootstrap_servers names another Kafka than the service's",
                settings.name
            )));
        }
        if standings.is_empty() {
            return Err(AdminError::Refused(format!(
                "sinks.{}: it has no position yet, so there is nothing to compare; hint: start the service first",
                settings.name
            )));
        }
        let letters = database.letters(&settings.name).await.map_err(failed)?;
        for group in groups(settings, &standings).await? {
            let comparing = Comparing {
                config,
                settings,
                cluster: &cluster,
                group: &group,
                letters: &letters,
                sample: args.sample,
                memory: args.memory_mib << 20,
            };
            reports.push(comparing.run(&mut database).await?);
        }
    }
    Ok(reports)
}

async fn open(settings: &Settings) -> Result<Database, AdminError> {
    let failed = |e: sqlx::Error| {
        AdminError::Refused(format!("sinks.{}: {}", settings.name, Failed::from(e)))
    };
    match &settings.backend {
        Backend::Postgres(postgres) => {
            let options =
                plimsoll_postgres::connect_options(postgres.url.reveal()).map_err(|e| {
                    AdminError::Refused(format!("sinks.{}.postgres.url: {e}", settings.name))
                })?;
            let opened = postgres::Postgres::open(options, &postgres.state_schema).await;
            Ok(Database::Postgres(Box::new(opened.map_err(failed)?)))
        }
        Backend::Sqlite(sqlite) => {
            let opened = sqlite::Sqlite::open(&sqlite.path).await;
            Ok(Database::Sqlite(Box::new(opened.map_err(failed)?)))
        }
        Backend::Cassandra(cassandra) => {
            let cassandra = cassandra::Cassandra::new(cassandra.clone());
            Ok(Database::Cassandra(Box::new(cassandra)))
        }
    }
}

/// Topics that go into one table: their rows can only be compared together.
struct Group {
    /// The table's name for SQL.
    target: String,
    /// For the decoder.
    table: Table,
    /// What a missing field does.
    missing: Missing,
    /// The partitions that feed it.
    standings: Vec<Standing>,
}

async fn groups(settings: &Settings, standings: &[Standing]) -> Result<Vec<Group>, AdminError> {
    let refused = AdminError::sink(&settings.name);
    match &settings.backend {
        Backend::Postgres(postgres) => {
            let sink = PostgresSink::open(postgres.clone(), "verify").map(PostgresSink::read_only);
            match sink {
                Ok(sink) => {
                    let target =
                        |p: &Prepared<_>| plimsoll_postgres::PgPlan::target(&p.plan).to_owned();
                    grouped(&sink, &postgres.tables, standings, target).await
                }
                Err(error) => Err(error),
            }
        }
        Backend::Sqlite(sqlite) => {
            // So that looking makes nothing.
            let looking = SqliteSettings {
                auto_migrate: false,
                ..sqlite.clone()
            };
            match SqliteSink::open(looking) {
                Ok(sink) => {
                    let target = |p: &Prepared<_>| p.table.name.clone();
                    grouped(&sink, &sqlite.tables, standings, target).await
                }
                Err(error) => Err(error),
            }
        }
        Backend::Cassandra(cassandra) => {
            if let Some(table) = cassandra.tables.iter().find(|table| table.ttl.is_some()) {
                let name = &table.rule.settings.table;
                let what = format!(
                    "rows of table {name} end by themselves, and the log does not tell when"
                );
                return Err(refused(SinkError::new(Class::Halt, what)));
            }
            let rules: Vec<TableRule> = cassandra.tables.iter().map(|t| t.rule.clone()).collect();
            let sink = CassandraSink::new(cassandra.clone());
            let target = |p: &Prepared<_>| p.table.name.clone();
            grouped(&sink, &rules, standings, target).await
        }
    }
    .map_err(refused)
}

async fn grouped<S: Sink>(
    sink: &S,
    rules: &[TableRule],
    standings: &[Standing],
    target: impl Fn(&Prepared<S::Plan>) -> String,
) -> Result<Vec<Group>, SinkError> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for topic in standings.chunk_by(|a, b| a.topic == b.topic) {
        let name = &topic[0].topic;
        let Some(rule) = rule_for(rules, name) else {
            let what = format!("no table takes the records of topic \"{name}\"");
            return Err(SinkError::new(Class::Halt, what));
        };
        let prepared: Arc<Prepared<S::Plan>> = sink.prepare(name).await?;
        let target = target(&prepared);
        let group = groups.entry(target.clone()).or_insert_with(|| Group {
            target,
            table: prepared.table.clone(),
            missing: rule.missing,
            standings: Vec::new(),
        });
        if group.table != prepared.table || group.missing != rule.missing {
            let what = format!(
                "table {} is fed by topics with different settings, which cannot be compared together",
                group.table.name
            );
            return Err(SinkError::new(Class::Halt, what));
        }
        group.standings.extend_from_slice(topic);
    }
    Ok(groups.into_values().collect())
}
