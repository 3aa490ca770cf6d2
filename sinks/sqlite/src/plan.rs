//! From the catalogue and the config to what is written and how. Pure.

use crate::affinity::{Affinity, affinity};
use crate::catalogue::{ColumnInfo, TableInfo};
use crate::default::Default;
use crate::encode::{Bind, Form};
use crate::statement::{self, Statements};
use plimsoll_protocol::Class;
use plimsoll_sink_api::mapping::{self, Candidate, Closed, EVENT, Mapped, Target, Unique};
use plimsoll_sink_api::text::ident;
use plimsoll_sink_api::{Cell, Missing, Mode, Prepared, Shape, SinkError, Source, TableSettings};

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
    pub(crate) fn target(&self, shape: &[bool]) -> statement::Target<'_> {
        let mut target = statement::Target::default();
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

/// The statement that makes a `log` table.
pub(crate) fn create_log_table(name: &str, settings: &TableSettings) -> String {
    let columns = mapping::coordinates(settings).map(|(column, source)| {
        let typ = match source {
            Source::Topic => "TEXT",
            _ => "INTEGER",
        };
        format!("{column} {typ} NOT NULL")
    });
    let columns: Vec<String> = columns.collect();
    let key: Vec<&str> = mapping::coordinates(settings).map(|(c, _)| c).collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({}, {EVENT} TEXT, PRIMARY KEY ({}))",
        ident(name),
        columns.join(", "),
        key.join(", ")
    )
}

pub fn halt(what: impl Into<String>) -> SinkError {
    SinkError::new(Class::Halt, what)
}

/// A table that is not there; `others`: all that are.
pub(crate) fn missing_table(name: &str, mode: Mode, others: &[String]) -> SinkError {
    let own = |name: &&str| !name.starts_with("plimsoll_") && !name.starts_with("sqlite_");
    mapping::missing_table(name, mode, others.iter().map(String::as_str).filter(own))
}

/// Judges a table and plans its statements.
pub(crate) fn build(
    settings: &TableSettings,
    info: &TableInfo,
) -> Result<Prepared<SqlitePlan>, SinkError> {
    if info.is_view {
        return Err(halt(format!("\"{}\" is a view", info.name)).hint("name the table below it"));
    }
    let (uniques, collations) = uniques(info);
    let sql = ident(&info.name);
    let target = Target {
        name: &info.name,
        sql: &sql,
        columns: info.columns.iter().map(candidate).collect(),
        uniques,
        partitioned_by: Vec::new(),
        folds_case: true,
    };
    let mapping = target.map(settings)?;
    let (keys, collations) = match &mapping.key {
        Some(key) => (key.columns.clone(), collations[key.unique].clone()),
        None => (Vec::new(), Vec::new()),
    };
    let columns: Vec<PlanColumn> = mapping
        .columns
        .iter()
        .enumerate()
        .map(|(i, mapped)| plan_column(settings, info, mapped, keys.contains(&i)))
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
    let decoded = mapping.columns.iter().map(|mapped| {
        let column = &info.columns[mapped.at];
        let shape = shape(info, mapped);
        mapped.column(&column.name, shape, column.declared.clone())
    });
    let table = mapping.table(&info.name, settings, decoded);
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

fn candidate(column: &ColumnInfo) -> Candidate<'_> {
    Candidate {
        name: &column.name,
        closed: column.generated.then_some(Closed::Generated),
    }
}

/// What makes rows unique, and the collations by which each compares.
fn uniques(info: &TableInfo) -> (Vec<Unique<'_>>, Vec<Vec<String>>) {
    // The rowid has no index of its own.
    let alias = info.rowid_alias().map(|alias| {
        let unique = Unique {
            primary: true,
            columns: vec![alias.name.as_str()],
        };
        (unique, vec!["BINARY".to_owned()])
    });
    let primary: Vec<&ColumnInfo> = info.columns.iter().filter(|c| c.primary_key > 0).collect();
    let indexes = info.unique.iter().map(|index| {
        let columns: Vec<&str> = index
            .columns
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let in_index = |c: &&ColumnInfo| columns.iter().any(|name| *name == c.name);
        let unique = Unique {
            primary: primary.len() == columns.len() && primary.iter().all(in_index),
            columns,
        };
        let collations = index.columns.iter().map(|(_, collation)| collation.clone());
        (unique, collations.collect())
    });
    alias.into_iter().chain(indexes).unzip()
}

fn shape(info: &TableInfo, mapped: &Mapped) -> Shape {
    let column = &info.columns[mapped.at];
    let is_json = column.declared.to_ascii_uppercase().contains("JSON");
    if is_json || mapped.event {
        Shape::Json
    } else if mapped.take.is_bytes() && affinity(&column.declared, info.strict) == Affinity::Blob {
        Shape::Bytes
    } else {
        Shape::Scalar
    }
}

fn plan_column(
    settings: &TableSettings,
    info: &TableInfo,
    mapped: &Mapped,
    key: bool,
) -> PlanColumn {
    let column = &info.columns[mapped.at];
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
            raw: mapped.take.is_bytes(),
            json: shape(info, mapped) == Shape::Json,
        },
        absent,
        required: column.not_null && column.default.is_none() && !is_rowid,
    }
}
