//! `check`: the config alone, or with what Kafka and the databases say of it.

use super::connect::{Wanted, connect};
use super::error::AdminError;
use super::explain::Place;
use super::kafka::Kafka;
use super::report::Report;
use super::sources;
use super::text::count;
use super::told::Told;
use crate::cli::ConfigArg;
use crate::config::reads;
use crate::exit::Exit;
use crate::formats::faults_of_files;
use clap::Args;
use std::io::Write;

/// `plimsoll check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Ask Kafka and the databases too; writes nothing
    #[arg(long)]
    connect: bool,
    /// Read the last N records, show field → column → type, and try them in a
    /// transaction that is rolled back; implies --connect
    // More would hold locks for long and tell nothing new.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    sample: Option<u16>,
    /// Tell the way of one record, step by step, from its bytes to what the database says of
    /// its row; implies --connect
    #[arg(long, value_name = "TOPIC:PARTITION:OFFSET")]
    explain: Option<Place>,
    /// Show the values of the record that is explained
    #[arg(long, requires = "explain")]
    show_values: bool,
}

/// Judges a config.
///
/// # Errors
/// The config's faults, or nobody takes the output.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let mut holds = count(config.sinks.len(), "sink");
    if !config.sources.is_empty() {
        holds = format!("{holds}, {}", count(config.sources.len(), "source"));
    }
    writeln!(out, "{}: ok, {holds}", args.config.config.display())?;
    let files: Vec<String> = config.sinks.iter().flat_map(faults_of_files).collect();
    for fault in &files {
        writeln!(out, "  FAULT    {fault}")?;
    }
    if !args.connect && args.sample.is_none() && args.explain.is_none() {
        return Ok(if files.is_empty() {
            Exit::Ok
        } else {
            Exit::Failed
        });
    }
    let kafka = Kafka::reach(&config);
    let told = Told::ask(config.listen);
    let mut faults = files.len();
    for settings in &config.sinks {
        let mut report = Report::new(settings, out);
        report.line("sink", &settings.name)?;
        connect(
            &config,
            &kafka,
            settings,
            told.as_ref(),
            &Wanted {
                sample: args.sample.map(usize::from),
                explain: args.explain.as_ref(),
                show_values: args.show_values,
            },
            &mut report,
        )?;
        faults += report.faults;
    }
    if !config.sources.is_empty() {
        faults += sources::look(&config, &kafka, out)?;
    }
    if let Some(place) = &args.explain
        && !config
            .sinks
            .iter()
            .any(|sink| reads(&sink.topics, place.topic()))
    {
        let topic = place.topic();
        writeln!(out, "  FAULT    no sink reads the topic \"{topic}\"")?;
        faults += 1;
    }
    if faults == 0 {
        writeln!(out, "\nall well")?;
        Ok(Exit::Ok)
    } else {
        writeln!(out, "\n{}", count(faults, "fault"))?;
        Ok(Exit::Failed)
    }
}
