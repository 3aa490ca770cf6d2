//! A `log` table that holds rows of the batch already, after its position was
//! set back or lost: equal rows are counted, a different one stops the
//! partition.

use crate::commit::{begin, finish, letters, simple};
use crate::connect::Session;
use crate::copy::{Form, copy_rows};
use crate::error::{from_sqlx, halt};
use crate::names::Names;
use crate::plan::{PgPlan, PlanColumn};
use crate::work::Work;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Batch, Cell, Rows, SinkError, TableRows};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

/// What was done.
pub(crate) struct Deduplicated {
    pub(crate) rows: u64,
    pub(crate) already_there: u64,
}

/// The batch lies here until it is compared; gone with the transaction.
const STAGE: &str = "pg_temp.plimsoll_stage";

/// Whether rows of the table and of the stage are of one record, or of one element of it.
fn same_coordinate(plan: &PgPlan) -> String {
    let key = plan.coordinates.iter().map(|&at| &plan.columns[at].quoted);
    let same: Vec<String> = key.map(|c| format!("t.{c} = s.{c}")).collect();
    same.join(" AND ")
}

/// Commits what is not there yet of the one batch of a commit. `None`: nothing of the batch is there, so the
/// unique violation was about another key.
pub(crate) async fn run(
    session: &mut Session,
    names: &Names,
    work: &Work<'_>,
    (batch, written): (&Batch<'_, PgPlan>, TableRows<'_, PgPlan>),
) -> Result<Option<Deduplicated>, SinkError> {
    let plan = &written.table.plan;
    let target = &plan.target;
    begin(session, &plan.fence).await?;
    let Session { conn, buffer, .. } = &mut *session;
    letters(conn, names, work).await?;
    simple(
        conn,
        format!(
            "CREATE TEMPORARY TABLE plimsoll_stage (LIKE {target} INCLUDING DEFAULTS \
             INCLUDING IDENTITY INCLUDING GENERATED) ON COMMIT DROP"
        ),
    )
    .await?;
    copy_rows(conn, buffer, STAGE, plan, written.rows, Form::Text).await?;

    let equal = compared(plan, written.rows)
        .map(|c| format!("t.{0}::text IS NOT DISTINCT FROM s.{0}::text", c.quoted))
        .chain(["true".to_owned()])
        .collect::<Vec<_>>()
        .join(" AND ");
    let same = same_coordinate(plan);
    let sql = format!(
        "SELECT count(*) AS there, min(s.kafka_offset::int8) FILTER (WHERE NOT ({equal})) AS \
         different FROM {STAGE} AS s JOIN {target} AS t ON {same}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        // The temporary table is another one each time: no plan fits twice.
        .persistent(false)
        .fetch_one(&mut *conn)
        .await
        .map_err(from_sqlx)?;
    let there: i64 = row.try_get("there").map_err(from_sqlx)?;
    let different: Option<i64> = row.try_get("different").map_err(from_sqlx)?;
    if let Some(offset) = different {
        let mut error = halt(format!(
            "log_conflict: another row stands at {}[{}] offset {offset}",
            batch.topic, batch.partition
        ))
        .hint(
            "the topic was made anew, or two clusters feed one table: use another table, or \
             delete the old rows",
        );
        error.detail.table = Some(written.table.table.name.clone());
        return Err(error);
    }
    if there == 0 {
        return Ok(None);
    }
    // All of them: those that were left out hold their default in the stage.
    let columns = plan
        .columns
        .iter()
        .map(|c| c.quoted.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let inserted = sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO {target} ({columns}) SELECT {columns} FROM {STAGE} AS s \
         WHERE NOT EXISTS (SELECT FROM {target} AS t WHERE {same})"
    )))
    .persistent(false)
    .execute(&mut *conn)
    .await
    .map_err(from_sqlx)?
    .rows_affected();
    finish(session, work, &plan.fence).await?;
    Ok(Some(Deduplicated {
        rows: inserted,
        already_there: u64::try_from(there).unwrap_or(0),
    }))
}

/// Whether the table holds a row of a partition.
pub(crate) async fn holds(
    conn: &mut PgConnection,
    plan: &PgPlan,
    tp: &TopicPartition,
) -> Result<bool, SinkError> {
    let sql = format!(
        "SELECT EXISTS (SELECT FROM {} WHERE kafka_topic = $1 AND kafka_partition = $2)",
        plan.target
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&*tp.topic)
        .bind(tp.partition)
        .fetch_one(conn)
        .await
        .map_err(from_sqlx)
}

/// Columns that hold what the records say. A default taken at another time, such
/// as `now()`, is no difference.
fn compared<'p>(plan: &'p PgPlan, rows: &Rows<'_>) -> impl Iterator<Item = &'p PlanColumn> {
    let absent = |c: usize| {
        let mut cells = rows.iter().map(|(_, cells)| &cells[c]);
        plan.defaulted.contains(&c) && cells.any(|cell| matches!(cell, Cell::Absent))
    };
    let kept: Vec<usize> = (0..plan.columns.len()).filter(|&c| !absent(c)).collect();
    kept.into_iter().map(|c| &plan.columns[c])
}
