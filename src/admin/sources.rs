//! Sources: what `check --connect` says of them, and `positions adopt-source`.

use super::error::AdminError;
use super::kafka::Kafka;
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::error::KafkaFault;
use crate::exit::Exit;
use crate::kafka::cluster_config;
use clap::Args;
use std::io::Write;

/// Looks at the database of each source, and whether Kafka answers; changes nothing. Says
/// how many faults it found. Topics are not looked at.
pub(super) fn look(
    config: &Config,
    kafka: &Result<Kafka, KafkaFault>,
    out: &mut impl Write,
) -> Result<usize, AdminError> {
    let runtime = driver()?;
    let mut faults = 0;
    for settings in &config.sources {
        writeln!(out, "\nsource     {}", settings.name)?;
        if let Err(fault) = kafka {
            writeln!(out, "  FAULT    {fault}")?;
            faults += 1;
        }
        match runtime.block_on(plimsoll_source::look(settings)) {
            Err(why) => {
                writeln!(out, "  FAULT    {why}")?;
                faults += 1;
            }
            Ok(found) => {
                writeln!(out, "  database Postgres {}", found.version / 10_000)?;
                for wrong in found.wrong {
                    match wrong.made_at_start {
                        true => writeln!(
                            out,
                            "  note     {}: made at the first start",
                            wrong.halt.what
                        )?,
                        false => {
                            writeln!(out, "  FAULT    {}", wrong.halt)?;
                            faults += 1;
                        }
                    }
                }
            }
        }
    }
    runtime.shutdown_background();
    Ok(faults)
}

/// The client of the database's log needs somebody who drives it.
fn driver() -> Result<tokio::runtime::Runtime, AdminError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| AdminError::System(format!("no runtime: {error}")))
}

/// `plimsoll positions adopt-source`
#[derive(Debug, Args)]
pub struct AdoptSourceArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The source, by its name in the config
    #[arg(long)]
    source: String,
}

/// Goes on where the slot stands, or makes a new one.
///
/// # Errors
/// Kafka or the database did not answer, or refuses.
pub fn adopt_source(args: &AdoptSourceArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let found = config.sources.iter().find(|s| s.name == args.source);
    let settings = found.ok_or_else(|| {
        let names: Vec<&str> = config.sources.iter().map(|s| s.name.as_str()).collect();
        AdminError::Refused(format!(
            "--source: there is no source \"{}\" in the config; hint: it has {}",
            args.source,
            match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            }
        ))
    })?;
    let client_id = format!("plimsoll/{}/adopt", settings.name);
    let kafka = plimsoll_source::Kafka(cluster_config(&config.kafka, &client_id));
    let runtime = driver()?;
    let adopted = runtime.block_on(plimsoll_source::adopt(settings, &kafka));
    runtime.shutdown_background();
    let (before, after) =
        adopted.map_err(|why| AdminError::Refused(format!("sources.{}: {why}", settings.name)))?;
    let before = before.map_or_else(|| "nowhere".to_owned(), |p| p.next_lsn.to_string());
    writeln!(
        out,
        "{}: goes on at {}, where the slot {} stands; it stood {before}; the next event is {}",
        settings.name,
        after.next_lsn,
        settings.postgres.slot,
        after.seq + 1
    )?;
    Ok(Exit::Ok)
}
