//! Batch: records of one partition, packed until a limit closes them.

mod budget;
mod chunk;
mod limits;

pub use budget::Budget;
pub use chunk::{Chunk, Filling, Incoming, Record};
pub use limits::Fill;
