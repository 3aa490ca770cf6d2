//! Faults in what Kafka answers.

use super::processes::{Outcome, happens};
use super::world::{World, grown};
use crate::harness::acl::Rule;
use crate::harness::kafka_proxy::{Fault, SOURCE};
use crate::harness::kafka_wire::Api;

/// Those that a service which only runs on asks again and again.
const APIS: [Api; 5] = [
    Api::Fetch,
    Api::ListOffsets,
    Api::Metadata,
    Api::OffsetCommit,
    Api::Heartbeat,
];

/// The newest error code of Kafka 4.1 (REBOOTSTRAP_REQUIRED and later ones of share
/// groups and voters).
const LAST_CODE: u64 = 133;

/// It ends a member for good: somebody else has its name, so its process ends too.
const FENCED_INSTANCE_ID: i16 = 82;

/// Any code in any answer, in one of them or in some.
pub fn error(world: &World, chance: u64) -> Outcome {
    let api = APIS[(chance % 5) as usize];
    let code = match (chance / 5 % (LAST_CODE + 1)) as i16 {
        0 | FENCED_INSTANCE_ID => -1,
        code => code,
    };
    let answers = 1 + (chance / 1_000 % 3) as usize;
    let before = world.kafka_proxy.done();
    world.kafka_proxy.set(Some(Fault::Error(api, code)));
    let hit = happens(|| world.kafka_proxy.done() >= before + answers);
    world.kafka_proxy.set(None);
    let done = world.kafka_proxy.done() - before;
    match hit {
        true => Ok(format!("{done} answers to {api:?} had error code {code}")),
        false => Err(format!("{done} answers to {api:?}")),
    }
}

/// Restarts because of what Kafka answered.
fn restarts(world: &World) -> Vec<(i32, f64)> {
    let reason = [("reason", "kafka_error")];
    world.metric("plimsoll_partition_restarts_total", &reason)
}

/// Batches are spoilt on their way, until an instance has noticed.
pub fn spoil(world: &World, fault: Fault) -> Outcome {
    let (before, spoilt) = (restarts(world), world.kafka_proxy.done());
    world.kafka_proxy.set(Some(fault));
    let hit = happens(|| grown(&before, &restarts(world)));
    world.kafka_proxy.set(None);
    let spoilt = world.kafka_proxy.done() - spoilt;
    match hit {
        true => Ok(format!(
            "{spoilt} batches; an instance began again before one"
        )),
        false => Err(format!("{spoilt} batches, and nobody noticed")),
    }
}

/// The instances may not read, and then may again.
pub fn revoke(world: &World) -> Outcome {
    let before = restarts(world);
    let source = SOURCE.to_string();
    let rule = Rule::unread(&world.topic, &source);
    world.kafka.add_rule(&rule)?;
    let hit = happens(|| grown(&before, &restarts(world)));
    world.kafka.remove_rule(&rule)?;
    match hit {
        true => Ok("an instance was refused, and began again".to_owned()),
        false => Err("nobody was refused".to_owned()),
    }
}
