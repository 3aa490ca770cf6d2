//! The lives of a source: claim, stream, end, and again.

mod adopt;
mod claim;
mod collect;
mod stream;

pub use adopt::adopt;

use crate::halt::Halt;
use crate::kafka::Fault;
use crate::settings::{Kafka, SourceSettings};
use crate::watch::{Side, Watch};
use plimsoll_protocol::source::Lsn;
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

/// The pause after what passes by itself, doubled each time.
const SHORTEST: Duration = Duration::from_millis(100);
/// And never longer than this.
const LONGEST: Duration = Duration::from_secs(5);
/// A standby looks again this often: so long, at most, nobody sends after a kill.
const STANDBY: Duration = Duration::from_secs(1);
/// What an operator has to mend is looked at again this often.
const HALTED: Duration = Duration::from_secs(60);

/// How a life ends.
#[derive(Debug)]
pub(crate) enum End {
    /// As asked.
    Stopped,
    /// Another life has to begin, at once.
    Again,
    /// Another process sends.
    Standby(String),
    /// A newer producer has this one's place.
    Fenced,
    /// An operator has to act.
    Halt(Halt),
    /// The same, for a row of the transaction whose commit stands there.
    BadRow(Halt, Lsn),
    /// Something does not answer; it is tried again.
    Away(Side, String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Again => f.write_str("somebody else makes the slot at this moment"),
            Self::Fenced => f.write_str("a newer producer has its place"),
            Self::Standby(why) | Self::Away(_, why) => f.write_str(why),
            Self::Halt(halt) | Self::BadRow(halt, _) => halt.fmt(f),
        }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Fenced => Self::Fenced,
            Fault::Halt(halt) => Self::Halt(halt),
            Fault::Away(what) => Self::Away(Side::Kafka, what),
        }
    }
}

/// Ends a source.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// It sends what it has of whole transactions, and ends.
    pub fn stop(&self) {
        // Nobody hears it where the source has ended.
        let _ = self.0.send(true);
    }
}

/// A handle, and what hears it.
#[must_use]
pub fn stop() -> (Stop, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), receiver)
}

/// What all lives of a source share.
pub(crate) struct Source<'w> {
    pub(crate) settings: SourceSettings,
    pub(crate) kafka: Kafka,
    pub(crate) watch: &'w dyn Watch,
}

/// Runs a source until it is stopped. The thread is its own: it blocks.
pub async fn run(
    settings: SourceSettings,
    kafka: Kafka,
    watch: &dyn Watch,
    mut stopping: watch::Receiver<bool>,
) {
    let source = Source {
        settings,
        kafka,
        watch,
    };
    let mut pause = SHORTEST;
    // The commit of a bad row: up to there each transaction goes alone, so that those
    // before it are sent although it is not.
    let mut careful: Option<Lsn> = None;
    while !*stopping.borrow() {
        let (end, lived) = live(&source, &mut stopping, careful).await;
        if lived {
            pause = SHORTEST;
        }
        let name = &source.settings.name;
        let wait = match end {
            End::Stopped => break,
            End::Again => SHORTEST,
            End::BadRow(_, commit) if careful.is_none_or(|known| known < commit) => {
                careful = Some(commit);
                Duration::ZERO
            }
            End::Halt(halt) | End::BadRow(halt, _) => {
                error!(source = name, "halted: {halt}");
                watch.halted(&halt);
                HALTED
            }
            End::Standby(why) => {
                debug!(source = name, "standby: {why}");
                watch.standby(&why);
                STANDBY
            }
            End::Fenced => {
                info!(source = name, "fenced: a newer producer has its place");
                watch.fenced();
                SHORTEST
            }
            End::Away(side, what) => {
                warn!(source = name, "{what}");
                watch.trouble(side, &what);
                pause = (pause * 2).min(LONGEST);
                pause
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
}

/// One life; whether it came to stream.
async fn live(
    source: &Source<'_>,
    stopping: &mut watch::Receiver<bool>,
    careful: Option<Lsn>,
) -> (End, bool) {
    let claimed = tokio::select! {
        claimed = claim::claim(source) => claimed,
        _ = stopping.wait_for(|stop| *stop) => return (End::Stopped, false),
    };
    match claimed {
        Ok(claimed) => {
            info!(
                source = source.settings.name,
                "sends from {} on, event {}",
                claimed.position.next_lsn,
                claimed.position.seq + 1
            );
            source.watch.live(&claimed.position);
            let stream = stream::Stream::new(source, claimed, careful);
            (stream.run(stopping).await, true)
        }
        Err(end) => (end, false),
    }
}
