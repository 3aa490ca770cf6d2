//! A sink as a whole, told from what its database holds: any instance, and any command,
//! comes to the same. Pure.

use super::report::{Halted, MemberReport, PartitionState, Troubled};
use crate::admin::FRESH;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{Command, Reported, SinkState, StoredPosition, Wanted};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A sink as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub sink: String,
    /// What is wanted of it.
    #[serde(serialize_with = "word")]
    pub wanted: SinkState,
    /// The number of the last command.
    pub commands: i64,
    /// Its instances that are alive.
    pub members: Vec<MemberStatus>,
    /// Its partitions, in the order of topic and partition.
    pub partitions: Vec<PartitionStatus>,
    /// The last commands, the latest first.
    pub events: Vec<Event>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// Its readable name.
    pub name: String,
    /// Where it answers; empty: nowhere.
    pub address: String,
    /// Of the program.
    pub version: String,
    /// What it does.
    pub state: String,
    /// Whether it has heard of the last command.
    pub heard_all: bool,
    /// Since its last sign of life.
    pub heartbeat_age_ms: u64,
    /// What is wrong there.
    pub troubles: Vec<Troubled>,
    /// Halts and troubles that it did not tell in full.
    pub more: usize,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// How far it is; `None`: no instance that is alive holds it.
    pub state: Option<PartitionState>,
    /// Who holds it.
    pub member: Option<String>,
    /// Why it is halted.
    pub halt: Option<Halted>,
    /// The next offset to apply; `None`: its start is not settled.
    pub position: Option<i64>,
    /// How often it was claimed.
    pub epoch: Option<i64>,
    /// Since the position last moved.
    pub moved_age_ms: Option<u64>,
}

/// A command that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number.
    pub seq: i64,
    /// What was asked.
    pub verb: &'static str,
    /// Of one partition only.
    pub topic: Option<String>,
    /// Of one partition only.
    pub partition: Option<i32>,
    /// Who asked.
    pub by: String,
    /// Since then.
    pub age_ms: u64,
}

fn word<S: serde::Serializer>(state: &SinkState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.as_str())
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

struct Member {
    status: MemberStatus,
    report: MemberReport,
}

impl SinkStatus {
    /// What can be told.
    #[must_use]
    pub fn of(
        sink: &str,
        wanted: Wanted,
        reported: &[Reported],
        positions: &[StoredPosition],
        commands: &[Command],
    ) -> Self {
        let alive = reported.iter().filter(|said| said.age <= FRESH);
        let members: Vec<Member> = alive.map(|said| member(said, wanted)).collect();
        let mut partitions: BTreeMap<TopicPartition, PartitionStatus> = positions
            .iter()
            .map(|stored| (stored.tp.clone(), stands(stored)))
            .collect();
        let owner_of: BTreeMap<&TopicPartition, &str> = positions
            .iter()
            .filter_map(|stored| Some((&stored.tp, stored.owner.as_deref()?)))
            .collect();
        for Member { status, report } in &members {
            let halts: BTreeMap<(&str, i32), &Halted> = report
                .halts
                .iter()
                .map(|halt| ((halt.topic.as_str(), halt.partition), halt))
                .collect();
            for (tp, state) in report.parts() {
                let owns = owner_of.get(&tp) == Some(&status.name.as_str());
                let part = partitions
                    .entry(tp.clone())
                    .or_insert_with(|| unsettled(&tp));
                // While it moves from one to another, both hold it: the owner counts.
                if part.state.is_some() && !owns {
                    continue;
                }
                part.state = Some(state);
                part.member = Some(status.name.clone());
                let halt = halts.get(&(part.topic.as_str(), part.partition));
                part.halt = halt.copied().cloned();
            }
        }
        Self {
            sink: sink.to_owned(),
            wanted: wanted.state,
            commands: wanted.seq,
            members: members.into_iter().map(|member| member.status).collect(),
            partitions: partitions.into_values().collect(),
            events: commands.iter().rev().map(Event::of).collect(),
        }
    }

    /// Whether every instance does what is wanted, and every partition too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let done = |part: &PartitionStatus| match self.wanted {
            SinkState::Running => true,
            SinkState::Paused => match part.state {
                Some(PartitionState::Paused | PartitionState::Halted) | None => true,
                Some(
                    PartitionState::Running | PartitionState::Claiming | PartitionState::Draining,
                ) => false,
            },
            SinkState::Stopped => part.state.is_none(),
        };
        let heard = |m: &MemberStatus| m.heard_all && m.state == self.wanted.as_str();
        self.members.iter().all(heard) && self.partitions.iter().all(done)
    }

    /// Where an instance answers.
    #[must_use]
    pub fn address_of(&self, member: &str) -> Option<&str> {
        let mut members = self.members.iter();
        let found = members.find(|m| m.name == member)?;
        Some(match found.address.as_str() {
            "" => &found.name,
            address => address,
        })
    }
}

/// Why a partition is halted, where, since when, and what settles it; `None`: it is not.
#[must_use]
pub fn trace(sink: &str, part: &PartitionStatus) -> Option<String> {
    if part.state != Some(PartitionState::Halted) {
        return None;
    }
    let (topic, partition) = (&part.topic, part.partition);
    let of_part = format!("--sink {sink} --topic {topic} --partition {partition}");
    let Some(halt) = &part.halt else {
        return Some(format!(
            "{topic}[{partition}] is halted, as many others are; /readyz of its instance says why"
        ));
    };
    let (at, past) = match halt.offset {
        Some(offset) => (
            format!(" at offset {offset}"),
            format!(
                "\nto pass the record over: plimsoll positions set {of_part} --to {} --force",
                offset.saturating_add(1)
            ),
        ),
        None => Default::default(),
    };
    Some(format!(
        "{topic}[{partition}] is halted{at} since {}: {}\n\
         when it is mended, it goes on by itself within a minute; at once: plimsoll retry {of_part}{past}",
        halt.since, halt.reason
    ))
}

fn member(said: &Reported, wanted: Wanted) -> Member {
    // What cannot be read says only that somebody is alive.
    let report: MemberReport = serde_json::from_str(&said.report).unwrap_or_default();
    let status = MemberStatus {
        name: said.name.clone(),
        address: report.address.clone(),
        version: report.version.clone(),
        state: report.state.clone(),
        heard_all: report.heard >= wanted.seq,
        heartbeat_age_ms: millis(said.age),
        troubles: report.troubles.clone(),
        more: report.more,
    };
    Member { status, report }
}

fn unsettled(tp: &TopicPartition) -> PartitionStatus {
    PartitionStatus {
        topic: tp.topic.to_string(),
        partition: tp.partition,
        state: None,
        member: None,
        halt: None,
        position: None,
        epoch: None,
        moved_age_ms: None,
    }
}

fn stands(stored: &StoredPosition) -> PartitionStatus {
    PartitionStatus {
        position: Some(stored.position.offset()),
        epoch: Some(stored.epoch),
        moved_age_ms: stored.moved_age.map(millis),
        ..unsettled(&stored.tp)
    }
}

impl Event {
    fn of(given: &Command) -> Self {
        let tp = given.command.tp.as_ref();
        Self {
            seq: given.seq,
            verb: given.command.verb.as_str(),
            topic: tp.map(|tp| tp.topic.to_string()),
            partition: tp.map(|tp| tp.partition),
            by: given.command.by.clone(),
            age_ms: millis(given.age),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Part;
    use super::*;
    use plimsoll_protocol::Position;
    use plimsoll_sink_api::{NewCommand, Verb};

    fn tp(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn stored(partition: i32, owner: Option<&str>) -> StoredPosition {
        StoredPosition {
            tp: tp(partition),
            position: Position::new(40 + i64::from(partition)).unwrap(),
            epoch: 3,
            owner: owner.map(str::to_owned),
            identity: None,
            topic_id: None,
            fingerprint: None,
            leader_epoch: None,
            heartbeat_age: None,
            moved_age: Some(Duration::from_secs(2)),
        }
    }

    fn said(name: &str, age: u64, heard: i64, state: &str, parts: Vec<Part>) -> Reported {
        let health = crate::health::Health::default();
        health.claimed("s");
        let report = MemberReport {
            heard,
            state: state.to_owned(),
            ..MemberReport::default()
        }
        .of(parts, &health.report().sinks["s"]);
        Reported {
            name: name.to_owned(),
            report: serde_json::to_string(&report).unwrap(),
            age: Duration::from_secs(age),
        }
    }

    fn wanted(state: SinkState, seq: i64) -> Wanted {
        Wanted { state, seq }
    }

    fn states(status: &SinkStatus) -> Vec<(Option<PartitionState>, Option<&str>)> {
        let parts = status.partitions.iter();
        parts.map(|p| (p.state, p.member.as_deref())).collect()
    }

    #[test]
    fn a_partition_is_where_the_position_row_says_while_two_hold_it() {
        use PartitionState::{Claiming, Draining, Running};
        let reported = [
            said(
                "a",
                1,
                0,
                "running",
                vec![(tp(0), Draining), (tp(1), Running)],
            ),
            said(
                "b",
                1,
                0,
                "running",
                vec![(tp(0), Running), (tp(2), Claiming)],
            ),
        ];
        for order in [[0, 1], [1, 0]] {
            let reported = order.map(|n: usize| reported[n].clone());
            let positions = [stored(0, Some("b")), stored(1, Some("a"))];
            let status = SinkStatus::of("s", Wanted::default(), &reported, &positions, &[]);
            let expected = [
                (Some(Running), Some("b")),
                (Some(Running), Some("a")),
                (Some(Claiming), Some("b")),
            ];
            assert_eq!(states(&status), expected);
            assert_eq!(status.partitions[0].position, Some(40));
            assert_eq!(status.partitions[2].position, None);
        }
    }

    #[test]
    fn who_is_silent_holds_nothing() {
        let parts = vec![(tp(0), PartitionState::Running)];
        let reported = [said("a", 16, 0, "running", parts)];
        let positions = [stored(0, Some("a"))];
        let status = SinkStatus::of("s", Wanted::default(), &reported, &positions, &[]);
        assert_eq!(states(&status), [(None, None)]);
        assert!(status.members.is_empty());
    }

    #[test]
    fn a_command_is_done_when_all_have_heard_and_obey() {
        use PartitionState::{Paused, Running};
        let settled = |heard, state: &str, part| {
            let reported = [
                said("a", 1, heard, state, vec![(tp(0), part)]),
                said("b", 1, 2, "paused", vec![(tp(1), Paused)]),
            ];
            let wanted = wanted(SinkState::Paused, 2);
            SinkStatus::of("s", wanted, &reported, &[], &[]).is_settled()
        };
        assert!(settled(2, "paused", Paused));
        assert!(!settled(1, "paused", Paused));
        assert!(!settled(2, "running", Paused));
        assert!(!settled(2, "paused", Running));
    }

    #[test]
    fn a_halt_says_where_why_since_when_and_what_settles_it() {
        let part = |state, offset| PartitionStatus {
            state: Some(state),
            halt: Some(Halted {
                topic: "t".to_owned(),
                partition: 3,
                offset,
                reason: "no column \"x\"; hint: add it".to_owned(),
                since: "2026-01-31T08:00:00Z".to_owned(),
            }),
            ..unsettled(&tp(3))
        };
        let told = trace("s", &part(PartitionState::Halted, Some(7))).unwrap();
        for words in [
            "t[3] is halted at offset 7 since 2026-01-31T08:00:00Z: no column \"x\"; hint",
            "plimsoll retry --sink s --topic t --partition 3",
            "plimsoll positions set --sink s --topic t --partition 3 --to 8",
        ] {
            assert!(told.contains(words), "{told}");
        }
        let told = trace("s", &part(PartitionState::Halted, None)).unwrap();
        assert!(!told.contains("positions set"), "{told}");
        assert_eq!(trace("s", &part(PartitionState::Running, None)), None);
    }

    #[test]
    fn commands_are_shown_the_latest_first() {
        let given = |seq, verb| Command {
            seq,
            command: NewCommand {
                verb,
                tp: Some(tp(4)),
                by: "me".to_owned(),
            },
            age: Duration::from_millis(1_500),
        };
        let commands = [given(1, Verb::Pause), given(2, Verb::Retry)];
        let wanted = wanted(SinkState::Paused, 2);
        let status = SinkStatus::of("s", wanted, &[], &[], &commands);
        let shown: Vec<_> = status.events.iter().map(|e| (e.seq, e.verb)).collect();
        assert_eq!(shown, [(2, "retry"), (1, "pause")]);
        assert_eq!(status.events[0].age_ms, 1_500);
    }
}
