//! Fence, dead letters, deletes and rows as one statement, which the server runs
//! only when it has arrived whole: every `upsert`, and small batches of the other
//! modes. In an upsert the last record of a key wins, as the *database* tells
//! equal keys from different ones.

use crate::array::TextArray;
use crate::catalog::{Relation, Unique};
use crate::copy::{bad_value, tombstone};
use crate::dead;
use crate::encode;
use crate::error::{from_sqlx, has_code};
use crate::fence::{self, Fence};
use crate::names::Names;
use crate::plan::{PgPlan, PlanColumn};
use crate::shape;
use crate::sql::{Says, Shape, UNAVAILABLE, Way, Writer};
use plimsoll_protocol::Class;
use plimsoll_sink_api::canonical::Unfit;
use plimsoll_sink_api::{Batch, Cell, Missing, Op, Rows, SinkError};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use std::sync::Arc;

/// The statements of one table, made once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statements {
    /// By [`Shape::index`].
    texts: Vec<Arc<str>>,
    /// The same where columns are to stay as they are; empty without a key.
    keeping: Vec<Arc<str>>,
    /// Columns whose presence is told to the server.
    flagged: Vec<usize>,
    /// Columns of which [`Says`] is told to the server, in [`Self::keeping`].
    told: Vec<usize>,
    /// The columns of the key.
    keys: Vec<usize>,
    way: Way,
}

impl Statements {
    /// For a table with a key, or without one: then each record is a row.
    pub(crate) fn new(
        names: &Names,
        relation: &Relation,
        columns: &[PlanColumn],
        key: Option<&Unique>,
        missing: Missing,
    ) -> Self {
        let way = match (key, missing) {
            (None, _) => Way::Insert,
            (Some(_), Missing::Default) => Way::Replace,
            (Some(_), Missing::Keep) => Way::Merge,
        };
        // In the index's order, with the index's operators.
        let keys: Vec<(usize, String)> = key
            .iter()
            .flat_map(|key| key.columns.iter().zip(&key.equals))
            .filter_map(|(name, equals)| {
                let i = columns.iter().position(|c| &c.name == name)?;
                Some((i, equals.clone()))
            })
            .collect();
        let is_key = |i: usize| keys.iter().any(|(k, _)| *k == i);
        let flagged: Vec<usize> = (0..columns.len())
            .filter(|&i| !is_key(i) && (way == Way::Merge || columns[i].default.is_some()))
            .collect();
        let told: Vec<usize> = (0..columns.len()).filter(|&i| !is_key(i)).collect();
        let writer = Writer {
            names,
            target: &relation.sql,
            unchanged: relation
                .shape
                .map(|shape| shape::unchanged(&relation.sql, shape)),
            columns,
            keys,
            flagged: &flagged,
        };
        let keeping = match way {
            Way::Insert => Vec::new(),
            Way::Replace | Way::Merge => {
                let writer = Writer {
                    flagged: &told,
                    ..writer.clone()
                };
                let text = |&shape: &Shape| writer.keep(shape).into();
                Shape::ALL.iter().map(text).collect()
            }
        };
        let key_columns = writer.keys.iter().map(|(k, _)| *k).collect();
        let texts = Shape::ALL
            .iter()
            .map(|&shape| match way {
                Way::Insert => writer.insert_each(shape).into(),
                Way::Replace => writer.replace(shape).into(),
                Way::Merge => writer.merge(shape).into(),
            })
            .collect();
        Self {
            texts,
            keeping,
            flagged,
            told,
            keys: key_columns,
            way,
        }
    }

    /// Which records of a batch the server has to see.
    fn wanted(&self, rows: &Rows<'_>, keeps: bool) -> Vec<usize> {
        match self.way {
            Way::Replace if keeps => (0..rows.len()).collect(),
            // Keys that are equal only to the database (two cases of a uuid, 1 and 1.0) it
            // still tells by itself. A bad record that a later one of its key supersedes
            // is never seen by it.
            Way::Replace => rows.last_of_each_key(0, &self.keys),
            Way::Insert | Way::Merge => (0..rows.len()).collect(),
        }
    }
}

impl Statements {
    fn says(&self, cell: &Cell<'_>) -> Says {
        match (cell, self.way) {
            (Cell::Unchanged, _) => Says::Unchanged,
            (Cell::Absent, Way::Merge) => Says::Nothing,
            (Cell::Absent, Way::Insert | Way::Replace) => Says::Default,
            _ => Says::Value,
        }
    }
}

/// Bytes that a connection's buffers may keep from batch to batch.
const KEPT: usize = 1 << 20;

/// Runs the statement; without a fence, and what it lets pass, where that is another's part.
pub(crate) async fn run(
    conn: &mut PgConnection,
    plan: &PgPlan,
    fence: Option<(&Fence<'_>, &[Batch<'_, PgPlan>])>,
    rows: &Rows<'_>,
) -> Result<u64, SinkError> {
    let sql = &plan.statements;
    let keeps = rows.keep_some() && sql.way != Way::Insert;
    let wanted = sql.wanted(rows, keeps);
    let gone: Vec<bool> = wanted
        .iter()
        .map(|&i| rows.row(i).0.op == Op::Delete)
        .collect();
    let shape = Shape {
        fence: fence.is_some(),
        dead: fence.is_some_and(|(_, of)| of.iter().any(|batch| !batch.dead.is_empty())),
        deletes: gone.contains(&true),
    };
    if let (Way::Insert, Some(at)) = (sql.way, gone.iter().position(|gone| *gone)) {
        return Err(tombstone(rows.row(wanted[at]).0.offset));
    }
    let texts = if keeps { &sql.keeping } else { &sql.texts };
    let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&texts[shape.index()])));
    if let Some((fence, batches)) = fence {
        query = fence.bind(query);
        if shape.dead {
            query = dead::bind(query, batches);
        }
    }
    let mut bytes = 0;
    for (i, column) in plan.columns.iter().enumerate() {
        let text = column_text(i, column, rows, &wanted, keeps)?;
        bytes += text.size();
        query = query.bind(text);
    }
    let cells = |i: usize| wanted.iter().map(move |&row| &rows.row(row).1[i]);
    if keeps {
        for &i in &sql.told {
            let says: Vec<i16> = cells(i).map(|cell| sql.says(cell) as i16).collect();
            query = query.bind(says);
        }
    } else {
        for &i in &sql.flagged {
            let present: Vec<bool> = cells(i).map(|c| !matches!(c, Cell::Absent)).collect();
            query = query.bind(present);
        }
    }
    query = query.bind(gone);
    // Read to the end: a deferred constraint fails after the row came.
    let answer = query
        .fetch_one(&mut *conn)
        .await
        .map_err(|e| judged(from_sqlx(e), wanted.len()))?;
    fence::proven(&answer)?;
    let written: i64 = answer.try_get("written").map_err(from_sqlx)?;
    if bytes > KEPT {
        conn.shrink_buffers();
    }
    Ok(u64::try_from(written).unwrap_or(0))
}

fn column_text(
    i: usize,
    column: &PlanColumn,
    rows: &Rows<'_>,
    wanted: &[usize],
    keeps: bool,
) -> Result<TextArray, SinkError> {
    let mut array = TextArray::default();
    for (row, cells) in wanted.iter().map(|&at| rows.row(at)) {
        let cell = match cells[i] {
            Cell::Unchanged if keeps => Cell::Null,
            cell => cell,
        };
        array
            .push(|out| encode::write(column.kind, &cell, out))
            .map_err(|fault| bad_value(fault, &column.name, row.offset))?;
    }
    Ok(array)
}

/// Two keys that only became equal on their way into the table, by a trigger
/// perhaps: apart from each other the records are good.
fn judged(mut error: SinkError, rows: usize) -> SinkError {
    let text = error.detail.text.reveal();
    if has_code(&error, "22P02") && text.contains(&format!("\"{UNAVAILABLE}\"")) {
        let unfit = Unfit::Unavailable;
        error = SinkError::new(Class::Rejected, unfit.condition()).hint(unfit.hint());
    }
    if has_code(&error, "21000") && rows > 1 {
        error.class = Class::Rejected;
    }
    error
}

/// Whether the statement may simply be run again ([`Writer::merge`]).
pub(crate) fn lost_a_race(plan: &PgPlan, rows: &Rows<'_>, error: &SinkError) -> bool {
    let merges = match plan.statements.way {
        Way::Insert => false,
        Way::Replace => rows.keep_some(),
        Way::Merge => true,
    };
    has_code(error, "23505") && merges
}
