//! What the catalogue says of a table's columns.

use super::PgColumn;
use super::cells::Form;
use super::equality::{Equality, with_collation};
use crate::text::ident;
use plimsoll_sink_api::Column;
use plimsoll_sink_api::snapshot::hash;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

/// `$1`: the table, `$2`: the column. The base is the type below all domains: whether
/// a domain's own rules hold was the writer's question.
const COLUMN: &str = "
SELECT pg_catalog.format_type(base.oid, base.typmod) AS type_sql, base.oid::int8 AS base,
    b.typcategory = 'A' AND b.typlen = -1 AND b.typelem <> 0 AS is_array,
    CASE WHEN bn.nspname = 'pg_catalog' THEN b.typname::text ELSE '' END AS name,
    (WITH RECURSIVE inner_chain(oid) AS (
        SELECT b.typelem
        UNION ALL
        SELECT dt.typbasetype FROM inner_chain
            JOIN pg_catalog.pg_type AS dt ON dt.oid = inner_chain.oid AND dt.typtype = 'd'
    )
    SELECT e.typname::text FROM inner_chain JOIN pg_catalog.pg_type AS e
        ON e.oid = inner_chain.oid AND e.typtype <> 'd'
        JOIN pg_catalog.pg_namespace AS en ON en.oid = e.typnamespace AND en.nspname = 'pg_catalog'
    ) AS element,
    CASE WHEN NOT c.collisdeterministic THEN
        pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(c.collname) END AS collation,
    a.attidentity <> '' OR a.attgenerated <> '' AS filled,
    -- What the columns that every table has were made with, the table was made with.
    CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute AS own WHERE own.attrelid = a.attrelid
        AND own.attnum < 0 AND own.xmin = a.xmin) THEN NULL
        ELSE pg_catalog.age(a.xmin) END AS age,
    pg_catalog.age(d.xmin) AS default_age,
    coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid),
        pg_catalog.pg_get_expr(t.typdefaultbin, 0)) AS default_sql,
    coalesce(d.adbin, t.typdefaultbin)::text AS default_tree
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
CROSS JOIN LATERAL (
    WITH RECURSIVE chain(oid, typmod, depth) AS (
        SELECT a.atttypid, a.atttypmod, 0
        UNION ALL
        SELECT dt.typbasetype, dt.typtypmod, chain.depth + 1
        FROM chain JOIN pg_catalog.pg_type AS dt ON dt.oid = chain.oid AND dt.typtype = 'd'
    )
    SELECT chain.oid, chain.typmod FROM chain ORDER BY chain.depth DESC LIMIT 1
) AS base
JOIN pg_catalog.pg_type AS b ON b.oid = base.oid
JOIN pg_catalog.pg_namespace AS bn ON bn.oid = b.typnamespace
LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::pg_catalog.regclass AND a.attname = $2 AND NOT a.attisdropped";

/// `$1`: an expression as the catalogue keeps it. Whether all functions in it say the
/// same for ever, and nothing else in it looks at the clock or at who asks.
const CONSTANT: &str = "
SELECT $1 !~ '\\{(SQLVALUEFUNCTION|NEXTVALUEEXPR|COERCEVIAIO|XMLEXPR|PARAM) '
    AND NOT EXISTS (
        SELECT FROM pg_catalog.regexp_matches($1, ':(?:op)?funcid (\\d+)', 'g') AS m(found)
        JOIN pg_catalog.pg_proc AS p ON p.oid = m.found[1]::oid AND p.provolatile <> 'i')";

/// A column, as it was read.
pub struct Read {
    pub column: PgColumn,
    /// What stands in it where the field is missing; `None`: another thing in each row.
    pub default: Option<u64>,
    /// See [`plimsoll_sink_api::snapshot::SnapshotTable::changed`].
    pub changed: Option<u32>,
}

/// Reads a column.
pub async fn column(
    snapshot: &mut PgConnection,
    judge: &mut PgConnection,
    target: &str,
    column: &Column,
) -> sqlx::Result<Read> {
    let row = sqlx::query(COLUMN)
        .bind(target)
        .bind(&column.name)
        .fetch_one(&mut *snapshot)
        .await?;
    let (name, element): (String, Option<String>) = (row.try_get("name")?, row.try_get("element")?);
    let collation: Option<String> = row.try_get("collation")?;
    let type_sql: String = row.try_get("type_sql")?;
    let default: Option<(String, String)> = match row.try_get("default_sql")? {
        Some(sql) => Some((sql, row.try_get("default_tree")?)),
        None => None,
    };
    let default = match (row.try_get("filled")?, default) {
        (true, _) => None,
        (false, None) => Some(hash::NULL),
        (false, Some((sql, tree))) => default_value(judge, &sql, &tree, &type_sql).await?,
    };
    let (age, default_age): (Option<i32>, Option<i32>) =
        (row.try_get("age")?, row.try_get("default_age")?);
    let equality = Equality::of(snapshot, row.try_get("base")?, collation.is_some()).await?;
    let column = PgColumn {
        form: Form::of(column, row.try_get("is_array")?, &name, element.as_deref()),
        quoted: ident(&column.name),
        cast: with_collation(format!("@::{type_sql}"), collation.as_deref()),
        reads_clock: equality.reads_clock(),
        equality: column.key.then_some(equality),
    };
    Ok(Read {
        column,
        default,
        // A default that was there when the table was made is of the same age.
        changed: changed(age, default_age),
    })
}

/// The last change; `None` where there was none since the table was made. `age`: of the
/// column, where it is younger than its table.
fn changed(age: Option<i32>, default_age: Option<i32>) -> Option<u32> {
    let age = age?;
    u32::try_from(default_age.map_or(age, |default| age.min(default))).ok()
}

async fn default_value(
    judge: &mut PgConnection,
    sql: &str,
    tree: &str,
    type_sql: &str,
) -> sqlx::Result<Option<u64>> {
    let row = sqlx::query(CONSTANT)
        .bind(tree)
        .fetch_one(&mut *judge)
        .await?;
    if !row.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    // The catalogue prints it without the cast to the column's type.
    let sql = format!("SELECT (({sql})::{type_sql})::text");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(judge).await?;
    Ok(Some(hash::hash(row.try_get::<Option<&str>, _>(0)?)))
}
