//! What stands between a row that is written and a row that lasts: a table, or one
//! below it, that does something else than keep what it is given.

use crate::below::below;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

/// The first such thing, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// Where: the table itself, or one of its partitions.
    pub(crate) shown: String,
    /// What it is, and why it cannot be.
    pub(crate) what: String,
    /// The statement that mends it.
    pub(crate) hint: String,
}

/// Tables by inheritance stand for partitions, too: an upsert changes their rows.
const FIND: &str = r#",
tree(oid, parent) AS (
    SELECT $1::int8::oid, NULL::oid UNION ALL SELECT oid, parent FROM below
)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS sql,
    n.nspname || '.' || c.relname AS shown,
    c.relkind::text AS kind, c.relpersistence::text AS persistence,
    CASE WHEN c.relispartition THEN 'DETACH PARTITION ' ELSE 'NO INHERIT ' END AS verb,
    (SELECT pg_catalog.format('%I.%I', pn.nspname, p.relname)
        FROM pg_catalog.pg_class AS p
        JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
        WHERE p.oid = tree.parent) AS parent,
    rule.name AS rule, pg_catalog.quote_ident(rule.name) AS rule_sql, rule.event
FROM tree
JOIN pg_catalog.pg_class AS c ON c.oid = tree.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT r.rulename::text AS name,
        CASE r.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END AS event
    FROM pg_catalog.pg_rewrite AS r
    WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3', '4') AND r.ev_enabled <> 'D'
    ORDER BY r.rulename LIMIT 1
) AS rule ON true
WHERE rule.name IS NOT NULL OR c.relpersistence <> 'p' OR c.relkind = 'f'
ORDER BY tree.parent IS NOT NULL, c.oid LIMIT 1"#;

/// Looks at a table and at all below it.
pub(crate) async fn find(conn: &mut PgConnection, oid: i64) -> sqlx::Result<Option<Obstacle>> {
    let sql = below("$1::int8::oid") + FIND;
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(oid)
        .fetch_optional(&mut *conn)
        .await?;
    row.as_ref().map(judge).transpose()
}

fn judge(row: &PgRow) -> sqlx::Result<Obstacle> {
    let text = |name: &str| {
        row.try_get::<Option<String>, _>(name)
            .map(Option::unwrap_or_default)
    };
    let (sql, parent) = (text("sql")?, text("parent")?);
    let (kind, persistence) = (text("kind")?, text("persistence")?);
    let (what, hint) = match (kind.as_str(), persistence.as_str()) {
        ("f", _) => (
            "is a foreign table: its rows are not in the transaction of the position".to_owned(),
            match parent.is_empty() {
                true => "write to the server that holds it".to_owned(),
                false => format!("ALTER TABLE {parent} {}{sql}", text("verb")?),
            },
        ),
        (_, "u") => (
            "is unlogged: a crash empties it, and the position stays".to_owned(),
            format!("ALTER TABLE {sql} SET LOGGED"),
        ),
        (_, "t") => (
            "is temporary: it ends with its session, and the position stays".to_owned(),
            "name an ordinary table".to_owned(),
        ),
        _ => (
            format!(
                "has the rule \"{}\" on {}, which writes something else than the rows",
                text("rule")?,
                text("event")?
            ),
            format!(
                "DROP RULE {} ON {sql}; a trigger may do its work",
                text("rule_sql")?
            ),
        ),
    };
    Ok(Obstacle {
        shown: text("shown")?,
        what,
        hint,
    })
}
