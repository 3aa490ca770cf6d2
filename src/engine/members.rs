//! Whether this process is a member of its group, whether it was given something to
//! do, and who else is there: a stranger in the group takes partitions away without
//! a word.

use crate::config::Topics;
use crate::error::KafkaFault;
use crate::health::{About, Health};
use crate::kafka::{Cluster, Group, GroupMember, Hearing, Right, ToldTopics};
use rdkafka::error::RDKafkaErrorCode;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks while something is wrong, or the assignment has just changed:
/// two small requests.
const SOON: Duration = Duration::from_secs(5);
/// The same in quiet times: an answer names all members of the group, however many
/// they are.
const QUIET: Duration = Duration::from_secs(30);

/// Who looks, and at what.
pub struct Members {
    /// The sink.
    pub sink: String,
    /// Its group.
    pub group_id: String,
    /// What its member of the group calls itself.
    pub client_id: String,
    /// What it reads.
    pub topics: Topics,
    /// Who is asked.
    pub cluster: Arc<Cluster>,
    /// Who is told.
    pub health: Arc<Health>,
    /// What its member was told last.
    pub heard: Arc<Hearing>,
}

/// What a member of a sink's group calls itself. A sink's name holds no slash.
#[must_use]
pub fn client_id(sink: &str, member: &str) -> String {
    format!("plimsoll/{sink}/{member}")
}

/// Looks until the poll thread is gone.
pub async fn watch_members(members: Members) {
    let members = Arc::new(members);
    let mut standing: BTreeSet<About> = BTreeSet::new();
    let mut held = 0;
    loop {
        let now_held = members.health.held(&members.sink);
        let quiet = standing.is_empty() && now_held > 0 && now_held == held;
        held = now_held;
        tokio::time::sleep(if quiet { QUIET } else { SOON }).await;
        let looking = members.clone();
        let Ok(seen) = tokio::task::spawn_blocking(move || looking.look()).await else {
            return;
        };
        // What was not answered is said by who asks more often.
        let (sink, health) = (&members.sink, &members.health);
        health.knows(sink, seen.as_ref().map(Seen::partitions));
        let Some(seen) = seen else { continue };
        let found = judge(&members, &seen, health.held(sink));
        if stands_by(&members, &seen) {
            // Nothing is left to be claimed: it is as ready as it can be.
            health.claimed(sink);
        }
        let mut still = BTreeSet::new();
        for (about, code, what) in found {
            still.insert(about.clone());
            health.trouble(sink, about, &code, what);
        }
        for over in standing.difference(&still) {
            health.over(sink, over);
        }
        standing = still;
    }
}

struct Seen {
    group: Result<Group, KafkaFault>,
    topics: ToldTopics,
}

impl Seen {
    /// Partitions of the topics that may be read.
    fn partitions(&self) -> usize {
        let readable = self.topics.values().flatten();
        let partitions = readable.map(|told| usize::try_from(told.partitions).unwrap_or(0));
        partitions.sum()
    }
}

impl Members {
    /// `None`: Kafka does not answer.
    fn look(&self) -> Option<Seen> {
        let names: Vec<String> = match &self.topics {
            Topics::Named(names) => names.clone(),
            Topics::Pattern(pattern) => self.cluster.topics_matching(pattern).ok()?,
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let topics = match names.as_slice() {
            [] => ToldTopics::new(),
            names => self.cluster.told_topics(names).ok()?,
        };
        let group = self.cluster.group(&self.group_id, &names);
        match &group {
            Err(fault) if fault.code() != Some(RDKafkaErrorCode::GroupAuthorizationFailed) => None,
            _ => Some(Seen { group, topics }),
        }
    }

    fn is_ours(&self, member: &GroupMember) -> bool {
        let of_sink = member
            .client_id
            .strip_prefix("plimsoll/")
            .and_then(|rest| rest.split_once('/'));
        match of_sink {
            Some((sink, _)) => sink == self.sink,
            // An older binary's: its parts are not told apart.
            None => member
                .client_id
                .strip_prefix("plimsoll-")
                .and_then(|rest| rest.strip_prefix(self.sink.as_str()))
                .is_some_and(|rest| rest.starts_with('-')),
        }
    }
}

/// A trouble, its code, and its words.
type Found = (About, String, String);

fn judge(members: &Members, seen: &Seen, held: usize) -> Vec<Found> {
    let mut found = topics(members, seen);
    let none_readable = !found.is_empty() && found.len() >= seen.topics.len().max(1);
    if let Ok(group) = &seen.group {
        found.extend(strangers(members, group));
    }
    if held == 0
        && !none_readable
        && let Some((code, why)) = unassigned(members, seen)
    {
        found.push((About::Unassigned, code, why));
    }
    found
}

/// Whether this member was given nothing, and the others have all.
fn stands_by(members: &Members, seen: &Seen) -> bool {
    let Ok(group) = &seen.group else {
        return false;
    };
    let mut own = group
        .members
        .iter()
        .filter(|m| m.client_id == members.client_id);
    let nothing = own.next().is_some_and(|m| m.partitions.is_empty());
    nothing && group.state == "Stable" && judge(members, seen, 0).is_empty()
}

/// Topics that are not there, or may not be read.
fn topics(members: &Members, seen: &Seen) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, told) in &seen.topics {
        let closed = KafkaFault::told(
            RDKafkaErrorCode::TopicAuthorizationFailed,
            "may not be read by this principal",
        );
        let why = match told {
            Ok(told) => match &told.rights {
                Some(rights) if !rights.contains(&Right::Read) => &closed,
                _ => continue,
            },
            Err(fault) => fault,
        };
        let what = format!("topic \"{name}\": {why}; hint: {}", why.hint());
        found.push((About::Topic(name.clone()), why.code_word(), what));
    }
    if let Topics::Pattern(pattern) = &members.topics
        && seen.topics.is_empty()
    {
        let what = format!("no topic matches {pattern}, or none that this principal may see");
        found.push((About::Topic(pattern.clone()), String::new(), what));
    }
    found
}

/// At most so many strangers are named.
const NAMED: usize = 3;

/// Members that are not of this sink: what they are given, it never sees.
fn strangers(members: &Members, group: &Group) -> Option<Found> {
    let all: Vec<&GroupMember> = group
        .members
        .iter()
        .filter(|m| !members.is_ours(m))
        .collect();
    if all.is_empty() {
        return None;
    }
    let names = all
        .iter()
        .take(NAMED)
        .map(|m| format!("\"{}\" at {}", m.client_id, m.host));
    let names: Vec<String> = names.collect();
    let more = match all.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let taken: usize = all.iter().map(|m| m.partitions.len()).sum();
    let (sink, id) = (&members.sink, &members.group_id);
    let what = format!(
        "the group \"{id}\" of sink \"{sink}\" has other members, to whom {taken} partitions are \
         given: {}{more}; hint: each sink needs a group of its own; set group_id in \
         [sinks.{sink}], or in theirs",
        names.join(", ")
    );
    Some((About::Group, String::new(), what))
}

/// Why this process has nothing to do; `None` where that is as it should be.
fn unassigned(members: &Members, seen: &Seen) -> Option<(String, String)> {
    let id = &members.group_id;
    let told = |fault: &KafkaFault| {
        let hint = fault.hint();
        let what = format!("the group \"{id}\" is not joined: {fault}; hint: {hint}");
        (fault.code_word(), what)
    };
    let group = match &seen.group {
        Ok(group) => group,
        Err(fault) => return Some(told(fault)),
    };
    if !group
        .members
        .iter()
        .any(|m| m.client_id == members.client_id)
    {
        return Some(match members.heard.lately() {
            Some(fault) => told(&fault),
            None => {
                let what = format!(
                    "the group \"{id}\" is not joined yet; it is {}",
                    group.state
                );
                (group.state.clone(), what)
            }
        });
    }
    let given: HashSet<(&str, i32)> = group
        .members
        .iter()
        .flat_map(|m| &m.partitions)
        .map(|tp| (&*tp.topic, tp.partition))
        .collect();
    let readable = seen
        .topics
        .iter()
        .filter_map(|(name, told)| Some((name, told.as_ref().ok()?)));
    let free = readable
        .flat_map(|(name, told)| (0..told.partitions).map(move |p| (name.as_str(), p)))
        .filter(|partition| !given.contains(partition))
        .count();
    (free > 0).then(|| {
        let what = format!(
            "the group \"{id}\" is joined, and {free} partitions are given to nobody; it is {}",
            group.state
        );
        (group.state.clone(), what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::ToldTopic;
    use plimsoll_protocol::TopicPartition;
    use rdkafka::ClientConfig;

    fn members() -> Members {
        Members {
            sink: "orders".to_owned(),
            group_id: "g".to_owned(),
            client_id: client_id("orders", "me"),
            topics: Topics::Named(vec!["t".to_owned()]),
            cluster: Arc::new(Cluster::silent(ClientConfig::new()).unwrap()),
            health: Arc::default(),
            heard: Arc::default(),
        }
    }

    fn member(client_id: &str, partitions: &[i32]) -> GroupMember {
        let partitions = partitions.iter().map(|p| TopicPartition::new("t", *p));
        GroupMember {
            client_id: client_id.to_owned(),
            host: "/127.0.0.1".to_owned(),
            partitions: partitions.collect(),
        }
    }

    fn seen(group: Vec<GroupMember>, topic: Result<ToldTopic, KafkaFault>) -> Seen {
        Seen {
            group: Ok(Group {
                state: "Stable".to_owned(),
                members: group,
                rights: None,
            }),
            topics: ToldTopics::from([("t".to_owned(), topic)]),
        }
    }

    fn two() -> Result<ToldTopic, KafkaFault> {
        Ok(ToldTopic {
            partitions: 2,
            rights: None,
        })
    }

    fn told(seen: &Seen, held: usize) -> Vec<String> {
        let found = judge(&members(), seen, held).into_iter();
        found.map(|(_, _, what)| what).collect()
    }

    #[test]
    fn a_member_that_stands_by_is_no_trouble() {
        let others = vec![
            member("plimsoll/orders/me", &[]),
            member("plimsoll/orders/other", &[0, 1]),
        ];
        let seen = seen(others, two());
        assert_eq!(told(&seen, 0), Vec::<String>::new());
        assert!(stands_by(&members(), &seen));
    }

    #[test]
    fn a_member_without_partitions_that_nobody_has_is_one() {
        let alone = vec![member("plimsoll/orders/me", &[])];
        let told = told(&seen(alone, two()), 0);
        assert!(
            told[0].contains("2 partitions are given to nobody"),
            "{told:?}"
        );
        let alone = vec![member("plimsoll/orders/me", &[])];
        assert!(!stands_by(&members(), &seen(alone, two())));
    }

    #[test]
    fn who_is_not_in_the_group_says_what_it_was_told() {
        let members = members();
        members.heard.error(
            RDKafkaErrorCode::GroupAuthorizationFailed,
            "JoinGroup failed: not authorized",
        );
        let found = judge(&members, &seen(vec![], two()), 0);
        assert_eq!(found[0].0, About::Unassigned);
        assert_eq!(found[0].1, "GroupAuthorizationFailed");
        assert!(found[0].2.contains("JoinGroup failed"), "{}", found[0].2);
        assert!(judge(&members, &seen(vec![], two()), 2).is_empty());
    }

    #[test]
    fn a_topic_that_is_missing_or_may_not_be_read_is_named_beside_others() {
        let unknown = KafkaFault::told(RDKafkaErrorCode::UnknownTopicOrPartition, "no such topic");
        let closed = Ok(ToldTopic {
            partitions: 2,
            rights: Some(vec![Right::Describe]),
        });
        for (topic, words) in [(Err(unknown), "create it"), (closed, "may not be read")] {
            let told = told(&seen(vec![], topic), 1);
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
    }

    #[test]
    fn strangers_in_the_group_are_named_with_what_they_took() {
        let group = vec![
            member("plimsoll/orders/me", &[0]),
            member("plimsoll/orders-2/other", &[1]),
        ];
        let told = told(&seen(group, two()), 1);
        assert!(
            told[0].contains("sink \"orders\"") && told[0].contains("1 partitions"),
            "{told:?}"
        );
        assert!(told[0].contains("\"plimsoll/orders-2/other\""), "{told:?}");
    }

    #[test]
    fn names_of_sinks_that_begin_alike_are_told_apart() {
        let members = members();
        let ours = |id: &str| members.is_ours(&member(id, &[]));
        assert!(ours("plimsoll/orders/host-1") && ours("plimsoll-orders-host-1"));
        assert!(!ours("plimsoll/orders-2/host-1") && !ours("rdkafka") && !ours("plimsoll-demo"));
    }
}
