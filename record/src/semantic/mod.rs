//! What a value means beyond how its format writes it: the types that Kafka Connect and
//! Debezium give by name, whatever carries the name, be it an Avro schema or Connect's
//! JSON. A type is told apart by what carries its value, so that none can be asked of a
//! value that cannot have it:
//!
//! | carried by | type |
//! | --- | --- |
//! | whole numbers | [`Whole`] |
//! | bytes | [`Octets`] |
//! | text | [`Chars`] |
//! | a record | [`Parts`] |
//!
//! A name that stands in none of them says nothing that its carrier does not say: an
//! enum is a text, a year is a number.

mod chars;
mod octets;
mod parts;
mod whole;

pub use chars::Chars;
pub use octets::{BitForm, Octets, bit, is_bit};
pub use parts::{Gathered, Part, Parts};
pub use whole::Whole;
