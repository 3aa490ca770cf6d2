//! `migrate`: plimsoll's own tables, in each sink's database.

use super::error::AdminError;
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings};
use crate::exit::Exit;
use clap::Args;
use plimsoll_sink_api::{Inspect, Sink, SinkError};
use std::io::Write;

/// `plimsoll migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print the SQL or CQL of what is missing and change nothing
    #[arg(long)]
    print: bool,
}

/// Makes or renews the tables, or prints the SQL that does.
///
/// # Errors
/// A database did not answer, or refuses.
pub fn migrate(args: &MigrateArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    if args.print {
        return print(&config, out);
    }
    for settings in &config.sinks {
        block_on(async {
            with_sink!(settings, |sink| sink.migrate().await)
                .map_err(AdminError::sink(&settings.name))
        })?;
        writeln!(out, "sinks.{}: migrated", settings.name)?;
    }
    Ok(Exit::Ok)
}

/// What is printed for a sink.
struct Script {
    /// Which of the sink's database it is.
    what: String,
    statements: String,
}

impl Script {
    /// `missing`: what the database says; `all`: what a new one needs.
    fn of(missing: Result<Option<String>, SinkError>, all: String) -> Self {
        let (what, statements) = match missing {
            Ok(Some(missing)) => ("what is missing".to_owned(), missing),
            Ok(None) => ("nothing is missing".to_owned(), String::new()),
            Err(error) => (
                format!(
                    "all there is: leave out what is there already, for it is not known: {error}"
                ),
                all,
            ),
        };
        Self {
            // A comment ends with its line.
            what: what.replace(['\r', '\n'], " "),
            statements,
        }
    }
}

/// Sinks that share a state share its tables, which are printed once.
fn print(config: &Config, out: &mut impl Write) -> Result<Exit, AdminError> {
    let mut shared: Vec<(&Settings, Vec<&str>)> = Vec::new();
    for settings in &config.sinks {
        match shared
            .iter_mut()
            .find(|(s, _)| s.backend.shares_state(&settings.backend))
        {
            Some((_, names)) => names.push(&settings.name),
            None => shared.push((settings, vec![&settings.name])),
        }
    }
    for (settings, names) in shared {
        let script = block_on(async {
            with_sink!(settings, |sink| Ok(Script::of(
                sink.missing_migrations().await,
                sink.migrations()
            )))
            .map_err(AdminError::sink(&settings.name))
        })?;
        let names: Vec<String> = names.iter().map(|name| format!("sinks.{name}")).collect();
        writeln!(out, "-- {}: {}\n", names.join(", "), script.what)?;
        if !script.statements.is_empty() {
            writeln!(out, "{}", script.statements)?;
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::Class;

    #[test]
    fn a_reason_of_two_lines_stays_a_comment() {
        let error = SinkError::new(Class::Away, "no\nanswer");
        let script = Script::of(Err(error), "CREATE".to_owned());
        assert!(script.what.ends_with("no answer"), "{}", script.what);
        assert_eq!(script.statements, "CREATE");
    }

    #[test]
    fn nothing_is_printed_of_what_is_there() {
        let script = Script::of(Ok(None), "CREATE".to_owned());
        assert_eq!(
            (&*script.what, &*script.statements),
            ("nothing is missing", "")
        );
    }
}
