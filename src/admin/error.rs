//! Why a command could not do what it was asked.

use crate::config::Faults;
use crate::error::KafkaFault;
use crate::exit::Exit;
use plimsoll_protocol::Class;
use plimsoll_record::Unavailable;
use plimsoll_sink_api::SinkError;
use std::io;

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The config is wrong.
    #[error("{0}")]
    Config(Faults),
    /// Kafka did not answer, or not as it should.
    #[error("{0}; hint: {hint}", hint = .0.hint())]
    Kafka(#[from] KafkaFault),
    /// A sink's database did not do what was asked.
    #[error("sinks.{sink}: {error}")]
    Sink {
        /// The sink.
        sink: String,
        /// What it said.
        error: SinkError,
    },
    /// What reading records needs cannot be had.
    #[error("{0}")]
    Unavailable(#[from] Unavailable),
    /// The service on this machine does not answer.
    #[error("{url}: {why}; hint: is it running, with this config?")]
    Silent {
        /// What was asked.
        url: String,
        /// What the system said.
        why: io::Error,
    },
    /// Plimsoll itself refuses.
    #[error("{0}")]
    Refused(String),
    /// The system refuses what every process needs.
    #[error("{0}")]
    System(String),
    /// Nobody takes the output.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl AdminError {
    /// What a sink said.
    pub fn sink(sink: &str) -> impl FnOnce(SinkError) -> Self {
        let sink = sink.to_owned();
        |error| Self::Sink { sink, error }
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Config,
            Self::Kafka(_) | Self::Silent { .. } => Exit::Unreachable,
            Self::Unavailable(unavailable) => match unavailable.class {
                Class::Unavailable => Exit::Unreachable,
                _ => Exit::Refused,
            },
            Self::Sink { error, .. } => match error.class {
                Class::Unavailable | Class::Transient | Class::Fenced => Exit::Unreachable,
                Class::Rejected | Class::Suspect | Class::Stale | Class::Halt => Exit::Refused,
            },
            Self::Refused(_) => Exit::Refused,
            Self::System(_) | Self::Output(_) => Exit::System,
        }
    }
}
