//! `positions adopt-source`.

use super::error::AdminError;
use crate::cli::ConfigArg;
use crate::exit::Exit;
use crate::kafka::cluster_config;
use clap::Args;
use std::io::Write;

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
    // Its client of the log needs somebody who drives it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| AdminError::System(format!("no runtime: {error}")))?;
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
