//! What all instances of a sink share beside its positions: what is wanted of the sink,
//! and what each of them says of itself. It stands in the sink's own database, so that
//! every instance gives the same answer, and a command reaches all of them.

use crate::{Member, Positions, SinkError};
use plimsoll_protocol::TopicPartition;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// How a sink is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SinkState {
    /// It moves records.
    #[default]
    Running,
    /// It keeps its place in the group and its claims, and fetches nothing.
    Paused,
    /// It has given back its claims and left the group.
    Stopped,
}

impl SinkState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Paused, Self::Stopped];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }

    /// What [`SinkState::as_str`] made.
    ///
    /// # Errors
    /// Another word: a newer version's, or somebody's.
    pub fn read(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for SinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word in the shared state that this version does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" in the shared state is not a word of this version")]
pub struct UnknownWord(pub String);

/// What an operator can ask of a running sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Move records again.
    Resume,
    /// See [`SinkState::Paused`].
    Pause,
    /// See [`SinkState::Stopped`].
    Stop,
    /// Begin every partition anew at its stored position.
    Restart,
    /// Try halted partitions at once.
    Retry,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Resume,
        Self::Pause,
        Self::Stop,
        Self::Restart,
        Self::Retry,
    ];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Retry => "retry",
        }
    }

    /// What [`Verb::as_str`] made.
    ///
    /// # Errors
    /// Another word.
    pub fn read(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|verb| verb.as_str() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }

    /// The state that it asks for; `None`: it happens once.
    #[must_use]
    pub const fn state(self) -> Option<SinkState> {
        match self {
            Self::Resume => Some(SinkState::Running),
            Self::Pause => Some(SinkState::Paused),
            Self::Stop => Some(SinkState::Stopped),
            Self::Restart | Self::Retry => None,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wanted of a sink now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The state of the last command that asked for one.
    pub state: SinkState,
    /// The number of the last command; zero: there was none.
    pub seq: i64,
}

/// A command to all instances of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// What is asked.
    pub verb: Verb,
    /// Of one partition only: with [`Verb::Restart`] and [`Verb::Retry`].
    pub tp: Option<TopicPartition>,
    /// Who asks, for people.
    pub by: String,
}

/// A command that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Counted from 1 for each sink, without a gap, in the order in which they took effect.
    pub seq: i64,
    /// What was asked.
    pub command: NewCommand,
    /// Since then, by the database's clock.
    pub age: Duration,
}

/// What an instance said of itself last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Its readable name, as in [`Member`].
    pub name: String,
    /// What it said; the database does not look into it.
    pub report: String,
    /// Since its last sign of life, by the database's clock.
    pub age: Duration,
}

/// How many commands are handed out at most: far more than people give within the time
/// that an instance takes to hear of them.
pub const MOST_COMMANDS: usize = 1_000;

/// After this long without a sign of life nobody waits for an instance any more, and its
/// report may go: far longer than a process can stand still and go on.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What a database keeps for the instances of a sink to share.
pub trait Shared: Positions {
    /// A sign of life of an instance, with what it says of itself. Answers what is wanted
    /// of the sink. It takes no lock that a commit or a claim could wait for.
    fn report(
        &self,
        member: &Member,
        report: &str,
    ) -> impl Future<Output = Result<Wanted, SinkError>> + Send;

    /// An instance ends: its report is not shown any more.
    fn farewell(&self, member: &Member) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// What is wanted of the sink. Writes nothing.
    fn wanted(&self) -> impl Future<Output = Result<Wanted, SinkError>> + Send;

    /// What all instances said last, by their names, but for those that have ended or were
    /// silent for [`FORGOTTEN_AFTER`].
    fn reports(&self) -> impl Future<Output = Result<Vec<Reported>, SinkError>> + Send;

    /// Gives a command. It and the state that it asks for are written in one act.
    fn command(
        &self,
        command: &NewCommand,
    ) -> impl Future<Output = Result<Wanted, SinkError>> + Send;

    /// The commands after a number, in their order: the last [`MOST_COMMANDS`] of them.
    fn commands(&self, after: i64) -> impl Future<Output = Result<Vec<Command>, SinkError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written_and_no_others() {
        for state in SinkState::ALL {
            assert_eq!(SinkState::read(state.as_str()), Ok(state));
        }
        for verb in Verb::ALL {
            assert_eq!(Verb::read(verb.as_str()), Ok(verb));
        }
        for word in ["", "Running", "resume"] {
            assert!(SinkState::read(word).is_err(), "{word}");
        }
        assert_eq!(Verb::read("go"), Err(UnknownWord("go".to_owned())));
    }

    #[test]
    fn each_state_has_the_verb_that_asks_for_it() {
        let asked: Vec<SinkState> = Verb::ALL.into_iter().filter_map(Verb::state).collect();
        for state in SinkState::ALL {
            assert_eq!(asked.iter().filter(|s| **s == state).count(), 1, "{state}");
        }
    }
}
