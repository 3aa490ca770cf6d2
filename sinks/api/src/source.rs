//! Where a value comes from: a place in a record, or the config itself.

mod parse;
#[cfg(test)]
mod tests;

use crate::naming::spellings;
use std::fmt;

/// A way into a value: field names from the outside in. Empty: the whole value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(pub Vec<String>);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `value` or `value.PATH`.
    Value(Path),
    /// A field of the value by its name in snake_case, however the record spells it. Of
    /// two spellings in one record the last one counts, as of two fields of one name.
    Spelled(String),
    /// `key` or `key.PATH`.
    Key(Path),
    /// What stands in an array: `value.items[0].sku`, `value.items[*].sku`.
    Inside(Inside),
    /// `value.*`: an object of the value's fields that no column takes.
    Rest,
    /// `headers.NAME`: the last header of that name.
    Header(String),
    /// `item` or `item.PATH`: of the element that the row is made of.
    Item(Path),
    /// A field of the element by its name in snake_case, as [`Self::Spelled`].
    SpelledItem(String),
    /// The element's place in its array, counted from 0.
    Index,
    /// The topic's name.
    Topic,
    /// The partition's number.
    Partition,
    /// The record's offset.
    Offset,
    /// The record's timestamp.
    Timestamp,
    /// The same for all records.
    Constant(Literal),
}

/// A way that leads through an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Inside {
    /// What it begins in.
    pub of: Of,
    /// The way to the array.
    pub path: Path,
    /// The way from there; the first step is none of a name.
    pub steps: Vec<Step>,
}

/// Which bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Of {
    /// Its value.
    Value,
    /// Its key.
    Key,
    /// An element of the array that makes several rows of it.
    Item,
}

/// One step into JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The field of an object.
    Field(String),
    /// An element of an array, counted from 0; from -1 backwards, counted from its end.
    Element(i32),
    /// Every element: what comes of the steps behind it is an array again.
    Every,
}

/// A value that the config holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number, as JSON writes it.
    Number(String),
    /// True or false.
    Boolean(bool),
}

impl Source {
    /// Whether it is bytes as the record has them, a whole key or a header, rather
    /// than a value of a format.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        match self {
            Self::Header(_) => true,
            Self::Key(path) => path.0.is_empty(),
            Self::Value(_)
            | Self::Spelled(_)
            | Self::Inside(_)
            | Self::Rest
            | Self::Item(_)
            | Self::SpelledItem(_)
            | Self::Index
            | Self::Topic
            | Self::Partition
            | Self::Offset
            | Self::Timestamp
            | Self::Constant(_) => false,
        }
    }

    /// Whether a record without a value cannot have it.
    #[must_use]
    pub fn is_of_value(&self) -> bool {
        match self {
            Self::Value(_) | Self::Spelled(_) | Self::Rest => true,
            Self::Item(_) | Self::SpelledItem(_) | Self::Index => true,
            Self::Inside(inside) => matches!(inside.of, Of::Value | Of::Item),
            Self::Key(_)
            | Self::Header(_)
            | Self::Topic
            | Self::Partition
            | Self::Offset
            | Self::Timestamp
            | Self::Constant(_) => false,
        }
    }

    /// Whether it is told by an element of an array, and not by the record around it.
    #[must_use]
    pub fn is_of_item(&self) -> bool {
        match self {
            Self::Item(_) | Self::SpelledItem(_) | Self::Index => true,
            Self::Inside(inside) => inside.of == Of::Item,
            Self::Value(_)
            | Self::Spelled(_)
            | Self::Key(_)
            | Self::Rest
            | Self::Header(_)
            | Self::Topic
            | Self::Partition
            | Self::Offset
            | Self::Timestamp
            | Self::Constant(_) => false,
        }
    }

    /// The ways into the value that lead to it: several where it may be spelled in
    /// several ways.
    #[must_use]
    pub fn value_paths(&self) -> Vec<Path> {
        match self {
            Self::Value(path) => vec![path.clone()],
            Self::Spelled(name) => spelled(name),
            Self::Inside(inside) if inside.of == Of::Value => vec![inside.path.clone()],
            Self::Rest => vec![Path::default()],
            Self::Key(_)
            | Self::Inside(_)
            | Self::Item(_)
            | Self::SpelledItem(_)
            | Self::Index
            | Self::Header(_)
            | Self::Topic
            | Self::Partition
            | Self::Offset
            | Self::Timestamp
            | Self::Constant(_) => Vec::new(),
        }
    }

    /// The ways into an element that lead to it, as [`Self::value_paths`].
    #[must_use]
    pub fn item_paths(&self) -> Vec<Path> {
        match self {
            Self::Item(path) => vec![path.clone()],
            Self::SpelledItem(name) => spelled(name),
            Self::Inside(inside) if inside.of == Of::Item => vec![inside.path.clone()],
            Self::Value(_)
            | Self::Spelled(_)
            | Self::Key(_)
            | Self::Inside(_)
            | Self::Rest
            | Self::Index
            | Self::Header(_)
            | Self::Topic
            | Self::Partition
            | Self::Offset
            | Self::Timestamp
            | Self::Constant(_) => Vec::new(),
        }
    }
}

/// A field of this name in each of its spellings.
fn spelled(name: &str) -> Vec<Path> {
    let path = |name| Path(vec![name]);
    spellings(name).into_iter().map(path).collect()
}

impl Of {
    /// Its word in a source.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Key => "key",
            Self::Item => "item",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(path) => write!(f, "value{path}"),
            Self::Item(path) => write!(f, "item{path}"),
            Self::Spelled(name) => {
                write!(f, "value{} in any spelling", Path(vec![name.clone()]))
            }
            Self::SpelledItem(name) => {
                write!(f, "item{} in any spelling", Path(vec![name.clone()]))
            }
            Self::Index => f.write_str("index"),
            Self::Key(path) => write!(f, "key{path}"),
            Self::Inside(inside) => {
                write!(f, "{}{}", inside.of.as_str(), inside.path)?;
                inside.steps.iter().try_for_each(|step| step.fmt(f))
            }
            Self::Rest => f.write_str("value.*"),
            Self::Header(name) => write!(f, "headers.{name}"),
            Self::Topic => f.write_str("topic"),
            Self::Partition => f.write_str("partition"),
            Self::Offset => f.write_str("offset"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Constant(literal) => literal.fmt(f),
        }
    }
}

/// As it stands behind `value` or `key`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| write_name(f, name))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write_name(f, name),
            Self::Element(place) => write!(f, "[{place}]"),
            Self::Every => f.write_str("[*]"),
        }
    }
}

/// In quotes where it would be read as something else.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if name.contains(['.', '[', ']']) || name == "*" {
        write!(f, ".\"{name}\"")
    } else {
        write!(f, ".{name}")
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number(number) => f.write_str(number),
            Self::Boolean(is) => is.fmt(f),
        }
    }
}

pub use parse::SourceError;
