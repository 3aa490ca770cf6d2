//! Which partitions a batch needs. The server cuts the times, so that it and nobody else
//! says what a value means.

use crate::array::TextArray;
use crate::copy::bad_value;
use crate::encode;
use crate::error::{from_sqlx, halt};
use crate::partitioned::Periods;
use crate::partitions::siblings;
use crate::plan::{PgPlan, PlanColumn};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Cell, Rows, SinkError, TableChange};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// How many partitions of a table are made, at most, those counted that are there already:
/// eight years of days, or four months of hours. A query that reads all of them locks each
/// of them and its indexes, and the server's lock table has room for 6,400 by default.
const MOST: i64 = 3_000;

/// How many the records of one batch may ask for: two years of days are a history that is
/// read again, more than this is a column that tells no time of events.
const MOST_AT_ONCE: usize = 1_000;

/// How far ahead of now a partition may begin. What is planned lies within a year most often;
/// a clock that is broken most often says 2036, 2038, 2106 or 9999.
const DAYS_AHEAD: u32 = 366;

/// What a value of the column that tells the partition is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) periods: Periods,
    /// Its place among the columns written; `None`: it has its default in every row.
    at: Option<usize>,
    /// That default.
    default: String,
}

impl Told {
    /// `columns`: those that are written; `default`: the column's own, as SQL.
    pub(crate) fn new(periods: Periods, columns: &[PlanColumn], default: Option<&str>) -> Self {
        let at = columns.iter().position(|c| c.name == periods.column);
        let default = match at {
            Some(at) => columns[at].default_value(),
            None => default.unwrap_or("NULL").to_owned(),
        };
        Self {
            periods,
            at,
            default,
        }
    }

    /// Each value once, and what it is: `fate`, and the start of its period where it is
    /// `missing`. `$1`: texts, `$2`: which of them are absent.
    fn query(&self, plan: &PgPlan) -> String {
        let periods = &self.periods;
        let stored = self.at.map(|at| plan.columns[at].stored("x.v"));
        let value = match stored {
            Some(stored) => format!("CASE WHEN x.absent THEN {} ELSE {stored} END", self.default),
            None => self.default.clone(),
        };
        format!(
            "WITH given AS MATERIALIZED (SELECT DISTINCT {utc} AS value FROM (\
             SELECT {value} AS value FROM unnest($1::text[], $2::bool[]) AS x(v, absent)) AS y), \
             {siblings}, judged AS MATERIALIZED (SELECT given.value, CASE \
             WHEN given.value IS NULL THEN 'null' \
             WHEN EXISTS (SELECT FROM siblings AS s WHERE s.lower <= given.value \
             AND given.value < s.upper) THEN 'there' \
             WHEN given.value < '0001-01-01' THEN 'early' \
             WHEN given.value > pg_catalog.timezone('UTC', now()) + interval '{DAYS_AHEAD} days' \
             THEN 'ahead' ELSE 'missing' END AS fate FROM given) \
             SELECT DISTINCT fate, CASE fate WHEN 'missing' THEN \
             extract(epoch FROM pg_catalog.date_trunc('{period}', value))::int8 END AS from_s, \
             (SELECT count(*) FROM siblings) AS siblings FROM judged ORDER BY from_s",
            utc = periods.time.in_utc("y.value"),
            siblings = siblings(periods),
            period = periods.period.as_str(),
        )
    }
}

/// Says of a refusal for want of a partition what has to be done: `refused` itself, of a
/// class and with words of its own, and with what the table lacks.
pub(crate) async fn lacking(
    conn: &mut PgConnection,
    (plan, told): (&PgPlan, &Told),
    (topic, rows): (&str, &Rows<'_>),
    refused: SinkError,
) -> Result<SinkError, SinkError> {
    let mut texts = TextArray::default();
    let mut absent = Vec::with_capacity(rows.len());
    for (row, cells) in rows.iter() {
        let cell = told.at.map_or(Cell::Absent, |at| cells[at]);
        let kind = told.at.map(|at| plan.columns[at].kind);
        texts
            .push(|out| kind.map_or(Ok(false), |kind| encode::write(kind, &cell, out)))
            .map_err(|fault| bad_value(fault, &told.periods.column, row.offset))?;
        absent.push(matches!(cell, Cell::Absent));
    }
    let found = sqlx::query(AssertSqlSafe(told.query(plan)))
        .persistent(false)
        .bind(texts)
        .bind(absent)
        .fetch_all(conn)
        .await
        .map_err(from_sqlx)?;
    let found: Vec<Found> = found
        .iter()
        .map(found_of)
        .collect::<Result<_, _>>()
        .map_err(from_sqlx)?;
    Ok(judge(&told.periods, topic, &found, refused))
}

/// A fate that values of a batch have.
struct Found {
    fate: String,
    from_s: Option<i64>,
    siblings: i64,
}

fn found_of(row: &PgRow) -> sqlx::Result<Found> {
    Ok(Found {
        fate: row.try_get("fate")?,
        from_s: row.try_get("from_s")?,
        siblings: row.try_get("siblings")?,
    })
}

/// First what can be made, all at once; then the record that nothing can be made for.
fn judge(periods: &Periods, topic: &str, found: &[Found], refused: SinkError) -> SinkError {
    let from_s: Vec<i64> = found.iter().filter_map(|found| found.from_s).collect();
    if !from_s.is_empty() {
        let siblings = found.first().map_or(0, |found| found.siblings);
        return match too_many(periods, from_s.len(), siblings) {
            Some(error) => error,
            None => {
                let mut lacks = refused;
                lacks.detail.lacks = Some(TableChange::Partitions {
                    topic: topic.to_owned(),
                    period: periods.period,
                    from_s,
                });
                lacks
            }
        };
    }
    let has = |fate: &str| found.iter().any(|found| found.fate == fate);
    let (condition, hint) = if has("ahead") {
        (
            "partition_too_far_ahead",
            format!(
                "partitions are made for up to {DAYS_AHEAD} days from now: is the record's clock \
                 right? One that is made by hand takes it"
            ),
        )
    } else if has("early") {
        (
            "partition_too_early",
            "no partition is made for a time before the year 1: one that is made by hand, FROM \
             (MINVALUE), takes it"
                .to_owned(),
        )
    } else if has("null") {
        (
            "partition_key_is_null",
            "no range takes a NULL: let the column take a source that every record has, \
             \"timestamp\", or one with a constant"
                .to_owned(),
        )
    } else {
        // Somebody else was faster.
        let mut made = refused;
        made.class = Class::Stale;
        return made;
    };
    let mut bad = refused;
    bad.detail.condition = condition.to_owned();
    bad.detail.column = Some(periods.column.clone());
    bad.hint(hint)
}

fn too_many(periods: &Periods, wanted: usize, siblings: i64) -> Option<SinkError> {
    let Periods {
        shown,
        column,
        period,
        ..
    } = periods;
    let period = period.as_str();
    if wanted > MOST_AT_ONCE {
        let what = format!(
            "the records of one batch need {wanted} new partitions of table \"{shown}\", and no \
             more than {MOST_AT_ONCE} are made at once"
        );
        return Some(halt(what).hint(format!(
            "is \"{column}\" the time of the event? A longer period than \"{period}\" needs fewer"
        )));
    }
    if i64::try_from(wanted)
        .unwrap_or(i64::MAX)
        .saturating_add(siblings)
        > MOST
    {
        let what = format!(
            "table \"{shown}\" has {siblings} partitions, and no more than {MOST} are made"
        );
        return Some(
            halt(what)
                .hint("drop or detach those that nobody needs any more, or use a longer period"),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitioned::TimeType;
    use plimsoll_sink_api::Period;

    fn judged(missing: i64, siblings: i64) -> SinkError {
        let periods = Periods {
            period: Period::Day,
            parent: "s.t".to_owned(),
            shown: "s.t".to_owned(),
            column: "at".to_owned(),
            time: TimeType::Date,
            schema: "s".to_owned(),
            with: String::new(),
            prefix: "t_p".to_owned(),
        };
        let missing = (0..missing).map(|day| Found {
            fate: "missing".to_owned(),
            from_s: Some(day * 86_400),
            siblings,
        });
        let ahead = Found {
            fate: "ahead".to_owned(),
            from_s: None,
            siblings,
        };
        let found: Vec<Found> = missing.chain([ahead]).collect();
        let refused = SinkError::new(Class::Rejected, "check_violation");
        judge(&periods, "t", &found, refused)
    }

    #[test]
    fn a_table_gets_so_many_partitions_and_a_batch_so_many_at_once() {
        for (missing, siblings) in [(1, 0), (1, 2_999), (1_000, 2_000)] {
            let lacks = judged(missing, siblings).detail.lacks;
            let Some(TableChange::Partitions { from_s, .. }) = lacks else {
                panic!("{missing} beside {siblings}: {lacks:?}");
            };
            assert_eq!(i64::try_from(from_s.len()), Ok(missing));
        }
        for (missing, siblings) in [(1, 3_000), (2, 2_999), (1_001, 0)] {
            let error = judged(missing, siblings);
            assert_eq!(error.class, Class::Halt, "{missing} beside {siblings}");
            assert_eq!(error.detail.lacks, None);
            assert!(error.detail.hint.is_some(), "{error}");
        }
        assert_eq!(judged(0, 3_000).detail.condition, "partition_too_far_ahead");
    }
}
