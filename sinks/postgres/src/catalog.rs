//! What the database says of a table: read in a few queries, judged elsewhere.

use crate::error::from_sqlx;
use crate::obstacle::{self, Obstacle};
use crate::partitioned::{self, Partitioned};
use crate::shape;
use crate::text::ident;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{PLACE, Route, SinkError, TopicWords, route_in};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

/// A table's name, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    text: String,
    quoted: bool,
}

/// The longest identifier; Postgres cuts longer ones without a word.
const IDENT_LIMIT: usize = 63;

impl TableName {
    /// Reads `schema.table` by SQL's rules and fills `{topic}` into the parts, so
    /// that a topic's own dots stay in its name. A part that records have a share in is
    /// meant to the letter: else two routes would be one table.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not show it.
    pub(crate) fn parse(template: &str, words: &TopicWords) -> Result<Self, &'static str> {
        if template.contains('\0') {
            return Err("holds a NUL");
        }
        let mut parts = Vec::new();
        let mut rest = template;
        loop {
            let (part, after) = if let Some(inner) = rest.strip_prefix('"') {
                let (text, after) = quoted(inner).ok_or("has a quote that does not end")?;
                (Part { text, quoted: true }, after)
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                let text = rest[..end].to_owned();
                (
                    Part {
                        text,
                        quoted: false,
                    },
                    &rest[end..],
                )
            };
            let quoted = part.quoted || part.text.contains(PLACE);
            let text = words.fill(&part.text);
            if text.is_empty() {
                return Err("has an empty part");
            }
            if text.len() > IDENT_LIMIT {
                return Err("has a part of more than 63 bytes, which Postgres would cut off");
            }
            parts.push(Part { text, quoted });
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => break,
                None => return Err("goes on behind a quoted part"),
            }
        }
        if parts.len() > 2 {
            return Err("has more than the two parts of schema.table");
        }
        Ok(Self { parts })
    }

    /// Of a name that records have a share in, which is left open: theirs in the name of a
    /// table, where that is one of those that are meant.
    pub(crate) fn route_of(&self, schema: &str, table: &str) -> Option<Route> {
        let names = match self.parts.len() {
            1 => &[table][..],
            _ => &[schema, table],
        };
        let mut route = None;
        for (part, name) in self.parts.iter().zip(names) {
            match part.text.contains(PLACE) {
                true => route = Some(route_in(&part.text, name)?),
                false if part.text == *name => {}
                false if !part.quoted && part.text.to_lowercase() == *name => {}
                false => return None,
            }
        }
        route
    }

    /// Quoted as written: the name that a table is created under.
    pub(crate) fn exact(&self) -> String {
        self.join(|part| ident(&part.text))
    }

    /// Quoted, parts without quotes in lower case, as SQL reads them.
    pub(crate) fn folded(&self) -> String {
        self.join(|part| match part.quoted {
            true => ident(&part.text),
            false => ident(&part.text.to_lowercase()),
        })
    }

    /// The same, where a part is written by another rule.
    pub(crate) fn written(&self, mut name: impl FnMut(&str) -> String) -> String {
        self.join(|part| name(&part.text))
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        self.written(str::to_owned)
    }

    /// The schema, quoted; `…` where none is named, and the search path counts.
    pub(crate) fn schema(&self) -> String {
        match self.parts.as_slice() {
            [schema, _] => ident(&schema.text),
            _ => "…".to_owned(),
        }
    }

    fn join(&self, f: impl FnMut(&Part) -> String) -> String {
        self.parts.iter().map(f).collect::<Vec<_>>().join(".")
    }
}

/// Whether a table can have this name, for one topic.
///
/// # Errors
/// Why it cannot, in words that do not show it.
pub fn check_table(template: &str, words: &TopicWords) -> Result<(), &'static str> {
    TableName::parse(template, words).map(|_| ())
}

/// The text up to the closing quote, and what follows it.
fn quoted(inner: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut rest = inner;
    loop {
        let end = rest.find('"')?;
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                text.push('"');
                rest = next;
            }
            None => return Some((text, rest)),
        }
    }
}

/// A table as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    /// Quoted and qualified.
    pub(crate) sql: String,
    /// For people.
    pub(crate) shown: String,
    /// `pg_class.relkind`.
    pub(crate) kind: String,
    /// In their order.
    pub(crate) columns: Vec<RelColumn>,
    /// Unique indexes over plain columns that hold for every row.
    pub(crate) uniques: Vec<Unique>,
    /// How it is divided, where it has partitions.
    pub(crate) partitioned: Option<Partitioned>,
    /// [`shape::read`]; `None` for a table that is not there yet.
    pub(crate) shape: Option<i64>,
    /// Policies hold for the role: COPY is refused then.
    pub(crate) row_security: bool,
    /// Why rows written here would not last, or would be other rows.
    pub(crate) obstacle: Option<Obstacle>,
}

/// A column as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelColumn {
    pub(crate) name: String,
    /// As the database prints it.
    pub(crate) type_name: String,
    /// Quoted and qualified, of the column: a domain's own name.
    pub(crate) type_sql: String,
    /// The same of the type below all domains, without length or precision: an
    /// explicit cast to `varchar(5)` would cut in silence.
    pub(crate) base_sql: String,
    /// `pg_type.typname` of the type below all domains, where it is built in.
    pub(crate) base_name: Option<String>,
    pub(crate) is_domain: bool,
    /// For an array: the built-in element type's name, or an empty text.
    pub(crate) element: Option<String>,
    /// Length or precision, of the column or its domain; -1: none.
    pub(crate) typmod: i32,
    /// The function by which an assignment enforces `typmod`, and its arguments.
    pub(crate) length_cast: Option<(String, i16)>,
    /// Where it is not the type's own.
    pub(crate) collation: Option<String>,
    /// Whether equal texts are equal bytes.
    pub(crate) deterministic: bool,
    /// An expression: the column's own, or its domain's.
    pub(crate) default: Option<String>,
    /// `GENERATED ALWAYS`, stored or identity.
    pub(crate) always: bool,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unique {
    pub(crate) primary: bool,
    /// Checked at once, not at the transaction's end.
    pub(crate) immediate: bool,
    pub(crate) columns: Vec<String>,
    /// The operator by which the index tells equal from different, per column.
    pub(crate) equals: Vec<String>,
}

const COLUMNS: &str = r"
SELECT a.attname::text AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
    pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type_sql,
    pg_catalog.quote_ident(bn.nspname) || '.' || pg_catalog.quote_ident(b.typname) AS base_sql,
    CASE WHEN bn.nspname = 'pg_catalog' THEN b.typname::text END AS base_name,
    t.typtype = 'd' AS is_domain,
    CASE WHEN b.typcategory = 'A' AND b.typlen = -1 AND b.typelem <> 0 THEN
        coalesce((SELECT CASE WHEN en.nspname = 'pg_catalog' THEN e.typname::text ELSE '' END
            FROM pg_catalog.pg_type AS e0
            JOIN pg_catalog.pg_type AS e
                ON e.oid = CASE WHEN e0.typtype = 'd' THEN e0.typbasetype ELSE e0.oid END
            JOIN pg_catalog.pg_namespace AS en ON en.oid = e.typnamespace
            WHERE e0.oid = b.typelem), '')
    END AS element,
    base.typmod,
    cast_by.fn AS cast_fn,
    cast_by.args AS cast_args,
    CASE WHEN a.attcollation <> 0 AND a.attcollation <> b.typcollation THEN
        pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(c.collname)
    END AS collation,
    coalesce(c.collisdeterministic, true) AS deterministic,
    CASE
        WHEN a.attidentity = 'd' THEN pg_catalog.format('nextval(%L::regclass)',
            pg_catalog.pg_get_serial_sequence(a.attrelid::regclass::text, a.attname))
        WHEN a.attgenerated = '' THEN coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid),
            CASE WHEN t.typtype = 'd' THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END)
    END AS default_sql,
    a.attidentity = 'a' OR a.attgenerated <> '' AS always
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.typnamespace
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
LEFT JOIN LATERAL (
    SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.proname) AS fn,
        p.pronargs AS args
    FROM pg_catalog.pg_cast AS pc
    JOIN pg_catalog.pg_proc AS p ON p.oid = pc.castfunc
    JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.pronamespace
    WHERE pc.castsource = b.oid AND pc.casttarget = b.oid
) AS cast_by ON base.typmod >= 0
LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

const UNIQUES: &str = r"
SELECT i.indisprimary AS is_primary, i.indimmediate AS immediate,
    array_agg(a.attname::text ORDER BY k.n) AS columns,
    array_agg((
        SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
        FROM pg_catalog.pg_opclass AS oc
        JOIN pg_catalog.pg_amop AS ao ON ao.amopfamily = oc.opcfamily
            AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
            AND ao.amopstrategy = 3
        JOIN pg_catalog.pg_operator AS o ON o.oid = ao.amopopr
        JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE oc.oid = i.indclass[k.n - 1]
    ) ORDER BY k.n) AS equals
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::int8::oid AND i.indisunique AND i.indisvalid
    AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary, i.indimmediate
ORDER BY i.indisprimary DESC, i.indexrelid";

const FIND: &str = r"
SELECT c.oid::int8 AS oid, c.relkind::text AS kind,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS sql,
    n.nspname || '.' || c.relname AS shown,
    pg_catalog.row_security_active(c.oid) AS row_security
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = coalesce(pg_catalog.to_regclass($1), pg_catalog.to_regclass($2))";

/// Reads a table; `None` if there is none.
pub(crate) async fn read(
    conn: &mut PgConnection,
    name: &TableName,
) -> Result<Option<Relation>, SinkError> {
    find(conn, name)
        .await
        .map_err(|e| failed(&name.schema(), e))
}

async fn find(conn: &mut PgConnection, name: &TableName) -> sqlx::Result<Option<Relation>> {
    let found = sqlx::query(FIND)
        .bind(name.exact())
        .bind(name.folded())
        .fetch_optional(&mut *conn)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let oid: i64 = found.try_get("oid")?;
    let sql: String = found.try_get("sql")?;
    // First: a change between this and the rest makes the plan stale, not wrong.
    let shape = shape::read(conn, &sql).await?;
    let columns = sqlx::query(COLUMNS).bind(oid).fetch_all(&mut *conn).await?;
    let uniques = sqlx::query(UNIQUES).bind(oid).fetch_all(&mut *conn).await?;
    let obstacle = obstacle::find(conn, oid).await?;
    let kind: String = found.try_get("kind")?;
    let partitioned = match kind.as_str() {
        "p" => partitioned::read(conn, oid).await?,
        _ => None,
    };
    Ok(Some(Relation {
        sql: sql.clone(),
        shown: found.try_get("shown")?,
        kind,
        partitioned,
        columns: columns.iter().map(column).collect::<Result<_, _>>()?,
        uniques: uniques.iter().map(unique).collect::<Result<_, _>>()?,
        shape,
        row_security: found.try_get("row_security")?,
        obstacle,
    }))
}

const OTHERS: &str = r"
SELECT CASE WHEN $1::text IS NULL THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND CASE WHEN $1::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
        ELSE n.nspname = $1 OR n.nspname = pg_catalog.lower($1) END
ORDER BY c.oid LIMIT 10000";

/// The tables that stand where a name points to, named as it is: for a suggestion.
pub(crate) async fn others(
    conn: &mut PgConnection,
    name: &TableName,
) -> Result<Vec<String>, SinkError> {
    let schema = match name.parts.as_slice() {
        [schema, _] => Some(schema.text.as_str()),
        _ => None,
    };
    sqlx::query_scalar(OTHERS)
        .bind(schema)
        .fetch_all(conn)
        .await
        .map_err(from_sqlx)
}

const TABLES: &str = r"
SELECT n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', $1)
ORDER BY n.nspname, c.relname";

/// What records have to say for the tables that a name, which they have a share in, may
/// mean. `own`: the schema of plimsoll's own tables.
pub(crate) async fn routes(
    conn: &mut PgConnection,
    name: &TableName,
    own: &str,
) -> Result<Vec<Route>, SinkError> {
    let tables: Vec<(String, String, bool)> = sqlx::query_as(TABLES)
        .bind(own)
        .fetch_all(conn)
        .await
        .map_err(from_sqlx)?;
    let anywhere = name.parts.len() > 1;
    let meant = tables.iter().filter(|(.., visible)| anywhere || *visible);
    let routes = meant.filter_map(|(schema, table, _)| name.route_of(schema, table));
    Ok(routes.collect())
}

/// A catalogue that cannot be read now may be readable soon: a grant, or a table
/// that was just dropped and is made anew.
fn failed(schema: &str, error: sqlx::Error) -> SinkError {
    let mut error = from_sqlx(error);
    if matches!(error.class, Class::Stale | Class::Suspect) {
        error.class = Class::Halt;
    }
    if crate::error::has_code(&error, "42501") {
        error.detail.hint = Some(format!("GRANT USAGE ON SCHEMA {schema} TO …"));
    }
    error
}

fn column(row: &PgRow) -> sqlx::Result<RelColumn> {
    let cast_fn: Option<String> = row.try_get("cast_fn")?;
    let cast_args: Option<i16> = row.try_get("cast_args")?;
    Ok(RelColumn {
        name: row.try_get("name")?,
        type_name: row.try_get("type_name")?,
        type_sql: row.try_get("type_sql")?,
        base_sql: row.try_get("base_sql")?,
        base_name: row.try_get("base_name")?,
        is_domain: row.try_get("is_domain")?,
        element: row.try_get("element")?,
        typmod: row.try_get("typmod")?,
        length_cast: cast_fn.zip(cast_args),
        collation: row.try_get("collation")?,
        deterministic: row.try_get("deterministic")?,
        default: row.try_get("default_sql")?,
        always: row.try_get("always")?,
    })
}

fn unique(row: &PgRow) -> sqlx::Result<Unique> {
    Ok(Unique {
        primary: row.try_get("is_primary")?,
        immediate: row.try_get("immediate")?,
        columns: row.try_get("columns")?,
        equals: row.try_get("equals")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_sql() {
        let name =
            |template| TableName::parse(template, &TopicWords::of("shop.Orders", None)).unwrap();
        assert_eq!(name("public.orders").exact(), r#""public"."orders""#);
        assert_eq!(name("Orders").exact(), r#""Orders""#);
        assert_eq!(name("Orders").folded(), r#""orders""#);
        assert_eq!(name(r#"s."Or""d.er""#).folded(), r#""s"."Or""d.er""#);
        assert_eq!(name("public.{topic}").exact(), r#""public"."shop.Orders""#);
        assert_eq!(name("public.raw_{topic}").shown(), "public.raw_shop.Orders");
    }

    #[test]
    fn what_a_record_says_stays_in_its_part_to_the_letter() {
        let routed = |template, route: &str| {
            let route = Route::of(route).unwrap();
            TableName::parse(template, &TopicWords::of("t", None).with_route(&route))
        };
        let name = |template, route| routed(template, route).unwrap();
        assert_eq!(
            name("public.e_{route}", "A.b").exact(),
            r#""public"."e_A.b""#
        );
        assert_eq!(name("public.{route}", "A").folded(), r#""public"."A""#);
        assert_eq!(name("{route}", "a\";x").exact(), r#""a"";x""#);
        assert_eq!(name("{route}", "{topic}").exact(), r#""{topic}""#);
        // Bytes, not letters.
        assert!(routed("{route}", &"ä".repeat(31)).is_ok());
        assert!(routed("{route}", &"ä".repeat(32)).is_err());
        let open = TableName::parse("S.e_{route}", &TopicWords::of("t", None)).unwrap();
        let found = |schema, table| open.route_of(schema, table);
        assert_eq!(found("s", "e_A"), Route::of("A"));
        assert_eq!(found("S", "e_a.b"), Route::of("a.b"));
        assert_eq!(found("s", "E_A"), None);
        assert_eq!(found("x", "e_A"), None);
        assert_eq!(found("s", "e_"), None);
    }

    #[test]
    fn broken_names_are_refused() {
        for template in ["", "a.", ".a", "a.b.c", "\"a", "\"a\"b", "\"\"", "a\0b"] {
            assert!(
                TableName::parse(template, &TopicWords::of("t", None)).is_err(),
                "{template}"
            );
        }
        assert!(TableName::parse("{topic}", &TopicWords::of(&"t".repeat(64), None)).is_err());
    }
}
