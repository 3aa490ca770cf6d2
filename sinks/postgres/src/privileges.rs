//! What the role may not do and would have to: for `plimsoll check --connect`.

use crate::error::from_sqlx;
use crate::names::Names;
use crate::plan::PgPlan;
use plimsoll_sink_api::{Mode, SinkError};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

const STATE: &str = "
SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
    to_regnamespace($1) IS NOT NULL AS there,
    CASE WHEN to_regnamespace($1) IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(to_regnamespace($1)::oid, 'USAGE') END AS may";

/// NULL: there is no such schema.
const CREATION: &str = "
SELECT has_schema_privilege(CASE cardinality(parse_ident($1))
        WHEN 2 THEN to_regnamespace(quote_ident((parse_ident($1))[1]))::oid
        ELSE to_regnamespace(quote_ident(current_schema()))::oid END, 'CREATE') AS may,
    quote_ident(CASE cardinality(parse_ident($1)) WHEN 2 THEN (parse_ident($1))[1]
        ELSE current_schema() END) AS schema";

/// Whoever may act as its owner may change it.
const OWNER: &str = "
SELECT pg_has_role(c.relowner, 'USAGE') AS may, quote_ident(pg_get_userbyid(c.relowner)) AS owner
FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass($1)";

const TABLE: &str = "
SELECT p.name, to_regclass($1) IS NULL OR has_table_privilege($1, p.name) AS may
FROM unnest($2::text[]) AS p(name)";

const SEQUENCES: &str = "
SELECT DISTINCT s.oid::regclass::text AS name, has_sequence_privilege(s.oid, 'USAGE') AS may
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_attrdef AS ad ON ad.oid = d.objid AND d.classid = 'pg_catalog.pg_attrdef'::regclass
JOIN pg_catalog.pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
WHERE ad.adrelid = to_regclass($1)";

/// What a role lacks.
#[derive(Debug)]
pub(crate) struct Lack {
    /// In words.
    pub(crate) what: String,
    /// The statement that gives it.
    pub(crate) mend: String,
}

impl Lack {
    /// A privilege on an object, as GRANT names both.
    fn of(privilege: &str, object: &str, role: &str) -> Self {
        Self {
            what: format!("{privilege} on {object}"),
            mend: format!("GRANT {privilege} ON {object} TO {role}"),
        }
    }
}

/// Each missing privilege; empty: all is well.
pub(crate) async fn missing(
    conn: &mut PgConnection,
    names: &Names,
    plan: &PgPlan,
) -> Result<Vec<Lack>, SinkError> {
    let mut missing = Vec::new();
    let row = sqlx::query(STATE)
        .bind(&names.schema)
        .fetch_one(&mut *conn)
        .await
        .map_err(from_sqlx)?;
    let there: bool = row.try_get("there").map_err(from_sqlx)?;
    let may: bool = row.try_get("may").map_err(from_sqlx)?;
    let role: String = row.try_get("role").map_err(from_sqlx)?;
    let database: String = row.try_get("database").map_err(from_sqlx)?;
    let lack = |privilege: &str, object: &str| Lack::of(privilege, object, &role);
    match (there, may) {
        (_, true) => {}
        (true, false) => missing.push(lack("USAGE", &format!("SCHEMA {}", names.schema))),
        (false, false) => {
            let mut lack = lack("CREATE", &format!("DATABASE {database}"));
            lack.mend += ", or have the SQL of `plimsoll migrate --print` applied";
            missing.push(lack);
        }
    }
    if there && may {
        let all = ["SELECT", "INSERT", "UPDATE"];
        let rewritten = [
            &names.positions,
            &names.dead_letters,
            &names.sinks,
            &names.members,
        ];
        for table in rewritten {
            on_table(conn, table, &all, &role, &mut missing).await?;
        }
        let kept = ["SELECT", "INSERT"];
        for table in [&names.starts, &names.acts, &names.commands] {
            on_table(conn, table, &kept, &role, &mut missing).await?;
        }
        on_table(conn, &names.migrations, &["SELECT"], &role, &mut missing).await?;
    }
    if plan.create.is_some() {
        on_schema(conn, &plan.target, &role, &mut missing).await?;
    } else {
        if plan.partitions.is_some() {
            on_schema(conn, &plan.target, &role, &mut missing).await?;
            owned(conn, &plan.target, &role, &mut missing).await?;
        }
        let needed: &[&str] = match plan.mode {
            Mode::Append => &["INSERT"],
            Mode::Log => &["INSERT", "SELECT"],
            Mode::Upsert => &["INSERT", "SELECT", "UPDATE", "DELETE"],
        };
        on_table(conn, &plan.target, needed, &role, &mut missing).await?;
        on_sequences(conn, &plan.target, &role, &mut missing).await?;
    }
    Ok(missing)
}

/// Whether tables can be made in the schema of one.
async fn on_schema(
    conn: &mut PgConnection,
    table: &str,
    role: &str,
    missing: &mut Vec<Lack>,
) -> Result<(), SinkError> {
    let row = sqlx::query(CREATION)
        .bind(table)
        .fetch_one(conn)
        .await
        .map_err(from_sqlx)?;
    match row.try_get("may").map_err(from_sqlx)? {
        Some(true) => {}
        Some(false) => {
            let schema: String = row.try_get("schema").map_err(from_sqlx)?;
            missing.push(Lack::of("CREATE", &format!("SCHEMA {schema}"), role));
        }
        None => missing.push(Lack {
            what: format!("a schema to make {table} in"),
            mend: "CREATE SCHEMA".to_owned(),
        }),
    }
    Ok(())
}

/// Whether partitions can be attached to a table.
async fn owned(
    conn: &mut PgConnection,
    table: &str,
    role: &str,
    missing: &mut Vec<Lack>,
) -> Result<(), SinkError> {
    let row = sqlx::query(OWNER)
        .bind(table)
        .fetch_optional(conn)
        .await
        .map_err(from_sqlx)?;
    let Some(row) = row else { return Ok(()) };
    if !row.try_get::<bool, _>("may").map_err(from_sqlx)? {
        let owner: String = row.try_get("owner").map_err(from_sqlx)?;
        missing.push(Lack {
            what: format!("ownership of TABLE {table}, which attaching partitions takes"),
            mend: format!("ALTER TABLE {table} OWNER TO {role}, or GRANT {owner} TO {role}"),
        });
    }
    Ok(())
}

async fn on_table(
    conn: &mut PgConnection,
    table: &str,
    needed: &[&str],
    role: &str,
    missing: &mut Vec<Lack>,
) -> Result<(), SinkError> {
    let rows = sqlx::query(TABLE)
        .bind(table)
        .bind(needed.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
        .map_err(from_sqlx)?;
    for row in rows {
        if !row.try_get::<bool, _>("may").map_err(from_sqlx)? {
            let name: &str = row.try_get("name").map_err(from_sqlx)?;
            missing.push(Lack::of(name, &format!("TABLE {table}"), role));
        }
    }
    Ok(())
}

/// Defaults of `serial` columns draw from sequences.
async fn on_sequences(
    conn: &mut PgConnection,
    table: &str,
    role: &str,
    missing: &mut Vec<Lack>,
) -> Result<(), SinkError> {
    let rows = sqlx::query(AssertSqlSafe(SEQUENCES))
        .bind(table)
        .fetch_all(conn)
        .await
        .map_err(from_sqlx)?;
    for row in rows {
        if !row.try_get::<bool, _>("may").map_err(from_sqlx)? {
            let name: &str = row.try_get("name").map_err(from_sqlx)?;
            missing.push(Lack::of("USAGE", &format!("SEQUENCE {name}"), role));
        }
    }
    Ok(())
}
