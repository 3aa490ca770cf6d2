//! What the demo says at its end.

use super::config::SinkName;
use super::file::Found;
use super::orders::Kind;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the events divide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    new: u64,
    updates: u64,
    deletes: u64,
}

impl Tally {
    /// Counts an event.
    pub(super) const fn count(&mut self, kind: Kind) {
        match kind {
            Kind::New => self.new += 1,
            Kind::Update => self.updates += 1,
            Kind::Delete => self.deletes += 1,
        }
    }

    const fn events(self) -> u64 {
        self.new + self.updates + self.deletes
    }
}

/// The demo, played to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What was produced.
    pub(super) tally: Tally,
    /// Kills that were asked for.
    pub(super) kills: u32,
    /// Kills after which the position had moved and records were left.
    pub(super) hits: u32,
    /// Partitions that a new life claimed at the position where they stood.
    pub(super) recovered: usize,
    /// How many there were to recover.
    pub(super) to_recover: usize,
    /// While the writer wrote.
    pub(super) writing: Duration,
    /// From start to end.
    pub(super) took: Duration,
    /// The append table.
    pub(super) append: Found,
    /// The upsert table.
    pub(super) upsert: Found,
    /// Where all lies.
    pub(super) dir: PathBuf,
    /// The file.
    pub(super) database: PathBuf,
    /// The config.
    pub(super) config: PathBuf,
}

impl Outcome {
    /// Whether every event is there exactly once.
    pub(super) fn exact(&self) -> bool {
        self.append.differences.none()
            && self.upsert.differences.none()
            && self.recovered == self.to_recover
    }

    /// Prints it.
    pub(super) fn print(&self, out: &mut impl Write, program: &Path) -> io::Result<()> {
        writeln!(out)?;
        self.print_run(out)?;
        writeln!(out)?;
        self.print_tables(out)?;
        self.print_verdict(out)?;
        self.print_what_to_look_at(out, program)
    }

    fn print_run(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = |name: &str, value: &str, remark: &str| {
            writeln!(out, "  {name:<22}{value:>12}   {remark}")
        };
        let Tally {
            new,
            updates,
            deletes,
        } = self.tally;
        let events = format!(
            "{} new orders, {} updates, {} deletes",
            thousands(new),
            thousands(updates),
            thousands(deletes)
        );
        let hits = match self.hits < self.kills {
            true => "the others found nothing left to write: take more --events",
            false => "SIGKILL after the position had moved, records left",
        };
        let of = |some: &dyn Display, all: &dyn Display| format!("{some} of {all}");
        line("events", &thousands(self.tally.events()), &events)?;
        line("kills that hit", &of(&self.hits, &self.kills), hits)?;
        line(
            "positions recovered",
            &of(&self.recovered, &self.to_recover),
            "claimed anew after a kill, none went back",
        )?;
        line(
            "rows/s",
            &thousands(self.rate()),
            "both sinks together, while the writer wrote",
        )
    }

    fn print_tables(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = |name: &str, append: &str, upsert: &str| {
            writeln!(out, "  {name:<22}{append:>12}{upsert:>12}")
        };
        let [append, upsert] = [SinkName::Append, SinkName::Upsert].map(SinkName::name);
        let [a, u] = [&self.append, &self.upsert];
        let [da, du] = [&a.differences, &u.differences];
        line("", append, upsert)?;
        for (name, append, upsert) in [
            ("rows", a.rows, u.rows),
            ("dead letters", a.dead_letters, u.dead_letters),
            ("missing", da.missing, du.missing),
            ("duplicates", da.duplicates, du.duplicates),
            ("wrong", da.wrong, du.wrong),
        ] {
            line(name, &thousands(append), &thousands(upsert))?;
        }
        writeln!(out)
    }

    fn print_verdict(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.exact() {
            let log = self.dir.join("writer.log");
            return writeln!(
                out,
                "The file is NOT what was produced. Its log: {}",
                log.display()
            );
        }
        writeln!(
            out,
            "Every event is there exactly once ({:.1} s). {} holds a row for each, and a dead letter \
             for\neach tombstone; {} holds the last word on each order.",
            self.took.as_secs_f64(),
            SinkName::Append.table(),
            SinkName::Upsert.table(),
        )
    }

    fn print_what_to_look_at(&self, out: &mut impl Write, program: &Path) -> io::Result<()> {
        let (config, database) = (self.config.display(), self.database.display());
        writeln!(out, "\n  file    {database}\n  config  {config}\n")?;
        writeln!(
            out,
            "Look at them (the second asks in vain for the demo's Kafka, which is gone, for 10 s):"
        )?;
        writeln!(
            out,
            "  sqlite3 {} 'SELECT status, count(*), sum(amount) FROM {} GROUP BY status'",
            shell(&self.database),
            SinkName::Upsert.table()
        )?;
        writeln!(
            out,
            "  {} positions list --config {}",
            shell(program),
            shell(&self.config)
        )
    }

    /// Records applied per second: each event reaches both sinks.
    fn rate(&self) -> u64 {
        let records = (self.tally.events() * SinkName::ALL.len() as u64) as f64;
        match self.writing.as_secs_f64() {
            seconds if seconds > 0.0 => (records / seconds) as u64,
            _ => 0,
        }
    }
}

/// A path as a shell reads it.
fn shell(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    match path.chars().all(plain) {
        true => path.into_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// `1,234,567`
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::memory::Differences;
    use super::*;

    fn outcome() -> Outcome {
        let found = |rows, dead_letters| Found {
            rows,
            dead_letters,
            differences: Differences::default(),
        };
        Outcome {
            tally: Tally {
                new: 100_000,
                updates: 90_000,
                deletes: 10_000,
            },
            kills: 4,
            hits: 4,
            recovered: 32,
            to_recover: 32,
            writing: Duration::from_secs(4),
            took: Duration::from_millis(21_540),
            append: found(190_000, 10_000),
            upsert: found(90_000, 0),
            dir: "/tmp/d".into(),
            database: "/tmp/d/demo.db".into(),
            config: "/tmp/d/plimsoll.toml".into(),
        }
    }

    fn printed(outcome: &Outcome) -> String {
        let mut out = Vec::new();
        outcome
            .print(&mut out, Path::new("target/release/plimsoll"))
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_exact_outcome_reads_so() {
        insta::assert_snapshot!(printed(&outcome()));
    }

    #[test]
    fn each_kind_of_difference_is_one() {
        let spoilt = |spoil: fn(&mut Outcome)| {
            let mut outcome = outcome();
            spoil(&mut outcome);
            !outcome.exact() && printed(&outcome).contains("NOT")
        };
        assert!(outcome().exact());
        assert!(spoilt(|o| o.append.differences.missing = 1));
        assert!(spoilt(|o| o.append.differences.duplicates = 1));
        assert!(spoilt(|o| o.upsert.differences.wrong = 1));
        assert!(spoilt(|o| o.recovered = 31));
    }

    #[test]
    fn odd_paths_are_quoted() {
        assert_eq!(shell(Path::new("/tmp/a-b.db")), "/tmp/a-b.db");
        assert_eq!(shell(Path::new("/tmp/it's $x")), "'/tmp/it'\\''s $x'");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
