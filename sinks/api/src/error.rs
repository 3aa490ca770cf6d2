//! What a sink says when something went wrong.

use crate::TableChange;
use plimsoll_protocol::Class;
use std::fmt;

/// Text that may hold values of a record: its `Debug` and `Display` hide it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the dead-letter table alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// The facts of an error that may be logged, and the text that may not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// The SQLSTATE, or the database's own code.
    pub code: Option<String>,
    /// What is wrong, in words that hold no value of any record:
    /// `not_null_violation`, `connection refused`.
    pub condition: String,
    /// The database's own words, where they hold no value of any record either.
    pub said: Option<String>,
    /// The table concerned.
    pub table: Option<String>,
    /// The column concerned.
    pub column: Option<String>,
    /// The constraint concerned.
    pub constraint: Option<String>,
    /// Whether the call waited for a lock that somebody else holds: the database
    /// itself is there.
    pub blocked: bool,
    /// Whether a constraint between rows refused it (unique, foreign key): it may be taken
    /// once other rows have changed.
    pub between_rows: bool,
    /// The topic's table is not there.
    pub no_table: bool,
    /// It is not there because no table can be called as a record asks for.
    pub bad_name: bool,
    /// No partition of the table takes a row.
    pub no_partition: bool,
    /// What the config lets be done to the table, so that it takes the batch.
    pub lacks: Option<TableChange>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The server's own message.
    pub text: Secret,
}

/// An error, sorted by what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SinkError {
    /// What to do.
    pub class: Class,
    /// What happened. Boxed: the way without errors is the hot one.
    pub detail: Box<Detail>,
}

impl SinkError {
    /// An error of a class, with words that hold no value of any record.
    #[must_use]
    pub fn new(class: Class, condition: impl Into<String>) -> Self {
        Self {
            class,
            detail: Box::new(Detail {
                condition: condition.into(),
                ..Detail::default()
            }),
        }
    }

    /// The same with a hint for the operator.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.detail;
        f.write_str(&d.condition)?;
        if let Some(code) = &d.code {
            // SQLSTATEs have five characters; SQLite's names are longer.
            match code.len() {
                5 => write!(f, " (SQLSTATE {code})")?,
                _ => write!(f, " ({code})")?,
            }
        }
        if let Some(said) = &d.said {
            write!(f, ": {said}")?;
        }
        for (what, name) in [
            ("table", &d.table),
            ("column", &d.column),
            ("constraint", &d.constraint),
        ] {
            if let Some(name) = name {
                write!(f, ", {what} \"{name}\"")?;
            }
        }
        if let Some(hint) = &d.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}
