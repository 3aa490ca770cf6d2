//! `positions list` and `positions set`.

use super::error::AdminError;
use super::kafka::Kafka;
use super::text::{Side, age, align, count};
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::{Config, Sink as Settings, Topics, reads};
use crate::consume::Cluster;
use crate::error::KafkaFault;
use crate::exit::Exit;
use clap::Args;
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{Identity, PositionChange, SetOutcome, Sink, SinkError, StoredPosition};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

/// An owner that showed a sign of life this recently is alive: five of the
/// service's heartbeats.
pub(super) const FRESH: Duration = Duration::from_secs(15);

/// One partition of one sink, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Standing {
    sink: String,
    topic: String,
    partition: i32,
    /// None until the first claim.
    position: Option<i64>,
    /// None where Kafka did not tell it.
    high_watermark: Option<i64>,
    lag: Option<i64>,
    epoch: Option<i64>,
    owner: Option<String>,
    group_id: Option<String>,
    cluster_id: Option<String>,
    heartbeat_age_ms: Option<u64>,
    moved_age_ms: Option<u64>,
}

/// Prints where each partition of each sink stands.
///
/// # Errors
/// A database did not answer, or nobody takes the output.
pub fn list_positions(
    config: &Config,
    json: bool,
    out: &mut impl Write,
) -> Result<Exit, AdminError> {
    let mut faults = Vec::new();
    // Positions are worth seeing without Kafka too.
    let kafka = Kafka::reach(config)
        .inspect_err(|fault| faults.push(fault.to_string()))
        .ok();
    let mut standings = Vec::new();
    for settings in &config.sinks {
        let stored = block_on(async {
            with_sink!(settings, |sink| sink.positions().await)
                .map_err(AdminError::sink(&settings.name))
        })?;
        let mut found = BTreeMap::new();
        if let Some(kafka) = &kafka {
            let wrong = ends(kafka, settings, &stored, &mut found);
            faults.extend(
                wrong
                    .iter()
                    .map(|fault| format!("sinks.{}: {fault}", settings.name)),
            );
        }
        standings.extend(join(&settings.name, stored, found));
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &standings)
            .map_err(|error| AdminError::Output(error.into()))?;
        writeln!(out)?;
    } else {
        print(&standings, out)?;
    }
    for fault in &faults {
        writeln!(io::stderr(), "{fault}")?;
    }
    Ok(if faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Unreachable
    })
}

/// Finds the end of each partition that the sink reads or has read.
fn ends(
    kafka: &Kafka,
    settings: &Settings,
    stored: &[StoredPosition],
    ends: &mut BTreeMap<TopicPartition, Option<Position>>,
) -> Vec<KafkaFault> {
    let (mut known, mut faults) = match kafka.partitions(settings) {
        Ok(known) => known,
        Err(fault) => return vec![fault],
    };
    // A topic that is no longer read keeps its positions.
    for position in stored {
        if !reads(&settings.topics, &position.tp.topic) && !known.contains(&position.tp) {
            known.push(position.tp.clone());
        }
    }
    known.sort();
    // Topic by topic: one that is gone must not hide the others.
    for topic in known.chunk_by(|a, b| a.topic == b.topic) {
        match kafka.cluster.latest(topic) {
            Ok(found) => ends.extend(topic.iter().cloned().zip(found)),
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

fn join(
    sink: &str,
    stored: Vec<StoredPosition>,
    mut ends: BTreeMap<TopicPartition, Option<Position>>,
) -> Vec<Standing> {
    let millis = |age: Option<Duration>| age.and_then(|age| u64::try_from(age.as_millis()).ok());
    let mut standings: Vec<Standing> = stored
        .into_iter()
        .map(|row| {
            let end = ends.remove(&row.tp).flatten();
            let (group_id, cluster_id) = row
                .identity
                .map(|identity| (identity.group_id, identity.cluster_id))
                .unzip();
            Standing {
                sink: sink.to_owned(),
                topic: row.tp.topic.to_string(),
                partition: row.tp.partition,
                position: Some(row.position.offset()),
                high_watermark: end.map(Position::offset),
                // Retention can leave a position behind the end of nothing.
                lag: end.map(|end| (end.offset() - row.position.offset()).max(0)),
                epoch: Some(row.epoch),
                owner: row.owner,
                group_id,
                cluster_id,
                heartbeat_age_ms: millis(row.heartbeat_age),
                moved_age_ms: millis(row.moved_age),
            }
        })
        .collect();
    standings.extend(ends.into_iter().map(|(tp, end)| Standing {
        sink: sink.to_owned(),
        topic: tp.topic.to_string(),
        partition: tp.partition,
        position: None,
        high_watermark: end.map(Position::offset),
        lag: None,
        epoch: None,
        owner: None,
        group_id: None,
        cluster_id: None,
        heartbeat_age_ms: None,
        moved_age_ms: None,
    }));
    standings.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    standings
}

fn print(standings: &[Standing], out: &mut impl Write) -> io::Result<()> {
    const SIDES: [Side; 10] = [
        Side::Left,
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Left,
        Side::Right,
        Side::Right,
    ];
    let head = [
        "SINK",
        "TOPIC",
        "PARTITION",
        "POSITION",
        "END",
        "LAG",
        "EPOCH",
        "OWNER",
        "HEARTBEAT",
        "MOVED",
    ];
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let ago =
        |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| age(Duration::from_millis(ms)));
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(standings.iter().map(|s| {
        vec![
            s.sink.clone(),
            s.topic.clone(),
            s.partition.to_string(),
            number(s.position),
            number(s.high_watermark),
            number(s.lag),
            number(s.epoch),
            s.owner.clone().unwrap_or_else(|| "-".to_owned()),
            ago(s.heartbeat_age_ms),
            ago(s.moved_age_ms),
        ]
    }));
    for line in align(&rows, &SIDES) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

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
    config
        .sinks
        .iter()
        .find(|sink| sink.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
            AdminError::Refused(format!(
                "--sink: there is no sink \"{name}\" in the config; hint: it has {}",
                names.join(", ")
            ))
        })
}

/// Refuses a topic that the sink does not read.
pub(super) fn must_read(settings: &Settings, topic: &str) -> Result<(), AdminError> {
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

/// A rehearsal answers beside a running service too, and says what stands in the way.
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
pub(super) struct Resolved {
    pub to: Position,
    pub end: Position,
}

/// The offset that is meant, which the log must be able to go on from.
pub(super) fn resolve(
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

async fn move_it<S: Sink>(
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

    fn row(partition: i32, position: i64) -> StoredPosition {
        StoredPosition {
            tp: TopicPartition::new("orders", partition),
            position: Position::new(position).unwrap(),
            epoch: 3,
            owner: Some("host-1".to_owned()),
            identity: None,
            topic_id: None,
            fingerprint: None,
            leader_epoch: None,
            heartbeat_age: Some(Duration::from_secs(2)),
            moved_age: None,
        }
    }

    #[test]
    fn positions_and_ends_meet_and_neither_hides_the_other() {
        let end = |n| Some(Position::new(n).unwrap());
        let ends = BTreeMap::from([
            (TopicPartition::new("orders", 0), end(130)),
            (TopicPartition::new("orders", 2), end(5)),
        ]);
        let standings = join("orders", vec![row(1, 7), row(0, 123)], ends);
        let mut text = Vec::new();
        print(&standings, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        insta::assert_snapshot!(text, @r"
        SINK    TOPIC   PARTITION  POSITION  END  LAG  EPOCH  OWNER   HEARTBEAT  MOVED
        orders  orders          0       123  130    7      3  host-1        2 s      -
        orders  orders          1         7    -    -      3  host-1        2 s      -
        orders  orders          2         -    5    -      -  -               -      -
        ");
    }
}
