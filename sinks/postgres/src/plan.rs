//! From the catalogue and the config to what is written and how. Pure.

use crate::binary::Binary;
use crate::catalog::{RelColumn, Relation, TableName, Unique};
use crate::encode::{Element, Kind};
use crate::error::halt;
use crate::fence;
use crate::names::Names;
use crate::shape;
use crate::statement::Statements;
use crate::text::{ident, nearest};
use plimsoll_sink_api::{
    Column, Mode, Path, Prepared, Shape, SinkError, Source, Table, TableSettings,
};
use std::sync::Arc;

/// What the sink keeps of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct PgPlan {
    /// Quoted and qualified.
    pub(crate) target: String,
    pub(crate) columns: Vec<PlanColumn>,
    /// Columns with a default: left out where the record has no such field.
    pub(crate) defaulted: Vec<usize>,
    pub(crate) mode: Mode,
    pub(crate) statements: Statements,
    /// COPY may be used: the server refuses it where policies hold for the role.
    pub(crate) may_copy: bool,
    /// Every column has a binary form.
    pub(crate) in_binary: bool,
    /// [`fence::guarded`], the end of a transaction that copies.
    pub(crate) fence: String,
    /// [`shape::read`]; `None` for a table that is not there yet.
    pub(crate) shape: Option<i64>,
    /// The table is missing and this makes it: only ever seen by a rehearsal.
    pub(crate) create: Option<String>,
}

impl PgPlan {
    /// The table's name for SQL, quoted and qualified.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

/// One column written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanColumn {
    pub(crate) name: String,
    pub(crate) quoted: String,
    pub(crate) kind: Kind,
    /// How COPY takes its plain values in binary.
    pub(crate) binary: Option<Binary>,
    /// The type below all domains, without length.
    pub(crate) base_sql: String,
    /// The column's own type, where it is a domain.
    pub(crate) domain_sql: Option<String>,
    /// Function, number of arguments, length: as an assignment enforces it.
    length: Option<(String, i16, i32)>,
    collation: Option<String>,
    pub(crate) default: Option<String>,
    /// Equal values may be written differently (1 and 1.0).
    pub(crate) many_forms: bool,
}

impl PlanColumn {
    /// A column of which only the text of its values matters.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_kind(kind: Kind) -> Self {
        Self {
            name: "c".to_owned(),
            quoted: ident("c"),
            kind,
            binary: None,
            base_sql: "text".to_owned(),
            domain_sql: None,
            length: None,
            collation: None,
            default: None,
            many_forms: false,
        }
    }

    /// A text expression as this column's type, lengths not yet enforced: that
    /// is left to the assignment.
    pub(crate) fn value(&self, text: &str) -> String {
        format!("({text})::{}", self.base_sql)
    }

    /// The same with its length enforced as an assignment does, and with its
    /// collation: what the unique index will compare.
    pub(crate) fn stored(&self, text: &str) -> String {
        let value = self.value(text);
        let exact = match &self.length {
            None => value,
            // The third argument: not explicit, so no cutting in silence.
            Some((cast, 3, length)) => format!("{cast}({value}, {length}, false)"),
            Some((cast, _, length)) => format!("{cast}({value}, {length})"),
        };
        match &self.collation {
            None => exact,
            Some(collation) => format!("({exact}) COLLATE {collation}"),
        }
    }

    /// The column's default, or NULL.
    pub(crate) fn default_value(&self) -> String {
        match &self.default {
            Some(default) => format!("({default})::{}", self.base_sql),
            None => format!("NULL::{}", self.base_sql),
        }
    }
}

/// The coordinate columns of a `log` table and where they come from.
const COORDINATES: [(&str, Source); 3] = [
    ("kafka_topic", Source::Topic),
    ("kafka_partition", Source::Partition),
    ("kafka_offset", Source::Offset),
];

/// The event of a `log` table.
const EVENT: &str = "event_data";

/// The statement that makes a `log` table.
pub(crate) fn create_log_table(name: &TableName) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (kafka_topic varchar(255) NOT NULL, kafka_partition int \
         NOT NULL, kafka_offset bigint NOT NULL, {EVENT} jsonb, PRIMARY KEY (kafka_topic, \
         kafka_partition, kafka_offset))",
        name.exact()
    )
}

/// The `log` table that [`create_log_table`] would make.
pub(crate) fn log_relation(name: &TableName) -> Relation {
    let column = |name: &str, type_name: &str, base: &str| RelColumn {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        type_sql: format!("pg_catalog.{base}"),
        base_sql: format!("pg_catalog.{base}"),
        base_name: Some(base.to_owned()),
        is_domain: false,
        element: None,
        typmod: -1,
        length_cast: None,
        collation: None,
        deterministic: true,
        default: None,
        always: false,
    };
    Relation {
        sql: name.exact(),
        shown: name.shown(),
        kind: "r".to_owned(),
        columns: vec![
            column("kafka_topic", "character varying(255)", "varchar"),
            column("kafka_partition", "integer", "int4"),
            column("kafka_offset", "bigint", "int8"),
            column(EVENT, "jsonb", "jsonb"),
        ],
        uniques: vec![Unique {
            primary: true,
            immediate: true,
            columns: COORDINATES.iter().map(|(c, _)| (*c).to_owned()).collect(),
            equals: vec!["OPERATOR(pg_catalog.=)".to_owned(); 3],
        }],
        shape: None,
        row_security: false,
        obstacle: None,
    }
}

/// Judges a table and plans its statements.
pub(crate) fn build(
    names: &Names,
    settings: &TableSettings,
    relation: &Relation,
    create: Option<String>,
) -> Result<Prepared<PgPlan>, SinkError> {
    check_kind(relation)?;
    check_lasting(relation)?;
    check_named(settings, relation)?;
    let sources = match settings.mode {
        Mode::Log => log_sources(settings, relation)?,
        Mode::Append | Mode::Upsert => all_sources(settings, relation),
    };
    if sources.is_empty() {
        return Err(on(relation, "has no column that can be written"));
    }
    let key = match settings.mode {
        Mode::Upsert => Some(find_key(settings, relation)?),
        Mode::Log | Mode::Append => None,
    };
    let is_key = |name: &str| key.is_some_and(|k| k.columns.iter().any(|c| c == name));

    let columns: Vec<PlanColumn> = sources.iter().map(|(c, s)| plan_column(c, s)).collect();
    let defaulted = (0..columns.len())
        .filter(|&i| columns[i].default.is_some() && !is_key(&columns[i].name))
        .collect();
    for name in key.iter().flat_map(|key| &key.columns) {
        if !columns.iter().any(|c| &c.name == name) {
            return Err(on(
                relation,
                &format!("key column \"{name}\" is generated always and cannot be written"),
            )
            .hint("name the columns of another unique index as key_columns"));
        }
    }
    let statements = Statements::new(names, relation, &columns, key, settings.missing);
    let in_binary = columns.iter().all(|c| c.binary.is_some());
    let unchanged = relation
        .shape
        .map(|shape| shape::unchanged(&relation.sql, shape));
    let table = Table {
        name: relation.shown.clone(),
        mode: settings.mode,
        columns: sources
            .iter()
            .zip(&columns)
            .map(|((column, source), planned)| Column {
                name: column.name.clone(),
                source: source.clone(),
                shape: match planned.kind {
                    Kind::Json | Kind::Array(_) => Shape::Json,
                    // An event kept as text is JSON text, strings with quotes.
                    _ if settings.mode == Mode::Log && column.name == EVENT => Shape::Json,
                    Kind::RawBytea => Shape::Bytes,
                    Kind::Plain | Kind::Number | Kind::Bytea => Shape::Scalar,
                },
                key: is_key(&column.name),
                type_name: column.type_name.clone(),
            })
            .collect(),
    };
    Ok(Prepared {
        table,
        plan: PgPlan {
            target: relation.sql.clone(),
            columns,
            defaulted,
            mode: settings.mode,
            statements,
            may_copy: !relation.row_security,
            in_binary,
            fence: fence::guarded(names, unchanged.as_deref()),
            shape: relation.shape,
            create,
        },
    })
}

fn on(relation: &Relation, what: &str) -> SinkError {
    let mut error = halt(what);
    error.detail.table = Some(relation.shown.clone());
    error
}

fn check_kind(relation: &Relation) -> Result<(), SinkError> {
    match relation.kind.as_str() {
        "r" | "p" => Ok(()),
        "v" | "m" => Err(on(relation, "is a view").hint("name the table below it")),
        // Its rows would not be in the transaction of the position.
        "f" => Err(on(relation, "is a foreign table").hint("write to the server that holds it")),
        _ => Err(on(relation, "is no table")),
    }
}

/// What is written is kept, here and in every partition.
fn check_lasting(relation: &Relation) -> Result<(), SinkError> {
    let Some(obstacle) = &relation.obstacle else {
        return Ok(());
    };
    let mut error = halt(&*obstacle.what).hint(&*obstacle.hint);
    error.detail.table = Some(obstacle.shown.clone());
    Err(error)
}

/// Every name of the config stands in the table.
fn check_named(settings: &TableSettings, relation: &Relation) -> Result<(), SinkError> {
    let named = settings.columns.iter().map(|(name, _)| name);
    for name in named.chain(&settings.key_columns) {
        let Some(column) = relation.columns.iter().find(|c| &c.name == name) else {
            let error = on(relation, &format!("column \"{name}\" is not in the table"));
            let all = relation.columns.iter().map(|c| c.name.as_str());
            return Err(match nearest(name, all) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => {
                    let all = relation.columns.iter().map(|c| ident(&c.name));
                    error.hint(format!("it has {}", all.collect::<Vec<_>>().join(", ")))
                }
            });
        };
        if column.always {
            return Err(on(
                relation,
                &format!("column \"{name}\" is generated always and cannot be written"),
            )
            .hint("leave it out: the database fills it"));
        }
    }
    Ok(())
}

/// Every column that can be written; those that the config does not name take
/// the field of their own name.
fn all_sources<'r>(
    settings: &TableSettings,
    relation: &'r Relation,
) -> Vec<(&'r RelColumn, Source)> {
    relation
        .columns
        .iter()
        .filter(|c| !c.always)
        .map(|c| {
            let named = settings.columns.iter().find(|(name, _)| name == &c.name);
            let own = || Source::Value(Path(vec![c.name.clone()]));
            (c, named.map_or_else(own, |(_, source)| source.clone()))
        })
        .collect()
}

/// Coordinates, event, and what the config names besides.
fn log_sources<'r>(
    settings: &TableSettings,
    relation: &'r Relation,
) -> Result<Vec<(&'r RelColumn, Source)>, SinkError> {
    let unique = |u: &Unique| {
        u.columns.len() == 3
            && COORDINATES
                .iter()
                .all(|(c, _)| u.columns.iter().any(|o| o == c))
    };
    let mut sources = Vec::new();
    let event = (EVENT, Source::Value(Path::default()));
    for (name, source) in COORDINATES.into_iter().chain([event]) {
        let Some(column) = relation.columns.iter().find(|c| c.name == name) else {
            return Err(on(
                relation,
                &format!("has no column \"{name}\", which a log table needs"),
            )
            .hint("drop or rename the table, and plimsoll makes one; or use mode = \"append\""));
        };
        let named = settings.columns.iter().find(|(n, _)| n == name);
        match named {
            Some((_, other)) if name == EVENT => sources.push((column, other.clone())),
            Some((_, other)) if *other != source => {
                return Err(on(
                    relation,
                    &format!(
                        "column \"{name}\" holds the record's coordinate and takes no other source"
                    ),
                )
                .hint(format!(
                    "remove it from columns, or write {name} = \"{source}\""
                )));
            }
            _ => sources.push((column, source)),
        }
    }
    if !relation.uniques.iter().any(unique) {
        return Err(on(
            relation,
            "has no primary key over kafka_topic, kafka_partition, kafka_offset",
        )
        .hint("add it: it is what makes a replay harmless; or use mode = \"append\""));
    }
    for (name, source) in &settings.columns {
        let Some(column) = relation.columns.iter().find(|c| &c.name == name) else {
            continue;
        };
        if !sources.iter().any(|(c, _)| c.name == column.name) {
            sources.push((column, source.clone()));
        }
    }
    Ok(sources)
}

/// The unique index whose columns are the key.
fn find_key<'r>(settings: &TableSettings, relation: &'r Relation) -> Result<&'r Unique, SinkError> {
    let wanted = &settings.key_columns;
    if wanted.is_empty() {
        let primary = relation.uniques.iter().find(|u| u.primary);
        let key = primary.ok_or_else(|| {
            on(
                relation,
                "has no primary key, and mode = \"upsert\" needs a key",
            )
            .hint("add one, or name the columns of a unique index as key_columns")
        })?;
        return immediate(relation, key);
    }
    let same = |u: &&Unique| {
        u.columns.len() == wanted.len() && wanted.iter().all(|w| u.columns.contains(w))
    };
    let mut candidates: Vec<&Unique> = relation.uniques.iter().filter(same).collect();
    candidates.sort_by_key(|u| !u.immediate);
    let list = wanted
        .iter()
        .map(|c| ident(c))
        .collect::<Vec<_>>()
        .join(", ");
    let key =
        candidates.first().ok_or_else(|| {
            on(relation, &format!("has no unique index over exactly ({list})")).hint(format!(
            "CREATE UNIQUE INDEX ON {} ({list}); partial indexes and indexes over expressions do \
             not count",
            relation.sql
        ))
        })?;
    immediate(relation, key)
}

fn immediate<'r>(relation: &Relation, key: &'r Unique) -> Result<&'r Unique, SinkError> {
    if key.immediate {
        return Ok(key);
    }
    Err(
        on(relation, "has a deferrable key, which an upsert cannot use")
            .hint("make the constraint NOT DEFERRABLE"),
    )
}

/// Built-in types of which equal values have one form only.
const ONE_FORM: [&str; 16] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "uuid",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "text",
    "varchar",
    "bytea",
    "inet",
    "cidr",
    "macaddr",
];

fn plan_column(column: &RelColumn, source: &Source) -> PlanColumn {
    let base = column.base_name.as_deref().unwrap_or("");
    let kind = match (column.element.as_deref(), base, source) {
        (Some("json" | "jsonb"), ..) => Kind::Array(Element::Json),
        (Some("bytea"), ..) => Kind::Array(Element::Bytea),
        (Some(_), ..) => Kind::Array(Element::Plain),
        (None, "json" | "jsonb", _) => Kind::Json,
        (None, "bytea", Source::Header(_)) => Kind::RawBytea,
        (None, "bytea", Source::Key(path)) if path.0.is_empty() => Kind::RawBytea,
        (None, "bytea", _) => Kind::Bytea,
        (None, "int2" | "int4" | "int8" | "numeric" | "float4" | "float8", _) => Kind::Number,
        (None, ..) => Kind::Plain,
    };
    PlanColumn {
        name: column.name.clone(),
        quoted: ident(&column.name),
        kind,
        binary: Binary::of(base),
        base_sql: column.base_sql.clone(),
        domain_sql: column.is_domain.then(|| column.type_sql.clone()),
        length: column
            .length_cast
            .as_ref()
            .filter(|_| column.typmod >= 0)
            .map(|(cast, args)| (cast.clone(), *args, column.typmod)),
        collation: column.collation.clone(),
        default: column.default.clone(),
        many_forms: !(column.deterministic && ONE_FORM.contains(&base)),
    }
}

/// Whether two plans write alike: then the old one is kept, and nobody has to
/// decode anew.
pub(crate) fn same(a: &Arc<Prepared<PgPlan>>, b: &Prepared<PgPlan>) -> bool {
    a.table == b.table && a.plan == b.plan
}
