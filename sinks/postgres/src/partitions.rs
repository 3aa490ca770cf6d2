//! Partitions by periods of time: what stands there, and the statements that make more.

use crate::commit::simple;
use crate::error::{from_sqlx, halt, has_code};
use crate::partitioned::{Periods, label};
use crate::text::{ident, literal};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Period, SinkError};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// How many one transaction makes. It holds locks on each until it ends: on the table, its
/// TOAST table, and its indexes.
pub(crate) const IN_ONE_TRANSACTION: usize = 50;

/// The partitions of a table as a CTE, with half-open bounds as timestamps of UTC. One that
/// is being detached takes no rows any more.
pub(crate) fn siblings(periods: &Periods) -> String {
    let bound = |word: &str, open: &str| {
        let text = format!("substring(b.bound FROM '{word} \\(''([^'']*)''\\)')");
        format!(
            "coalesce({}, '{open}'::pg_catalog.timestamp)",
            periods.time.in_utc(&text)
        )
    };
    format!(
        "siblings AS MATERIALIZED (\
         SELECT c.oid, n.nspname || '.' || c.relname AS shown, b.bound, \
         {} AS lower, {} AS upper \
         FROM pg_catalog.pg_inherits AS i \
         JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound) AS b \
         WHERE i.inhparent = pg_catalog.to_regclass({}) AND b.bound LIKE 'FOR VALUES FROM%' \
         AND (pg_catalog.to_jsonb(i) ->> 'inhdetachpending') IS DISTINCT FROM 'true')",
        bound("FROM", "-infinity"),
        bound("TO", "infinity"),
        literal(&periods.parent),
    )
}

/// A partition to be made.
struct New {
    /// Quoted and qualified.
    name: String,
    lower: String,
    upper: String,
}

impl New {
    /// A table of its own that is attached, and not `PARTITION OF`, which would lock out
    /// everybody who reads or writes the table: see ADR 23. All that it has below comes with
    /// ATTACH: indexes, keys, triggers, identity.
    fn statements(&self, periods: &Periods) -> [String; 2] {
        let (name, parent) = (&self.name, &periods.parent);
        let create = format!(
            "CREATE TABLE {name} (LIKE {parent} INCLUDING ALL EXCLUDING COMMENTS EXCLUDING \
             IDENTITY EXCLUDING INDEXES EXCLUDING STATISTICS){}",
            periods.with
        );
        [create, self.attach(periods)]
    }

    fn attach(&self, periods: &Periods) -> String {
        format!(
            "ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})",
            periods.parent,
            self.name,
            literal(&self.lower),
            literal(&self.upper)
        )
    }
}

/// What stands at the place of each, and its bounds. `starts`: an expression for the rows
/// that the periods start from, as timestamps of UTC.
fn standing(periods: &Periods, starts: &str) -> String {
    let step = format!("pg_catalog.make_interval({} => 1)", step(periods));
    let bound = literal(periods.time.bound());
    format!(
        "WITH {siblings}, wanted AS (SELECT w.lower, w.lower + {step} AS upper, \
         {prefix} || pg_catalog.to_char(w.lower, {label}) AS name \
         FROM ({starts}) AS w(lower)) \
         SELECT w.name, pg_catalog.to_char(w.lower, {bound}) AS lower, \
         pg_catalog.to_char(w.upper, {bound}) AS upper, \
         EXISTS (SELECT FROM siblings AS s WHERE s.lower <= w.lower AND w.upper <= s.upper) AS there, \
         (SELECT '\"' || s.shown || '\" ' || s.bound FROM siblings AS s \
         WHERE s.lower < w.upper AND w.lower < s.upper ORDER BY s.lower LIMIT 1) AS overlapping, \
         EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relname = w.name \
         AND c.relnamespace = pg_catalog.to_regnamespace({schema})) AS taken \
         FROM wanted AS w ORDER BY w.lower",
        siblings = siblings(periods),
        prefix = literal(&periods.prefix),
        label = literal(label(periods.period)),
        schema = literal(&ident(&periods.schema)),
    )
}

/// The name that `make_interval` has for a period.
const fn step(periods: &Periods) -> &'static str {
    match periods.period {
        Period::Hour => "hours",
        Period::Day => "days",
        Period::Week => "weeks",
        Period::Month => "months",
    }
}

/// Makes partitions, within a transaction. One that is there already is left as it is.
pub(crate) async fn make(
    conn: &mut PgConnection,
    periods: &Periods,
    from_s: &[i64],
) -> Result<(), SinkError> {
    // The bounds of its siblings are read as text.
    simple(conn, "SET LOCAL DateStyle = 'ISO'".to_owned()).await?;
    let starts = "SELECT pg_catalog.timezone('UTC', pg_catalog.to_timestamp(s)) \
                  FROM unnest($1::int8[]) AS u(s)";
    let rows = sqlx::query(AssertSqlSafe(standing(periods, starts)))
        .persistent(false)
        .bind(from_s)
        .fetch_all(&mut *conn)
        .await
        .map_err(from_sqlx)?;
    for row in &rows {
        let Some(new) = missing(periods, row)? else {
            continue;
        };
        for statement in new.statements(periods) {
            simple(conn, statement)
                .await
                .map_err(|error| unmade(error, periods, &new))?;
        }
    }
    Ok(())
}

/// `None`: there is a partition for the period.
fn missing(periods: &Periods, row: &PgRow) -> Result<Option<New>, SinkError> {
    let text = |name: &str| row.try_get::<String, _>(name).map_err(from_sqlx);
    if row.try_get("there").map_err(from_sqlx)? {
        return Ok(None);
    }
    let label = text("name")?;
    let new = New {
        name: format!("{}.{}", ident(&periods.schema), ident(&label)),
        lower: text("lower")?,
        upper: text("upper")?,
    };
    let overlapping: Option<String> = row.try_get("overlapping").map_err(from_sqlx)?;
    if let Some(overlapping) = overlapping {
        let what = format!(
            "table \"{}\" needs a partition from {} to {}, and {overlapping} takes a part of that",
            periods.shown, new.lower, new.upper
        );
        return Err(halt(what).hint(
            "make a partition for what is left of it by hand, or let create_partitions be the \
             period that the table's partitions have",
        ));
    }
    if row.try_get("taken").map_err(from_sqlx)? {
        let what = format!(
            "the partition of table \"{}\" from {} to {} would be named \"{}.{label}\", and \
             something else has that name",
            periods.shown, new.lower, new.upper, periods.schema
        );
        return Err(halt(what).hint(format!(
            "if it is a partition that was detached, rename or drop it, or attach it again: {}",
            new.attach(periods)
        )));
    }
    Ok(Some(new))
}

/// Says how to do by hand what the role may not.
fn unmade(mut error: SinkError, periods: &Periods, new: &New) -> SinkError {
    // invalid_object_definition: it overlaps one that somebody has made meanwhile, who
    // takes no turn. What stands there is looked at again.
    if has_code(&error, "42P17") {
        error.class = Class::Transient;
    }
    if matches!(error.class, Class::Transient | Class::Unavailable) {
        return error;
    }
    let statements = new.statements(periods).join("; ");
    error.hint(format!("run it as a role that may: {statements}"))
}

/// The partition of now, as a statement for people.
pub(crate) async fn example(
    conn: &mut PgConnection,
    periods: &Periods,
) -> Result<String, SinkError> {
    let now = format!(
        "SELECT pg_catalog.date_trunc('{}', pg_catalog.timezone('UTC', now()))",
        periods.period.as_str()
    );
    let row = sqlx::query(AssertSqlSafe(standing(periods, &now)))
        .persistent(false)
        .fetch_one(conn)
        .await
        .map_err(from_sqlx)?;
    let text = |name: &str| row.try_get::<String, _>(name).map_err(from_sqlx);
    Ok(format!(
        "CREATE TABLE {}.{} PARTITION OF {} FOR VALUES FROM ({}) TO ({})",
        ident(&periods.schema),
        ident(&text("name")?),
        periods.parent,
        literal(&text("lower")?),
        literal(&text("upper")?)
    ))
}
