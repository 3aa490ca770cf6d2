//! Tables in memory: their columns, their rows, and what records do to them.

use super::value;
use plimsoll_conformance::{ColumnSpec, Kept, Type};
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_sink_api::canonical::Unfit;
use plimsoll_sink_api::mapping::{self, Candidate, Target, Unique};
use plimsoll_sink_api::{
    Cell, Committed, Dialect, Kind, Missing, Mode, NewColumn, Op, Prepared, Rows, Secret, Shape,
    SinkError, Source, TableSettings, Take,
};

/// A table.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    pub(super) columns: Vec<ColumnSpec>,
    pub(super) rows: Vec<StoredRow>,
}

/// A row, and the record that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRow {
    pub(super) of: (TopicPartition, i64),
    pub(super) values: Vec<Kept>,
}

/// What the sink keeps of a table.
#[derive(Debug)]
pub struct MemoryPlan {
    table: String,
    mode: Mode,
    missing: Missing,
    columns: Vec<PlanColumn>,
    /// Of a row as it is stored.
    key: Vec<usize>,
}

/// A column that is written.
#[derive(Debug)]
struct PlanColumn {
    name: String,
    typ: Type,
    /// Keys and headers, bytes as they came.
    raw: bool,
    /// Its place in a row as it is stored.
    at: usize,
}

/// The table of a log, as the sink makes it.
pub(super) fn log_table(settings: &TableSettings) -> Vec<ColumnSpec> {
    use plimsoll_conformance::column;
    let coordinate = |(name, source)| match source {
        Source::Topic => column(name, Type::Text).key(),
        _ => column(name, Type::Int).key(),
    };
    let event = column(mapping::EVENT, Type::Json);
    mapping::coordinates(settings)
        .map(coordinate)
        .chain([event])
        .collect()
}

/// As a database with types would write it.
pub(super) const DIALECT: Dialect = Dialect {
    database: "memory",
    type_of: |kind| match type_of(kind) {
        Type::Int => "int",
        Type::Decimal => "decimal",
        Type::Float => "float",
        Type::Bool => "bool",
        Type::Text => "text",
        Type::Bytes => "bytes",
        Type::Json => "json",
        Type::Time => "time",
        Type::Date => "date",
        Type::Uuid => "uuid",
    },
    reserved: &[],
    own_columns: &[],
    says_not_null: true,
    needs_key: false,
    longest_name: None,
    folds_case: false,
};

const fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Boolean => Type::Bool,
        Kind::Integer => Type::Int,
        Kind::BigInteger | Kind::Decimal => Type::Decimal,
        Kind::Float => Type::Float,
        Kind::Bytes => Type::Bytes,
        Kind::Date => Type::Date,
        Kind::Timestamp => Type::Time,
        Kind::Uuid => Type::Uuid,
        Kind::Json => Type::Json,
        Kind::Text | Kind::Time | Kind::LocalTimestamp | Kind::Interval => Type::Text,
    }
}

/// The columns of a new table. Their names are kept for as long as the process lives, as
/// those that tests write down are.
pub(super) fn made(columns: &[NewColumn]) -> Vec<ColumnSpec> {
    let spec = |column: &NewColumn| {
        let name = Box::leak(column.name.clone().into_boxed_str());
        let spec = plimsoll_conformance::column(name, type_of(column.kind));
        if column.key { spec.key() } else { spec }
    };
    columns.iter().map(spec).collect()
}

/// Judges a table, and plans what is written to it.
pub(super) fn plan(
    name: &str,
    settings: &TableSettings,
    columns: &[ColumnSpec],
) -> Result<Prepared<MemoryPlan>, SinkError> {
    let primary: Vec<&str> = columns.iter().filter(|c| c.key).map(|c| c.name).collect();
    let target = Target {
        name,
        sql: name,
        columns: columns
            .iter()
            .map(|c| Candidate {
                name: c.name,
                closed: None,
            })
            .collect(),
        uniques: match primary.is_empty() {
            true => Vec::new(),
            false => vec![Unique {
                primary: true,
                columns: primary,
            }],
        },
        partitioned_by: Vec::new(),
        folds_case: false,
    };
    let mapping = target.map(settings)?;
    let key = mapping.key.iter().flat_map(|key| &key.columns);
    let key = key.map(|&i| mapping.columns[i].at).collect();
    let decoded = mapping.columns.iter().map(|mapped| {
        let column = &columns[mapped.at];
        let type_name = format!("{:?}", column.typ).to_lowercase();
        mapped.column(column.name, shape(column.typ, &mapped.take), type_name)
    });
    let table = mapping.table(name, settings, decoded);
    let planned = mapping.columns.iter().map(|mapped| PlanColumn {
        name: columns[mapped.at].name.to_owned(),
        typ: columns[mapped.at].typ,
        raw: mapped.take.is_bytes(),
        at: mapped.at,
    });
    let plan = MemoryPlan {
        table: name.to_owned(),
        mode: settings.mode,
        missing: settings.missing,
        columns: planned.collect(),
        key,
    };
    Ok(Prepared { table, plan })
}

fn shape(typ: Type, take: &Take) -> Shape {
    match typ {
        Type::Json => Shape::Json,
        Type::Bytes if take.is_bytes() => Shape::Bytes,
        _ => Shape::Scalar,
    }
}

impl MemoryPlan {
    /// The table's name.
    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// What stands for a field that a record lacks.
    pub(super) fn defaults(&self, stored: &Stored) -> Vec<Kept> {
        let default = |column: &PlanColumn| stored.columns[column.at].default.clone();
        let columns = self.columns.iter();
        columns
            .map(|column| default(column).unwrap_or(Kept::Null))
            .collect()
    }

    /// What a record says of each column; of a tombstone, of those of the key alone.
    pub(super) fn said(
        &self,
        cells: &[Cell<'_>],
        key_only: bool,
    ) -> Result<Vec<Option<Kept>>, Unfit> {
        let columns = self.columns.iter().zip(cells);
        let of_key = |column: &PlanColumn| self.key.contains(&column.at);
        columns
            .map(|(column, cell)| match key_only && !of_key(column) {
                true => Ok(None),
                false => value::keep(column.typ, column.raw, cell),
            })
            .collect()
    }

    /// The columns that are written, of a row as it is stored.
    pub(super) fn of_row<'r>(&'r self, values: &'r [Kept]) -> impl Iterator<Item = &'r Kept> {
        self.columns.iter().map(|column| &values[column.at])
    }

    /// The key, of the columns that are written.
    pub(super) fn key_of<'r>(&self, written: &'r [Option<Kept>]) -> Vec<&'r Kept> {
        let place = |key: &usize| self.columns.iter().position(|c| c.at == *key);
        let places = self.key.iter().filter_map(place);
        places.filter_map(|at| written[at].as_ref()).collect()
    }

    fn refused(&self, unfit: Unfit, column: Option<&str>, offset: i64) -> SinkError {
        let mut error = SinkError::new(Class::Rejected, unfit.condition()).hint(unfit.hint());
        error.detail.table = Some(self.table.clone());
        error.detail.column = column.map(str::to_owned);
        error.detail.text = Secret::new(format!("{unfit} at offset {offset}"));
        error
    }

    /// The columns, by their places in a row, that a record leaves as they are.
    fn kept<'p>(&'p self, cells: &'p [Cell<'_>]) -> impl Iterator<Item = usize> + 'p {
        let columns = self.columns.iter().zip(cells);
        columns
            .filter(|(_, cell)| matches!(cell, Cell::Unchanged))
            .map(|(column, _)| column.at)
    }

    /// What a record says of each column; `None`: nothing.
    fn values(&self, offset: i64, cells: &[Cell<'_>]) -> Result<Vec<Option<Kept>>, SinkError> {
        let columns = self.columns.iter().zip(cells);
        columns
            .map(|(column, cell)| {
                value::keep(column.typ, column.raw, cell)
                    .map_err(|unfit| self.refused(unfit, Some(&column.name), offset))
            })
            .collect()
    }
}

impl Stored {
    /// Writes rows in their order; all of them, or, after an error, some: the caller
    /// works on a copy.
    pub(super) fn write(
        &mut self,
        plan: &MemoryPlan,
        tp: &TopicPartition,
        rows: &Rows<'_>,
    ) -> Result<Committed, SinkError> {
        let mut committed = Committed::default();
        for (head, cells) in rows.iter() {
            let said = plan.values(head.offset, cells)?;
            let kept: Vec<usize> = plan.kept(cells).collect();
            let stands = plan.mode == Mode::Upsert && self.find(plan, &said).is_some();
            if let (Some(&at), false) = (kept.first(), stands) {
                let column = plan.columns.iter().find(|c| c.at == at);
                let column = column.map(|c| c.name.as_str());
                return Err(plan.refused(Unfit::Unavailable, column, head.offset));
            }
            let of = (tp.clone(), head.offset);
            match (plan.mode, head.op) {
                (Mode::Append, Op::Delete) => {
                    return Err(plan.refused(Unfit::Tombstone, None, head.offset));
                }
                (Mode::Append, Op::Put) => self.insert(plan, of, said),
                (Mode::Log, Op::Put | Op::Delete) => {
                    if self.stands(plan, &said)? {
                        committed.already_there += 1;
                        continue;
                    }
                    self.insert(plan, of, said);
                }
                (Mode::Upsert, Op::Delete) => {
                    let same = self.find(plan, &said);
                    committed.rows += u64::from(same.is_some());
                    same.map(|at| self.rows.remove(at));
                    continue;
                }
                (Mode::Upsert, Op::Put) => self.upsert(plan, of, said, &kept),
            }
            committed.rows += 1;
        }
        Ok(committed)
    }

    fn whole(&self, plan: &MemoryPlan, said: Vec<Option<Kept>>) -> Vec<Kept> {
        let default = |c: &ColumnSpec| c.default.clone().unwrap_or(Kept::Null);
        let mut values: Vec<Kept> = self.columns.iter().map(default).collect();
        overlay(plan, said, &mut values);
        values
    }

    fn insert(&mut self, plan: &MemoryPlan, of: (TopicPartition, i64), said: Vec<Option<Kept>>) {
        let values = self.whole(plan, said);
        self.rows.push(StoredRow { of, values });
    }

    /// `kept`: the columns, by their places in a row, that stay as they are.
    fn upsert(
        &mut self,
        plan: &MemoryPlan,
        of: (TopicPartition, i64),
        said: Vec<Option<Kept>>,
        kept: &[usize],
    ) {
        match (self.find(plan, &said), plan.missing) {
            (None, _) => self.insert(plan, of, said),
            (Some(at), Missing::Default) => {
                let mut values = self.whole(plan, said);
                for &column in kept {
                    values[column] = self.rows[at].values[column].clone();
                }
                self.rows[at] = StoredRow { of, values };
            }
            (Some(at), Missing::Keep) => {
                let row = &mut self.rows[at];
                row.of = of;
                overlay(plan, said, &mut row.values);
            }
        }
    }

    /// The row of a record's key.
    fn find(&self, plan: &MemoryPlan, said: &[Option<Kept>]) -> Option<usize> {
        let is = |row: &StoredRow, key: &usize| {
            let column = plan.columns.iter().position(|c| c.at == *key);
            column.is_some_and(|column| said[column].as_ref() == Some(&row.values[*key]))
        };
        let mut rows = self.rows.iter();
        rows.position(|row| plan.key.iter().all(|key| is(row, key)))
    }

    /// Whether a log's row stands already; another one at its place halts.
    fn stands(&self, plan: &MemoryPlan, said: &[Option<Kept>]) -> Result<bool, SinkError> {
        let Some(at) = self.find(plan, said) else {
            return Ok(false);
        };
        match self.rows[at].values == self.whole(plan, said.to_vec()) {
            true => Ok(true),
            false => {
                let what = "another event stands at a record's coordinate";
                let mut error = SinkError::new(Class::Halt, what);
                error.detail.table = Some(plan.table.clone());
                Err(error.hint("was the topic made anew?"))
            }
        }
    }
}

fn overlay(plan: &MemoryPlan, said: Vec<Option<Kept>>, values: &mut [Kept]) {
    for (column, said) in plan.columns.iter().zip(said) {
        if let Some(said) = said {
            values[column.at] = said;
        }
    }
}
