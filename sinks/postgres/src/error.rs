//! From sqlx's errors to the few words that the service acts on: total, and
//! careful never to let a value out of [`Secret`].

use crate::words;
use plimsoll_protocol::{Class, classify};
use plimsoll_sink_api::{Detail, Secret, SinkError};
use sqlx::postgres::PgDatabaseError;
use std::io::ErrorKind;
use std::time::Duration;

/// Whatever sqlx says, as a class and facts that may be logged.
pub(crate) fn from_sqlx(error: sqlx::Error) -> SinkError {
    match error {
        sqlx::Error::Database(e) => match e.try_downcast::<PgDatabaseError>() {
            Ok(e) => from_server(&e),
            Err(_) => SinkError::new(Class::Halt, "an error of another database"),
        },
        // An answer that never came, or came in pieces, says nothing of what
        // happened. The texts hold addresses and protocol words only.
        sqlx::Error::Io(e) => away(format!("connection lost: {e}")),
        sqlx::Error::Tls(e) => away(format!("TLS: {e}")),
        sqlx::Error::Configuration(e) => away(format!("cannot connect: {e}")),
        sqlx::Error::Protocol(_) => away("the server's answer makes no sense"),
        sqlx::Error::WorkerCrashed | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            away("connection lost")
        }
        // What is left is a fault in this crate: a column or type that a query
        // did not return. Its text may quote a value.
        other => {
            let mut error = SinkError::new(Class::Halt, "unexpected answer");
            error.detail.text = Secret::new(other.to_string());
            error
        }
    }
}

fn from_server(e: &PgDatabaseError) -> SinkError {
    let code = e.code();
    let mut text = e.message().to_owned();
    for part in [e.detail(), e.r#where()].into_iter().flatten() {
        text.push('\n');
        text.push_str(part);
    }
    SinkError {
        class: classify(code),
        detail: Box::new(Detail {
            code: Some(code.to_owned()),
            condition: condition(code).to_owned(),
            table: e.table().map(str::to_owned),
            column: e.column().map(str::to_owned),
            constraint: e.constraint().map(str::to_owned),
            said: words::shown(e),
            // restrict, foreign_key, unique, exclusion.
            no_partition: code == "23514" && e.routine() == Some("ExecFindPartition"),
            between_rows: matches!(code, "23001" | "23503" | "23505" | "23P01"),
            text: Secret::new(text),
            ..Detail::default()
        }),
    }
}

/// The database cannot be had, or did not answer.
pub(crate) fn away(condition: impl Into<String>) -> SinkError {
    SinkError::new(Class::Unavailable, condition)
}

/// Nothing goes on before somebody has done something.
pub(crate) fn halt(condition: impl Into<String>) -> SinkError {
    SinkError::new(Class::Halt, condition)
}

/// How [`late`] begins.
const LATE: &str = "no answer within ";

/// No answer in time: the connection is dropped, a claim will tell.
pub(crate) fn late(limit: Duration) -> SinkError {
    away(format!("{LATE}{} ms", limit.as_millis()))
}

/// Whether that is what an error says.
pub(crate) fn is_late(error: &SinkError) -> bool {
    error.class == Class::Unavailable && error.detail.condition.starts_with(LATE)
}

/// Whether an error has this SQLSTATE.
pub(crate) fn has_code(error: &SinkError, code: &str) -> bool {
    error.detail.code.as_deref() == Some(code)
}

/// An error of connecting: whatever it is, somebody may mend it while the
/// service waits.
pub(crate) fn on_connect(place: &str, error: sqlx::Error) -> SinkError {
    let hint = match &error {
        sqlx::Error::Io(e) if e.kind() == ErrorKind::NotFound => {
            Some("check the paths in the URL: sslrootcert, sslcert, sslkey, or a socket's folder")
        }
        sqlx::Error::Io(e) if e.kind() == ErrorKind::InvalidData => Some(
            "check sslrootcert, and that the URL's host is one of the certificate's names; \
             sslmode says how much is verified",
        ),
        sqlx::Error::Tls(_) => Some("check whether the server offers TLS, and sslmode in the URL"),
        _ => None,
    };
    let mut error = match error {
        sqlx::Error::Io(e) => away(format!("cannot connect: {e}")),
        other => from_sqlx(other),
    };
    error.class = Class::Unavailable;
    error.detail.condition = format!("{} ({place})", error.detail.condition);
    let hint = match error.detail.code.as_deref() {
        Some("28P01") => Some("check user and password in the URL"),
        Some("28000") => Some("check the user in the URL, and the server's pg_hba.conf"),
        Some("3D000") => Some("create the database, or name another one in the URL"),
        Some("42501") => Some("GRANT CONNECT ON DATABASE … TO …, both as the URL names them"),
        Some("53300") => Some("raise the server's max_connections, or lower the sink's"),
        _ => hint,
    };
    error.detail.hint = hint.map(str::to_owned);
    error
}

/// An error of a statement on plimsoll's own tables.
pub(crate) fn on_state(schema: &str, error: sqlx::Error) -> SinkError {
    let mut error = from_sqlx(error);
    match error.detail.code.as_deref() {
        // No such table, column, function, schema.
        Some("42P01" | "42703" | "42883" | "3F000") => {
            error.class = Class::Halt;
            error.detail.hint = Some(format!(
                "plimsoll's own tables are not in schema \"{schema}\": run `plimsoll migrate`"
            ));
        }
        Some("25006") => {
            error.detail.hint = Some(
                "a standby, or a server set to read only: name the writable server, or wait for \
                 its promotion"
                    .to_owned(),
            );
        }
        Some("42501") => {
            error.class = Class::Halt;
            error.detail.hint = Some(format!(
                "GRANT USAGE ON SCHEMA \"{schema}\" TO …; GRANT SELECT, INSERT, UPDATE ON ALL \
                 TABLES IN SCHEMA \"{schema}\" TO …"
            ));
        }
        // A plan that no longer fits: another session has none.
        Some("0A000") => error.class = Class::Transient,
        // No record is in these statements but as a dead letter.
        _ if error.class == Class::Suspect => error.class = Class::Halt,
        _ => {}
    }
    error
}

/// The condition's name in Postgres' own appendix of error codes; the class's
/// name for codes that are rare here.
pub(crate) fn condition(code: &str) -> &'static str {
    match code {
        "PLM01" => "position_moved",
        "0A000" => "feature_not_supported",
        "21000" => "cardinality_violation",
        "22000" => "data_exception",
        "22001" => "string_data_right_truncation",
        "22003" => "numeric_value_out_of_range",
        "22004" => "null_value_not_allowed",
        "22007" => "invalid_datetime_format",
        "22008" => "datetime_field_overflow",
        "22009" => "invalid_time_zone_displacement_value",
        "22012" => "division_by_zero",
        "22021" => "character_not_in_repertoire",
        "22023" => "invalid_parameter_value",
        "22026" => "string_data_length_mismatch",
        "2202E" => "array_subscript_error",
        "22P02" => "invalid_text_representation",
        "22P03" => "invalid_binary_representation",
        "22P04" => "bad_copy_file_format",
        "22P05" => "untranslatable_character",
        "23000" => "integrity_constraint_violation",
        "23001" => "restrict_violation",
        "23502" => "not_null_violation",
        "23503" => "foreign_key_violation",
        "23505" => "unique_violation",
        "23514" => "check_violation",
        "23P01" => "exclusion_violation",
        "25006" => "read_only_sql_transaction",
        "25P02" => "in_failed_sql_transaction",
        "25P03" => "idle_in_transaction_session_timeout",
        "25P04" => "transaction_timeout",
        "26000" => "invalid_sql_statement_name",
        "28000" => "invalid_authorization_specification",
        "28P01" => "invalid_password",
        "3D000" => "invalid_catalog_name",
        "3F000" => "invalid_schema_name",
        "40001" => "serialization_failure",
        "40P01" => "deadlock_detected",
        "42501" => "insufficient_privilege",
        "42601" => "syntax_error",
        "42703" => "undefined_column",
        "42704" => "undefined_object",
        "42804" => "datatype_mismatch",
        "42846" => "cannot_coerce",
        "42883" => "undefined_function",
        "42P01" => "undefined_table",
        "42P10" => "invalid_column_reference",
        "428C9" => "generated_always",
        "44000" => "with_check_option_violation",
        "53100" => "disk_full",
        "53200" => "out_of_memory",
        "53300" => "too_many_connections",
        "53400" => "configuration_limit_exceeded",
        "54000" => "program_limit_exceeded",
        "54001" => "statement_too_complex",
        "54011" => "too_many_columns",
        "55000" => "object_not_in_prerequisite_state",
        "55006" => "object_in_use",
        "55P03" => "lock_not_available",
        "57014" => "query_canceled",
        "57P01" => "admin_shutdown",
        "57P02" => "crash_shutdown",
        "57P03" => "cannot_connect_now",
        "57P05" => "idle_session_timeout",
        "58000" => "system_error",
        "58030" => "io_error",
        "P0001" => "raise_exception",
        "P0002" => "no_data_found",
        "P0003" => "too_many_rows",
        "P0004" => "assert_failure",
        "XX000" => "internal_error",
        "XX001" => "data_corrupted",
        "XX002" => "index_corrupted",
        _ => match code.get(..2) {
            Some("08") => "connection_exception",
            Some("22") => "data_exception",
            Some("23") => "integrity_constraint_violation",
            Some("25") => "invalid_transaction_state",
            Some("28") => "invalid_authorization_specification",
            Some("40") => "transaction_rollback",
            Some("42") => "syntax_error_or_access_rule_violation",
            Some("53") => "insufficient_resources",
            Some("54") => "program_limit_exceeded",
            Some("55") => "object_not_in_prerequisite_state",
            Some("57") => "operator_intervention",
            Some("58") => "system_error",
            Some("XX") => "internal_error",
            _ => "database_error",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_says_nothing_of_what_happened() {
        let error = from_sqlx(sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into()));
        assert_eq!(error.class, Class::Unavailable);
        assert_eq!(
            from_sqlx(sqlx::Error::Protocol("x".into())).class,
            Class::Unavailable
        );
    }

    #[test]
    fn a_fault_of_this_crate_halts_and_hides_its_text() {
        let error = from_sqlx(sqlx::Error::ColumnNotFound("hunter2".into()));
        assert_eq!(error.class, Class::Halt);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_codes_have_the_name_of_their_class() {
        assert_eq!(condition("22P02"), "invalid_text_representation");
        assert_eq!(condition("22ZZZ"), "data_exception");
        assert_eq!(condition(""), "database_error");
    }
}
