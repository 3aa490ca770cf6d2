//! `positions adopt` and `positions reset`: what settles a disagreement between
//! positions and topic.

use super::error::AdminError;
use super::kafka::Kafka;
use super::positions::{
    FRESH, Resolved, Target, find_sink, living_owner, must_read, note_owner, owner_alive, resolve,
};
use super::{block_on, with_sink};
use crate::cli::ConfigArg;
use crate::config::Sink as Settings;
use crate::exit::Exit;
use clap::Args;
use plimsoll_protocol::{Position, TopicPartition};
use plimsoll_sink_api::{
    Identity, Mode, PositionChange, Positions, SetOutcome, SinkError, StoredPosition,
};
use std::io::Write;

/// What `adopt` and `reset` are about.
#[derive(Debug, Args)]
pub struct About {
    #[command(flatten)]
    config: ConfigArg,
    /// The sink, by its name in the config
    #[arg(long)]
    sink: String,
    /// The topic
    #[arg(long)]
    topic: String,
    /// Only this partition; otherwise all of the topic
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Fence owners that are alive
    #[arg(long)]
    force: bool,
}

/// `plimsoll positions adopt`
#[derive(Debug, Args)]
pub struct AdoptArgs {
    #[command(flatten)]
    about: About,
}

/// `plimsoll positions reset`
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    about: About,
    /// earliest, latest, an offset (the next to consume), or an RFC 3339 time
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    to: Target,
}

/// Accepts what is there as the same log.
///
/// # Errors
/// Kafka or the database did not answer, or it is refused.
pub fn adopt(args: &AdoptArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    settle(&args.about, None, out)
}

/// Begins a topic anew.
///
/// # Errors
/// Kafka or the database did not answer, or it is refused.
pub fn reset(args: &ResetArgs, out: &mut impl Write) -> Result<Exit, AdminError> {
    settle(&args.about, Some(args.to), out)
}

/// `to`: where positions go; `None`: they stay.
fn settle(about: &About, to: Option<Target>, out: &mut impl Write) -> Result<Exit, AdminError> {
    let config = about.config.load()?;
    let settings = find_sink(&config, &about.sink)?;
    must_read(settings, &about.topic)?;
    let kafka = Kafka::reach(&config)?;
    let settling = Settling {
        about,
        settings,
        partitions: kafka.cluster.partitions_of(&about.topic)?,
        topic_id: kafka
            .cluster
            .topic_ids(&[&about.topic])?
            .remove(&about.topic),
        identity: Identity {
            group_id: settings.group_id.clone(),
            cluster_id: kafka.id.clone(),
        },
    };
    block_on(async {
        with_sink!(settings, |sink| Ok(settling
            .run(&sink, &kafka, to, out)
            .await))
        .map_err(AdminError::sink(&settings.name))?
    })
}

struct Settling<'a> {
    about: &'a About,
    settings: &'a Settings,
    identity: Identity,
    topic_id: Option<String>,
    /// What the topic has now.
    partitions: Vec<TopicPartition>,
}

impl Settling<'_> {
    fn failed(&self) -> impl FnOnce(SinkError) -> AdminError {
        AdminError::sink(&self.settings.name)
    }

    fn refused(&self, what: &str) -> AdminError {
        AdminError::Refused(format!("sinks.{}: {what}", self.settings.name))
    }

    /// All is looked at before anything is changed.
    async fn run<S: Positions>(
        &self,
        sink: &S,
        kafka: &Kafka,
        to: Option<Target>,
        out: &mut impl Write,
    ) -> Result<Exit, AdminError> {
        let stored: Vec<StoredPosition> = sink
            .positions()
            .await
            .map_err(self.failed())?
            .into_iter()
            .filter(|row| {
                *row.tp.topic == *self.about.topic
                    && self.about.partition.is_none_or(|p| p == row.tp.partition)
            })
            .collect();
        if stored.is_empty() {
            return Err(self.refused(&format!(
                "no position of {} is stored here; hint: `plimsoll positions list` shows those that \
                 are; what has none begins by `start`",
                match self.about.partition {
                    None => format!("the topic \"{}\"", self.about.topic),
                    Some(partition) => TopicPartition::new(&self.about.topic, partition).to_string(),
                }
            )));
        }
        let mut changes = Vec::new();
        for row in &stored {
            let (to, end) = match to {
                None => (None, self.within_log(kafka, row)?),
                Some(target) => {
                    self.check_log_table(sink, &row.tp).await?;
                    let Resolved { to, end } = self.target(kafka, &row.tp, target)?;
                    (Some(to), end)
                }
            };
            self.check_owner(row)?;
            changes.push((row, to, end));
        }
        for (row, to, end) in changes {
            self.change(sink, row, (to, end), out).await?;
        }
        Ok(Exit::Ok)
    }

    /// Where a position goes. A partition that the topic no longer has, for it was
    /// made again with fewer, begins at its first record, should it be added.
    fn target(
        &self,
        kafka: &Kafka,
        tp: &TopicPartition,
        target: Target,
    ) -> Result<Resolved, AdminError> {
        let none = Position::ZERO;
        match target {
            Target::Offset(offset) if offset != none => {}
            _ if !self.is_gone(tp) => {}
            _ => {
                return Ok(Resolved {
                    to: none,
                    end: none,
                });
            }
        }
        resolve(&kafka.cluster, tp, target)
    }

    fn is_gone(&self, tp: &TopicPartition) -> bool {
        !self.partitions.contains(tp)
    }

    /// Where the log ends.
    fn within_log(&self, kafka: &Kafka, row: &StoredPosition) -> Result<Position, AdminError> {
        if self.is_gone(&row.tp) {
            return Err(self.refused(&format!(
                "Kafka has no {} any more, so it cannot be the same log; hint: `plimsoll positions \
                 reset` begins the topic anew; --partition adopts another one alone",
                row.tp
            )));
        }
        let one = std::slice::from_ref(&row.tp);
        let first = kafka.cluster.earliest(one)?.remove(0);
        let end = kafka.cluster.latest(one)?.remove(0);
        let (Some(first), Some(end)) = (first, end) else {
            return Err(self.refused(&format!("Kafka told no offsets of {}", row.tp)));
        };
        if row.position < first || row.position > end {
            return Err(self.refused(&format!(
                "the position {} of {} lies outside the log, which goes from {first} to {end}: it \
                 cannot be the same log's; hint: `plimsoll positions reset` begins anew, \
                 `plimsoll positions set` goes on elsewhere",
                row.position, row.tp
            )));
        }
        Ok(end)
    }

    /// New records of a log table would have the coordinates of old rows.
    async fn check_log_table<S: Positions>(
        &self,
        sink: &S,
        tp: &TopicPartition,
    ) -> Result<(), AdminError> {
        let settings = self.settings.backend.table(&tp.topic);
        let routes = match settings.and_then(|settings| settings.routing.as_ref()) {
            None => vec![None],
            Some(_) => {
                let routes = sink.routes(&tp.topic).await.map_err(self.failed())?;
                routes.into_iter().map(Some).collect()
            }
        };
        for route in routes {
            let prepared = sink.prepare_for(&tp.topic, route.as_ref()).await;
            let prepared = prepared.map_err(self.failed())?;
            let is_log = prepared.table.mode == Mode::Log;
            if is_log
                && sink
                    .holds_rows(&prepared, tp)
                    .await
                    .map_err(self.failed())?
            {
                return Err(self.refused(&format!(
                    "the log table {} still holds rows of {tp}, whose coordinates the new records \
                     would have; hint: name a new table in the config, or empty this one",
                    prepared.table.name
                )));
            }
        }
        Ok(())
    }

    /// A dry run answers all the same.
    fn check_owner(&self, row: &StoredPosition) -> Result<(), AdminError> {
        if self.about.dry_run {
            note_owner(row, self.about.force);
            return Ok(());
        }
        match living_owner(row) {
            Some((owner, seen)) if !self.about.force => {
                Err(self.refused(&owner_alive(&row.tp, owner, seen)))
            }
            _ => Ok(()),
        }
    }

    async fn change<S: Positions>(
        &self,
        sink: &S,
        row: &StoredPosition,
        (to, high_watermark): (Option<Position>, Position),
        out: &mut impl Write,
    ) -> Result<(), AdminError> {
        let what = match to {
            None => format!("adopted at {}", row.position),
            Some(to) => format!("reset from {} to {to}", row.position),
        };
        let id = self.topic_id.as_deref().unwrap_or("unknown");
        let (sink_name, tp) = (&self.settings.name, &row.tp);
        let gone = if self.is_gone(tp) {
            "; Kafka has no such partition now: should it be added, it begins there"
        } else {
            ""
        };
        if self.about.dry_run {
            writeln!(
                out,
                "{sink_name}: {tp} would be {what}; topic id {id}{gone}"
            )?;
            return Ok(());
        }
        let change = PositionChange {
            tp: tp.clone(),
            to,
            identity: self.identity.clone(),
            take_over: true,
            topic_id: self.topic_id.clone(),
            high_watermark,
            force: self.about.force,
            fresh: FRESH,
        };
        match sink.set_position(&change).await.map_err(self.failed())? {
            SetOutcome::Set { .. } => {
                writeln!(out, "{sink_name}: {tp} {what}; topic id {id}{gone}")?;
                Ok(())
            }
            SetOutcome::OwnerAlive {
                owner,
                heartbeat_age,
            } => Err(self.refused(&owner_alive(tp, &owner, heartbeat_age))),
        }
    }
}
