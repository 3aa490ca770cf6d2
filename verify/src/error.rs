//! Why a table could not be compared.

use crate::log::LogError;
use plimsoll_record::Unavailable;
use plimsoll_sink_api::SinkError;
use plimsoll_sink_api::snapshot::Stopped;
use std::io;

/// Kafka, the database or the disk fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The database.
    #[error("{0}")]
    Sink(#[from] SinkError),
    /// What reading the log's records needs.
    #[error("{0}")]
    Unavailable(#[from] Unavailable),
    /// A temporary file.
    #[error("a temporary file: {0}; hint: TMPDIR names another place for it")]
    Disk(#[from] io::Error),
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Sink(error) => Self::Sink(error),
            Stopped::Disk(error) => Self::Disk(error),
        }
    }
}
