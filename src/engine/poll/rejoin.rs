//! A client that brings no records is left, and another joins in its place.

use super::partition::{Live, Partition, Phase};
use super::stall::Stall;
use super::{Fatal, Poll};
use crate::engine::control::RestartReason;
use crate::health::{About, Ends};
use crate::kafka::Member;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_sink_api::Sink;
use rdkafka::error::KafkaError;
use std::time::{Duration, Instant};
use tracing::warn;

/// How long the client that is left may take to leave.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

impl<S: Sink> Poll<S> {
    /// Compares where the client stands with the ends of the logs, as they were read
    /// just now. What is not known of a log leaves everything as it is.
    pub(super) fn look_for_stalls(&mut self, ends: &Ends) {
        self.looks += 1;
        for part in self.partitions.iter_mut() {
            if let Phase::Live(live) = &mut part.phase
                && let Some(log) = ends.get(&part.tp)
            {
                let at = stands(&self.member, &part.tp, live);
                match at < log.end && !live.paused && live.failed.is_none() {
                    true => live.stall.stands(at, self.looks),
                    false => live.stall.over(),
                }
            }
        }
        let stalls: Vec<Stall> = self.partitions.iter().filter_map(stall).cloned().collect();
        let (sink, health) = (&self.setup.lane.name, &self.setup.lane.health);
        for part in self.partitions.iter_mut() {
            let about = About::Stalled(part.tp.clone());
            let Phase::Live(live) = &mut part.phase else {
                health.over(sink, &about);
                continue;
            };
            let Some(at) = live.stall.stands_at() else {
                health.over(sink, &about);
                continue;
            };
            let Some(log) = ends.get(&part.tp) else {
                continue;
            };
            // Most have moved since the last look, and are not compared with all others.
            let kept_out = live.stall.lasts() && live.stall.had_its_turn(&stalls);
            if kept_out
                && let Some(span) = Span::new(at, log.end)
                && live.stall.ask(log.end)
            {
                self.setup.standing.suspect(&part.tp, span);
            }
            match live.stall.is_certain() {
                true => health.trouble(sink, about, "", words(at)),
                false => health.over(sink, &about),
            }
            if kept_out && self.remedy.is_due(&live.stall, Instant::now()) {
                self.stalled = Some(part.tp.clone());
            }
        }
    }

    /// Another client has looked for a record where ours brings none.
    pub(super) fn note_probe(&mut self, tp: &TopicPartition, span: Span, record: bool) {
        let part = self.partitions.id_of(tp);
        if let Some(part) = part.and_then(|id| self.partitions.get_mut(id))
            && let Phase::Live(live) = &mut part.phase
        {
            live.stall.probed(span.from(), span.to(), record);
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
        let count = all.len() as u64;
        counter!(names::RESTARTS, "sink" => sink, "reason" => reason).increment(count);
        self.lose(&all);
        self.revocations.clear();
        let setup = &self.setup;
        let fatal = |error: KafkaError| Fatal(error.to_string());
        let waiter = std::thread::current();
        let member = Member::new(&setup.client, setup.context(), &waiter).map_err(fatal)?;
        // A member of a static name takes the place of the one before, which must not
        // meet it.
        if !std::mem::replace(&mut self.member, member).close(CLOSE_WAIT) {
            // It lives on: its partitions would be nobody's, and a static name two
            // members'.
            let why = "a client that brought no records cannot be closed";
            return Err(Fatal(why.to_owned()));
        }
        self.member
            .subscribe(&self.setup.subscription)
            .map_err(fatal)
    }
}

/// Where the client stands: behind the last record that it brought, and what it passed.
fn stands(member: &Member, tp: &TopicPartition, live: &Live) -> Position {
    let next = live.guard.next();
    member.position(tp).map_or(next, |at| at.max(next))
}

fn stall(part: &Partition) -> Option<&Stall> {
    match &part.phase {
        Phase::Live(live) => Some(&live.stall),
        Phase::BackingOff(_) | Phase::Claiming | Phase::Draining => None,
    }
}

fn words(at: Position) -> String {
    format!(
        "the log goes on at offset {}, and Kafka's client brings no record, where another \
         reader finds one; another client joins the group if that lasts",
        at.offset()
    )
}
