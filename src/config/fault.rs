//! What is wrong with a config file: every fault with its place and a hint.

use std::fmt;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting: `sinks.orders.postgres.mode`. Empty where the text is no
    /// TOML, so that there are no settings yet.
    pub place: String,
    /// Its line in the file, from 1, where it has one.
    pub line: Option<usize>,
    /// Its column in characters, from 1, where it has one.
    pub column: Option<usize>,
    /// What is wrong. Never a value that came from the environment or a file.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    fn write(&self, file: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}:")?,
            (Some(file), None) => write!(f, "{file}:")?,
            (None, Some(line)) => write!(f, "line {line}:")?,
            (None, None) => {}
        }
        // Only a syntax error needs its column: a setting is found by its name.
        if let (true, Some(column)) = (self.place.is_empty(), self.column) {
            write!(f, "{column}:")?;
        }
        if !self.place.is_empty() {
            write!(f, " {}:", self.place)?;
        }
        write!(f, " {}", self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(None, f)
    }
}

/// All faults of a file, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file's name as the user gave it, where there is one.
    pub file: Option<String>,
    /// What is wrong.
    pub list: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fault.write(self.file.as_deref(), f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
