//! Kafka: all that talks to librdkafka. The clients and their settings, the questions
//! that a cluster is asked, and the records, in windows or by spans of a log.
//!
//! It knows nothing of the poll loop or of commands.

mod certificate;
mod client;
mod cluster;
mod context;
mod group;
mod hearing;
mod identity;
mod lists;
mod log_check;
mod message;
mod queue;
mod reader;
mod request;
mod rights;
mod served;
mod tokens;
mod topic_ids;

pub use client::{MemoryShare, cluster_config, consumer_config};
pub use cluster::{Cluster, OneEnd};
pub use context::{Context, Rebalance};
pub use group::{Group, GroupMember};
pub use hearing::Hearing;
pub use identity::{Looked, Looks, looks};
pub use lists::{one, position_of};
pub use log_check::{
    Compared, Found, LogLook, Wanted, disagreement, epoch_fell, look_at, recreated,
};
pub use message::{Message, Source, push};
#[cfg(test)]
pub use queue::Held;
pub use queue::{Arrivals, Records, Window};
pub use reader::Reader;
pub use rights::Right;
pub use tokens::keep_tokens;
#[cfg(test)]
pub use topic_ids::ToldTopic;
pub use topic_ids::ToldTopics;
