//! What an error of the database means for a source.

use crate::halt::Halt;
use crate::life::End;
use crate::settings::SourceSettings;
use crate::watch::Side;
use pgwire_replication::PgWireError;

/// The code of an error that the server sent.
pub(crate) fn sqlstate(error: &PgWireError) -> Option<&str> {
    let PgWireError::Server(said) = error else {
        return None;
    };
    let behind = said.split_once("SQLSTATE ")?.1;
    behind.get(..5)
}

/// How a life ends that meets this error.
pub(crate) fn of_error(settings: &SourceSettings, error: &PgWireError) -> End {
    let slot = &settings.postgres.slot;
    let halt = |what: String, hint: &str| End::Halt(Halt::new(what, hint));
    match sqlstate(error) {
        // In use.
        Some("55006") => End::Standby(format!("another session has the slot {slot}")),
        Some("42501") => halt(
            format!("Postgres refuses: {error}"),
            "the role needs REPLICATION (ALTER ROLE … REPLICATION), and to make the publication it \
             must own the outbox; docs/SOURCES.md has the statements",
        ),
        Some("28000") if error.to_string().contains("pg_hba") => halt(
            format!("Postgres refuses: {error}"),
            "a replication session of a database needs a line for that database in pg_hba.conf",
        ),
        Some("53400") => halt(
            format!("Postgres refuses: {error}"),
            "raise max_replication_slots, or drop slots that nobody uses",
        ),
        // The publication was made after what is decoded, or is gone.
        Some("42704") => halt(
            format!("Postgres refuses: {error}"),
            "a slot cannot decode what was written before its publication was there; make the \
             publication, then `plimsoll positions adopt-source`",
        ),
        Some("55000") => halt(
            format!("Postgres refuses: {error}"),
            "is wal_level logical, and is the slot still valid? See pg_replication_slots, wal_status",
        ),
        Some(_) | None => match error {
            PgWireError::MessageTooLarge { .. } => halt(
                format!("a change is too large to be an event: {error}"),
                "Kafka takes no record of that size either; keep the payload elsewhere",
            ),
            _ => End::Away(Side::Database, format!("Postgres: {error}")),
        },
    }
}
