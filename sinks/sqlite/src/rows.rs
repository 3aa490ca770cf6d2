//! Writing the rows of a batch, inside its transaction.
//!
//! Rows go in their order: puts in statements of many tuples, which SQLite
//! applies one after the other, so that of one key the last wins, also where
//! only the database knows that two keys are equal; deletes between them.

use crate::encode::{Bind, bind};
use crate::error::from_sqlx;
use crate::plan::{Absent, SqlitePlan};
use crate::statement::Target;
use plimsoll_protocol::Class;
use plimsoll_sink_api::canonical::Unfit;
use plimsoll_sink_api::{Cell, Committed, Mode, Op, Rows, SinkError};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};
use std::ops::Range;
use std::sync::Arc;

/// Writes all rows.
pub async fn write(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    rows: &Rows<'_>,
) -> Result<Committed, SinkError> {
    let mut committed = Committed::default();
    let mut at = 0;
    while at < rows.len() {
        let run = run_at(plan, rows, at);
        at = run.end;
        let (head, cells) = rows.row(run.start);
        match head.op {
            Op::Delete if plan.keys.is_empty() => {
                let unfit = Unfit::Tombstone;
                let error = SinkError::new(Class::Rejected, unfit.condition()).hint(unfit.hint());
                return Err(table_error(plan, error));
            }
            Op::Delete => committed.rows += delete(connection, plan, rows, run).await?,
            Op::Put if keeps(cells) => committed.rows += keep(connection, plan, cells).await?,
            Op::Put => {
                let shape = plan.shape(cells);
                if plan.mode == Mode::Upsert && plan.merges_only(&shape) {
                    committed.rows += merge(connection, plan, rows, run, &shape).await?;
                } else {
                    put(connection, plan, rows, run, &shape, &mut committed).await?;
                }
            }
        }
    }
    Ok(committed)
}

/// The rows from `start` that go together: puts of one shape, or deletes.
fn run_at(plan: &SqlitePlan, rows: &Rows<'_>, start: usize) -> Range<usize> {
    let (head, cells) = rows.row(start);
    let shape = plan.shape(cells);
    let alone = keeps(cells);
    let mut end = start + 1;
    while end < rows.len() && !alone {
        let (next, cells) = rows.row(end);
        if keeps(cells) {
            break;
        }
        if next.op != head.op || (next.op == Op::Put && !plan.has_shape(cells, &shape)) {
            break;
        }
        end += 1;
    }
    start..end
}

async fn put(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    rows: &Rows<'_>,
    run: Range<usize>,
    shape: &[bool],
    committed: &mut Committed,
) -> Result<(), SinkError> {
    let target = plan.target(shape);
    let mut start = run.start;
    while start < run.end {
        let length = target.length(run.end - start);
        let mut arguments = SqliteArguments::default();
        arguments.reserve(length * target.bound().len(), 0);
        for i in start..start + length {
            bind_row(plan, &target, rows.row(i).1, &mut arguments)?;
        }
        let sql = plan.statements.put(shape, &target, length);
        let written = execute(connection, plan, sql, arguments).await?;
        committed.rows += written;
        if plan.mode == Mode::Log && written < length as u64 {
            for i in start..start + length {
                same(connection, plan, &target, rows.row(i).1).await?;
            }
            committed.already_there += length as u64 - written;
        }
        start += length;
    }
    Ok(())
}

/// Merges rows that lack a column which a new row must have: into the row of
/// their key, or, where there is none, SQLite refuses them.
async fn merge(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    rows: &Rows<'_>,
    run: Range<usize>,
    shape: &[bool],
) -> Result<u64, SinkError> {
    let target = plan.target(shape);
    let update: Arc<str> = plan.statements.merge(&target).into();
    let insert = plan.statements.put(shape, &target, 1);
    let mut written = 0;
    for i in run {
        let cells = rows.row(i).1;
        let mut arguments = SqliteArguments::default();
        bind_row(plan, &target, cells, &mut arguments)?;
        bind_key(plan, cells, &mut arguments)?;
        let merged = execute(connection, plan, update.clone(), arguments).await?;
        if merged == 0 {
            let mut arguments = SqliteArguments::default();
            bind_row(plan, &target, cells, &mut arguments)?;
            written += execute(connection, plan, insert.clone(), arguments).await?;
        }
        written += merged;
    }
    Ok(written)
}

/// Whether a column is to stay as it is.
fn keeps(cells: &[Cell<'_>]) -> bool {
    cells.iter().any(|cell| matches!(cell, Cell::Unchanged))
}

/// Updates the row of a key, some columns of which stay as they are.
async fn keep(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    cells: &[Cell<'_>],
) -> Result<u64, SinkError> {
    let unavailable = || {
        let kept = cells.iter().position(|c| matches!(c, Cell::Unchanged));
        let unfit = Unfit::Unavailable;
        let mut error = SinkError::new(Class::Rejected, unfit.condition()).hint(unfit.hint());
        error.detail.column = kept.map(|i| plan.columns[i].name.clone());
        table_error(plan, error)
    };
    if plan.mode != Mode::Upsert {
        return Err(unavailable());
    }
    let mut arguments = SqliteArguments::default();
    let mut sets = Vec::new();
    for (i, column) in plan.columns.iter().enumerate() {
        match (&cells[i], &column.absent) {
            (Cell::Unchanged, _) | (Cell::Absent, Absent::Omitted) => {}
            (Cell::Absent, Absent::Expression(sql)) => sets.push((i, Some(sql.as_str()))),
            (cell, _) => {
                bind_cell(plan, i, cell, &mut arguments)?;
                sets.push((i, None));
            }
        }
    }
    bind_key(plan, cells, &mut arguments)?;
    let sets = sets
        .iter()
        .map(|(i, sql)| (plan.columns[*i].name.as_str(), *sql));
    let sql = plan.statements.keep(sets).into();
    match execute(connection, plan, sql, arguments).await? {
        0 => Err(unavailable()),
        written => Ok(written),
    }
}

async fn delete(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    rows: &Rows<'_>,
    run: Range<usize>,
) -> Result<u64, SinkError> {
    let (mut start, mut deleted) = (run.start, 0);
    while start < run.end {
        let (sql, length) = plan.statements.delete(run.end - start);
        let mut arguments = SqliteArguments::default();
        for i in start..start + length {
            bind_key(plan, rows.row(i).1, &mut arguments)?;
        }
        deleted += execute(connection, plan, sql, arguments).await?;
        start += length;
    }
    Ok(deleted)
}

/// The row at a log's coordinate must be the one at hand: else another log is
/// being written over this one, and nothing may go on.
async fn same(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    target: &Target<'_>,
    cells: &[Cell<'_>],
) -> Result<(), SinkError> {
    let mut arguments = SqliteArguments::default();
    bind_row(plan, target, cells, &mut arguments)?;
    bind_key(plan, cells, &mut arguments)?;
    let sql: Arc<str> = plan.statements.same(target).into();
    let same: Option<bool> = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments)
        .fetch_optional(connection)
        .await
        .map_err(|e| in_table(plan, &e))?;
    match same {
        Some(true) => Ok(()),
        Some(false) | None => Err(table_error(
            plan,
            SinkError::new(Class::Halt, "another event stands at a record's coordinate").hint(
                "was the topic made anew, or is another cluster's topic of this name in the table? \
                 Give this sink a table of its own",
            ),
        )),
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    plan: &SqlitePlan,
    sql: Arc<str>,
    arguments: SqliteArguments,
) -> Result<u64, SinkError> {
    match sqlx::query_with(AssertSqlSafe(sql), arguments)
        .execute(connection)
        .await
    {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => Err(in_table(plan, &error)),
    }
}

fn in_table(plan: &SqlitePlan, error: &sqlx::Error) -> SinkError {
    let mut error = from_sqlx(error);
    if error.detail.code.as_deref() == Some("SQLITE_MISMATCH") {
        // Only an INTEGER PRIMARY KEY says so.
        error.detail.column.clone_from(&plan.rowid_alias);
    }
    table_error(plan, error)
}

fn table_error(plan: &SqlitePlan, mut error: SinkError) -> SinkError {
    error.detail.table = Some(plan.table.clone());
    error
}

fn bind_row(
    plan: &SqlitePlan,
    target: &Target<'_>,
    cells: &[Cell<'_>],
    arguments: &mut SqliteArguments,
) -> Result<(), SinkError> {
    target
        .bound()
        .iter()
        .try_for_each(|&i| bind_cell(plan, i, &cells[i], arguments))
}

fn bind_key(
    plan: &SqlitePlan,
    cells: &[Cell<'_>],
    arguments: &mut SqliteArguments,
) -> Result<(), SinkError> {
    plan.keys
        .iter()
        .try_for_each(|&i| bind_cell(plan, i, &cells[i], arguments))
}

fn bind_cell(
    plan: &SqlitePlan,
    i: usize,
    cell: &Cell<'_>,
    arguments: &mut SqliteArguments,
) -> Result<(), SinkError> {
    let column = &plan.columns[i];
    let refused = |condition: &str, hint: &str| {
        let mut error = SinkError::new(Class::Rejected, condition).hint(hint);
        error.detail.column = Some(column.name.clone());
        table_error(plan, error)
    };
    let bound = match (cell, &column.absent) {
        (Cell::Absent, Absent::Constant(value)) => value.clone(),
        (cell, _) => bind(column.form, cell).map_err(|r| refused(r.condition(), r.hint()))?,
    };
    let added = match bound {
        Bind::Null => arguments.add(None::<i64>),
        Bind::Int(int) => arguments.add(int),
        Bind::Real(real) => arguments.add(real),
        // One allocation, which the connection's thread takes over.
        Bind::Text(text) => arguments.add(Arc::<str>::from(text)),
        Bind::Blob(bytes) => arguments.add(bytes.into_owned()),
    };
    added.map_err(|_| refused("the driver cannot bind the value", "it may be too large"))
}
