//! `positions set`.

use super::error::AdminError;
use super::kafka::Kafka;
use super::text::{age, count};
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings, Topics, reads};
use crate::error::KafkaFault;
use crate::exit::Exit;
use crate::kafka::Cluster;
use clap::Args;
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{
    Identity, PositionChange, Positions, SetOutcome, SinkError, StoredPosition,
};
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

/// An owner that showed a sign of life this recently is alive: five of the
/// service's heartbeats.
pub(crate) const FRESH: Duration = Duration::from_secs(15);

/// Where to put a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The first record that the log still has.
    Earliest,
    /// Behind the last record.
    Latest,
    /// This offset.
    Offset(Position),
    /// The first record of this time or later, in milliseconds since 1970.
    Time(i64),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Ok(offset) = text.parse::<i64>() {
            return Position::new(offset)
                .map(Self::Offset)
                .map_err(|error| error.to_string());
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(time) if time.as_millisecond() >= 0 => Ok(Self::Time(time.as_millisecond())),
            Ok(_) => Err("Kafka's times begin in 1970".to_owned()),
            Err(_) => Err(
                "it can be earliest, latest, an offset, or an RFC 3339 time with its zone, such \
                 as 2026-01-31T08:00:00Z"
                    .to_owned(),
            ),
        }
    }
}

/// `plimsoll positions set`
#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The sink, by its name in the config
    #[arg(long)]
    sink: String,
    /// The topic
    #[arg(long)]
    topic: String,
    /// The partition's number
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: i32,
    /// earliest, latest, an offset (the next to consume), or an RFC 3339 time
    #[arg(long, value_name = "WHERE")]
    to: Target,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Fence an owner that is alive
    #[arg(long)]
    force: bool,
}

/// Puts a position elsewhere.
///
/// # Errors
/// Kafka or the database did not answer, or it is refused.
pub fn set_position(args: &SetArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = args.config.load()?;
    let settings = find_sink(&config, &args.sink)?;
    must_read(settings, &args.topic)?;
    let kafka = Kafka::reach(&config)?;
    let tp = TopicPartition::new(&args.topic, args.partition);
    let identity = Identity {
        group_id: settings.group_id.clone(),
        cluster_id: kafka.id.clone(),
    };
    let Resolved { to, end } = resolve(&kafka.cluster, &tp, args.to)?;
    let outcome = block_on(async {
        with_sink!(settings, |sink| move_it(
            &sink,
            &identity,
            &tp,
            (to, end),
            args
        )
        .await)
        .map_err(AdminError::sink(&settings.name))
    })?;
    if let (SetOutcome::Set { before: None }, false) = (&outcome, args.dry_run) {
        // What settles a topic's starts looks whether any is there.
        writeln!(
            io::stderr(),
            "note: {tp} had no position yet; if no other partition of the topic has one, those \
             begin at their first record, whatever start says"
        )?;
    }
    let (done, before) = match outcome {
        SetOutcome::Set { before } => (if args.dry_run { "would be set" } else { "set" }, before),
        SetOutcome::OwnerAlive {
            owner,
            heartbeat_age,
        } => {
            return Err(AdminError::Refused(format!(
                "sinks.{}: {}",
                args.sink,
                owner_alive(&tp, &owner, heartbeat_age)
            )));
        }
    };
    let before = before.map_or_else(|| "nowhere".to_owned(), |before| before.to_string());
    writeln!(out, "{}: {tp} {done} from {before} to {to}", args.sink)?;
    Ok(Exit::Ok)
}

pub(super) fn find_sink<'c>(config: &'c Config, name: &str) -> Result<&'c Settings, AdminError> {
    config.sink(name).ok_or_else(|| {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        AdminError::Refused(format!(
            "--sink: there is no sink \"{name}\" in the config; hint: it has {}",
            names.join(", ")
        ))
    })
}

/// Refuses a topic that the sink does not read.
pub(crate) fn must_read(settings: &Settings, topic: &str) -> Result<(), AdminError> {
    if reads(&settings.topics, topic) {
        return Ok(());
    }
    let what = match &settings.topics {
        Topics::Named(names) => format!("it reads {}", names.join(", ")),
        Topics::Pattern(pattern) => format!("it reads what matches \"{pattern}\""),
    };
    Err(AdminError::Refused(format!(
        "sinks.{}: it does not read the topic \"{topic}\"; hint: {what}",
        settings.name
    )))
}

/// Why an owner that is alive stands in the way.
pub(super) fn owner_alive(tp: &TopicPartition, owner: &str, seen: Duration) -> String {
    format!(
        "{tp} is owned by {owner}, who showed a sign of life {} ago; hint: stop the service \
         first, or use --force, which fences the owner",
        age(seen)
    )
}

/// A dry run answers beside a running service too, and says what stands in the way.
pub(super) fn note_owner(row: &StoredPosition, force: bool) {
    if let Some((owner, seen)) = living_owner(row)
        && !force
    {
        let _ = writeln!(
            io::stderr(),
            "note: without --dry-run this is refused: {}",
            owner_alive(&row.tp, owner, seen)
        );
    }
}

/// The owner, if it showed a sign of life a short while ago.
pub(super) fn living_owner(row: &StoredPosition) -> Option<(&str, Duration)> {
    let seen = row.heartbeat_age.filter(|seen| *seen < FRESH)?;
    Some((row.owner.as_deref()?, seen))
}

/// Where to go, and where the log ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub to: Position,
    pub end: Position,
}

/// The offset that is meant, which the log must be able to go on from.
pub(crate) fn resolve(
    cluster: &Cluster,
    tp: &TopicPartition,
    target: Target,
) -> Result<Resolved, AdminError> {
    let known = cluster.partitions_of(&tp.topic)?;
    if !known.contains(tp) {
        return Err(AdminError::Refused(format!(
            "--partition: Kafka knows no {tp}; hint: the topic has {}, counted from 0",
            count(known.len(), "partition")
        )));
    }
    let one = std::slice::from_ref(tp);
    let only = |found: Vec<Option<Position>>| {
        found
            .into_iter()
            .next()
            .flatten()
            .ok_or_else(|| KafkaFault::new(format!("Kafka told no offset for {tp}")))
    };
    // The end is read before a time is looked up, or a record that comes in
    // between would be skipped.
    let end = only(cluster.latest(one)?)?;
    let to = match target {
        Target::Earliest => only(cluster.earliest(one)?)?,
        Target::Latest => end,
        Target::Time(millis) => cluster
            .at_time(one, millis)?
            .into_iter()
            .next()
            .flatten()
            .unwrap_or(end),
        Target::Offset(offset) => {
            let first = only(cluster.earliest(one)?)?;
            if offset < first || offset > end {
                return Err(AdminError::Refused(format!(
                    "--to: {tp} has no offset {offset}: its log goes from {first} to {end}; \
                     hint: use earliest or latest"
                )));
            }
            offset
        }
    };
    Ok(Resolved { to, end })
}

async fn move_it<S: Positions>(
    sink: &S,
    identity: &Identity,
    tp: &TopicPartition,
    (to, high_watermark): (Position, Position),
    args: &SetArgs,
) -> Result<SetOutcome, SinkError> {
    if !args.dry_run {
        let change = PositionChange {
            tp: tp.clone(),
            to: Some(to),
            identity: identity.clone(),
            take_over: false,
            topic_id: None,
            high_watermark,
            force: args.force,
            fresh: FRESH,
        };
        return sink.set_position(&change).await;
    }
    let stored = sink
        .positions()
        .await?
        .into_iter()
        .find(|row| row.tp == *tp);
    if let Some(row) = &stored {
        note_owner(row, args.force);
    }
    Ok(SetOutcome::Set {
        before: stored.map(|row| row.position),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_word_an_offset_or_a_time() {
        let offset = |n| Target::Offset(Position::new(n).unwrap());
        assert_eq!("earliest".parse(), Ok(Target::Earliest));
        assert_eq!("latest".parse(), Ok(Target::Latest));
        assert_eq!("4711".parse(), Ok(offset(4711)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Target::Time(1_000)));
        for wrong in ["", "-1", "later", "2026-01-31", "1969-01-01T00:00:00Z"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
