//! Avro → cells: what bytes mean under the schema that they were written with, and
//! nothing else. No I/O, no registry, no framing, no reader's schema.
//!
//! - A [`Schema`] is read from its JSON, once per schema.
//! - A [`Program`] is compiled from it for the fields that one table wants of one side
//!   of its records: flat, without a tree. It borrows from the bytes, and skips what
//!   nobody wants.
//!
//! ```
//! use plimsoll_avro::{Program, Schema};
//! use plimsoll_record::{Arena, Field, Side, UnknownFields, Wanted};
//! use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
//!
//! let schema = Schema::parse(
//!     r#"{"type": "record", "name": "Order", "fields": [
//!         {"name": "id", "type": "long"},
//!         {"name": "note", "type": ["null", "string"]}
//!     ]}"#,
//!     &[],
//! )?;
//! let path = Path(vec!["note".to_owned()]);
//! let column = Column {
//!     name: "note".to_owned(),
//!     take: Source::Value(path.clone()).into(),
//!     shape: Shape::Scalar,
//!     key: false,
//!     type_name: "text".to_owned(),
//!     holds: Holds::named("text"),
//! };
//! let wanted = Wanted {
//!     side: Side::Value,
//!     fields: vec![Field { path: &path, cell: 0, column: &column }],
//!     bare: None,
//!     unknown: UnknownFields::Ignore,
//!     root: Path::default(),
//! };
//! let program = Program::compile(&schema, &wanted)?;
//! let (arena, mut cells) = (Arena::new(), [Cell::Absent]);
//! program.read(b"\x02\x02\x04hi", &arena, &mut cells).expect("a good record");
//! assert_eq!(cells, [Cell::Text("hi")]);
//! # Ok::<(), plimsoll_avro::SchemaError>(())
//! ```

mod body;
mod describe;
mod error;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod parts;
mod program;
mod schema;
mod walk;

pub use error::SchemaError;
pub use format::Avro;
pub use program::Program;
pub use schema::{Kind, Node, Schema};

/// Values within values: records, arrays and maps. No sender means more, and each level
/// takes some of the stack.
const MAX_DEPTH: u8 = 64;
