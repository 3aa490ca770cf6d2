//! What is wanted of some bytes.

use plimsoll_record::{Field, Side, UnknownFields, Wanted};
use plimsoll_sink_api::{Column, Holds, Path, Shape, Source};

/// A cell of a table, and the field that it takes.
#[derive(Debug, Clone)]
pub struct Want {
    path: Path,
    cell: usize,
    column: Column,
}

/// A cell that takes a field: `a.b`; all of the value: ``.
#[must_use]
pub fn want(cell: usize, path: &str) -> Want {
    let parts = path.split('.').filter(|part| !part.is_empty());
    Want::of(cell, Path(parts.map(str::to_owned).collect()))
}

/// Each in a cell of its own.
#[must_use]
pub fn paths(paths: &[&str]) -> Vec<Want> {
    let numbered = paths.iter().enumerate();
    numbered.map(|(cell, path)| want(cell, path)).collect()
}

impl Want {
    /// A cell that takes the field at a path.
    #[must_use]
    pub fn of(cell: usize, path: Path) -> Self {
        Self {
            column: Column {
                name: format!("c{cell}"),
                take: Source::Value(path.clone()).into(),
                shape: Shape::Scalar,
                key: false,
                type_name: "text".to_owned(),
                holds: Holds::named("text"),
            },
            path,
            cell,
        }
    }

    /// The same for a column of JSON.
    #[must_use]
    pub fn json(self) -> Self {
        self.shaped(Shape::Json)
    }

    /// The same for whether there is a value.
    #[must_use]
    pub fn presence(self) -> Self {
        self.shaped(Shape::Presence)
    }

    /// The same for a column of bytes that takes them as they stand.
    #[must_use]
    pub fn bytes(self) -> Self {
        self.shaped(Shape::Bytes)
    }

    /// The same in another form.
    #[must_use]
    pub fn shaped(mut self, shape: Shape) -> Self {
        self.column.shape = shape;
        self
    }

    /// The same as a part of the table's key.
    #[must_use]
    pub fn key(mut self) -> Self {
        self.column.key = true;
        self
    }

    /// The same of another type.
    #[must_use]
    pub fn typed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.column.type_name);
        self
    }

    /// As formats take it.
    #[must_use]
    pub fn field(&self) -> Field<'_> {
        Field {
            path: &self.path,
            cell: self.cell,
            column: &self.column,
        }
    }
}

/// All of them, and nothing else.
#[must_use]
pub fn wanted(wants: &[Want], side: Side) -> Wanted<'_> {
    wanted_in(wants, side, UnknownFields::Ignore, &[])
}

/// The same where something becomes of unknown fields, and of values whose row stands at a
/// path.
#[must_use]
pub fn wanted_in<'w>(
    wants: &'w [Want],
    side: Side,
    unknown: UnknownFields,
    root: &[&str],
) -> Wanted<'w> {
    let bare = (side == Side::Tombstone).then(|| wants.first().map(Want::field));
    Wanted {
        side,
        fields: wants.iter().map(Want::field).collect(),
        bare: bare.flatten(),
        unknown,
        root: Path(root.iter().map(|&name| name.to_owned()).collect()),
    }
}
