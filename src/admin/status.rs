//! `status`: each sink as a whole, whichever instance holds what.

use super::error::AdminError;
use super::positions::find_sink;
use super::text::{Side, age, align, count};
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::exit::Exit;
use crate::fleet::{PartitionState, PartitionStatus, SinkStatus, status_of, trace};
use clap::Args;
use std::io::Write;
use std::time::Duration;

/// `plimsoll status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this sink
    #[arg(long)]
    sink: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints how each sink stands.
///
/// # Errors
/// A database did not answer.
pub fn status(args: &StatusArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let sinks = match &args.sink {
        Some(name) => vec![find_sink(&config, name)?],
        None => config.sinks.iter().collect(),
    };
    let mut all = Vec::new();
    for settings in sinks {
        all.push(block_on(async {
            with_sink!(settings, |sink| status_of(&settings.name, &sink).await)
                .map_err(AdminError::sink(&settings.name))
        })?);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &all)
            .map_err(|error| AdminError::Output(error.into()))?;
        writeln!(out)?;
    } else {
        for status in &all {
            print(status, out)?;
        }
    }
    let halted = |part: &PartitionStatus| part.state == Some(PartitionState::Halted);
    let any = all
        .iter()
        .any(|status| status.partitions.iter().any(halted));
    Ok(if any { Exit::Failed } else { Exit::Ok })
}

fn print(status: &SinkStatus, out: &mut impl Write) -> Result<(), AdminError> {
    writeln!(
        out,
        "sink {}: {} wanted, {}",
        status.sink,
        status.wanted,
        count(status.members.len(), "instance")
    )?;
    for member in &status.members {
        let late = match member.heard_all {
            true => "",
            false => ", has not heard of the last command",
        };
        writeln!(
            out,
            "  {} {}: {}, seen {} ago{late}",
            member.name,
            member.address,
            member.state,
            age(Duration::from_millis(member.heartbeat_age_ms)),
        )?;
        for trouble in &member.troubles {
            writeln!(out, "    since {}: {}", trouble.since, trouble.what)?;
        }
    }
    let sides = [
        Side::Left,
        Side::Right,
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Left,
    ];
    let heads = [
        "  TOPIC",
        "PARTITION",
        "STATE",
        "POSITION",
        "MOVED",
        "INSTANCE",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(status.partitions.iter().map(row));
    for line in align(&rows, &sides) {
        writeln!(out, "{line}")?;
    }
    for part in &status.partitions {
        if let Some(trace) = trace(&status.sink, part) {
            writeln!(out, "{trace}")?;
        }
    }
    Ok(())
}

fn row(part: &PartitionStatus) -> Vec<String> {
    let none = || "-".to_owned();
    let moved = |ms| age(Duration::from_millis(ms));
    vec![
        format!("  {}", part.topic),
        part.partition.to_string(),
        part.state
            .map_or("unassigned", PartitionState::as_str)
            .to_owned(),
        part.position.map_or_else(none, |at| at.to_string()),
        part.moved_age_ms.map_or_else(none, moved),
        part.member.clone().unwrap_or_else(none),
    ]
}
