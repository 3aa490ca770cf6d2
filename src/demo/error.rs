//! Why the demo could not be played to its end.

use crate::exit::Exit;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error("{}: {error}; hint: --dir names a folder that may be written to", path.display())]
    Dir { path: PathBuf, error: io::Error },
    #[error("{}: there is a demo in this folder already; hint: --dir names another", .0.display())]
    Occupied(PathBuf),
    #[error("the writer cannot be handled: {0}")]
    Start(io::Error),
    #[error("this process cannot do what a demo needs: {0}")]
    System(io::Error),
    #[error("the Kafka inside the process: {0}")]
    Broker(#[from] rdkafka::error::KafkaError),
    #[error("the Kafka inside the process: {0}")]
    Delivery(String),
    #[error("the SQLite file: {0}")]
    File(#[from] sqlx::Error),
    #[error("the writer ended by itself: {status}\n{tail}")]
    Died { status: ExitStatus, tail: String },
    #[error("the writer did not drain in time\n{tail}")]
    NoDrain { tail: String },
    #[error("no position moved for {seconds} s\n{tail}")]
    Stuck { seconds: u64, tail: String },
    #[error("{sink}, partition {partition}: the position went back from {from} to {to}")]
    WentBack {
        sink: &'static str,
        partition: usize,
        from: i64,
        to: i64,
    },
    #[error("interrupted")]
    Interrupted,
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl DemoError {
    /// The process's exit code: 1 where plimsoll did not keep its promise.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Dir { .. }
            | Self::Occupied(_)
            | Self::System(_)
            | Self::Start(_)
            | Self::Output(_) => Exit::System,
            Self::Broker(_)
            | Self::Delivery(_)
            | Self::File(_)
            | Self::Died { .. }
            | Self::NoDrain { .. }
            | Self::Stuck { .. }
            | Self::WentBack { .. }
            | Self::Interrupted => Exit::Failed,
        }
    }
}
