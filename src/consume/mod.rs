//! Consume: the poll thread, which turns Kafka's messages into chunks of one
//! partition, and never blocks: neither on a channel nor on the database.

mod assignment;
mod certificate;
mod client;
mod cluster;
mod confirm;
mod context;
mod control;
mod group;
mod hearing;
mod lists;
mod log_check;
mod members;
mod message;
mod partition;
mod poll;
mod queue;
mod reader;
mod request;
mod rights;
mod served;
mod tokens;
mod topic_ids;
mod watch;

#[cfg(test)]
pub use assignment::lease;
pub use assignment::{Generation, Leased};
pub use client::{MemoryShare, cluster_config, consumer_config};
pub use cluster::Cluster;
pub use confirm::{Looked, Looks, looks};
pub use control::{Control, RestartReason};
pub use hearing::Hearing;
pub use log_check::{
    Compared, Found, LogLook, Wanted, disagreement, epoch_fell, look_at, recreated,
};
pub use members::{Members, client_id, watch_members};
pub use message::push;
pub use partition::{Stand, Standing};
pub use poll::{Fatal, Poll, Setup};
pub use reader::Reader;
pub use rights::Right;
pub use tokens::keep_tokens;
pub use watch::watch_lag;
