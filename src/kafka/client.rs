//! The Kafka clients' settings. Those that carry the promise are set last, so
//! that no property of the user's can undo them.

use super::tokens::prepare_tokens;
use crate::config::{GroupProtocol, Isolation, Kafka};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// What one sink may hold, of `memory_limit`.
#[derive(Debug, Clone, Copy)]
pub struct MemoryShare {
    /// Bytes of records between the poll thread and the commit.
    pub own: usize,
    /// Bytes in librdkafka's queue.
    pub queue: usize,
    /// Bytes of one fetch.
    pub fetch: usize,
}

/// More than this in librdkafka's queue makes nothing faster, takes two and a
/// half times as much memory, and is thrown away at each pause.
const QUEUE_CAP: usize = 8 << 20;
/// More than this per fetch makes nothing faster.
const FETCH_CAP: usize = 3 << 20;
/// Below this, a fetch of librdkafka's cannot hold one default-sized message.
const FETCH_FLOOR: usize = 1 << 20;

impl MemoryShare {
    /// Divides the limit among sinks. librdkafka checks its queue before a
    /// fetch and then takes up to `fetch.max.bytes`: a quarter of the share for
    /// the queue, an eighth for the fetch, half for our own buffers; the rest
    /// is for what is decoded.
    #[must_use]
    pub fn of(limit: u64, sinks: usize) -> Self {
        let share = usize::try_from(limit).unwrap_or(usize::MAX) / sinks.max(1);
        Self {
            own: share / 2,
            queue: (share / 4).clamp(FETCH_FLOOR, QUEUE_CAP),
            fetch: (share / 8).clamp(FETCH_FLOOR, FETCH_CAP),
        }
    }
}

fn base(kafka: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    // New topics and partitions are noticed after this long; the default of
    // five minutes is too long to wait for a partition.
    config.set("topic.metadata.refresh.interval.ms", "10000");
    // OpenSSL is linked statically and knows no system: look for the system's
    // certificates where systems keep them.
    if !kafka.properties.contains_key("ssl.ca.pem") {
        config.set("ssl.ca.location", "probe");
    }
    for (name, value) in &kafka.properties {
        config.set(name, value);
    }
    prepare_tokens(&mut config);
    config
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("client.id", client_id)
        .set("allow.auto.create.topics", "false")
        // A damaged batch is told by its checksum alone; without it, offsets would
        // be taken from damaged bytes.
        .set("check.crcs", "true")
        .set(
            "isolation.level",
            match kafka.isolation_level {
                Isolation::ReadCommitted => "read_committed",
                Isolation::ReadUncommitted => "read_uncommitted",
            },
        )
        // librdkafka's own `debug` contexts log at that level.
        .set_log_level(match kafka.properties.contains_key("debug") {
            true => RDKafkaLogLevel::Debug,
            false => RDKafkaLogLevel::Info,
        });
    config
}

/// A client for questions: metadata, watermarks. Member of no group.
#[must_use]
pub fn cluster_config(kafka: &Kafka, client_id: &str) -> ClientConfig {
    base(kafka, client_id)
}

/// The member of the group.
#[must_use]
pub fn consumer_config(
    kafka: &Kafka,
    group_id: &str,
    client_id: &str,
    memory: MemoryShare,
) -> ClientConfig {
    let mut config = base(kafka, client_id);
    config
        .set("group.id", group_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // An end of a partition is told as an error, and moves librdkafka's
        // position by one beyond it.
        .set("enable.partition.eof", "false")
        // A position outside the log is an error, never a silent jump.
        .set("auto.offset.reset", "error")
        .set(
            "queued.max.messages.kbytes",
            (memory.queue >> 10).to_string(),
        )
        .set("fetch.max.bytes", memory.fetch.to_string())
        // A full queue is looked at again after this; the default of a second
        // leaves the writers idle.
        .set("fetch.queue.backoff.ms", "10");
    match kafka.group_protocol {
        GroupProtocol::Classic => {
            config.set("partition.assignment.strategy", "cooperative-sticky");
            if let Some(id) = &kafka.group_instance_id {
                config.set("group.instance.id", id);
            }
        }
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer");
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_bounded_from_both_sides() {
        let small = MemoryShare::of(32 << 20, 1);
        assert_eq!(
            (small.own, small.queue, small.fetch),
            (16 << 20, 8 << 20, 3 << 20)
        );
        let large = MemoryShare::of(8 << 30, 1);
        assert_eq!((large.queue, large.fetch), (QUEUE_CAP, FETCH_CAP));
        let many = MemoryShare::of(32 << 20, 64);
        assert_eq!((many.queue, many.fetch), (FETCH_FLOOR, FETCH_FLOOR));
    }
}
