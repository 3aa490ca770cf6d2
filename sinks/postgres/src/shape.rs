//! All that a plan was made of, as one number: read with the catalogue, and
//! compared inside each commit, when the table's lock is held already. What was
//! changed between the two is never written through the old plan.

use crate::below::below;
use crate::text::literal;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// The number, as an expression: which table has the name, what it is, its columns
/// with types, defaults and identity, its rules, whether policies hold for the
/// role, and which tables lie below it. NULL where there is no table.
///
/// A statement has locked the tables that it writes to before its snapshot is
/// taken, at READ COMMITTED, so it sees each change that it waited for. Partitions
/// are locked only when a row reaches them: what else is done to them alone, while
/// a commit runs, is seen by the next one.
fn number(table: &str) -> String {
    format!(
        "(SELECT pg_catalog.hashtextextended(pg_catalog.concat_ws('|', c.oid, c.relkind, \
         c.relpersistence, pg_catalog.row_security_active(c.oid), \
         (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attnum, a.attname, \
         a.atttypid, a.atttypmod, a.attcollation, a.attidentity, a.attgenerated, d.adbin, t.typdefaultbin), ';' \
         ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_attrdef AS d \
         ON d.adrelid = a.attrelid AND d.adnum = a.attnum LEFT JOIN pg_catalog.pg_type AS t \
         ON t.oid = a.atttypid AND t.typtype = 'd' \
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
         CASE WHEN c.relhasrules THEN (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', \
         r.oid, r.ev_enabled), ';' ORDER BY r.oid) FROM pg_catalog.pg_rewrite AS r \
         WHERE r.ev_class = c.oid) END, \
         CASE WHEN c.relhassubclass THEN ({below} SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', p.oid, p.relkind, \
         p.relpersistence), ';' ORDER BY p.oid) \
         FROM below AS b JOIN pg_catalog.pg_class AS p ON p.oid = b.oid) END), 0) \
         FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass({}))",
        literal(table),
        below = below("c.oid"),
    )
}

/// Reads the number of a table, by its quoted name.
pub(crate) async fn read(conn: &mut PgConnection, table: &str) -> sqlx::Result<Option<i64>> {
    let sql = format!("SELECT {}", number(table));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(conn).await
}

/// True while the table is what it was; else false or NULL.
pub(crate) fn unchanged(table: &str, shape: i64) -> String {
    format!("{} = '{shape}'::pg_catalog.int8", number(table))
}
