//! `plimsoll verify`: Kafka and the databases of the config, for the comparison in
//! [`plimsoll_verify`].

mod log;

use crate::admin::AdminError;
use crate::backends::with_backend;
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings};
use crate::exit::Exit;
use crate::formats::{SharedRegistry, formats};
use crate::kafka::{Cluster, cluster_config};
use clap::Args;
use log::{CLIENT_ID, KafkaLog};
use plimsoll_sink_api::Backend as _;
use plimsoll_verify::{Compared, Failure, OneSink, Report, Sample, Verdict};
use std::io::Write;

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

/// Compares, and prints what was found.
///
/// What cannot be compared is told beside what can, and hides none of it.
///
/// # Errors
/// A config that is wrong, a sink that is not in it, or nobody takes the output.
pub fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    if config.sinks.is_empty() {
        return Err(AdminError::Refused(
            "the config has sources alone, and verify compares sinks with their topics; hint: a \
             source's events carry dense numbers in plimsoll-seq"
                .to_owned(),
        ));
    }
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
    let compared = runtime.block_on(all(&config, args));
    let report = Report::new(compared);
    if args.json {
        let text =
            serde_json::to_string_pretty(&report).map_err(|e| AdminError::System(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        report.print(out)?;
    }
    Ok(match report.verdict {
        Verdict::Exact => Exit::Ok,
        Verdict::Different => Exit::Failed,
        Verdict::CouldNotTell => Exit::Usage,
    })
}

fn names(config: &Config) -> String {
    let names: Vec<&str> = config.sinks.iter().map(|s| s.name.as_str()).collect();
    names.join(", ")
}

async fn all(config: &Config, args: &VerifyArgs) -> Compared {
    let mut compared = Compared::default();
    let chosen = |s: &&Settings| args.sink.as_ref().is_none_or(|name| s.name == *name);
    let client = cluster_config(&config.kafka, CLIENT_ID);
    let cluster = Cluster::silent(client).and_then(|cluster| {
        let id = cluster.id()?;
        Ok((cluster, id))
    });
    let (cluster, id) = match cluster {
        Ok(reached) => reached,
        Err(fault) => {
            let error = AdminError::from(fault).to_string();
            let of = |s: &Settings| Failure::new(&s.name, None, &error);
            let failures = config.sinks.iter().filter(chosen).map(of);
            compared.failures.extend(failures);
            return compared;
        }
    };
    let registry = SharedRegistry::of(config);
    for settings in config.sinks.iter().filter(chosen) {
        let log = KafkaLog {
            kafka: &config.kafka,
            cluster: &cluster,
            group_id: &settings.group_id,
        };
        let sink = OneSink {
            name: &settings.name,
            formats: formats(settings, &registry),
            log: &log,
            cluster_id: &id,
            sample: args.sample,
            memory: args.memory_mib << 20,
        };
        let compared = &mut compared;
        with_backend!(&settings.backend, |of| {
            sink.run(async || of.snapshot().await, compared).await;
        });
    }
    compared
}
