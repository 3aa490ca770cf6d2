//! Where `${VAR}` and `${file:PATH}` get their values from.

use std::fs::File;
use std::io::{self, Read};

/// No config and no secret is larger; a slip such as `${file:/dev/zero}` must
/// end.
const FILE_LIMIT: u64 = 1 << 20;

/// The world outside the config's text: all of it that a config can see.
pub trait Environment {
    /// The value of an environment variable.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// Whatever keeps the file from being read as text.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

impl Environment for Process {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?
            .take(FILE_LIMIT + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > FILE_LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than 1 MiB",
            ));
        }
        Ok(text)
    }
}
