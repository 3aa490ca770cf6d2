//! What a database's error code means for a batch: a total function whose
//! default is to halt, so that no new code can lose or multiply a record.

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The fence said no. Nothing was written.
    Moved,
    /// Rolled back for another's sake (deadlock, serialization): the same batch
    /// again at once.
    Again,
    /// Away, full, starting, out of connections: wait, then judge by a claim.
    Away,
    /// Something in the records: bisect.
    Rejected,
    /// The catalogue changed under us: read it again once, then halt.
    Stale,
    /// None of these: stop before anything is lost.
    Halt,
}

impl Class {
    /// The word for logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Again => "again",
            Self::Away => "away",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Halt => "halt",
        }
    }
}

/// The SQLSTATE that the server-side fence raises.
pub const FENCED: &str = "PLM01";

/// Classifies a five-character SQLSTATE.
#[must_use]
pub fn classify(sqlstate: &str) -> Class {
    match sqlstate {
        FENCED => return Class::Moved,
        // A read-only server (a standby after a failover); a lock not had in
        // time; a prepared statement that a pooler lost.
        "25006" | "55P03" | "26000" => return Class::Away,
        // A cached plan that no longer fits its result.
        "0A000" => return Class::Stale,
        // Raised by a trigger of the user's: about this record.
        "P0001" => return Class::Rejected,
        _ => {}
    }
    match sqlstate.get(..2) {
        Some("08" | "53" | "57" | "58") => Class::Away,
        Some("40") => Class::Again,
        Some("22" | "23" | "44" | "54") => Class::Rejected,
        Some("42") => Class::Stale,
        _ => Class::Halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_sqlstate_has_the_class_that_the_design_says() {
        let table = [
            (FENCED, Class::Moved),
            ("08006", Class::Away),
            ("53100", Class::Away),
            ("57P01", Class::Away),
            ("57014", Class::Away),
            ("58030", Class::Away),
            ("25006", Class::Away),
            ("55P03", Class::Away),
            ("26000", Class::Away),
            ("40001", Class::Again),
            ("40P01", Class::Again),
            ("22P02", Class::Rejected),
            ("22001", Class::Rejected),
            ("23502", Class::Rejected),
            ("23505", Class::Rejected),
            ("23514", Class::Rejected),
            ("44000", Class::Rejected),
            ("54000", Class::Rejected),
            ("P0001", Class::Rejected),
            ("0A000", Class::Stale),
            ("42P01", Class::Stale),
            ("42703", Class::Stale),
            ("42501", Class::Stale),
            ("21000", Class::Halt),
            ("XX000", Class::Halt),
            ("25P02", Class::Halt),
            ("P0002", Class::Halt),
            ("28P01", Class::Halt),
            ("", Class::Halt),
        ];
        for (code, class) in table {
            assert_eq!(classify(code), class, "{code}");
        }
    }

    #[test]
    fn each_class_has_its_word() {
        let words = [
            (Class::Moved, "moved"),
            (Class::Again, "again"),
            (Class::Away, "away"),
            (Class::Rejected, "rejected"),
            (Class::Stale, "stale"),
            (Class::Halt, "halt"),
        ];
        for (class, word) in words {
            assert_eq!(class.as_str(), word);
        }
    }

    proptest! {
        /// What nobody has thought of stops: it neither drops nor repeats.
        #[test]
        fn an_unknown_class_of_errors_halts(code in "[A-Z0-9]{5}") {
            let known = ["08", "53", "57", "58", "40", "22", "23", "44", "54", "42"];
            let single = [FENCED, "25006", "55P03", "26000", "0A000", "P0001"];
            if !known.contains(&&code[..2]) && !single.contains(&code.as_str()) {
                prop_assert_eq!(classify(&code), Class::Halt);
            }
        }

        #[test]
        fn any_text_at_all_has_a_class(code in ".{0,8}") {
            prop_assert!(!classify(&code).as_str().is_empty());
        }
    }
}
