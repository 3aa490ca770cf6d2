//! What was found, for people and as JSON.

use crate::compare::{Finding, Findings};
use crate::sink::Compared;
use serde::Serialize;
use std::io::{self, Write};

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The table holds what the log says, all of it and nothing else.
    Exact,
    /// Nothing wrong was found, and not everything could be looked at.
    CouldNotTell,
    /// It does not.
    Different,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::CouldNotTell => "could not tell",
            Self::Different => "DIFFERENT",
        }
    }
}

/// How often, and the first offsets of it.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// How often.
    pub count: u64,
    /// The smallest offsets, five at most; empty where they are not known.
    pub first_offsets: Vec<i64>,
}

impl From<&Finding> for Shown {
    fn from(finding: &Finding) -> Self {
        Self {
            count: finding.count,
            first_offsets: finding.first.iter().copied().collect(),
        }
    }
}

/// One partition of one table.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The topic; `None`: rows whose partition is not known.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The first offset that was compared.
    pub from: i64,
    /// The position: the first one that was not.
    pub to: i64,
    /// Records read.
    pub records: u64,
    /// Offsets without a record: markers, aborted records, compaction. No loss.
    pub offsets_without_record: u64,
    /// Records that are dead letters.
    pub dead_letters: u64,
    /// Records that an operator passed over on purpose: their rows need not be there.
    pub passed_over: u64,
    /// Records that were dead letters until an operator dropped them.
    pub dead_letters_dropped: u64,
    /// Offsets that retention took from the log before they were compared.
    pub gone: u64,
    /// Records without a row.
    pub missing: Shown,
    /// Rows that are not as their record says.
    pub different: Shown,
    /// In these columns.
    pub different_columns: Vec<String>,
    /// Rows that stand there more than once.
    pub doubled: Shown,
    /// Rows without a record.
    pub extra: Shown,
    /// Rows of which the log does not tell any more.
    pub unverifiable: Shown,
    /// Rows that are not as their record says, in columns alone that were changed
    /// after the row was written.
    pub older_than_alter: Shown,
}

impl PartitionReport {
    /// Of nothing yet.
    #[must_use]
    pub fn empty() -> Self {
        let none = || Shown {
            count: 0,
            first_offsets: Vec::new(),
        };
        Self {
            topic: None,
            partition: None,
            from: 0,
            to: 0,
            records: 0,
            offsets_without_record: 0,
            dead_letters: 0,
            passed_over: 0,
            dead_letters_dropped: 0,
            gone: 0,
            missing: none(),
            different: none(),
            different_columns: Vec::new(),
            doubled: none(),
            extra: none(),
            unverifiable: none(),
            older_than_alter: none(),
        }
    }

    /// Takes over what was found.
    pub fn fill(&mut self, findings: &Findings, columns: &[String]) {
        self.missing = (&findings.missing).into();
        self.different = (&findings.different).into();
        self.doubled = (&findings.doubled).into();
        self.extra = (&findings.extra).into();
        self.unverifiable = (&findings.unverifiable).into();
        self.older_than_alter = (&findings.older).into();
        self.different_columns = findings
            .columns
            .iter()
            .filter_map(|&i| columns.get(i).cloned())
            .collect();
    }

    fn verdict(&self) -> Verdict {
        let wrong = [&self.missing, &self.different, &self.doubled, &self.extra];
        if wrong.iter().any(|shown| shown.count > 0) {
            Verdict::Different
        } else if self.gone + self.unverifiable.count + self.older_than_alter.count > 0 {
            Verdict::CouldNotTell
        } else {
            Verdict::Exact
        }
    }
}

/// One table of one sink.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The sink.
    pub sink: String,
    /// The table.
    pub table: String,
    /// `log`, `append` or `upsert`.
    pub mode: &'static str,
    /// `coordinate`, `content` or `key`.
    pub compared_by: &'static str,
    /// Columns that are another thing in each row where the field is missing: not
    /// compared there, and nowhere where rows are compared by content.
    pub columns_not_compared: Vec<String>,
    /// Rows in the table.
    pub rows: u64,
    /// One of so many identities was looked at; 1: all.
    pub sample: u64,
    /// By topic and partition.
    pub partitions: Vec<PartitionReport>,
}

impl TableReport {
    fn verdict(&self) -> Verdict {
        let all = self.partitions.iter().map(PartitionReport::verdict);
        all.max().unwrap_or(Verdict::Exact)
    }
}

/// A sink, or one table or topic of it, that could not be compared.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The sink.
    pub sink: String,
    /// The table; `None`: all of the sink, or what the error names.
    pub table: Option<String>,
    /// Why.
    pub error: String,
}

impl Failure {
    /// Of a sink.
    #[must_use]
    pub fn new(sink: &str, table: Option<&str>, error: &str) -> Self {
        Self {
            sink: sink.to_owned(),
            table: table.map(str::to_owned),
            error: error.to_owned(),
        }
    }
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The worst of all.
    pub verdict: Verdict,
    /// By sink and table.
    pub tables: Vec<TableReport>,
    /// What could not be compared.
    pub errors: Vec<Failure>,
}

impl Report {
    /// Of tables that were compared, and what could not be.
    #[must_use]
    pub fn new(compared: Compared) -> Self {
        let Compared {
            tables,
            failures: errors,
        } = compared;
        let all = tables.iter().map(TableReport::verdict);
        let failed = errors.iter().map(|_| Verdict::CouldNotTell);
        Self {
            verdict: all.chain(failed).max().unwrap_or(Verdict::Exact),
            tables,
            errors,
        }
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for table in &self.tables {
            let TableReport {
                sink,
                table: name,
                mode,
                compared_by,
                rows,
                sample,
                ..
            } = table;
            let of = match sample {
                1 => String::new(),
                n => format!(", a sample of 1/{n}"),
            };
            writeln!(
                out,
                "sinks.{sink} → {name} ({mode}, by {compared_by}{of}): {}, {rows} rows",
                table.verdict().words()
            )?;
            let where_missing = match *compared_by {
                "content" => "",
                _ => " where its field is missing",
            };
            for column in &table.columns_not_compared {
                writeln!(
                    out,
                    "  column \"{column}\" is not compared{where_missing}: its default is another thing in each row"
                )?;
            }
            for partition in &table.partitions {
                print_partition(partition, out)?;
            }
        }
        for Failure { sink, table, error } in &self.errors {
            let of = table.as_ref().map_or(String::new(), |t| format!(" → {t}"));
            writeln!(out, "sinks.{sink}{of}: could not tell: {error}")?;
        }
        writeln!(out, "{}", self.verdict.words())
    }
}

fn print_partition(p: &PartitionReport, out: &mut impl Write) -> io::Result<()> {
    let place = match (&p.topic, p.partition) {
        (Some(topic), Some(partition)) => format!("{topic}[{partition}]"),
        _ => "rows of no known partition".to_owned(),
    };
    write!(out, "  {place}")?;
    if p.topic.is_some() {
        write!(out, " [{}, {}): {} records", p.from, p.to, p.records)?;
    }
    for (what, count) in [
        ("offsets without a record", p.offsets_without_record),
        ("dead letters", p.dead_letters),
        ("passed over by positions set", p.passed_over),
        ("dead letters that were dropped", p.dead_letters_dropped),
    ] {
        if count > 0 {
            write!(out, ", {count} {what}")?;
        }
    }
    writeln!(out)?;
    if p.gone > 0 {
        writeln!(
            out,
            "    {} offsets are gone from the log: nobody can tell what became of them",
            p.gone
        )?;
    }
    for (what, shown) in [
        ("missing", &p.missing),
        ("different", &p.different),
        ("doubled", &p.doubled),
        ("extra", &p.extra),
        ("unverifiable", &p.unverifiable),
        ("older than a change of their columns", &p.older_than_alter),
    ] {
        if shown.count == 0 {
            continue;
        }
        write!(out, "    {} {what}", shown.count)?;
        if !shown.first_offsets.is_empty() {
            let first: Vec<String> = shown.first_offsets.iter().map(i64::to_string).collect();
            write!(out, ", first at {}", first.join(", "))?;
        }
        if what == "different" && !p.different_columns.is_empty() {
            write!(out, ", in {}", p.different_columns.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
