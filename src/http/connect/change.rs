//! What changes something. Each is a command to all instances of the sink, noted in its
//! database before it is answered.

use super::super::error::Refused;
use super::shape::{self, Status};
use super::{Fleets, asked, found, not_found, unknown};
use crate::fleet::{NotSet, OfSink};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{NewCommand, SinkState, Verb};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

async fn give(sink: &OfSink, verb: Verb, tp: Option<TopicPartition>) -> Result<(), Refused> {
    let command = NewCommand {
        verb,
        tp,
        by: "the REST API".to_owned(),
    };
    let given = sink.command(command).await;
    given.map(|_| ()).map_err(|error| Refused::away(&error))
}

async fn whole(
    fleet: &Fleets,
    name: &str,
    verb: Verb,
    done: StatusCode,
) -> Result<StatusCode, Refused> {
    let sink = found(fleet, name, unknown)?;
    give(&sink, verb, None).await?;
    Ok(done)
}

pub async fn pause(fleet: Fleets, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    whole(&fleet, &name, Verb::Pause, StatusCode::ACCEPTED).await
}

pub async fn resume(fleet: Fleets, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    whole(&fleet, &name, Verb::Resume, StatusCode::ACCEPTED).await
}

pub async fn stop(fleet: Fleets, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    whole(&fleet, &name, Verb::Stop, StatusCode::NO_CONTENT).await
}

/// KIP-745: with one of its two words the tasks are restarted, and their status is answered.
pub async fn restart(
    fleet: Fleets,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let query = query.unwrap_or_default();
    let said = |word: &str| {
        let mut parts = query.split('&').filter_map(|part| part.split_once('='));
        parts.any(|(name, value)| name == word && value.eq_ignore_ascii_case("true"))
    };
    let (with_tasks, only_failed) = (said("includeTasks"), said("onlyFailed"));
    let (sink, status) = asked(&fleet, &name, unknown).await?;
    let verb = match only_failed {
        true => Verb::Retry,
        false => Verb::Restart,
    };
    give(&sink, verb, None).await?;
    if !with_tasks && !only_failed {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let told: Status = shape::restarting(shape::status(&status), only_failed);
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}

pub async fn task(
    fleet: Fleets,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let (sink, status) = asked(&fleet, &name, unknown).await?;
    let tasks = shape::info(&sink.settings, Some(&status)).tasks.len();
    let number = id.parse::<usize>().ok().filter(|id| *id < tasks);
    let part = number.and_then(|id| status.partitions.get(id));
    let Some(part) = part else {
        return Err(Refused::not_found(format!("Unknown task: {name}-{id}")));
    };
    let tp = TopicPartition::new(&part.topic, part.partition);
    give(&sink, Verb::Restart, Some(tp)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Alter {
    offsets: Vec<OneOffset>,
}

#[derive(Deserialize)]
struct OneOffset {
    partition: Place,
    #[serde(default)]
    offset: Option<Offset>,
}

#[derive(Deserialize)]
struct Place {
    kafka_topic: String,
    kafka_partition: i32,
}

#[derive(Deserialize)]
struct Offset {
    kafka_offset: i64,
}

fn must_be_stopped(name: &str) -> Refused {
    Refused::bad(format!(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be \
         done for the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' \
         endpoint"
    ))
}

/// Sets positions while the sink is stopped (KIP-875). All are judged before any is set.
pub async fn offsets(
    fleet: Fleets,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let (sink, status) = asked(&fleet, &name, not_found).await?;
    if status.wanted != SinkState::Stopped || !status.is_settled() {
        return Err(must_be_stopped(&name));
    }
    let alter: Alter = serde_json::from_slice(&body)
        .map_err(|error| Refused::bad(format!("the body is not as it should be: {error}")))?;
    if alter.offsets.is_empty() {
        return Err(Refused::bad(
            "Partitions / offsets need to be provided for an alter offsets request",
        ));
    }
    let mut all = Vec::new();
    for OneOffset { partition, offset } in alter.offsets {
        let tp = TopicPartition::new(&partition.kafka_topic, partition.kafka_partition);
        let Some(Offset { kafka_offset }) = offset else {
            return Err(no_reset_of(&name));
        };
        let to = Position::new(kafka_offset)
            .map_err(|error| Refused::bad(format!("{tp}: {kafka_offset}: {error}")))?;
        all.push((tp, to));
    }
    for (tp, to) in &all {
        info!(sink = name, topic = %tp.topic, partition = tp.partition, to = to.offset(), "position set by the REST API");
    }
    match sink.set_positions(all).await {
        Ok(()) => Ok(Json(json!({
            "message": "The offsets for this connector have been altered successfully",
        }))),
        Err(NotSet::Refused(why)) => Err(Refused::bad(why)),
        Err(NotSet::Unreachable(why)) => Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, why)),
    }
}

fn no_reset_of(name: &str) -> Refused {
    Refused::bad(format!(
        "a position is put somewhere, and is not forgotten: its rows stand in the table; hint: name \
         the offset, or plimsoll positions set --sink {name} --topic TOPIC --partition N --to earliest"
    ))
}

pub async fn no_reset(fleet: Fleets, Path(name): Path<String>) -> Refused {
    match found(&fleet, &name, not_found) {
        Ok(_) => no_reset_of(&name),
        Err(refused) => refused,
    }
}
