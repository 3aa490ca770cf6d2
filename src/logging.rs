//! Logs: for people on a terminal, as JSON where a machine reads them; always
//! to stderr, for stdout belongs to what a command was asked for.

use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The libraries below speak of their own affairs only where something is
/// wrong; sqlx would log each statement.
const TAMED: &str = "librdkafka=warn,rdkafka=warn,sqlx=warn,sqlx::query=off,hyper=warn,axum=warn";

/// The environment's word on levels, as with other Rust programs.
const RUST_LOG: &str = "RUST_LOG";

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line per event, for people.
    #[default]
    Text,
    /// A JSON object per line, for machines.
    Json,
}

/// The options of every command.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// How logs look on stderr
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Logs"
    )]
    pub log_format: LogFormat,

    /// error, warn, info, debug or trace, or directives such as
    /// plimsoll=debug,librdkafka=info [default: RUST_LOG, else info for run and
    /// warn for the others]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Logs")]
    pub log_level: Option<String>,
}

/// Starts logging; `level` holds where neither option nor environment speaks.
///
/// # Errors
/// What is no level and no directive, in words.
pub fn start(args: &LogArgs, level: &str) -> Result<(), String> {
    let asked = args
        .log_level
        .clone()
        .or_else(|| std::env::var(RUST_LOG).ok().filter(|s| !s.is_empty()))
        .unwrap_or_else(|| level.to_owned());
    let filter = filter(&asked)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Only a second start in one process can fail, and leaves the first.
    let _ = match args.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// What is asked for, behind what is tamed: the last word on a target wins.
fn filter(asked: &str) -> Result<EnvFilter, String> {
    // A word that is no level would be taken for a target, and all else be
    // silent.
    for word in asked.split(',').filter(|word| !word.contains(['=', '['])) {
        if word.trim().parse::<LevelFilter>().is_err() {
            return Err(format!("\"{word}\" is not a log level"));
        }
    }
    EnvFilter::builder()
        .parse(format!("{TAMED},{asked}"))
        .map_err(|error| error.to_string())
}

/// The same words are said once, then after this long: a little less than a minute,
/// so that what is said each minute is not swallowed every other time.
const AGAIN: Duration = Duration::from_secs(59);

/// So many different words are remembered: more than there are brokers and faults;
/// beyond it the log may repeat itself.
const REMEMBERED: usize = 1_000;

/// What was said in the last minute, and need not be said again.
#[derive(Debug)]
pub struct Repeats(Mutex<BTreeMap<u64, Instant>>);

impl Default for Repeats {
    fn default() -> Self {
        Self::new()
    }
}

impl Repeats {
    /// Nothing was said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether these words are to be said now.
    pub fn say(&self, words: &impl Hash) -> bool {
        self.say_at(words, Instant::now())
    }

    fn say_at(&self, words: &impl Hash, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= REMEMBERED {
            said.retain(|_, at| now.saturating_duration_since(*at) < AGAIN);
        }
        let key = hasher.finish();
        match said.get(&key) {
            Some(at) if now.saturating_duration_since(*at) < AGAIN => false,
            _ => {
                if said.len() < REMEMBERED {
                    said.insert(key, now);
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_leaves_the_libraries_tamed() {
        let filter = filter("debug").unwrap().to_string();
        assert!(filter.contains("sqlx::query=off"), "{filter}");
        assert!(filter.contains("librdkafka=warn"), "{filter}");
        assert!(filter.contains("debug"), "{filter}");
    }

    #[test]
    fn a_directive_overrides_what_is_tamed() {
        let filter = filter("info,librdkafka=debug").unwrap().to_string();
        assert!(filter.contains("librdkafka=debug"), "{filter}");
        assert!(!filter.contains("librdkafka=warn"), "{filter}");
    }

    #[test]
    fn the_same_words_are_said_once_a_minute() {
        let (repeats, now) = (Repeats::new(), Instant::now());
        let said = |words: &str, second| repeats.say_at(&words, now + Duration::from_secs(second));
        assert!(said("refused", 0) && said("closed", 0));
        assert!(!said("refused", 58));
        assert!(said("refused", 59));
        assert!(!said("refused", 60));
    }

    #[test]
    fn what_is_no_level_is_an_error() {
        assert!(filter("plimsoll=loud").is_err());
        assert_eq!(filter("loud").unwrap_err(), "\"loud\" is not a log level");
    }
}
