//! Which column of a single bad record it was, where the server does not say:
//! its fields are cast one by one.

use crate::array::TextArray;
use crate::encode;
use crate::error::from_sqlx;
use crate::plan::PgPlan;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Rows, SinkError};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// Whether probing can help: one record, refused for a value, no column named.
pub(crate) fn helps(error: &SinkError, rows: usize) -> bool {
    let code = error.detail.code.as_deref().unwrap_or_default();
    rows == 1
        && error.detail.column.is_none()
        && match error.class {
            // A value, or a domain's own rule: those name no table.
            Class::Rejected => {
                code.starts_with("22") || (code.starts_with("23") && error.detail.table.is_none())
            }
            // A type that says no in its own way; a right that lacks is no value's.
            Class::Suspect => code != "42501",
            Class::Fenced | Class::Transient | Class::Unavailable | Class::Stale | Class::Halt => {
                false
            }
        }
}

/// The first column whose value fails in the same way.
pub(crate) async fn column(
    conn: &mut PgConnection,
    plan: &PgPlan,
    rows: &Rows<'_>,
    error: &SinkError,
) -> Option<String> {
    let (_, cells) = rows.row(0);
    for (column, cell) in plan.columns.iter().zip(cells) {
        let mut text = TextArray::default();
        text.push(|out| encode::write(column.kind, cell, out))
            .ok()?;
        let stored = column.stored("x.v[1]");
        let cast = match &column.domain_sql {
            Some(domain) => format!("({stored})::{domain}"),
            None => stored,
        };
        let sql = format!("SELECT ({cast}) IS NULL FROM (SELECT $1::text[] AS v) AS x");
        let result = sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .bind(text)
            .fetch_one(&mut *conn)
            .await;
        match result.map_err(from_sqlx) {
            Ok(_) => {}
            Err(e) if e.detail.code == error.detail.code => return Some(column.name.clone()),
            // The connection is gone, or it is another matter.
            Err(e) if e.class == Class::Unavailable => return None,
            Err(_) => {}
        }
    }
    None
}
