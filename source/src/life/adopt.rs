//! An operator takes note of a gap: the source goes on where its slot stands.

use super::{End, Source};
use crate::kafka::{Positions, Producer, Topic};
use crate::postgres::Session;
use crate::record;
use crate::settings::{Kafka, SourceSettings};
use plimsoll_protocol::source::{Slot, SourcePosition, Stored};

/// Puts the position where the slot stands, and makes publication and slot where they are
/// not there, or are lost. The events' numbers go on. Whoever runs is fenced. Answers
/// where it stood, and where it stands.
///
/// # Errors
/// What does not answer, or refuses; in words.
pub async fn adopt(
    settings: &SourceSettings,
    kafka: &Kafka,
) -> Result<(Option<SourcePosition>, SourcePosition), String> {
    let source = Source {
        settings: settings.clone(),
        kafka: kafka.clone(),
        watch: &Silent,
    };
    adopted(&source).await.map_err(|end| end.to_string())
}

async fn adopted(source: &Source<'_>) -> Result<(Option<SourcePosition>, SourcePosition), End> {
    let mut session = Session::open(&source.settings).await?;
    let looked = session.look().await?;
    if let Some(wrong) = looked.wrong.iter().find(|wrong| !wrong.made_at_start) {
        return Err(End::Halt(wrong.halt.clone()));
    }
    let producer = Producer::fence(&source.kafka, &source.settings)?;
    let before = match source.stored().await? {
        Stored::At(position) => Some(position),
        Stored::Nothing | Stored::Intent(_) => None,
    };
    let positions: Positions<'_> = source.positions();
    if positions.look().await? == Topic::Missing {
        positions.make().await?;
    }
    if !looked.has_publication {
        session.make_publication().await?;
    }
    let next_lsn = match looked.slot {
        // It cannot decode what was written before its publication.
        Slot::Confirmed(at) if looked.has_publication => at,
        Slot::Confirmed(_) | Slot::Lost => {
            session.drop_slot().await?;
            session.make_slot().await?
        }
        Slot::Missing => session.make_slot().await?,
    };
    let after = SourcePosition {
        id: looked.id,
        timeline: looked.server.timeline,
        next_lsn,
        seq: before.as_ref().map_or(0, |position| position.seq),
    };
    source.store(&producer, &record::position(&after))?;
    Ok((before, after))
}

/// A command tells by its answer.
struct Silent;

impl crate::watch::Watch for Silent {
    fn live(&self, _: &SourcePosition) {}
    fn standby(&self, _: &str) {}
    fn trouble(&self, _: crate::watch::Side, _: &str) {}
    fn halted(&self, _: &crate::halt::Halt) {}
    fn committed(&self, _: crate::watch::Committed<'_>) {}
    fn seen(&self) {}
    fn wal_end(&self, _: &SourcePosition, _: plimsoll_protocol::source::Lsn) {}
    fn left_out(&self, _: &crate::halt::Halt) {}
    fn fenced(&self) {}
    fn doubtful(&self) {}
}
