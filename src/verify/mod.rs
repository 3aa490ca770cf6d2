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
mod passed;
mod postgres;
mod report;
mod sink;
mod sqlite;
mod table;

use crate::admin::AdminError;
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings};
use crate::consume::{Cluster, cluster_config};
use crate::exit::Exit;
use clap::Args;
use report::{Failure, Report, TableReport};
use std::io::Write;
use std::str::FromStr;

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
/// What cannot be compared is told beside what can, and hides none of it.
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
    let (tables, failures) = runtime.block_on(all(&config, args));
    let report = Report::new(tables, failures);
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

/// What was compared, and what could not be.
type Compared = (Vec<TableReport>, Vec<Failure>);

async fn all(config: &Config, args: &VerifyArgs) -> Compared {
    let (mut reports, mut failures) = Compared::default();
    let chosen = |s: &&Settings| args.sink.as_ref().is_none_or(|name| s.name == *name);
    let client = cluster_config(&config.kafka, "plimsoll-verify");
    let cluster = Cluster::silent(client).and_then(|cluster| {
        let id = cluster.id()?;
        Ok((cluster, id))
    });
    let (cluster, id) = match cluster {
        Ok(reached) => reached,
        Err(fault) => {
            let error = AdminError::from(fault).to_string();
            let of = |s: &Settings| Failure::new(&s.name, None, &error);
            failures.extend(config.sinks.iter().filter(chosen).map(of));
            return (reports, failures);
        }
    };
    for settings in config.sinks.iter().filter(chosen) {
        let comparing = sink::OneSink {
            config,
            settings,
            cluster: &cluster,
            cluster_id: &id,
            args,
        };
        comparing.run(&mut reports, &mut failures).await;
    }
    (reports, failures)
}
