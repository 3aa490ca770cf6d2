//! Who is in a group, and what this client may do with it.

use super::request::{Answer, Asked, Request, fault, names, text, unanswered};
use super::rights::{Rights, rights};
use crate::error::KafkaFault;
use plimsoll_protocol::TopicPartition;
use rdkafka::bindings::{
    rd_kafka_ConsumerGroupDescription_authorized_operations,
    rd_kafka_ConsumerGroupDescription_coordinator, rd_kafka_ConsumerGroupDescription_error,
    rd_kafka_ConsumerGroupDescription_member, rd_kafka_ConsumerGroupDescription_member_count,
    rd_kafka_ConsumerGroupDescription_state, rd_kafka_DescribeConsumerGroups,
    rd_kafka_DescribeConsumerGroups_result_groups, rd_kafka_MemberAssignment_partitions,
    rd_kafka_MemberDescription_assignment, rd_kafka_MemberDescription_client_id,
    rd_kafka_MemberDescription_host, rd_kafka_MemberDescription_s, rd_kafka_Node_id,
    rd_kafka_admin_op_t, rd_kafka_consumer_group_state_name, rd_kafka_error_code,
    rd_kafka_error_string, rd_kafka_event_DescribeConsumerGroups_result, rd_kafka_t,
};
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// A group as its coordinator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `Stable`, `PreparingRebalance`, `Empty`, `Dead` …
    pub state: String,
    /// All members.
    pub members: Vec<GroupMember>,
    /// What this client may do with it.
    pub rights: Rights,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// What it calls itself.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it was given.
    pub partitions: Vec<TopicPartition>,
}

/// A group, and the broker that is its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coordinated {
    pub(super) group: Group,
    pub(super) coordinator: i32,
}

/// Asks these brokers, of which one may be the group's coordinator; its word counts.
/// Blocks for `timeout` at most.
///
/// The coordinator is not left to librdkafka to find. Where that finds one which cannot
/// be asked before the time is over, and later can, it reads memory that it has freed,
/// and ends the process (`rd_kafka_admin_coord_request`, up to 2.15 at least).
///
/// # Errors
/// Kafka did not answer, or may not tell this client, or none of them is it.
pub(super) fn group(
    client: *mut rd_kafka_t,
    brokers: &[i32],
    group: &str,
    timeout: Duration,
) -> Result<Coordinated, KafkaFault> {
    let names = names(&[group])?;
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client lives through the call.
    let mut asked = unsafe { Asked::new(client, timeout) };
    for broker in brokers {
        let request = Request {
            kind: rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            broker: Some(*broker),
            rights: true,
            timeout,
        };
        // SAFETY: the same; the name lives in `names`, and librdkafka copies it.
        asked.put(&request, |options, queue| unsafe {
            rd_kafka_DescribeConsumerGroups(
                client,
                pointers.as_mut_ptr(),
                pointers.len(),
                options,
                queue,
            );
        });
    }
    let (mut elsewhere, mut unreached) = (None, None);
    while let Some(answer) = asked.answer() {
        match told(&answer, group) {
            Err(fault) if is_elsewhere(&fault) => elsewhere = Some(fault),
            Err(fault) if fault.is_unreached() => unreached = Some(fault),
            told => return told,
        }
    }
    Err(unreached.or(elsewhere).unwrap_or_else(unanswered))
}

/// Whether the coordinator is another broker than the one that was asked, or none yet.
pub(super) fn is_elsewhere(fault: &KafkaFault) -> bool {
    matches!(
        fault.code(),
        Some(RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::CoordinatorNotAvailable)
    )
}

fn told(answer: &Answer, group: &str) -> Result<Coordinated, KafkaFault> {
    if let Some(fault) = answer.error() {
        return Err(fault);
    }
    // SAFETY: what is read belongs to the answer, which lives until the end.
    unsafe {
        let mut count = 0;
        let result = rd_kafka_event_DescribeConsumerGroups_result(answer.event());
        let told = rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if count == 0 {
            return Err(KafkaFault::new(format!(
                "Kafka told nothing of group {group}"
            )));
        }
        let told = *told;
        let error = rd_kafka_ConsumerGroupDescription_error(told);
        if !error.is_null()
            && let Some(fault) = fault(
                rd_kafka_error_code(error),
                &text(rd_kafka_error_string(error)),
            )
        {
            return Err(fault);
        }
        let members = (0..rd_kafka_ConsumerGroupDescription_member_count(told))
            .map(|i| member(rd_kafka_ConsumerGroupDescription_member(told, i)))
            .collect();
        let state = rd_kafka_ConsumerGroupDescription_state(told);
        let rights = rights(|n| rd_kafka_ConsumerGroupDescription_authorized_operations(told, n));
        Ok(Coordinated {
            group: Group {
                state: text(rd_kafka_consumer_group_state_name(state)),
                members,
                rights,
            },
            coordinator: rd_kafka_Node_id(rd_kafka_ConsumerGroupDescription_coordinator(told)),
        })
    }
}

/// # Safety
/// The member is alive.
unsafe fn member(member: *const rd_kafka_MemberDescription_s) -> GroupMember {
    // SAFETY: strings and lists are the member's, and copied.
    unsafe {
        let mut partitions = Vec::new();
        let assignment = rd_kafka_MemberDescription_assignment(member);
        let list = match assignment.is_null() {
            true => std::ptr::null(),
            false => rd_kafka_MemberAssignment_partitions(assignment),
        };
        if !list.is_null() {
            let count = usize::try_from((*list).cnt).unwrap_or(0);
            for i in 0..count {
                let one = (*list).elems.add(i);
                partitions.push(TopicPartition::new(
                    text((*one).topic).as_str(),
                    (*one).partition,
                ));
            }
        }
        GroupMember {
            client_id: text(rd_kafka_MemberDescription_client_id(member)),
            host: text(rd_kafka_MemberDescription_host(member)),
            partitions,
        }
    }
}
