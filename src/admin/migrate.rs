//! `migrate`: plimsoll's own tables, in each sink's database.

use super::error::AdminError;
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings, Topics};
use crate::exit::Exit;
use clap::Args;
use plimsoll_sink_api::{Inspect, SinkError};
use std::fmt;
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
        let missing = block_on(async {
            with_sink!(settings, |sink| make(&sink, topics(settings)).await)
                .map_err(AdminError::sink(&settings.name))
        })?;
        writeln!(out, "sinks.{}: migrated", settings.name)?;
        for what in missing {
            writeln!(out, "sinks.{}: {what}", settings.name)?;
        }
    }
    Ok(Exit::Ok)
}

/// Makes what is plimsoll's to make; what is missing besides.
async fn make<S: Inspect>(sink: &S, topics: &[String]) -> Result<Vec<String>, SinkError> {
    sink.migrate().await?;
    sink.make_log_tables(topics).await?;
    sink.missing_tables_of_users(topics).await
}

/// The topics whose `log` tables are known without asking Kafka.
fn topics(settings: &Settings) -> &[String] {
    match &settings.topics {
        Topics::Named(names) => names,
        Topics::Pattern(_) => &[],
    }
}

/// What makes plimsoll's own tables, and `log` tables.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Statements {
    /// Empty where none are needed.
    state: String,
    logs: Vec<String>,
}

impl Statements {
    fn add(&mut self, other: Self) {
        self.state.push_str(&other.state);
        for log in other.logs {
            // Two sinks may feed one table.
            if !self.logs.contains(&log) {
                self.logs.push(log);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.state.is_empty() && self.logs.is_empty()
    }
}

impl fmt::Display for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.state.is_empty() {
            writeln!(f, "{}", self.state)?;
        }
        for log in &self.logs {
            writeln!(f, "{log};\n")?;
        }
        Ok(())
    }
}

/// What is printed for sinks that share a state.
struct Script {
    /// Which of what their database needs it is.
    what: String,
    statements: Statements,
}

impl Script {
    /// `missing`: what the database says; `all`: what a new one needs.
    fn of(missing: Result<Statements, SinkError>, all: Statements) -> Self {
        let (what, statements) = match missing {
            Ok(missing) if missing.is_empty() => ("nothing is missing".to_owned(), missing),
            Ok(missing) => ("what is missing".to_owned(), missing),
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

/// What a sink needs, and what of it is missing. `state`: whether its state is asked for.
async fn ask<S: Inspect>(
    sink: &S,
    topics: &[String],
    state: bool,
) -> (Result<Statements, SinkError>, Statements) {
    let all = Statements {
        state: if state {
            sink.migrations()
        } else {
            String::new()
        },
        logs: sink.log_tables(topics),
    };
    let missing = async {
        let missing = match state {
            true => sink.missing_migrations().await?,
            false => None,
        };
        Ok(Statements {
            state: missing.unwrap_or_default(),
            logs: sink.missing_log_tables(topics).await?,
        })
    };
    (missing.await, all)
}

/// Sinks that share a state share its tables, which are printed once.
fn print(config: &Config, out: &mut impl Write) -> Result<Exit, AdminError> {
    let mut shared: Vec<Vec<&Settings>> = Vec::new();
    for settings in &config.sinks {
        let same = |group: &&mut Vec<&Settings>| {
            group
                .iter()
                .any(|s| s.backend.shares_state(&settings.backend))
        };
        match shared.iter_mut().find(same) {
            Some(group) => group.push(settings),
            None => shared.push(vec![settings]),
        }
    }
    for group in shared {
        let mut missing = Ok(Statements::default());
        let mut all = Statements::default();
        for (at, settings) in group.iter().enumerate() {
            let (of_sink, all_of_sink) = block_on(async {
                with_sink!(settings, |sink| Ok(
                    ask(&sink, topics(settings), at == 0).await
                ))
                .map_err(AdminError::sink(&settings.name))
            })?;
            all.add(all_of_sink);
            missing = missing.and_then(|mut missing| {
                missing.add(of_sink?);
                Ok(missing)
            });
        }
        let script = Script::of(missing, all);
        let names: Vec<String> = group.iter().map(|s| format!("sinks.{}", s.name)).collect();
        writeln!(out, "-- {}: {}\n", names.join(", "), script.what)?;
        write!(out, "{}", script.statements)?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_protocol::Class;

    fn statements(state: &str, logs: &[&str]) -> Statements {
        Statements {
            state: state.to_owned(),
            logs: logs.iter().map(|log| (*log).to_owned()).collect(),
        }
    }

    #[test]
    fn a_reason_of_two_lines_stays_a_comment() {
        let error = SinkError::new(Class::Unavailable, "no\nanswer");
        let all = statements("CREATE", &["LOG"]);
        let script = Script::of(Err(error), all.clone());
        assert!(script.what.ends_with("no answer"), "{}", script.what);
        assert_eq!(script.statements, all);
    }

    #[test]
    fn nothing_is_printed_of_what_is_there() {
        let script = Script::of(Ok(Statements::default()), statements("CREATE", &[]));
        assert_eq!(script.what, "nothing is missing");
        assert_eq!(script.statements.to_string(), "");
    }

    #[test]
    fn a_log_table_of_two_sinks_is_printed_once() {
        let mut missing = statements("", &["ONE"]);
        missing.add(statements("", &["ONE", "TWO"]));
        let script = Script::of(Ok(missing), Statements::default());
        assert_eq!(script.what, "what is missing");
        assert_eq!(script.statements.to_string(), "ONE;\n\nTWO;\n\n");
    }
}
