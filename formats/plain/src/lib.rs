//! Formats without a schema whose bytes do not say what they are: the config does.
//!
//! - [`Primitive`]: one value is all of the bytes, as Kafka's own serializers write it.
//! - [`Csv`]: one line of texts, whose names the config has.

mod csv;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod line;
mod primitive;

pub use csv::Csv;
pub use primitive::Primitive;
