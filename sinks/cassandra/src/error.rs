//! What the driver and the server say, sorted by what to do about it.

use plimsoll_protocol::Class;
use plimsoll_sink_api::{Secret, SinkError};
use scylla::errors::{
    ConnectionPoolError, DbError, ExecutionError, NewSessionError, PrepareError,
    RequestAttemptError,
};

/// Codes of the native protocol that the driver has no name for.
const CDC_WRITE_FAILURE: i32 = 0x1600;
const CAS_WRITE_UNKNOWN: i32 = 0x1700;

/// An error, and what it means for what was acknowledged before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: SinkError,
    /// The server is there and asks for patience: the same again.
    pub(crate) busy: bool,
    /// Connections broke: the server may have lost what it acknowledged last.
    pub(crate) cut: bool,
}

impl From<Failure> for SinkError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

fn failure(class: Class, condition: &str, code: Option<i32>, text: String) -> Failure {
    let mut error = SinkError::new(class, condition);
    error.detail.code = code.map(|code| format!("CQL 0x{code:04X}"));
    error.detail.text = Secret::new(text);
    Failure {
        error,
        busy: false,
        cut: false,
    }
}

fn hinted(mut failure: Failure, hint: &str) -> Failure {
    failure.error = failure.error.hint(hint);
    failure
}

/// Of a statement.
pub(crate) fn of_execution(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::LastAttemptError(attempt) => of_attempt(attempt),
        ExecutionError::ConnectionPoolError(pool) => of_pool(pool),
        ExecutionError::RequestTimeout(after) => failure(
            Class::Unavailable,
            &format!("no answer within {} ms", after.as_millis()),
            None,
            String::new(),
        ),
        ExecutionError::EmptyPlan => hinted(
            failure(Class::Unavailable, "no node to ask", None, String::new()),
            "does local_datacenter name a datacenter of the cluster?",
        ),
        ExecutionError::PrepareError(error) => of_prepare(error),
        other => failure(
            Class::Halt,
            "the driver refused the request",
            None,
            other.to_string(),
        ),
    }
}

/// Of preparing a statement.
pub(crate) fn of_prepare(error: &PrepareError) -> Failure {
    match error {
        PrepareError::ConnectionPoolError(pool) => of_pool(pool),
        PrepareError::AllAttemptsFailed { first_attempt } => {
            let mut failure = of_attempt(first_attempt);
            // A statement has no values: what is invalid is the schema.
            if matches!(failure.error.class, Class::Rejected | Class::Suspect) {
                failure.error.class = Class::Stale;
            }
            failure
        }
        other => failure(
            Class::Stale,
            "the statement was not prepared",
            None,
            other.to_string(),
        ),
    }
}

/// Of the first connection.
pub(crate) fn of_session(error: &NewSessionError, contact_points: &[String]) -> SinkError {
    let text = error.to_string();
    // The driver wraps what the server said about a login several times.
    let said = text.to_ascii_lowercase();
    if said.contains("authentication") || said.contains("credentials") {
        let mut refused = SinkError::new(Class::Halt, "the cluster refused the login")
            .hint("set username and password");
        refused.detail.text = Secret::new(text);
        return refused;
    }
    let mut away = SinkError::new(
        Class::Unavailable,
        format!("cannot connect to {}", contact_points.join(", ")),
    );
    away.detail.text = Secret::new(text);
    away
}

fn of_pool(error: &ConnectionPoolError) -> Failure {
    Failure {
        cut: true,
        ..failure(
            Class::Unavailable,
            "no connection to the node",
            None,
            error.to_string(),
        )
    }
}

fn of_attempt(error: &RequestAttemptError) -> Failure {
    match error {
        RequestAttemptError::DbError(db, message) => of_server(db, message),
        RequestAttemptError::BrokenConnectionError(broken) => Failure {
            cut: true,
            ..failure(
                Class::Unavailable,
                "the connection broke",
                None,
                broken.to_string(),
            )
        },
        RequestAttemptError::UnableToAllocStreamId => Failure {
            busy: true,
            ..failure(
                Class::Unavailable,
                "too many requests on one connection",
                None,
                String::new(),
            )
        },
        RequestAttemptError::RepreparedIdChanged { .. }
        | RequestAttemptError::RepreparedIdMissingInBatch => {
            failure(Class::Stale, "the table changed", None, error.to_string())
        }
        other => failure(
            Class::Halt,
            "an answer that cannot be read",
            None,
            other.to_string(),
        ),
    }
}

fn of_server(error: &DbError, message: &str) -> Failure {
    let text = message.to_owned();
    let busy = |condition: &str, code: i32| Failure {
        busy: true,
        ..failure(
            Class::Unavailable,
            condition,
            Some(code),
            message.to_owned(),
        )
    };
    match error {
        DbError::Unavailable {
            required, alive, ..
        } => busy(
            &format!("too few replicas are alive: {alive} of {required}"),
            0x1000,
        ),
        DbError::Overloaded => busy("the node is overloaded", 0x1001),
        DbError::RateLimitReached { .. } => busy("the rate limit is reached", 0x4321),
        DbError::IsBootstrapping => busy("the node is bootstrapping", 0x1002),
        DbError::TruncateError => busy("a truncation is under way", 0x1003),
        DbError::WriteTimeout {
            received, required, ..
        } => busy(
            &format!("too few replicas answered in time: {received} of {required}"),
            0x1100,
        ),
        DbError::ReadTimeout {
            received, required, ..
        } => busy(
            &format!("too few replicas answered in time: {received} of {required}"),
            0x1200,
        ),
        DbError::ReadFailure { .. } => busy("replicas failed to read", 0x1300),
        DbError::WriteFailure { .. } => busy("replicas failed to write", 0x1500),
        DbError::ServerError => busy("the server failed", 0x0000),
        DbError::Other(code @ (CAS_WRITE_UNKNOWN | CDC_WRITE_FAILURE)) => {
            busy("the outcome of the write is unknown", *code)
        }
        // The server names user, permission and table, and never a value.
        DbError::Unauthorized => hinted(
            failure(
                Class::Halt,
                &format!("the user may not do this: {message}"),
                Some(0x2100),
                text,
            ),
            "GRANT that permission; MODIFY and SELECT on each table and on the state keyspace are \
             all that is needed",
        ),
        DbError::AuthenticationError => hinted(
            failure(
                Class::Halt,
                "the cluster refused the login",
                Some(0x0100),
                text,
            ),
            "set username and password",
        ),
        DbError::Invalid => of_invalid(message),
        DbError::SyntaxError => failure(
            Class::Halt,
            "a statement that is not CQL",
            Some(0x2000),
            text,
        ),
        other => failure(
            Class::Halt,
            "the server refused the request",
            None,
            format!("{other}: {message}"),
        ),
    }
}

/// One code for a bad value, a table that is gone, a column that changed its type, a
/// guardrail, and a disk that is full; the message tells some of them apart.
fn of_invalid(message: &str) -> Failure {
    let said = message.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let gone = [
        "unconfigured",
        "undefined column",
        "unknown identifier",
        "does not exist",
    ];
    let of_record = [
        "too large",
        "too big",
        "is longer than maximum",
        "may not be empty",
    ];
    let class = if any(&["disk usage exceeds"]) {
        return Failure {
            busy: true,
            ..failure(
                Class::Unavailable,
                "the disks of replicas are full",
                Some(0x2200),
                message.to_owned(),
            )
        };
    } else if any(&gone) {
        Class::Stale
    } else if any(&of_record) {
        Class::Rejected
    } else {
        Class::Suspect
    };
    let mut invalid = failure(class, "invalid", Some(0x2200), message.to_owned());
    // It names a keyspace, a table or a column.
    invalid.error.detail.said = (class == Class::Stale).then(|| message.to_owned());
    invalid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(error: DbError, message: &str) -> (Class, bool, bool) {
        let failure = of_server(&error, message);
        (failure.error.class, failure.busy, failure.cut)
    }

    #[test]
    fn the_server_asks_for_patience_or_refuses() {
        assert_eq!(
            class(DbError::Overloaded, ""),
            (Class::Unavailable, true, false)
        );
        assert_eq!(
            class(DbError::IsBootstrapping, ""),
            (Class::Unavailable, true, false)
        );
        assert_eq!(
            class(DbError::Other(CAS_WRITE_UNKNOWN), ""),
            (Class::Unavailable, true, false)
        );
        assert_eq!(
            class(DbError::Unauthorized, ""),
            (Class::Halt, false, false)
        );
        assert_eq!(class(DbError::ConfigError, ""), (Class::Halt, false, false));
    }

    #[test]
    fn what_is_invalid_is_a_record_or_the_schema() {
        let rejected = (Class::Rejected, false, false);
        let suspect = (Class::Suspect, false, false);
        let stale = (Class::Stale, false, false);
        assert_eq!(
            class(DbError::Invalid, "Mutation of 20MiB is too large"),
            rejected
        );
        let long = "Key length of 65536 is longer than maximum of 65535";
        assert_eq!(class(DbError::Invalid, long), rejected);
        let big = "Request is too big: length 17825849 exceeds maximum allowed length 16777216.";
        assert_eq!(class(DbError::Invalid, big), rejected);
        let full = "Write request failed because disk usage exceeds failure threshold";
        assert_eq!(
            class(DbError::Invalid, full),
            (Class::Unavailable, true, false)
        );
        assert_eq!(class(DbError::Invalid, "Expected 4 byte int"), suspect);
        assert_eq!(class(DbError::Invalid, "unconfigured table orders"), stale);
        assert_eq!(class(DbError::Invalid, "Undefined column name x"), stale);
    }

    #[test]
    fn what_names_a_table_is_shown() {
        let shown = of_server(&DbError::Invalid, "unconfigured table orders")
            .error
            .to_string();
        assert_eq!(shown, "invalid (CQL 0x2200): unconfigured table orders");
    }

    #[test]
    fn no_message_that_may_hold_a_value_is_shown() {
        let shown = of_server(&DbError::Invalid, "secret value")
            .error
            .to_string();
        assert_eq!(shown, "invalid (CQL 0x2200)");
    }
}
