//! A client that brings no records is left, and another joins in its place.

use super::partition::Phase;
use super::{Fatal, Poll};
use crate::engine::control::RestartReason;
use crate::health::{About, Ends};
use crate::kafka::Member;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::Sink;
use rdkafka::error::KafkaError;
use std::time::{Duration, Instant};
use tracing::warn;

/// How long the client that is left may take to leave. Its group misses it without that,
/// after the session timeout.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

impl<S: Sink> Poll<S> {
    /// Compares where the client stands with the ends of the logs, as they were read
    /// just now.
    pub(super) fn look_for_stalls(&mut self, ends: &Ends) {
        let (sink, health) = (&self.setup.lane.name, &self.setup.lane.health);
        let mut longest = None;
        for part in self.partitions.iter_mut() {
            let Phase::Live(live) = &mut part.phase else {
                continue;
            };
            let position = self.member.position(&part.tp);
            let position = position.map_or(live.guard.next(), |at| at.max(live.guard.next()));
            let behind = ends.get(&part.tp).is_some_and(|log| position < log.end);
            let about = About::Stalled(part.tp.clone());
            if !behind || live.paused || live.failed.is_some() {
                live.stall.over();
                health.over(sink, &about);
                continue;
            }
            let looks = live.stall.stands(position);
            let offset = position.offset();
            if looks > 1 {
                let what = format!(
                    "Kafka's log goes on at offset {offset}, and its client brings no record; \
                     another client is tried if that lasts"
                );
                health.trouble(sink, about, "", what);
            } else {
                health.over(sink, &about);
            }
            if longest.as_ref().is_none_or(|(most, _)| looks > *most) {
                longest = Some((looks, part.tp.clone()));
            }
        }
        if let Some((looks, tp)) = longest
            && self.stopping.is_none()
            && self.remedy.is_due(looks, Instant::now())
        {
            self.stalled = Some(tp);
        }
    }

    /// Leaves the group with the client that brings nothing of a partition, and joins it
    /// with another. What is in memory is read again from the stored positions.
    pub(super) fn rejoin(&mut self, stalled: &TopicPartition) -> Result<(), Fatal> {
        let sink = self.setup.lane.name.clone();
        let reason = RestartReason::Stalled.as_str();
        warn!(
            sink, topic = %stalled.topic, partition = stalled.partition,
            "Kafka's client brings no record of a log that goes on: another one joins the group",
        );
        self.remedy.tried(Instant::now());
        let all: Vec<_> = self.partitions.iter().map(|part| part.tp.clone()).collect();
        for _ in &all {
            counter!(names::RESTARTS, "sink" => sink.clone(), "reason" => reason).increment(1);
        }
        self.lose(&all);
        self.revocations.clear();
        let setup = &self.setup;
        let fatal = |error: KafkaError| Fatal(error.to_string());
        let waiter = std::thread::current();
        let member = Member::new(&setup.client, setup.context(), &waiter).map_err(fatal)?;
        // A member of a static name takes the place of the one before, which must not
        // meet it.
        std::mem::replace(&mut self.member, member).close(CLOSE_WAIT);
        self.member
            .subscribe(&self.setup.subscription)
            .map_err(fatal)
    }
}
