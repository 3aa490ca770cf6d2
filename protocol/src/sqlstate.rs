//! What a database's error code means for a batch: a total function. No code that
//! nobody has thought of can lose or multiply a record: what is not named here is
//! a record's own only when others are taken meanwhile.

use crate::Class;

/// The SQLSTATE that the server-side fence raises.
pub const FENCED: &str = "PLM01";

/// What codes that begin so mean, and why. The longest beginning counts.
const KINDS: &[(&str, Class, &str)] = &[
    (FENCED, Class::Fenced, "the fence said no"),
    (
        "08",
        Class::Unavailable,
        "connection lost or refused, also a trigger's own",
    ),
    (
        "53",
        Class::Unavailable,
        "disk full, out of memory, too many connections",
    ),
    ("57", Class::Unavailable, "shutdown, start, cancel"),
    (
        "58",
        Class::Unavailable,
        "the system below: input and output",
    ),
    (
        "25006",
        Class::Unavailable,
        "read-only: a standby after a failover",
    ),
    (
        "25P03",
        Class::Unavailable,
        "a session that was stopped for long",
    ),
    (
        "25P04",
        Class::Unavailable,
        "a transaction that was stopped for long",
    ),
    (
        "26000",
        Class::Unavailable,
        "a prepared statement that a pooler lost",
    ),
    ("55P03", Class::Unavailable, "a lock not had in time"),
    (
        "HV00N",
        Class::Unavailable,
        "a foreign server, which a trigger writes to, is away",
    ),
    ("40", Class::Transient, "deadlock, serialization"),
    ("72", Class::Transient, "a snapshot too old"),
    ("22", Class::Rejected, "a value that does not fit"),
    ("23", Class::Rejected, "a constraint"),
    ("44", Class::Rejected, "a view's check option"),
    ("54", Class::Rejected, "a value or row beyond a limit"),
    ("P0001", Class::Rejected, "raised by a trigger"),
    (
        "25P",
        Class::Halt,
        "a session in disorder, whatever was in the batch",
    ),
    (
        "28",
        Class::Halt,
        "a login that the server no longer accepts",
    ),
    ("3D", Class::Halt, "a database that is gone"),
    (
        "55006",
        Class::Halt,
        "in use by somebody else, or by the statement itself",
    ),
    ("F0", Class::Halt, "the server's own files"),
    ("XX001", Class::Halt, "damaged data"),
    ("XX002", Class::Halt, "a damaged index"),
];

/// Classifies a five-character SQLSTATE.
#[must_use]
pub fn classify(sqlstate: &str) -> Class {
    let known = KINDS
        .iter()
        .filter(|(start, _, _)| sqlstate.starts_with(start))
        .max_by_key(|(start, _, _)| start.len());
    match known {
        Some((_, class, _)) => *class,
        // A right that lacks, a name, a cached plan, a function that refuses its
        // argument, whatever a trigger raises.
        None if sqlstate.len() == 5 && sqlstate.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Class::Suspect
        }
        None => Class::Halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_sqlstate_has_the_class_that_the_design_says() {
        let table = [
            (FENCED, Class::Fenced),
            ("08006", Class::Unavailable),
            ("53100", Class::Unavailable),
            ("57P01", Class::Unavailable),
            ("57014", Class::Unavailable),
            ("58030", Class::Unavailable),
            ("25006", Class::Unavailable),
            ("25P03", Class::Unavailable),
            ("25P04", Class::Unavailable),
            ("55P03", Class::Unavailable),
            ("26000", Class::Unavailable),
            ("HV00N", Class::Unavailable),
            ("40001", Class::Transient),
            ("40P01", Class::Transient),
            ("72000", Class::Transient),
            ("22P02", Class::Rejected),
            ("22001", Class::Rejected),
            ("23502", Class::Rejected),
            ("23505", Class::Rejected),
            ("23514", Class::Rejected),
            ("44000", Class::Rejected),
            ("54000", Class::Rejected),
            ("P0001", Class::Rejected),
            ("0A000", Class::Suspect),
            ("21000", Class::Suspect),
            ("2D000", Class::Suspect),
            ("42501", Class::Suspect),
            ("42601", Class::Suspect),
            ("42703", Class::Suspect),
            ("42P01", Class::Suspect),
            ("55000", Class::Suspect),
            ("HV000", Class::Suspect),
            ("P0002", Class::Suspect),
            ("P0004", Class::Suspect),
            ("XX000", Class::Suspect),
            ("MY123", Class::Suspect),
            ("25P01", Class::Halt),
            ("25P02", Class::Halt),
            ("28P01", Class::Halt),
            ("3D000", Class::Halt),
            ("55006", Class::Halt),
            ("F0000", Class::Halt),
            ("XX001", Class::Halt),
            ("XX002", Class::Halt),
            ("", Class::Halt),
            ("4250", Class::Halt),
        ];
        for (code, class) in table {
            assert_eq!(classify(code), class, "{code}");
        }
    }

    #[test]
    fn the_design_shows_this_very_list() {
        let made: Vec<String> = KINDS
            .iter()
            .map(|(start, class, why)| {
                let rest = if start.len() < 5 { "…" } else { "" };
                format!("| `{start}{rest}` | {} | {why} |", class.as_str())
            })
            .collect();
        let shown: Vec<&str> = include_str!("../../docs/DESIGN.md")
            .lines()
            .skip_while(|line| !line.starts_with("| SQLSTATE | class | why |"))
            .skip(2)
            .take_while(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(shown, made, "docs/DESIGN.md, what an error means");
    }

    proptest! {
        /// What nobody has thought of is no record's before others were asked.
        #[test]
        fn an_unknown_code_is_not_yet_a_records_own(code in "[A-Z0-9]{5}") {
            if !KINDS.iter().any(|(start, _, _)| code.starts_with(start)) {
                prop_assert_eq!(classify(&code), Class::Suspect);
            }
        }

        #[test]
        fn any_text_at_all_has_a_class(code in ".{0,8}") {
            prop_assert!(!classify(&code).as_str().is_empty());
        }
    }
}
