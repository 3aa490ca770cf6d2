//! From the catalogue and the config to what is written and how. Pure.

use crate::binary::Binary;
use crate::catalog::{RelColumn, Relation, TableName, Unique};
use crate::encode::{Element, Kind};
use crate::error::halt;
use crate::fence;
use crate::names::Names;
use crate::partition_needs::Told;
use crate::partitioned::Periods;
use crate::shape;
use crate::statement::Statements;
use crate::text::ident;
use plimsoll_sink_api::mapping::{
    self, Candidate, Closed, EVENT, Mapped, Mapping, Target, coordinates,
};
use plimsoll_sink_api::{
    Column, Holds, Mode, Prepared, Shape, SinkError, Source, TableSettings, Take,
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
    /// What tells the rows of a log apart, by their places in `columns`; of others none.
    pub(crate) coordinates: Vec<usize>,
    pub(crate) statements: Statements,
    /// COPY may be used: the server refuses it where policies hold for the role.
    pub(crate) may_copy: bool,
    /// Every column has a binary form.
    pub(crate) in_binary: bool,
    /// [`fence::guarded`], the end of a transaction that copies.
    pub(crate) fence: String,
    /// [`shape::read`]; `None` for a table that is not there yet.
    pub(crate) shape: Option<i64>,
    /// How the table is divided, where it has partitions: `RANGE (at)`.
    pub(crate) partitioned_by: Option<String>,
    /// By what a row tells its partition, where those that it needs are to be made.
    pub(crate) partitions: Option<Told>,
    /// The table is missing and this makes it: only ever seen by a dry run.
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

/// The statement that makes a `log` table.
pub(crate) fn create_log_table(name: &TableName, settings: &TableSettings) -> String {
    let (columns, key) = log_columns(settings);
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({columns}, {EVENT} jsonb, PRIMARY KEY ({key}))",
        name.exact(),
    )
}

/// The statement that makes one that is divided by the records' timestamps, for people.
pub(crate) fn create_divided_log_table(sql: &str, settings: &TableSettings) -> String {
    let (columns, key) = log_columns(settings);
    format!(
        "CREATE TABLE {sql} ({columns}, kafka_timestamp timestamptz NOT NULL, {EVENT} jsonb, \
         PRIMARY KEY ({key}, kafka_timestamp)) PARTITION BY RANGE (kafka_timestamp)"
    )
}

/// The coordinates of a `log` table, and their names alone.
fn log_columns(settings: &TableSettings) -> (String, String) {
    let column = |(name, source): (&str, Source)| {
        let (_, typ, _) = coordinate_type(&source);
        format!("{name} {typ} NOT NULL")
    };
    let columns: Vec<String> = coordinates(settings).map(column).collect();
    let names: Vec<&str> = coordinates(settings).map(|(name, _)| name).collect();
    (columns.join(", "), names.join(", "))
}

/// The type of a coordinate: as the catalogue prints it, as the statement has it, and its
/// own name.
const fn coordinate_type(source: &Source) -> (&'static str, &'static str, &'static str) {
    match source {
        Source::Topic => ("character varying(255)", "varchar(255)", "varchar"),
        Source::Offset => ("bigint", "bigint", "int8"),
        // A partition, and an element's place, which is far below 2³¹.
        _ => ("integer", "int", "int4"),
    }
}

/// The `log` table that [`create_log_table`] would make.
pub(crate) fn log_relation(name: &TableName, settings: &TableSettings) -> Relation {
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
        columns: coordinates(settings)
            .map(|(name, source)| {
                let (shown, _, base) = coordinate_type(&source);
                column(name, shown, base)
            })
            .chain([column(EVENT, "jsonb", "jsonb")])
            .collect(),
        uniques: vec![Unique {
            primary: true,
            immediate: true,
            columns: coordinates(settings)
                .map(|(column, _)| column.to_owned())
                .collect(),
            equals: vec!["OPERATOR(pg_catalog.=)".to_owned(); coordinates(settings).count()],
        }],
        partitioned: None,
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
    let mut uniques: Vec<&Unique> = relation.uniques.iter().collect();
    // Of two over the same columns the one that an upsert can use.
    uniques.sort_by_key(|unique| !unique.immediate);
    let mapping = target(relation, &uniques).map(settings)?;
    // A log's key serves as it is: its rows are only inserted.
    let key = match (settings.mode, &mapping.key) {
        (Mode::Upsert, Some(key)) => Some(uniques[key.unique]),
        (Mode::Upsert | Mode::Log | Mode::Append, _) => None,
    };
    if let Some(key) = key {
        check_immediate(relation, key)?;
    }
    let columns = planned(relation, settings.mode, &mapping);
    let partitions = partitions(relation, settings, &columns)?;
    let defaulted = (0..columns.len())
        .filter(|&i| columns[i].default.is_some() && !mapping.columns[i].key)
        .collect();
    let statements = Statements::new(names, relation, &columns, key, settings.missing);
    let in_binary = columns.iter().all(|c| c.binary.is_some());
    let unchanged = relation
        .shape
        .map(|shape| shape::unchanged(&relation.sql, shape));
    let decoded = mapping.columns.iter().zip(&columns);
    let decoded = decoded.map(|(mapped, planned)| {
        let column = &relation.columns[mapped.at];
        let shape = decoded_shape(mapped, planned);
        let name = column.base_name.as_deref();
        Column {
            holds: name.map_or(Holds::Other, Holds::named),
            ..mapped.column(&column.name, shape, column.type_name.clone())
        }
    });
    let table = mapping.table(&relation.shown, settings, decoded);
    Ok(Prepared {
        table,
        plan: PgPlan {
            target: relation.sql.clone(),
            columns,
            defaulted,
            mode: settings.mode,
            coordinates: match (settings.mode, mapping.key) {
                (Mode::Log, Some(key)) => key.columns,
                _ => Vec::new(),
            },
            statements,
            may_copy: !relation.row_security,
            in_binary,
            fence: fence::guarded(names, unchanged.as_deref()),
            shape: relation.shape,
            partitioned_by: relation.partitioned.as_ref().map(|p| p.by.clone()),
            partitions,
            create,
        },
    })
}

/// The columns that are written.
fn planned(relation: &Relation, mode: Mode, mapping: &Mapping) -> Vec<PlanColumn> {
    let mapped = mapping.columns.iter();
    let planned = mapped.map(|mapped| plan_column(&relation.columns[mapped.at], &mapped.take));
    let mut columns: Vec<PlanColumn> = planned.collect();
    if let (Mode::Log, Some(key)) = (mode, &mapping.key) {
        // A default would be another key when the record is written again.
        key.columns.iter().for_each(|&i| columns[i].default = None);
    }
    columns
}

/// By what a row tells its partition, if the config lets them be made.
fn partitions(
    relation: &Relation,
    settings: &TableSettings,
    columns: &[PlanColumn],
) -> Result<Option<Told>, SinkError> {
    let Some(period) = settings.create_partitions else {
        return Ok(None);
    };
    let periods = Periods::of(relation, period)?;
    let own = relation.columns.iter().find(|c| c.name == periods.column);
    let default = own.and_then(|column| column.default.as_deref());
    Ok(Some(Told::new(periods, columns, default)))
}

fn target<'r>(relation: &'r Relation, uniques: &[&'r Unique]) -> Target<'r> {
    let candidate = |column: &'r RelColumn| Candidate {
        name: &column.name,
        closed: column.always.then_some(Closed::Generated),
    };
    let unique = |unique: &&'r Unique| mapping::Unique {
        primary: unique.primary,
        columns: unique.columns.iter().map(String::as_str).collect(),
    };
    Target {
        name: &relation.shown,
        sql: &relation.sql,
        columns: relation.columns.iter().map(candidate).collect(),
        uniques: uniques.iter().map(unique).collect(),
        partitioned_by: relation
            .partitioned
            .iter()
            .flat_map(|p| p.columns())
            .collect(),
        folds_case: false,
    }
}

fn decoded_shape(mapped: &Mapped, planned: &PlanColumn) -> Shape {
    match planned.kind {
        Kind::Json | Kind::Array(_) => Shape::Json,
        _ if mapped.event => Shape::Json,
        Kind::RawBytea => Shape::Bytes,
        Kind::Plain | Kind::Number | Kind::Bytea => Shape::Scalar,
    }
}

fn check_kind(relation: &Relation) -> Result<(), SinkError> {
    let is = |what: &str| halt(format!("\"{}\" is {what}", relation.shown));
    match relation.kind.as_str() {
        "r" | "p" => Ok(()),
        "v" | "m" => Err(is("a view").hint("name the table below it")),
        // Its rows would not be in the transaction of the position.
        "f" => Err(is("a foreign table").hint("write to the server that holds it")),
        _ => Err(is("not a table")),
    }
}

/// What is written is kept, here and in every partition.
fn check_lasting(relation: &Relation) -> Result<(), SinkError> {
    match &relation.obstacle {
        None => Ok(()),
        Some(obstacle) => {
            let what = format!("table \"{}\" {}", obstacle.shown, obstacle.what);
            Err(halt(what).hint(&*obstacle.hint))
        }
    }
}

/// A key that is only checked at the transaction's end cannot tell which row to replace.
fn check_immediate(relation: &Relation, key: &Unique) -> Result<(), SinkError> {
    match key.immediate {
        true => Ok(()),
        false => {
            let table = &relation.shown;
            let what =
                format!("table \"{table}\" has a deferrable key, which an upsert cannot use");
            Err(halt(what).hint("make the constraint NOT DEFERRABLE"))
        }
    }
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

fn plan_column(column: &RelColumn, take: &Take) -> PlanColumn {
    let base = column.base_name.as_deref().unwrap_or("");
    let kind = match (column.element.as_deref(), base, take) {
        (Some("json" | "jsonb"), ..) => Kind::Array(Element::Json),
        (Some("bytea"), ..) => Kind::Array(Element::Bytea),
        (Some(_), ..) => Kind::Array(Element::Plain),
        (None, "json" | "jsonb", _) => Kind::Json,
        (None, "bytea", take) if take.is_bytes() => Kind::RawBytea,
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
