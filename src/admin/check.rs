//! `check`: the config alone, or with what Kafka and the databases say of it.

use super::connect::connect;
use super::error::AdminError;
use super::kafka::Kafka;
use super::report::Report;
use super::text::count;
use super::told::Told;
use crate::cli::ConfigArg;
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
}

/// Judges a config.
///
/// # Errors
/// The config's faults, or nobody takes the output.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    writeln!(
        out,
        "{}: ok, {}",
        args.config.config.display(),
        count(config.sinks.len(), "sink")
    )?;
    let files: Vec<String> = config.sinks.iter().flat_map(faults_of_files).collect();
    for fault in &files {
        writeln!(out, "  FAULT    {fault}")?;
    }
    if !args.connect && args.sample.is_none() {
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
            args.sample.map(usize::from),
            &mut report,
        )?;
        faults += report.faults;
    }
    if faults == 0 {
        writeln!(out, "\nall well")?;
        Ok(Exit::Ok)
    } else {
        writeln!(out, "\n{}", count(faults, "fault"))?;
        Ok(Exit::Failed)
    }
}
