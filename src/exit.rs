//! The exit codes, all in one place; `--help` shows them.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done. `run`: drained after SIGTERM or SIGINT.
    Ok = 0,
    /// A check failed, `demo` or `verify` found a difference, or `status` a halted partition.
    Failed = 1,
    /// The command line is wrong (clap's own code), or `verify` could not tell.
    Usage = 2,
    /// The config file is wrong.
    Config = 3,
    /// Kafka's client failed for good; start the process anew.
    KafkaFatal = 4,
    /// The database, Kafka or plimsoll itself refuses what was asked; asking
    /// again does not help.
    Refused = 5,
    /// The system refuses what the process needs: an address, a file, memory.
    System = 6,
    /// Kafka or the database did not answer a command that does not wait for
    /// them; ask again.
    Unreachable = 7,
    /// A second SIGTERM or SIGINT cut the drain off.
    Cut = 8,
}

/// The codes, as `--help` shows them.
pub const HELP: &str = "\
Exit codes:
  0  done; after SIGTERM or SIGINT: drained
  1  a check failed, demo or verify found a difference, or status a halted partition
  2  the command line is wrong; verify could not tell
  3  the config file is wrong
  4  Kafka's client failed for good: start the process anew
  5  refused by the database, by Kafka or by plimsoll itself
  6  the system refuses what the process needs (an address, a file)
  7  Kafka or the database did not answer (run waits for them instead)
  8  a second SIGTERM or SIGINT cut the drain off";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Config,
            Exit::KafkaFatal,
            Exit::Refused,
            Exit::System,
            Exit::Unreachable,
            Exit::Cut,
        ] {
            let line = format!("\n  {}  ", exit as u8);
            assert!(HELP.contains(&line), "{exit:?} is not in --help");
        }
    }

    #[test]
    fn the_readme_says_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap().replace('`', "");
        for line in HELP.lines().skip(1) {
            let (code, means) = line.trim().split_once("  ").unwrap();
            let row = format!("| {code} | {means} |");
            assert!(readme.contains(&row), "README.md lacks: {row}");
        }
    }
}
