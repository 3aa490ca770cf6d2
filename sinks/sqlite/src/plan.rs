//! From the catalogue and the config to what is written and how. Pure.

use crate::affinity::{Affinity, affinity};
use crate::catalogue::{ColumnInfo, TableInfo};
use crate::default::Default;
use crate::encode::{Bind, Form};
use crate::statement::{Statements, Target};
use crate::text::{ident, idents, nearest};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{
    Cell, Column, Missing, Mode, Path, Prepared, Shape, SinkError, Source, Table, TableSettings,
};

/// What the sink keeps of a table.
#[derive(Debug)]
pub struct SqlitePlan {
    /// The table's name, for errors.
    pub(crate) table: String,
    /// The columns written, in the order of the cells of a row.
    pub(crate) columns: Vec<PlanColumn>,
    /// Columns that change the statement when they are absent.
    varying: Vec<usize>,
    /// Columns of the key, and of a log's coordinate.
    pub(crate) keys: Vec<usize>,
    /// The SQL.
    pub(crate) statements: Statements,
    /// How records become rows.
    pub(crate) mode: Mode,
    /// The column that a type mismatch without a name is about.
    pub(crate) rowid_alias: Option<String>,
}

/// One column written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanColumn {
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) absent: Absent,
    /// `NOT NULL`, and nothing fills it when it is left out.
    required: bool,
}

/// What stands for an absent field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Absent {
    /// This value.
    Constant(Bind<'static>),
    /// This expression, in the place of the parameter.
    Expression(String),
    /// Nothing: the column is left out of the statement.
    Omitted,
}

/// Which of the varying columns a row lacks, one bit each; all zeros for most.
pub(crate) type RowShape = Vec<bool>;

impl SqlitePlan {
    /// The shape of a row: rows of one shape share statements.
    pub(crate) fn shape(&self, cells: &[Cell<'_>]) -> RowShape {
        let lacks = |&i: &usize| matches!(cells.get(i), Some(Cell::Absent));
        self.varying.iter().map(lacks).collect()
    }

    /// Whether a row has a shape; the same as comparing shapes, without making
    /// one.
    pub(crate) fn has_shape(&self, cells: &[Cell<'_>], shape: &[bool]) -> bool {
        self.varying
            .iter()
            .zip(shape)
            .all(|(&i, lacks)| matches!(cells.get(i), Some(Cell::Absent)) == *lacks)
    }

    /// Whether column `i` is left out by rows of a shape.
    pub(crate) fn omits(&self, shape: &[bool], i: usize) -> bool {
        self.columns[i].absent == Absent::Omitted && self.lacks(shape, i)
    }

    fn lacks(&self, shape: &[bool], i: usize) -> bool {
        let at = self.varying.iter().position(|&v| v == i);
        at.is_some_and(|at| shape.get(at).copied().unwrap_or(false))
    }

    /// Whether rows of a shape can only be merged into rows that are there:
    /// SQLite judges NOT NULL before it looks for a conflict.
    pub(crate) fn merges_only(&self, shape: &[bool]) -> bool {
        (0..self.columns.len()).any(|i| self.columns[i].required && self.omits(shape, i))
    }

    /// Which columns a row of a shape binds, and what its tuple looks like.
    pub(crate) fn target(&self, shape: &[bool]) -> Target<'_> {
        let mut target = Target::default();
        for (i, column) in self.columns.iter().enumerate() {
            let key = self.keys.contains(&i);
            match (&column.absent, self.lacks(shape, i)) {
                (Absent::Omitted, true) => {}
                (Absent::Expression(sql), true) => target.push(i, &column.name, Some(sql), key),
                (Absent::Constant(_), _) | (_, false) => target.push(i, &column.name, None, key),
            }
        }
        target
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
pub(crate) fn create_log_table(name: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (kafka_topic TEXT NOT NULL, kafka_partition INTEGER NOT \
         NULL, kafka_offset INTEGER NOT NULL, {EVENT} TEXT, PRIMARY KEY (kafka_topic, \
         kafka_partition, kafka_offset))",
        ident(name)
    )
}

/// The table that a topic's records go to.
pub(crate) fn table_name(settings: &TableSettings, topic: &str) -> String {
    settings.table.replace("{topic}", topic)
}

fn halt(what: impl Into<String>) -> SinkError {
    SinkError::new(Class::Halt, what)
}

/// A table that is not there.
pub(crate) fn missing_table(name: &str, mode: Mode, others: &[String]) -> SinkError {
    let error = halt(format!("table \"{name}\" does not exist"));
    let own = |name: &&str| !name.starts_with("plimsoll_") && !name.starts_with("sqlite_");
    match (
        mode,
        nearest(name, others.iter().map(String::as_str).filter(own)),
    ) {
        (_, Some(near)) => error.hint(format!("did you mean \"{near}\"?")),
        (Mode::Log, None) => error.hint("\"plimsoll migrate\" makes it"),
        (Mode::Append | Mode::Upsert, None) => {
            error.hint("create it: plimsoll makes log tables only")
        }
    }
}

/// Judges a table and plans its statements.
pub(crate) fn build(
    settings: &TableSettings,
    info: &TableInfo,
) -> Result<Prepared<SqlitePlan>, SinkError> {
    if info.is_view {
        return Err(halt(format!("\"{}\" is a view", info.name)).hint("name the table below it"));
    }
    check_named(settings, info)?;
    let sources = match settings.mode {
        Mode::Log => log_sources(settings, info)?,
        Mode::Append | Mode::Upsert => all_sources(settings, info),
    };
    if sources.is_empty() {
        return Err(halt(format!(
            "table \"{}\" has no column that can be written",
            info.name
        )));
    }
    let key = match settings.mode {
        Mode::Upsert => find_key(settings, info)?,
        Mode::Log => log_key(info)?,
        Mode::Append => Vec::new(),
    };
    let mut keys = Vec::new();
    for (name, _) in &key {
        let Some(i) = sources.iter().position(|(column, _)| &column.name == name) else {
            return Err(generated(info, name));
        };
        keys.push(i);
    }
    let columns: Vec<PlanColumn> = sources
        .iter()
        .enumerate()
        .map(|(i, (column, source))| plan_column(settings, info, column, source, keys.contains(&i)))
        .collect();
    for &i in &keys {
        if columns[i].form.affinity == Affinity::Untyped && settings.mode == Mode::Upsert {
            let name = &columns[i].name;
            return Err(halt(format!("key column \"{name}\" of table \"{}\" has no type", info.name))
                .hint("give it one: without, 1 and \"1\" are different keys, and a tombstone could miss its row"));
        }
    }
    let varying = (0..columns.len())
        .filter(|&i| !matches!(columns[i].absent, Absent::Constant(_)))
        .collect();
    let table = Table {
        name: info.name.clone(),
        mode: settings.mode,
        columns: sources
            .iter()
            .enumerate()
            .map(|(i, (column, source))| Column {
                name: column.name.clone(),
                source: source.clone(),
                shape: shape(settings.mode, info, column, source),
                key: settings.mode == Mode::Upsert && keys.contains(&i),
                type_name: column.declared.clone(),
            })
            .collect(),
    };
    let collations = key.iter().map(|(_, collation)| collation.clone()).collect();
    let key_names = keys.iter().map(|&i| columns[i].name.clone()).collect();
    Ok(Prepared {
        table,
        plan: SqlitePlan {
            table: info.name.clone(),
            columns,
            varying,
            keys,
            statements: Statements::new(&info.name, settings.mode, key_names, collations),
            mode: settings.mode,
            rowid_alias: info.rowid_alias().map(|c| c.name.clone()),
        },
    })
}

fn generated(info: &TableInfo, name: &str) -> SinkError {
    halt(format!(
        "column \"{name}\" of table \"{}\" is generated and cannot be written",
        info.name
    ))
    .hint("leave it out: SQLite fills it")
}

/// Every name of the config stands in the table.
fn check_named(settings: &TableSettings, info: &TableInfo) -> Result<(), SinkError> {
    let named = settings.columns.iter().map(|(name, _)| name);
    for name in named.chain(&settings.key_columns) {
        let Some(column) = info.columns.iter().find(|c| is(c, name)) else {
            let error = halt(format!(
                "column \"{name}\" is not in table \"{}\"",
                info.name
            ));
            return Err(
                match nearest(name, info.columns.iter().map(|c| c.name.as_str())) {
                    Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                    None => {
                        let all = idents(info.columns.iter().map(|c| c.name.as_str()));
                        error.hint(format!("it has {all}"))
                    }
                },
            );
        };
        if column.generated {
            return Err(generated(info, &column.name));
        }
    }
    Ok(())
}

/// SQLite compares names without regard to case.
fn is(column: &ColumnInfo, name: &str) -> bool {
    column.name.eq_ignore_ascii_case(name)
}

/// Every column that can be written; those that the config does not name take
/// the field of their own name.
fn all_sources<'i>(settings: &TableSettings, info: &'i TableInfo) -> Vec<(&'i ColumnInfo, Source)> {
    let source = |column: &ColumnInfo| {
        let named = settings.columns.iter().find(|(name, _)| is(column, name));
        let own = || Source::Value(Path(vec![column.name.clone()]));
        named.map_or_else(own, |(_, source)| source.clone())
    };
    info.columns
        .iter()
        .filter(|c| !c.generated)
        .map(|c| (c, source(c)))
        .collect()
}

/// Coordinates, event, and what the config names besides: other columns keep
/// their defaults.
fn log_sources<'i>(
    settings: &TableSettings,
    info: &'i TableInfo,
) -> Result<Vec<(&'i ColumnInfo, Source)>, SinkError> {
    let mut sources: Vec<(&ColumnInfo, Source)> = Vec::new();
    let event = (EVENT, Source::Value(Path::default()));
    for (name, source) in COORDINATES.into_iter().chain([event]) {
        let Some(column) = info.columns.iter().find(|c| is(c, name)) else {
            return Err(halt(format!(
                "table \"{}\" has no column \"{name}\", which a log table needs",
                info.name
            ))
            .hint("drop or rename the table, and plimsoll makes one; or use mode = \"append\""));
        };
        let named = settings.columns.iter().find(|(n, _)| is(column, n));
        match named {
            Some((_, other)) if name == EVENT => sources.push((column, other.clone())),
            Some((_, other)) if *other != source => {
                return Err(halt(format!(
                    "column \"{name}\" holds the record's coordinate and takes no other source"
                ))
                .hint(format!(
                    "remove it from columns, or write {name} = \"{source}\""
                )));
            }
            Some(_) | None => sources.push((column, source)),
        }
    }
    for (name, source) in &settings.columns {
        if let Some(column) = info.columns.iter().find(|c| is(c, name))
            && !sources.iter().any(|(c, _)| c.name == column.name)
        {
            sources.push((column, source.clone()));
        }
    }
    Ok(sources)
}

/// Columns and collations of a primary key or unique index over exactly these
/// columns.
fn unique_over(info: &TableInfo, wanted: &[&str]) -> Option<Vec<(String, String)>> {
    let same = |columns: &[(String, String)]| {
        columns.len() == wanted.len()
            && wanted
                .iter()
                .all(|w| columns.iter().any(|(c, _)| c.eq_ignore_ascii_case(w)))
    };
    if let Some(alias) = info.rowid_alias()
        && let [only] = wanted
        && is(alias, only)
    {
        return Some(vec![(alias.name.clone(), "BINARY".to_owned())]);
    }
    info.unique
        .iter()
        .map(|u| &u.columns)
        .find(|columns| same(columns))
        .cloned()
}

fn find_key(
    settings: &TableSettings,
    info: &TableInfo,
) -> Result<Vec<(String, String)>, SinkError> {
    let mut primary: Vec<&ColumnInfo> = info.columns.iter().filter(|c| c.primary_key > 0).collect();
    primary.sort_by_key(|c| c.primary_key);
    let wanted: Vec<&str> = match settings.key_columns.is_empty() {
        true => primary.iter().map(|c| c.name.as_str()).collect(),
        false => settings.key_columns.iter().map(String::as_str).collect(),
    };
    if wanted.is_empty() {
        return Err(halt(format!(
            "table \"{}\" has no primary key, and mode = \"upsert\" needs a key",
            info.name
        ))
        .hint("add one, or name the columns of a unique index as key_columns"));
    }
    unique_over(info, &wanted).ok_or_else(|| {
        let list = idents(wanted);
        halt(format!(
            "table \"{}\" has no unique index over exactly ({list})",
            info.name
        ))
        .hint(format!(
            "CREATE UNIQUE INDEX NAME ON {} ({list}); partial indexes and indexes over expressions \
             do not count",
            ident(&info.name)
        ))
    })
}

fn log_key(info: &TableInfo) -> Result<Vec<(String, String)>, SinkError> {
    unique_over(info, &COORDINATES.each_ref().map(|(name, _)| *name)).ok_or_else(|| {
        halt(format!(
            "table \"{}\" has no primary key over kafka_topic, kafka_partition, kafka_offset",
            info.name
        ))
        .hint("add it: it is what makes a replay harmless; or use mode = \"append\"")
    })
}

fn shape(mode: Mode, info: &TableInfo, column: &ColumnInfo, source: &Source) -> Shape {
    let is_json = column.declared.to_ascii_uppercase().contains("JSON");
    // An event kept as text is JSON text, strings with their quotes.
    let is_event = mode == Mode::Log && is(column, EVENT);
    if is_json || is_event {
        Shape::Json
    } else if source.is_bytes() && affinity(&column.declared, info.strict) == Affinity::Blob {
        Shape::Bytes
    } else {
        Shape::Scalar
    }
}

fn plan_column(
    settings: &TableSettings,
    info: &TableInfo,
    column: &ColumnInfo,
    source: &Source,
    key: bool,
) -> PlanColumn {
    let is_rowid = info
        .rowid_alias()
        .is_some_and(|alias| alias.name == column.name);
    let keep = settings.mode == Mode::Upsert && settings.missing == Missing::Keep;
    let absent = match Default::read(column.default.as_deref()) {
        // The decoder refuses a record without its key.
        _ if key => Absent::Constant(Bind::Null),
        // An id that SQLite gives: it stays when the row is replaced.
        _ if is_rowid && settings.mode == Mode::Upsert => Absent::Omitted,
        _ if keep => Absent::Omitted,
        Default::Constant(bind) => Absent::Constant(bind),
        Default::Expression(sql) => Absent::Expression(sql),
    };
    PlanColumn {
        name: column.name.clone(),
        form: Form {
            affinity: affinity(&column.declared, info.strict),
            raw: source.is_bytes(),
            json: shape(settings.mode, info, column, source) == Shape::Json,
        },
        absent,
        required: column.not_null && column.default.is_none() && !is_rowid,
    }
}
