//! Newer versions on the state of older ones, and beside them.

mod file;
mod old_state;
mod side_by_side;
