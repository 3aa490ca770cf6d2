//! The compare-and-set of a commit as a call with parameters.

use crate::error::{from_sqlx, on_state};
use crate::names::{Names, uuid};
use crate::text::literal;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Batch, DeadLetter, SinkError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row};

/// How many parameters [`expression`] has, from `$1`.
pub(crate) const PARAMETERS: usize = 10;

/// `SELECT advance(…) AS moved`.
fn call(names: &Names) -> String {
    format!("SELECT {} AS moved", expression(names))
}

/// `advance(…)`: true, or an error.
pub(crate) fn expression(names: &Names) -> String {
    advance(names, OWNER)
}

/// [`call`], for a transaction that holds the table's lock already: where the table is
/// not `unchanged`, an expression, nobody owns the position.
pub(crate) fn guarded(names: &Names, unchanged: Option<&str>) -> String {
    let owner = unchanged.map_or_else(
        || OWNER.to_owned(),
        |unchanged| format!("CASE WHEN {unchanged} THEN {OWNER} END"),
    );
    format!("SELECT {} AS moved", advance(names, &owner))
}

/// Whose commit it is.
const OWNER: &str = "$7::text::uuid";

fn advance(names: &Names, owner: &str) -> String {
    format!(
        "{}($1::text, $2::text, $3::int4, $4::int8, $5::int8, $6::int8, {owner}, \
         $8::int8, $9::int8, $10::int4)",
        names.advance
    )
}

/// The arguments.
pub(crate) struct Fence<'a> {
    sink: &'a str,
    topic: &'a str,
    partition: i32,
    from: i64,
    to: i64,
    epoch: i64,
    owner: String,
    fingerprint: Option<(i64, i64)>,
    leader_epoch: Option<i32>,
}

impl<'a> Fence<'a> {
    pub(crate) fn of<P>(sink: &'a str, batch: &Batch<'a, P>) -> Self {
        Self {
            sink,
            topic: batch.topic,
            partition: batch.partition,
            from: batch.span.from().offset(),
            to: batch.span.to().offset(),
            epoch: batch.claim.epoch.0,
            owner: uuid(batch.claim.owner),
            fingerprint: batch.marks.fingerprint.map(|f| (f.offset, f.hash)),
            leader_epoch: batch.marks.leader_epoch,
        }
    }

    pub(crate) fn bind<'q>(
        &self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        query
            .bind(self.sink)
            .bind(self.topic)
            .bind(self.partition)
            .bind(self.from)
            .bind(self.to)
            .bind(self.epoch)
            .bind(self.owner.as_str())
            .bind(self.fingerprint.map(|f| f.0))
            .bind(self.fingerprint.map(|f| f.1))
            .bind(self.leader_epoch)
    }

    /// The arguments as SQL, for a message that carries COMMIT as well: such a message
    /// takes no parameters.
    pub(crate) fn literals(&self) -> String {
        let number = |n: Option<i64>| n.map_or_else(|| "NULL".to_owned(), |n| format!("'{n}'"));
        let fingerprint = self.fingerprint;
        format!(
            "{}, {}, '{}', '{}', '{}', '{}', '{}', {}, {}, {}",
            literal(self.sink),
            literal(self.topic),
            self.partition,
            self.from,
            self.to,
            self.epoch,
            self.owner,
            number(fingerprint.map(|f| f.0)),
            number(fingerprint.map(|f| f.1)),
            number(self.leader_epoch.map(i64::from)),
        )
    }

    /// Moves the position over records that leave no row: nothing, or dead
    /// letters alone.
    pub(crate) async fn pass(
        &self,
        conn: &mut PgConnection,
        names: &Names,
        dead: &[DeadLetter<'_>],
    ) -> Result<(), SinkError> {
        let sql = if dead.is_empty() {
            call(names)
        } else {
            format!(
                "WITH fence AS MATERIALIZED ({}), dead AS ({}) SELECT moved FROM fence",
                call(names),
                crate::dead::insert(names, 1 + PARAMETERS, "(SELECT fence.moved FROM fence)")
            )
        };
        let mut query = self.bind(sqlx::query(AssertSqlSafe(sql)));
        if !dead.is_empty() {
            query = crate::dead::bind(query, dead);
        }
        query
            .fetch_one(conn)
            .await
            .map_err(|e| on_state(&names.shown, e))
            .and_then(|row| proven(&row))
    }
}

/// The fence says itself that it ran and let the commit pass; no other sign of
/// success is believed.
pub(crate) fn proven(row: &PgRow) -> Result<(), SinkError> {
    match row.try_get::<Option<bool>, _>("moved").map_err(from_sqlx)? {
        Some(true) => Ok(()),
        Some(false) | None => Err(unproven()),
    }
}

/// The table is not as it was read: the catalogue is read again.
pub(crate) fn unproven() -> SinkError {
    SinkError::new(
        Class::Stale,
        "the table changed since it was read, and nothing was moved",
    )
}
