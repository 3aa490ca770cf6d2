//! Batch: records of one partition, packed until a limit closes them.

mod budget;
mod chunk;
mod fingerprint;
mod limits;

pub use budget::Budget;
pub use chunk::{Chunk, Filling, Incoming, Record};
pub use fingerprint::{fingerprint, hash_of};
pub use limits::Fill;
