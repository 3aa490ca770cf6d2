//! Kafka answers with an error, or with a batch that cannot be read.
//!
//! librdkafka hands errors out among records, moves its position over them as if
//! they were records, and may go on behind what it could not read. So nothing
//! that follows an error is believed: what came before it is written, and the
//! partition begins anew at the stored position.

use super::partition::{Failure, Partition, Phase};
use super::{Fatal, Poll};
use crate::engine::control::{HALT_RETRY, RestartReason};
use crate::health::{Halt, Until};
use crate::kafka::Message;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::TopicPartition;
use plimsoll_protocol::lifecycle::{Act, Heard};
use plimsoll_sink_api::Sink;
use rdkafka::error::RDKafkaErrorCode;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// How long a partition waits after its first error in a row, its second, and so
/// on: longer than a leader takes to be elected, all together. After the last one
/// it halts.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// How long what came before an error may take to be written. It is read again if
/// it is not: this only bounds how long the error goes unseen.
const LAST_COMMIT: Duration = Duration::from_secs(5);

impl<S: Sink> Poll<S> {
    /// Notes an error that came in place of a record.
    pub(super) fn failed(
        &mut self,
        message: Message<'_>,
        code: RDKafkaErrorCode,
    ) -> Result<(), Fatal> {
        let text = message.error_text();
        if code == RDKafkaErrorCode::Fatal {
            return Err(Fatal(text));
        }
        let sink = &self.setup.lane.name;
        counter!(names::KAFKA_ERRORS, "sink" => sink.clone(), "code" => format!("{code:?}"))
            .increment(1);
        let failure = Failure {
            reason: format!("Kafka: {code}: {text}"),
            at: Instant::now(),
        };
        // One that names no topic may be about any partition.
        if message.topic().is_empty() {
            self.partitions
                .iter_mut()
                .for_each(|part| fail(part, &failure));
            return Ok(());
        }
        let tp = TopicPartition::new(message.topic(), message.partition());
        let meant = self.partitions.id_of(&tp);
        if let Some(part) = meant.and_then(|id| self.partitions.get_mut(id)) {
            fail(part, &failure);
        }
        Ok(())
    }

    /// Ends the lives that met an error, as soon as what came before it is
    /// written.
    pub(super) fn end_failed(&mut self, now: Instant) {
        for id in self.partitions.ids() {
            let Some(part) = self.partitions.get_mut(id) else {
                continue;
            };
            let Some(failure) = over(part, now) else {
                continue;
            };
            if part.act(Heard::Broken) != Act::BackOff {
                continue;
            }
            let (sink, tp) = (&self.setup.lane.name, &part.tp);
            let wait = WAITS.get(part.failures as usize).copied();
            part.failures = part.failures.saturating_add(1);
            if let Some(wait) = wait {
                warn!(
                    sink, topic = %tp.topic, partition = tp.partition,
                    "{}; read again from the stored position", failure.reason,
                );
                self.restart(id, RestartReason::KafkaError, wait);
                continue;
            }
            error!(
                sink, topic = %tp.topic, partition = tp.partition,
                "halted: {}; tried again in {} s", failure.reason, HALT_RETRY.as_secs(),
            );
            let halt = Halt {
                offset: None,
                column: None,
                reason: failure.reason,
                until: Until::Fetched,
            };
            self.halt(id, halt, HALT_RETRY);
        }
    }
}

/// Nothing that comes behind an error is taken.
fn fail(part: &mut Partition, failure: &Failure) {
    if let Phase::Live(live) = &mut part.phase {
        live.guard.fail();
        live.failed.get_or_insert_with(|| failure.clone());
    }
}

/// The error of a life that has nothing left to write, or no time.
fn over(part: &Partition, now: Instant) -> Option<Failure> {
    let Phase::Live(live) = &part.phase else {
        return None;
    };
    let failure = live.failed.as_ref()?;
    let written = live.filling.is_empty() && live.committed == live.sealed;
    (written || now >= failure.at + LAST_COMMIT).then(|| failure.clone())
}
