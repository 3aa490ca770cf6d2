//! Batches into the database, per mode. Rows first and the compare-and-set
//! last, in one message with COMMIT: a writer that is stopped halfway never
//! holds the positions' rows.

use crate::attempt::of_table;
use crate::connect::Session;
use crate::copy::{Form, copy_rows};
use crate::ddl::LOCK_WAIT;
use crate::dead;
use crate::error::{from_sqlx, halt, on_state};
use crate::fence::{self, Fence};
use crate::names::Names;
use crate::partitions;
use crate::plan::PgPlan;
use crate::shape;
use crate::statement;
use crate::work::{Gathered, Work};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Batch, Mode, SinkError, TableChange};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// Rows above which COPY is the faster way (measured beside the server: 0.5 ms
/// each way for 100 rows, 1.4 against 1.8 ms for 500, 10 against 20 ms for 5,000).
/// Below, its four round trips cost more than it saves.
pub(crate) const COPY_ABOVE: usize = 500;

/// How long a commit of several tables waits for a lock: those of the others are not to wait
/// for long, and whoever holds one for some milliseconds is not to part them.
const LOCK_TIMEOUT_MS: u32 = 1_000;

/// Commits; says how many rows were written.
pub(crate) async fn run(
    session: &mut Session,
    names: &Names,
    work: &Work<'_>,
    copy_above: usize,
) -> Result<u64, SinkError> {
    let fence = Fence::of(work.sink, work.batches);
    let table = match work.tables.as_slice() {
        [] => {
            fence.pass(&mut session.conn, names, work.batches).await?;
            return Ok(0);
        }
        [table] => table,
        _ => return several(session, names, work).await,
    };
    let (plan, rows) = (table.plan, &table.rows);
    let copies = match plan.mode {
        Mode::Append | Mode::Log => plan.may_copy && rows.len() > copy_above,
        Mode::Upsert => false,
    };
    if !copies {
        let fence = Some((&fence, work.batches));
        return statement::run(&mut session.conn, plan, fence, rows).await;
    }
    if !plan.in_binary {
        return copy(session, names, work, table, Form::Text).await;
    }
    match copy(session, names, work, table, Form::Binary).await {
        Err(error) if of_bytes(&error) => {
            simple(&mut session.conn, "ROLLBACK".to_owned()).await?;
            copy(session, names, work, table, Form::Text).await
        }
        done => done,
    }
}

/// Rows of several tables, and all else, in one transaction: a statement for each table,
/// which are few rows each.
async fn several(session: &mut Session, names: &Names, work: &Work<'_>) -> Result<u64, SinkError> {
    let fence = fence::guarded(names, None);
    begin(session, &fence).await?;
    let conn = &mut session.conn;
    // One partition's rows wait as long as they would for one table.
    if work.batches.len() > 1 {
        simple(conn, format!("SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")).await?;
    }
    letters(conn, names, work).await?;
    let mut written = 0;
    // Each statement proves that its table is the one that was planned for, and holds its
    // lock from there on.
    for table in &work.tables {
        let run = statement::run(conn, table.plan, None, &table.rows).await;
        written += run.map_err(|error| of_table(error, table.name))?;
    }
    finish(session, work, &fence).await?;
    Ok(written)
}

/// Whether the server may have said this of bytes that meant another type than
/// the column's: only what it says of the text counts.
fn of_bytes(error: &SinkError) -> bool {
    match (error.class, error.detail.code.as_deref()) {
        // Too few or too many bytes for the type.
        (_, Some("08P01")) => true,
        (Class::Rejected | Class::Suspect | Class::Halt, code) => code.is_some(),
        (Class::Transient | Class::Unavailable | Class::Stale | Class::Fenced, _) => false,
    }
}

/// The rows of the one table, letters and positions in one transaction.
async fn copy(
    session: &mut Session,
    names: &Names,
    work: &Work<'_>,
    table: &Gathered<'_>,
    form: Form,
) -> Result<u64, SinkError> {
    let plan = table.plan;
    begin(session, &plan.fence).await?;
    let Session { conn, buffer, .. } = &mut *session;
    letters(conn, names, work).await?;
    let rows = copy_rows(conn, buffer, &plan.target, plan, &table.rows, form).await?;
    // COPY's lock on the table lasts: nothing changes from here to COMMIT.
    finish(session, work, &plan.fence).await?;
    Ok(rows)
}

/// Begins a transaction that [`finish`] ends, by this statement.
pub(crate) async fn begin(session: &mut Session, fence: &str) -> Result<(), SinkError> {
    let Some(new) = session.named.missing(fence) else {
        return simple(&mut session.conn, "BEGIN".to_owned()).await;
    };
    simple(&mut session.conn, format!("{}BEGIN", new.sql)).await?;
    session.named.made(new);
    Ok(())
}

/// A check of the table, compare-and-set and COMMIT in one message: where one
/// fails, the server does not come to the next.
pub(crate) async fn finish(
    session: &mut Session,
    work: &Work<'_>,
    fence: &str,
) -> Result<(), SinkError> {
    let Some(fence) = session.named.name(fence) else {
        return Err(halt("a transaction ends that was not begun"));
    };
    let arguments = Fence::of(work.sink, work.batches).literals();
    let sql = format!("EXECUTE {fence} ({arguments}); COMMIT");
    let answers = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut session.conn)
        .await
        // Deferred constraints speak here, too.
        .map_err(from_sqlx);
    match answers.as_deref() {
        Ok([answer]) => fence::proven(answer),
        Ok(_) => Err(fence::unproven()),
        Err(error) if error.class == Class::Fenced && changed(session, work).await? => {
            Err(fence::unproven())
        }
        Err(_) => answers.map(|_| ()),
    }
}

/// Whether it is a table, and not a position, that was not found as expected.
async fn changed(session: &mut Session, work: &Work<'_>) -> Result<bool, SinkError> {
    simple(&mut session.conn, "ROLLBACK".to_owned()).await?;
    for table in &work.tables {
        let now = shape::read(&mut session.conn, &table.plan.target).await;
        if table.plan.shape.is_some() && now.map_err(from_sqlx)? != table.plan.shape {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes dead letters within an open transaction.
pub(crate) async fn letters(
    conn: &mut PgConnection,
    names: &Names,
    work: &Work<'_>,
) -> Result<(), SinkError> {
    if work.batches.iter().all(|batch| batch.dead.is_empty()) {
        return Ok(());
    }
    let sql = dead::insert(names, 2, "true");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(work.sink);
    dead::bind(query, work.batches)
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(|e| on_state(&names.shown, e))
}

/// Writes the rows and takes them back. `lacks`: what is made for them before, and taken
/// back with them.
pub(crate) async fn dry_run(
    session: &mut Session,
    batch: &Batch<'_, PgPlan>,
    lacks: Option<&TableChange>,
) -> Result<u64, SinkError> {
    if batch.rows() == 0 {
        return Ok(0);
    }
    let conn = &mut session.conn;
    simple(conn, "BEGIN".to_owned()).await?;
    let mut rows = 0;
    for of in batch.tables.iter().filter(|of| !of.rows.is_empty()) {
        let plan = &of.table.plan;
        if let Some(create) = &plan.create {
            simple(conn, create.clone()).await?;
        }
        if let (Some(TableChange::Partitions { from_s, .. }), Some(told)) =
            (lacks, &plan.partitions)
        {
            let wait = LOCK_WAIT.as_millis();
            simple(conn, format!("SET LOCAL lock_timeout = {wait}")).await?;
            partitions::make(conn, &told.periods, from_s).await?;
        }
        rows += statement::run(conn, plan, None, of.rows).await?;
    }
    // What COMMIT would find.
    simple(conn, "SET CONSTRAINTS ALL IMMEDIATE".to_owned()).await?;
    simple(conn, "ROLLBACK".to_owned()).await?;
    Ok(rows)
}

pub(crate) async fn simple(conn: &mut PgConnection, sql: String) -> Result<(), SinkError> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(conn)
        .await
        .map(|_| ())
        .map_err(from_sqlx)
}
