//! Consume: the poll thread, which turns Kafka's messages into chunks of one
//! partition, and never blocks: neither on a channel nor on the database.

mod assignment;
mod control;
mod members;
mod partition;
mod poll;
mod watch;

#[cfg(test)]
pub use assignment::lease;
pub use assignment::{Generation, Leased};
pub use control::{Control, RestartReason};
pub use members::{Members, client_id, watch_members};
pub use partition::{Stand, Standing};
pub use poll::{Fatal, Poll, Setup};
pub use watch::watch_lag;
