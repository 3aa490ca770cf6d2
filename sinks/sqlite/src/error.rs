//! SQLite's errors, sorted by what to do about them.

use plimsoll_protocol::Class;
use plimsoll_sink_api::{Detail, Secret, SinkError};
use sqlx::error::DatabaseError;

// Primary result codes: <https://www.sqlite.org/rescode.html>.
const ERROR: i64 = 1;
const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const NOMEM: i64 = 7;
const READONLY: i64 = 8;
const INTERRUPT: i64 = 9;
const IOERR: i64 = 10;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const CANTOPEN: i64 = 14;
const PROTOCOL: i64 = 15;
const SCHEMA: i64 = 17;
const TOOBIG: i64 = 18;
const CONSTRAINT: i64 = 19;
const MISMATCH: i64 = 20;
const NOTADB: i64 = 26;

/// FOREIGNKEY, PRIMARYKEY, UNIQUE, ROWID. An upsert may go by another key than the primary
/// one.
const BETWEEN_ROWS: [i64; 4] = [
    CONSTRAINT | 3 << 8,
    CONSTRAINT | 6 << 8,
    CONSTRAINT | 8 << 8,
    CONSTRAINT | 10 << 8,
];

/// The low byte of an extended code is the primary one.
const PRIMARY: i64 = 0xff;

/// What an error of SQLite means: total, its default is to halt.
#[must_use]
pub fn classify(code: i64, message: &str) -> Class {
    match code & PRIMARY {
        // Somebody else writes, the disk is full or gone, the file is not
        // there yet or may not be written to: it passes, or somebody mends it.
        BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | FULL | CANTOPEN | PROTOCOL => {
            Class::Unavailable
        }
        TOOBIG | CONSTRAINT | MISMATCH => Class::Rejected,
        SCHEMA => Class::Stale,
        ERROR if is_about_the_catalogue(message) => Class::Stale,
        // From json functions in a CHECK, a generated column or an index.
        ERROR if message == "malformed JSON" => Class::Rejected,
        // A function that refuses its argument in one of these or in a trigger, or
        // whatever else SQLite has no code for: for one record, or for all.
        ERROR => Class::Suspect,
        _ => Class::Halt,
    }
}

fn is_about_the_catalogue(message: &str) -> bool {
    [
        "no such table: ",
        "no such column: ",
        "ON CONFLICT clause does not match ",
    ]
    .iter()
    .any(|start| message.starts_with(start))
        || message.contains(" has no column named ")
        || message.starts_with("cannot INSERT into generated column ")
}

/// What SQLite says when it reads a statement. Other texts of this code come
/// from functions that have seen values, and stay hidden.
fn is_about_the_statement(message: &str) -> bool {
    [
        "near \"",
        "no such ",
        "cannot ",
        "table ",
        "unrecognized token",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

/// The name of an extended code and the word for it.
fn name(code: i64) -> (&'static str, &'static str) {
    match (code & PRIMARY, code >> 8) {
        (BUSY, _) => ("SQLITE_BUSY", "database_is_locked"),
        (LOCKED, _) => ("SQLITE_LOCKED", "table_is_locked"),
        (NOMEM, _) => ("SQLITE_NOMEM", "out_of_memory"),
        (READONLY, _) => ("SQLITE_READONLY", "read_only_database"),
        (INTERRUPT, _) => ("SQLITE_INTERRUPT", "interrupted"),
        (IOERR, _) => ("SQLITE_IOERR", "io_error"),
        (CORRUPT, _) => ("SQLITE_CORRUPT", "data_corrupted"),
        (FULL, _) => ("SQLITE_FULL", "disk_full"),
        (CANTOPEN, _) => ("SQLITE_CANTOPEN", "cannot_open_database_file"),
        (PROTOCOL, _) => ("SQLITE_PROTOCOL", "locking_protocol"),
        (SCHEMA, _) => ("SQLITE_SCHEMA", "schema_changed"),
        (TOOBIG, _) => ("SQLITE_TOOBIG", "value_too_big"),
        (CONSTRAINT, 1) => ("SQLITE_CONSTRAINT_CHECK", "check_violation"),
        (CONSTRAINT, 3) => ("SQLITE_CONSTRAINT_FOREIGNKEY", "foreign_key_violation"),
        (CONSTRAINT, 5) => ("SQLITE_CONSTRAINT_NOTNULL", "not_null_violation"),
        (CONSTRAINT, 6) => ("SQLITE_CONSTRAINT_PRIMARYKEY", "unique_violation"),
        (CONSTRAINT, 7) => ("SQLITE_CONSTRAINT_TRIGGER", "raised_by_trigger"),
        (CONSTRAINT, 8) => ("SQLITE_CONSTRAINT_UNIQUE", "unique_violation"),
        (CONSTRAINT, 10) => ("SQLITE_CONSTRAINT_ROWID", "unique_violation"),
        (CONSTRAINT, 12) => ("SQLITE_CONSTRAINT_DATATYPE", "datatype_mismatch"),
        (CONSTRAINT, _) => ("SQLITE_CONSTRAINT", "constraint_violation"),
        (MISMATCH, _) => ("SQLITE_MISMATCH", "datatype_mismatch"),
        (NOTADB, _) => ("SQLITE_NOTADB", "not_a_database"),
        (ERROR, _) => ("SQLITE_ERROR", "sql_error"),
        _ => ("SQLITE", "database_error"),
    }
}

fn hint(code: i64) -> Option<&'static str> {
    match code & PRIMARY {
        BUSY => Some("another process holds the write lock; it is tried again"),
        CANTOPEN => Some(
            "does the folder exist, and may this user write to it? \"plimsoll migrate\" makes the file",
        ),
        READONLY => Some("may this user write to the file and to its folder?"),
        FULL => Some("make room on the disk; it is tried again"),
        CORRUPT => {
            Some("PRAGMA integrity_check says what is broken; restore the file from a backup")
        }
        NOTADB => Some("the path names a file that is not a SQLite database"),
        _ => None,
    }
}

/// What a constraint's message names. It is written by SQLite from the schema
/// alone: `NOT NULL constraint failed: orders.id`, `UNIQUE constraint failed:
/// orders.a, orders.b`, `cannot store TEXT value in INTEGER column orders.id`.
fn named(message: &str, detail: &mut Detail) {
    let column_of = |name: &str| name.rsplit_once('.').map(|(_, column)| column.to_owned());
    if let Some((_, name)) = message.split_once("NOT NULL constraint failed: ") {
        detail.column = column_of(name);
    } else if let Some((_, names)) = message.split_once("UNIQUE constraint failed: ") {
        match names.contains(", ") {
            false => detail.column = column_of(names),
            true => detail.constraint = Some(names.to_owned()),
        }
    } else if let Some((_, name)) = message.split_once("CHECK constraint failed: ") {
        detail.constraint = Some(name.to_owned());
    } else if message.starts_with("cannot store ")
        && let Some((_, name)) = message.split_once(" column ")
    {
        detail.column = column_of(name);
    }
}

fn from_database(error: &dyn DatabaseError) -> SinkError {
    // sqlx gives the extended code as text; one that is no number halts.
    let code = error
        .code()
        .and_then(|c| c.parse::<i64>().ok())
        .unwrap_or(-1);
    let message = error.message();
    let (name, condition) = name(code);
    let class = classify(code, message);
    let mut detail = Detail {
        code: Some(name.to_owned()),
        condition: condition.to_owned(),
        hint: hint(code).map(str::to_owned),
        between_rows: BETWEEN_ROWS.contains(&code),
        text: Secret::new(message),
        ..Detail::default()
    };
    if code & PRIMARY == CONSTRAINT {
        named(message, &mut detail);
    }
    if class == Class::Stale || (code & PRIMARY == ERROR && is_about_the_statement(message)) {
        // From the statement and the schema: no record's value is in it.
        message.clone_into(&mut detail.condition);
    }
    let mut error = SinkError {
        class,
        detail: Box::new(detail),
    };
    if message.starts_with("no such table: plimsoll_") {
        error.class = Class::Halt;
        error =
            error.hint("\"plimsoll migrate\" makes plimsoll's own tables; so does auto_migrate");
    }
    error
}

/// An error of the driver as the service reads it.
#[must_use]
pub fn from_sqlx(error: &sqlx::Error) -> SinkError {
    match error {
        sqlx::Error::Database(error) => from_database(error.as_ref()),
        sqlx::Error::Io(error) => {
            SinkError::new(Class::Unavailable, format!("io error: {}", error.kind()))
        }
        sqlx::Error::WorkerCrashed => {
            SinkError::new(Class::Unavailable, "the connection's thread has ended")
        }
        sqlx::Error::Migrate(error) => from_migrate(error),
        other => {
            let mut error = SinkError::new(Class::Halt, "the driver refused");
            error.detail.text = Secret::new(other.to_string());
            error
        }
    }
}

/// An error of a migration.
#[must_use]
pub fn from_migrate(error: &sqlx::migrate::MigrateError) -> SinkError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => from_sqlx(error),
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => SinkError::new(
            Class::Halt,
            format!("plimsoll's own tables: {error}"),
        )
        .hint(
            "the file was migrated by another version of plimsoll; run that version or a newer one",
        ),
        other => SinkError::new(Class::Halt, format!("plimsoll's own tables: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_follows_the_primary_code() {
        for (code, message, class) in [
            (5, "database is locked", Class::Unavailable),
            (517, "database is locked", Class::Unavailable),
            (778, "disk I/O error", Class::Unavailable),
            (13, "database or disk is full", Class::Unavailable),
            (14, "unable to open database file", Class::Unavailable),
            (
                8,
                "attempt to write a readonly database",
                Class::Unavailable,
            ),
            (1299, "NOT NULL constraint failed: t.a", Class::Rejected),
            (787, "FOREIGN KEY constraint failed", Class::Rejected),
            (20, "datatype mismatch", Class::Rejected),
            (18, "string or blob too big", Class::Rejected),
            (1, "malformed JSON", Class::Rejected),
            (17, "database schema has changed", Class::Stale),
            (1, "no such table: orders", Class::Stale),
            (1, "table orders has no column named x", Class::Stale),
            (1, "near \"x\": syntax error", Class::Suspect),
            (1, "integer overflow", Class::Suspect),
            (1, "too many levels of trigger recursion", Class::Suspect),
            (1811, "no thirteen", Class::Rejected),
            (21, "bad parameter or other API misuse", Class::Halt),
            (11, "database disk image is malformed", Class::Halt),
            (26, "file is not a database", Class::Halt),
            (-1, "", Class::Halt),
        ] {
            assert_eq!(classify(code, message), class, "{code} {message}");
        }
    }

    #[test]
    fn what_a_constraint_names_is_found() {
        let read = |message: &str| {
            let mut detail = Detail::default();
            named(message, &mut detail);
            (detail.column, detail.constraint)
        };
        let some = |s: &str| Some(s.to_owned());
        assert_eq!(
            read("NOT NULL constraint failed: orders.id"),
            (some("id"), None)
        );
        assert_eq!(
            read("UNIQUE constraint failed: orders.id"),
            (some("id"), None)
        );
        assert_eq!(
            read("UNIQUE constraint failed: o.a, o.b"),
            (None, some("o.a, o.b"))
        );
        assert_eq!(
            read("CHECK constraint failed: amount > 0"),
            (None, some("amount > 0"))
        );
        assert_eq!(
            read("cannot store TEXT value in INTEGER column o.n"),
            (some("n"), None)
        );
        assert_eq!(read("FOREIGN KEY constraint failed"), (None, None));
    }
}
