//! What a check prints of one sink, and how many faults it found.

use crate::config::Sink as Settings;
use std::io::{self, Write};

/// What is said of one sink: a word, and what it is about.
pub(super) struct Report<'o, W: Write> {
    out: &'o mut W,
    /// `sinks.orders.postgres`
    place: String,
    pub(super) faults: usize,
}

impl<'o, W: Write> Report<'o, W> {
    pub(super) fn new(settings: &Settings, out: &'o mut W) -> Self {
        Self {
            out,
            place: format!("sinks.{}.{}", settings.name, settings.backend.name()),
            faults: 0,
        }
    }

    pub(super) fn line(&mut self, word: &str, what: &str) -> io::Result<()> {
        let margin = if word == "sink" { "\n" } else { "  " };
        writeln!(self.out, "{margin}{word:<8} {what}")
    }

    pub(super) fn more(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "           {line}")?;
        }
        Ok(())
    }

    /// Lines to be copied as they stand, without a margin.
    pub(super) fn paste(&mut self, lines: &[String]) -> io::Result<()> {
        writeln!(self.out)?;
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    pub(super) fn fault(&mut self, what: &str) -> io::Result<()> {
        self.faults += 1;
        self.line("FAULT", what)
    }

    pub(super) fn fault_of_backend(&mut self, what: &str) -> io::Result<()> {
        let what = format!("{}: {what}", self.place);
        self.fault(&what)
    }
}
