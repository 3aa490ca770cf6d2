//! The server's own words, where they hold no value of a record.
//!
//! A message may quote what it refuses: `relation "…" does not exist` is about a
//! table that a statement names, or about a text on its way into a `regclass`. So
//! not the code decides but where in the server's source it was raised; and nothing
//! that a function raises is shown, for there a value may become a name.

use sqlx::postgres::PgDatabaseError;

/// Raised by rights and policies: they name objects, also within a trigger.
const OF_RIGHTS: [&str; 3] = [
    "aclcheck_error",
    "aclcheck_error_col",
    "ExecWithCheckOptions",
];

/// Raised while a statement is read, planned, or taken from a session's cache: they
/// name what the statement names, and plimsoll's hold no value.
const OF_STATEMENTS: [&str; 12] = [
    "CopyGetAttnums",
    "ParseFuncOrColumn",
    "RevalidateCachedQuery",
    "checkInsertTargets",
    "errorMissingColumn",
    "errorMissingRTE",
    "infer_arbiter_indexes",
    "op_error",
    "parserOpenTable",
    "rewriteTargetListIU",
    "transformAssignedExpr",
    "transformOnConflictArbiter",
];

/// What these codes begin with is about the server, the session or the disk.
const OF_SERVER: [&str; 15] = [
    "08", "25", "26", "28", "3D", "40", "53", "55", "57", "58", "72", "F0", "XX001", "XX002",
    "HV00N",
];

/// In one line; `None`: they may hold a value.
pub(crate) fn shown(e: &PgDatabaseError) -> Option<String> {
    let within = e.r#where().is_some();
    harmless(e.code(), e.routine(), within).then(|| line(e.message()))
}

fn harmless(code: &str, routine: Option<&str>, within_a_function: bool) -> bool {
    let routine = routine.unwrap_or_default();
    if within_a_function {
        return code == "42501" && OF_RIGHTS.contains(&routine);
    }
    OF_RIGHTS.contains(&routine)
        || OF_STATEMENTS.contains(&routine)
        || OF_SERVER.iter().any(|start| code.starts_with(start))
}

/// Names may hold anything, ends of lines too.
fn line(message: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    message.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_objects_or_the_server_is_shown() {
        for (code, routine, within, shown) in [
            ("42501", "aclcheck_error", false, true),
            ("42501", "aclcheck_error", true, true),
            ("42501", "ExecWithCheckOptions", false, true),
            ("42501", "exec_stmt_raise", true, false),
            ("42P01", "parserOpenTable", false, true),
            // A trigger's EXECUTE.
            ("42P01", "parserOpenTable", true, false),
            // A text that was to become a regclass.
            ("42P01", "RangeVarGetRelidExtended", false, false),
            ("42601", "gettoken_tsvector", false, false),
            ("42703", "checkInsertTargets", false, true),
            ("0A000", "RevalidateCachedQuery", false, true),
            ("0A000", "timestamp_part_common", false, false),
            ("XX000", "hstore_in", false, false),
            ("XX001", "PageIsVerifiedExtended", false, true),
            ("53100", "mdextend", false, true),
            ("53100", "exec_stmt_raise", true, false),
            ("22P02", "pg_strtoint32", false, false),
            ("23505", "_bt_check_unique", false, false),
            ("23514", "ExecConstraints", false, false),
        ] {
            assert_eq!(
                harmless(code, Some(routine), within),
                shown,
                "{code} {routine}"
            );
        }
        assert!(!harmless("42P01", None, false));
    }

    #[test]
    fn words_stand_in_one_line() {
        assert_eq!(line("table \"a\nb\""), "table \"a b\"");
    }
}
