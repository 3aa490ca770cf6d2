//! Kafka: all that talks to librdkafka. The clients and their settings, the questions
//! that a cluster is asked, and the records, in windows or by spans of a log.
//!
//! It knows nothing of the poll loop or of commands.

mod certificate;
mod client;
mod cluster;
mod compacted;
mod context;
mod event;
mod group;
mod hearing;
mod identity;
mod lists;
mod log;
mod log_check;
mod log_look;
mod member;
mod message;
mod probe;
mod queue;
mod request;
mod rights;
mod served;
mod timeouts;
mod tokens;
mod topic_ids;

pub use client::{MemoryShare, cluster_config, consumer_config};
pub use cluster::{Cluster, OneEnd};
pub use compacted::is_compacted;
pub use context::{Context, Rebalance};
pub use group::{Group, GroupMember};
pub use hearing::Hearing;
pub use identity::{Looked, Looks, looks};
pub use log::{LogReader, Reads, ShortLog};
pub use log_check::{Compared, Found, disagreement, epoch_fell, recreated};
pub use log_look::{LogLook, Wanted, look_at};
pub use member::{Member, Told};
pub use message::{Message, Source, push};
pub use probe::holds_record;
#[cfg(test)]
pub use queue::Held;
pub use queue::{Arrivals, Window};
pub use rights::Right;
pub use timeouts::SAMPLE;
#[cfg(test)]
pub use topic_ids::ToldTopic;
pub use topic_ids::ToldTopics;
