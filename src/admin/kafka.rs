//! Kafka, asked without being a member of any group.

use super::client_name;
use super::error::AdminError;
use super::report::Report;
use super::rights;
use super::text::count;
use crate::config::{Config, Sink as Settings, Topics};
use crate::error::KafkaFault;
use crate::kafka::{Cluster, cluster_config};
use plimsoll_protocol::TopicPartition;
use std::io::Write;

/// Kafka, reached; one for all sinks of a command.
pub(super) struct Kafka {
    pub(super) cluster: Cluster,
    /// The cluster's id.
    pub(super) id: String,
}

impl Kafka {
    /// Asks for the cluster's id, which every answer needs.
    pub(super) fn reach(config: &Config) -> Result<Self, KafkaFault> {
        let settings = cluster_config(&config.kafka, &client_name());
        let cluster = Cluster::silent(settings)?;
        let id = cluster.id()?;
        Ok(Self { cluster, id })
    }

    /// The partitions that a sink reads, as far as Kafka knows them; and the
    /// faults of topics that it does not know.
    pub(super) fn partitions(
        &self,
        settings: &Settings,
    ) -> Result<(Vec<TopicPartition>, Vec<KafkaFault>), KafkaFault> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        match &settings.topics {
            Topics::Named(names) => {
                for name in names {
                    match self.cluster.partitions_of(name) {
                        Ok(partitions) => found.extend(partitions),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Topics::Pattern(pattern) => found = self.cluster.partitions_matching(pattern)?,
        }
        found.sort();
        Ok((found, faults))
    }
}

/// What Kafka knows of a sink's topics.
pub(super) struct Known<'k> {
    pub(super) kafka: &'k Kafka,
    pub(super) partitions: Vec<TopicPartition>,
}

/// Asks, and reports; `None` if Kafka does not answer.
pub(super) fn ask_kafka<'k, W: Write>(
    kafka: &'k Result<Kafka, KafkaFault>,
    settings: &Settings,
    report: &mut Report<'_, W>,
) -> Result<Option<Known<'k>>, AdminError> {
    let asked = kafka
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|kafka| Ok((kafka, kafka.partitions(settings)?)));
    let (kafka, (partitions, faults)) = match asked {
        Ok(asked) => asked,
        Err(fault) => {
            report.fault(&format!("kafka: {fault}; hint: {}", fault.hint()))?;
            return Ok(None);
        }
    };
    report.line(
        "kafka",
        &format!("cluster {}, group {}", kafka.id, settings.group_id),
    )?;
    for fault in faults {
        report.fault(&format!(
            "sinks.{}.topics: {fault}; hint: {}",
            settings.name,
            fault.hint()
        ))?;
    }
    match rights::lacking(&kafka.cluster, settings, &partitions) {
        Ok(all) => {
            for lacking in all {
                report.fault(&format!("sinks.{}: {lacking}", settings.name))?;
            }
        }
        Err(fault) => report.fault(&format!("kafka: {fault}; hint: {}", fault.hint()))?,
    }
    for topic in partitions.chunk_by(|a, b| a.topic == b.topic) {
        let name = &topic[0].topic;
        let ends = kafka
            .cluster
            .earliest(topic)
            .and_then(|first| Ok((first, kafka.cluster.latest(topic)?)));
        match ends {
            Ok((first, last)) => {
                let offsets: i64 = first
                    .iter()
                    .zip(&last)
                    .filter_map(|(first, last)| {
                        Some(last.as_ref()?.offset() - first.as_ref()?.offset())
                    })
                    .sum();
                report.line(
                    "topic",
                    &format!(
                        "{name}: {}, {offsets} offsets",
                        count(topic.len(), "partition")
                    ),
                )?;
            }
            Err(fault) => report.fault(&format!("sinks.{}: {name}: {fault}", settings.name))?,
        }
    }
    if partitions.is_empty()
        && let Topics::Pattern(pattern) = &settings.topics
    {
        report.line("topic", &format!("none matches {pattern} yet"))?;
    }
    Ok(Some(Known { kafka, partitions }))
}
