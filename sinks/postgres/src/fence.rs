//! The compare-and-set of a commit as a call with parameters.

use crate::error::{from_sqlx, has_code, on_state};
use crate::names::{Names, uuid};
use crate::plan::PgPlan;
use crate::text::literal;
use plimsoll_protocol::{Class, FENCED};
use plimsoll_sink_api::{Batch, SinkError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row};

/// How many parameters [`expression`] has, from `$1`.
pub(crate) const PARAMETERS: usize = 10;

/// `SELECT advance_all(…) AS moved`.
fn call(names: &Names) -> String {
    format!("SELECT {} AS moved", expression(names))
}

/// `advance_all(…)`: true, or an error.
pub(crate) fn expression(names: &Names) -> String {
    advance(names, OWNERS)
}

/// [`call`], for a transaction that holds the table's lock already: where the table is
/// not `unchanged`, an expression, nobody owns the positions.
pub(crate) fn guarded(names: &Names, unchanged: Option<&str>) -> String {
    let owners = unchanged.map_or_else(
        || OWNERS.to_owned(),
        |unchanged| format!("CASE WHEN {unchanged} THEN {OWNERS} END"),
    );
    format!("SELECT {} AS moved", advance(names, &owners))
}

/// Whose commit it is.
const OWNERS: &str = "$7::text[]::uuid[]";

fn advance(names: &Names, owners: &str) -> String {
    format!(
        "{}($1::text, $2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], {owners}, \
         $8::int8[], $9::int8[], $10::int4[])",
        names.advance
    )
}

/// The arguments: the sink, and an array of each thing, with an element for each batch.
#[derive(Default)]
pub(crate) struct Fence<'a> {
    sink: &'a str,
    topics: Vec<&'a str>,
    partitions: Vec<i32>,
    from: Vec<i64>,
    to: Vec<i64>,
    epochs: Vec<i64>,
    owners: Vec<String>,
    fingerprint_offsets: Vec<Option<i64>>,
    fingerprint_hashes: Vec<Option<i64>>,
    leader_epochs: Vec<Option<i32>>,
}

impl<'a> Fence<'a> {
    pub(crate) fn of<P>(sink: &'a str, batches: &[Batch<'a, P>]) -> Self {
        let mut it = Self {
            sink,
            ..Self::default()
        };
        for batch in batches {
            it.topics.push(batch.topic);
            it.partitions.push(batch.partition);
            it.from.push(batch.span.from().offset());
            it.to.push(batch.span.to().offset());
            it.epochs.push(batch.claim.epoch.0);
            it.owners.push(uuid(batch.claim.owner));
            let fingerprint = batch.marks.fingerprint;
            it.fingerprint_offsets.push(fingerprint.map(|f| f.offset));
            it.fingerprint_hashes.push(fingerprint.map(|f| f.hash));
            it.leader_epochs.push(batch.marks.leader_epoch);
        }
        it
    }

    pub(crate) fn bind<'q>(
        &'q self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        query
            .bind(self.sink)
            .bind(&self.topics)
            .bind(&self.partitions)
            .bind(&self.from)
            .bind(&self.to)
            .bind(&self.epochs)
            .bind(&self.owners)
            .bind(&self.fingerprint_offsets)
            .bind(&self.fingerprint_hashes)
            .bind(&self.leader_epochs)
    }

    /// The arguments as SQL, for a message that carries COMMIT as well: such a message
    /// takes no parameters.
    pub(crate) fn literals(&self) -> String {
        let topics = self.topics.iter().map(|topic| literal(topic));
        let topics: Vec<String> = topics.collect();
        format!(
            "{}, ARRAY[{}], {}, {}, {}, {}, '{{{}}}', {}, {}, {}",
            literal(self.sink),
            topics.join(", "),
            numbers(self.partitions.iter().map(Some)),
            numbers(self.from.iter().map(Some)),
            numbers(self.to.iter().map(Some)),
            numbers(self.epochs.iter().map(Some)),
            self.owners.join(","),
            numbers(self.fingerprint_offsets.iter().map(Option::as_ref)),
            numbers(self.fingerprint_hashes.iter().map(Option::as_ref)),
            numbers(self.leader_epochs.iter().map(Option::as_ref)),
        )
    }

    /// Moves the positions over records that leave no row: nothing, or dead letters alone.
    pub(crate) async fn pass(
        &self,
        conn: &mut PgConnection,
        names: &Names,
        batches: &[Batch<'_, PgPlan>],
    ) -> Result<(), SinkError> {
        let any = batches.iter().any(|batch| !batch.dead.is_empty());
        let sql = match any {
            false => call(names),
            true => format!(
                "WITH fence AS MATERIALIZED ({}), dead AS ({}) SELECT moved FROM fence",
                call(names),
                crate::dead::insert(names, 1 + PARAMETERS, "(SELECT fence.moved FROM fence)")
            ),
        };
        let mut query = self.bind(sqlx::query(AssertSqlSafe(sql)));
        if any {
            query = crate::dead::bind(query, batches);
        }
        query
            .fetch_one(conn)
            .await
            .map_err(|e| on_state(&names.shown, e))
            .and_then(|row| proven(&row))
    }
}

/// `'{1,NULL,3}'`
fn numbers<N: ToString>(all: impl Iterator<Item = Option<N>>) -> String {
    let text = |n: Option<N>| n.map_or_else(|| "NULL".to_owned(), |n| n.to_string());
    format!("'{{{}}}'", all.map(text).collect::<Vec<_>>().join(","))
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

/// Which of so many batches the fence has refused, by their places: it counts them from 1,
/// in the line behind its message.
pub(crate) fn refused(error: &SinkError, batches: usize) -> Vec<usize> {
    if !has_code(error, FENCED) {
        return Vec::new();
    }
    let text = error.detail.text.reveal();
    let places = text.lines().nth(1).unwrap_or_default().split(',');
    let place = |text: &str| text.parse::<usize>().ok()?.checked_sub(1);
    let places = places.filter_map(place);
    places.filter(|place| *place < batches).collect()
}
