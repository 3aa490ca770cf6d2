//! What happens to commits, by a script: what no real database does on demand.

use plimsoll_protocol::{Class, classify};
use plimsoll_sink_api::{Cell, Rows, SinkError};

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is applied, and the answer is lost.
    AppliedAnswerLost,
    /// It is not applied, and the answer is lost.
    NotAppliedAnswerLost,
    /// Rolled back for another's sake.
    Deadlock,
    /// The table is not the one that the rows were made for.
    Altered,
    /// Before it, somebody else claims the partition.
    ClaimedByAnother,
    /// Before it, an operator sets the position back to zero, and the rows with
    /// it.
    SetToZero,
}

/// When the right to write rows lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shutting {
    /// Never.
    #[default]
    Never,
    /// Always.
    Always,
    /// At every other statement.
    ByTurns(bool),
    /// At half of all statements, from this seed on.
    AtRandom(u64),
}

impl Shutting {
    /// Whether it lacks for the next statement.
    pub(super) fn next(&mut self) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::ByTurns(shut) => {
                *shut = !*shut;
                *shut
            }
            Self::AtRandom(state) => {
                // xorshift64: as random as this has to be.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state >> 63 == 1
            }
        }
    }
}

pub(super) fn away() -> SinkError {
    SinkError::new(Class::Unavailable, "away")
}

pub(super) fn coded(code: &str, condition: &str) -> SinkError {
    let mut error = SinkError::new(classify(code), condition);
    error.detail.code = Some(code.to_owned());
    error
}

/// Rows whose first column is `bad` are refused, and where it is `odd`, too, with a
/// code that could mean the table; where it is `lone`, for want of another row.
pub(super) fn judge(rows: &Rows<'_>) -> Result<(), SinkError> {
    let any = |what: &str| {
        let mut rows = rows.iter();
        rows.any(|(_, cells)| matches!(cells.first(), Some(Cell::Text(t)) if *t == what))
    };
    if any("bad") {
        return Err(SinkError::new(Class::Rejected, "check_violation"));
    }
    if any("lone") {
        let mut error = SinkError::new(Class::Rejected, "foreign_key_violation");
        error.detail.between_rows = true;
        return Err(error);
    }
    match any("odd") {
        true => Err(coded("XX000", "internal_error")),
        false => Ok(()),
    }
}
