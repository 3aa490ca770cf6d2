//! What is done about an error of a question to the database that is no commit. Of
//! commits the liveness table tells ([`crate::next_step`]).

use crate::Class;

/// What the database was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// To migrate its state.
    Migration,
    /// To write the starts of partitions.
    Starts,
    /// For the claim of a partition.
    Claim,
    /// For a claim that resolves a commit whose answer was lost.
    Resolving,
    /// To remember the id of a topic that was claimed.
    TopicId,
    /// For a table.
    Table,
    /// To make a table, or to add columns to it.
    Change,
    /// Whether it takes a record, which is compared with others.
    Comparison,
    /// Whether it takes the records of a sample.
    Sample,
    /// To write a dead letter's row after all.
    Replay,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// Nothing is known: the same is asked again, after a while.
    AskAgain,
    /// Somebody else was faster: what the question was made of is looked at again.
    LookAgain,
    /// What a claim stands on is gone: it is settled anew, after a while.
    Settle,
    /// The partition begins again at the stored position.
    Restart,
    /// It is an answer: what was to be written is not taken.
    Refused,
    /// It is an operator's matter.
    Halt,
}

/// Total over its inputs.
#[must_use]
pub const fn then(question: Question, class: Class) -> Then {
    use Class::{Fenced, Halt, Rejected, Stale, Suspect, Transient, Unavailable};
    match (question, class) {
        // All or none: another process has settled the topic since it was looked up.
        (Question::Starts, Fenced) => Then::LookAgain,
        // Only who has the claim changes the table.
        (Question::Change, Fenced) => Then::Restart,
        // The position moved on, or the letter is gone.
        (Question::Replay, Fenced | Transient) => Then::LookAgain,
        // A command does not wait.
        (Question::Replay, Unavailable) | (Question::Sample, Fenced | Transient | Unavailable) => {
            Then::Halt
        }
        (
            Question::Migration
            | Question::Starts
            | Question::Claim
            | Question::Resolving
            | Question::TopicId
            | Question::Table
            | Question::Comparison,
            Fenced | Transient | Unavailable,
        )
        | (Question::Change, Transient | Unavailable) => Then::AskAgain,

        // Nothing was to be written but the record: whatever is said is said of it, or
        // of the table, which the comparison tells.
        (Question::Comparison, Rejected | Suspect | Stale | Halt) => Then::Refused,
        (Question::Sample | Question::Replay, Rejected | Suspect) => Then::Refused,

        // The row or its table is missing.
        (Question::Starts | Question::Claim, Stale) => Then::Settle,
        // The claim of a restart settles it.
        (Question::Resolving, Stale) => Then::Restart,
        // The next claim meets it.
        (Question::TopicId, Stale) => Then::AskAgain,

        (
            Question::Migration
            | Question::Starts
            | Question::Claim
            | Question::Resolving
            | Question::TopicId
            | Question::Table,
            Rejected | Suspect | Halt,
        )
        | (Question::Migration | Question::Table, Stale)
        | (Question::Change, Rejected | Suspect | Stale | Halt)
        | (Question::Sample | Question::Replay, Stale | Halt) => Then::Halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Class; 7] = [
        Class::Fenced,
        Class::Transient,
        Class::Unavailable,
        Class::Rejected,
        Class::Suspect,
        Class::Stale,
        Class::Halt,
    ];

    const QUESTIONS: [(&str, Question); 10] = [
        ("to migrate", Question::Migration),
        ("to write starts", Question::Starts),
        ("for a claim", Question::Claim),
        ("for a claim that resolves", Question::Resolving),
        ("to remember a topic's id", Question::TopicId),
        ("for a table", Question::Table),
        ("to change a table", Question::Change),
        ("to compare a record", Question::Comparison),
        ("to try a sample", Question::Sample),
        ("to replay a dead letter", Question::Replay),
    ];

    #[test]
    fn the_design_shows_this_very_table() {
        let word = |then| match then {
            Then::AskAgain => "ask again",
            Then::LookAgain => "look again",
            Then::Settle => "settle",
            Then::Restart => "restart",
            Then::Refused => "refused",
            Then::Halt => "halt",
        };
        let made: Vec<String> = QUESTIONS
            .iter()
            .map(|(name, question)| {
                let cells = CLASSES.map(|class| word(then(*question, class)));
                format!("| {name} | {} |", cells.join(" | "))
            })
            .collect();
        let shown: Vec<&str> = include_str!("../../docs/DESIGN.md")
            .lines()
            .skip_while(|line| !line.starts_with("| what was asked | fenced |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(shown, made, "docs/DESIGN.md, other questions");
    }

    #[test]
    fn invariant_5_an_outage_halts_nothing_that_runs() {
        for (name, question) in QUESTIONS {
            if matches!(question, Question::Sample | Question::Replay) {
                continue;
            }
            for class in [Class::Fenced, Class::Transient, Class::Unavailable] {
                let then = then(question, class);
                assert!(
                    matches!(then, Then::AskAgain | Then::LookAgain | Then::Restart),
                    "{name}, {class:?}: {then:?}"
                );
            }
        }
    }

    #[test]
    fn no_record_is_refused_for_what_passes() {
        for (name, question) in QUESTIONS {
            for class in [Class::Fenced, Class::Transient, Class::Unavailable] {
                assert_ne!(then(question, class), Then::Refused, "{name}, {class:?}");
            }
        }
    }
}
