//! The mapping of a table, compiled when it is prepared: what columns make of values, and
//! which records become rows. Formats know nothing of it: they fill the cells of the
//! table's columns, and beside them *slots* for what a column takes from several places or
//! from inside an array, and for what the filter asks for.

mod digits;
mod filter;
mod made;
mod part;
#[cfg(test)]
mod tests;

use self::filter::Judge;
use self::made::Maker;
pub use self::made::{Unmade, lifted};
use self::part::Part;
use super::BadRecord;
use crate::Arena;
use plimsoll_sink_api::{Cell, Column, Epoch, Holds, Of, Op, Path, Shape, Source, Table, Take};
use std::collections::BTreeSet;

/// What is read of a record, and what is made of it.
#[derive(Debug)]
pub(super) struct Mapping {
    /// The columns of the table, and behind them one for each slot.
    pub(super) columns: Vec<Column>,
    /// How many are the table's.
    width: usize,
    fills: Vec<Fill>,
    filter: Option<Judge>,
    /// The slot of the array of which every element is a row.
    array: Option<usize>,
    /// Slots of fields that only the filter asks for: whoever gives columns to fields is to
    /// give them one.
    homeless: Vec<(usize, String)>,
}

/// What fills a column once a record is read.
#[derive(Debug)]
struct Fill {
    cell: usize,
    column: String,
    shape: Shape,
    /// Of a delete, only the columns of the key are filled.
    key: bool,
    /// The first that has a value fills it.
    parts: Vec<Part>,
    maker: Option<Maker>,
}

impl Mapping {
    /// `grows`: a field that has no column is told of. `unit`: what numbers count that go from values into columns of times.
    pub(super) fn of(table: &Table, unit: Option<Epoch>, grows: bool) -> Self {
        let mut it = Self {
            columns: counted(&table.columns, unit),
            width: table.columns.len(),
            fills: Vec::new(),
            filter: None,
            array: None,
            homeless: Vec::new(),
        };
        let taken = taken(table);
        for cell in 0..it.width {
            let column = it.columns[cell].clone();
            let fill = it.fill(cell, &column, &taken);
            it.fills.extend(fill);
        }
        it.filter = table.filter.as_ref().map(|filter| {
            Judge::of(
                &filter.condition,
                &mut |source| match it.column_of(source) {
                    Some(cell) => Part::Cell(cell),
                    None => it.part(&asked(source), source, &taken),
                },
            )
        });
        it.array = table.explode.clone().map(|path| it.array(path));
        if grows {
            it.homeless = it.homeless(table);
        }
        // What is left out is read, and goes nowhere: it is not told of.
        for source in table
            .evolve
            .iter()
            .filter(|_| grows)
            .flat_map(|left_out| &left_out.0)
        {
            let _ = it.part(&asked(source), source, &taken);
        }
        it
    }

    /// The slots of fields of the row itself that no column takes anything of.
    fn homeless(&self, table: &Table) -> Vec<(usize, String)> {
        let left_out = table.evolve.iter().flat_map(|left_out| &left_out.0);
        let taken = table
            .columns
            .iter()
            .flat_map(|column| column.take.sources());
        let known = taken.chain(left_out).flat_map(Source::value_paths);
        let known: BTreeSet<String> = known.filter_map(|path| path.0.into_iter().next()).collect();
        let slots = self.columns.iter().enumerate().skip(self.width);
        let field = |(slot, column): (usize, &Column)| match &column.take.source {
            Source::Value(Path(path)) if path.len() == 1 && !known.contains(&path[0]) => {
                Some((slot, path[0].clone()))
            }
            _ => None,
        };
        slots.filter_map(field).collect()
    }

    /// A field that is there, and has no column.
    fn without_column(&self, cells: &[Cell<'_>]) -> Option<&str> {
        let mut homeless = self.homeless.iter();
        let found = homeless.find(|(slot, _)| !matches!(cells[*slot], Cell::Absent));
        found.map(|(_, field)| field.as_str())
    }

    /// What fills a column that is not filled by reading alone.
    fn fill(&mut self, cell: usize, column: &Column, taken: &BTreeSet<String>) -> Option<Fill> {
        let take = &column.take;
        let maker = Maker::of(&take.make);
        let parts = match take.is_of_one_place() {
            true if maker.is_none() => return None,
            true => vec![Part::Cell(cell)],
            false => {
                let sources = take
                    .sources()
                    .map(|source| self.part(column, source, taken));
                sources.collect()
            }
        };
        Some(Fill {
            cell,
            column: column.name.clone(),
            shape: column.shape,
            key: column.key,
            parts,
            maker,
        })
    }

    /// The column that takes a field of the value as it is read: a filter needs no slot for
    /// it. Deletes clear it, and tell no value anyway.
    fn column_of(&self, source: &Source) -> Option<usize> {
        let same = |column: &Column| {
            let plain = column.shape == Shape::Scalar
                && matches!(column.holds, Holds::Numbers | Holds::Other);
            plain && column.take.source == *source && column.take.is_of_one_place()
        };
        let found = || self.of_table().iter().position(same);
        source.is_of_value().then(found).flatten()
    }

    /// A slot for a source of a column, and what is taken from there.
    fn part(&mut self, of: &Column, source: &Source, taken: &BTreeSet<String>) -> Part {
        let slot = self.columns.len();
        let (read, shape, part) = match source {
            Source::Inside(inside) => {
                let path = inside.path.clone();
                let read = match inside.of {
                    Of::Value => Source::Value(path),
                    Of::Key => Source::Key(path),
                    Of::Item => Source::Item(path),
                };
                let part = Part::Inside(slot, inside.steps.clone());
                (read, Shape::Json, part)
            }
            Source::Rest => {
                let part = Part::Rest(slot, taken.clone());
                (Source::Value(Path::default()), Shape::Json, part)
            }
            _ => (source.clone(), of.shape, Part::Cell(slot)),
        };
        self.columns.push(Column {
            take: Take {
                make: of.take.make.clone(),
                ..read.into()
            },
            shape,
            ..of.clone()
        });
        part
    }

    /// A slot for the array of which every element is a row.
    fn array(&mut self, path: Path) -> usize {
        self.columns.push(Column {
            shape: Shape::Json,
            ..asked(&Source::Value(path))
        });
        self.columns.len() - 1
    }

    /// The slot of the array of which every element is a row, where there is one.
    pub(super) fn exploded(&self) -> Option<usize> {
        self.array
    }

    /// How many cells a record is read into.
    pub(super) fn cells(&self) -> usize {
        self.columns.len()
    }

    /// Whether records are read into the cells of their rows.
    pub(super) fn is_plain(&self) -> bool {
        self.columns.len() == self.width
    }

    /// The columns of the table.
    pub(super) fn of_table(&self) -> &[Column] {
        &self.columns[..self.width]
    }

    /// Which cells are filled by reading a record.
    pub(super) fn read(&self) -> impl Iterator<Item = (usize, &Column)> {
        let columns = self.columns.iter().enumerate();
        columns.filter(|(cell, column)| *cell >= self.width || column.take.is_of_one_place())
    }

    /// Whether there is a filter.
    pub(super) fn filters(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether a record that was read becomes a row. `value`: whether it has a value to
    /// judge it by.
    pub(super) fn passes(&self, cells: &[Cell<'_>], value: bool) -> bool {
        let judge = self.filter.as_ref();
        judge.is_none_or(|judge| judge.passes(cells, value))
    }

    /// Makes of what was read what the columns take.
    ///
    /// # Errors
    /// A value of which that cannot be made.
    pub(super) fn finish<'c>(
        &self,
        op: Op,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<(), BadRecord> {
        if let Some(field) = self.without_column(cells) {
            let field = field.to_owned();
            return Err(BadRecord::UnknownField { field });
        }
        for fill in &self.fills {
            if op == Op::Delete && !fill.key {
                continue;
            }
            cells[fill.cell] = fill.cell_of(cells, arena)?;
        }
        Ok(())
    }
}

impl Fill {
    fn cell_of<'c>(&self, cells: &[Cell<'c>], arena: &'c Arena) -> Result<Cell<'c>, BadRecord> {
        let mut found = Cell::Absent;
        for part in &self.parts {
            let taken = part.take(cells, self.shape, arena);
            match taken.ok_or_else(|| BadRecord::BadString {
                column: self.column.clone(),
            })? {
                Cell::Absent => {}
                Cell::Null => found = Cell::Null,
                value => {
                    found = value;
                    break;
                }
            }
        }
        let Some(maker) = &self.maker else {
            return Ok(lifted(found, self.shape, arena));
        };
        let made = maker.make(found, self.shape, arena);
        made.map_err(|why| BadRecord::Unmade {
            column: self.column.clone(),
            why,
        })
    }
}

/// The column of a slot that is no column's.
fn asked(source: &Source) -> Column {
    Column {
        name: source.to_string(),
        take: source.clone().into(),
        shape: Shape::Scalar,
        key: false,
        type_name: String::new(),
        holds: Holds::Other,
    }
}

/// The fields of the value that columns, or rows, take whole.
fn taken(table: &Table) -> BTreeSet<String> {
    let sources = table
        .columns
        .iter()
        .flat_map(|column| column.take.sources());
    let whole = sources.filter(|source| matches!(source, Source::Value(_) | Source::Spelled(_)));
    let paths = whole.flat_map(Source::value_paths);
    paths
        .chain(table.explode.clone())
        .filter_map(|mut path| (path.0.len() == 1).then(|| path.0.remove(0)))
        .collect()
}

/// The columns, where those of times know what numbers count.
fn counted(columns: &[Column], unit: Option<Epoch>) -> Vec<Column> {
    let mut columns = columns.to_vec();
    for column in &mut columns {
        let of_value = column.take.sources().any(Source::is_of_value);
        if column.holds == Holds::Times && of_value {
            let own = &mut column.take.make.epoch;
            *own = own.or(unit);
        }
    }
    columns
}
