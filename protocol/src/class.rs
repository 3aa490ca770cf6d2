//! What an error of a database means for a batch.

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Another owner has the partition: the fence said no, and nothing was written.
    Fenced,
    /// Rolled back for another's sake (deadlock, serialization): the same batch
    /// again at once.
    Transient,
    /// The database does not answer, is full, starts, has no connection left: wait, then
    /// look at the position by a claim.
    Unavailable,
    /// Something in the records: bisect.
    Rejected,
    /// Of the records or of the table, the code does not tell: bisect, and compare
    /// what is left with its neighbours.
    Suspect,
    /// The table is not the one that the statement was made for: read the
    /// catalogue again once, then halt.
    Stale,
    /// None of these: stop before anything is lost.
    Halt,
}

impl Class {
    /// The word for logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Transient => "transient",
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::Suspect => "suspect",
            Self::Stale => "stale",
            Self::Halt => "halt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_word() {
        let words = [
            (Class::Fenced, "fenced"),
            (Class::Transient, "transient"),
            (Class::Unavailable, "unavailable"),
            (Class::Rejected, "rejected"),
            (Class::Suspect, "suspect"),
            (Class::Stale, "stale"),
            (Class::Halt, "halt"),
        ];
        for (class, word) in words {
            assert_eq!(class.as_str(), word);
        }
    }
}
