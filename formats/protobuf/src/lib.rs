//! Protobuf → cells: what bytes mean under the schema that they were written with, and
//! nothing else. No I/O, no registry, no framing, no reader's schema.
//!
//! - A [`Schema`] is read from a `.proto` file's text, or from a descriptor, once per
//!   schema.
//! - A [`Program`] is compiled from it for the fields that one table wants of one message:
//!   flat, without a tree. It borrows from the bytes, and skips what nobody wants.
//!
//! ```
//! use plimsoll_protobuf::{Program, Schema};
//! use plimsoll_record::{Arena, Field, Side, UnknownFields, Wanted};
//! use plimsoll_sink_api::{Cell, Column, Holds, Path, Shape, Source};
//!
//! let schema = Schema::parse(
//!     "syntax = \"proto3\"; message Order { int64 id = 1; string note = 2; }",
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
//! let order = schema.message("Order").expect("its message");
//! let program = Program::compile(&schema, order, &wanted)?;
//! let (arena, mut cells) = (Arena::new(), [Cell::Absent]);
//! program.read(b"\x08\x01\x12\x02hi", &arena, &mut cells).expect("a good record");
//! assert_eq!(cells, [Cell::Text("hi")]);
//! # Ok::<(), plimsoll_protobuf::SchemaError>(())
//! ```

mod describe;
mod error;
mod files;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod one;
mod program;
mod schema;
mod walk;
mod which;
mod wire;

pub use error::SchemaError;
pub use files::schema_of_file;
pub use format::Protobuf;
pub use program::Program;
pub use schema::{MessageId, Schema};

/// Messages within messages: as many as Protobuf's own readers take.
const MAX_DEPTH: u8 = 100;
