//! The faults of one config, gathered.

use super::environment::Environment;
use super::fault::Fault;
use super::unknown::Sinks;
use std::cell::RefCell;
use std::ops::Range;

/// Bytes from and to, in the config's text.
pub(super) type At = Range<usize>;

/// Gathers the faults of one config.
pub(super) struct Judge<'e> {
    text: &'e str,
    pub(super) env: &'e dyn Environment,
    /// What the file says of its sinks, for hints.
    pub(super) sinks: Sinks<'e>,
    faults: RefCell<Vec<Fault>>,
}

impl<'e> Judge<'e> {
    pub(super) fn new(text: &'e str, env: &'e dyn Environment, sinks: Sinks<'e>) -> Self {
        Self {
            text,
            env,
            sinks,
            faults: RefCell::default(),
        }
    }

    /// Notes a fault.
    pub(super) fn fault(&self, place: &str, at: Option<&At>, what: String, hint: Option<String>) {
        let (line, column) = at.map_or((None, None), |at| {
            let (line, column) = self.line_and_column(at.start);
            (Some(line), Some(column))
        });
        self.faults.borrow_mut().push(Fault {
            place: place.to_owned(),
            line,
            column,
            what,
            hint: hint.filter(|hint| !hint.is_empty()),
        });
    }

    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// All faults, in the order of the file.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| {
            (
                f.line.unwrap_or(usize::MAX),
                f.column.unwrap_or(usize::MAX),
                f.place.clone(),
            )
        });
        faults
    }
}
