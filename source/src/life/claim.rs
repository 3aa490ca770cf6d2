//! From nothing to a position: the slot first, then Kafka.

use super::{End, Source};
use crate::halt::Halt;
use crate::kafka::{Positions, Producer, Topic};
use crate::postgres::{Looked, Session};
use crate::record;
use pgwire_replication::ReplicationClient;
use plimsoll_protocol::source::{
    CommitSaid, Resume, Slot, SourceGap, SourcePosition, Stored, resume,
};

/// The right to send.
pub(crate) struct Claimed {
    pub(crate) client: ReplicationClient,
    pub(crate) producer: Producer,
    pub(crate) position: SourcePosition,
    /// The timeline that the server is on.
    pub(crate) timeline: u32,
}

impl Source<'_> {
    pub(crate) fn positions(&self) -> Positions<'_> {
        Positions::new(
            &self.kafka,
            &self.settings.positions_topic,
            &self.settings.name,
        )
    }

    pub(crate) fn gap(&self, gap: &SourceGap) -> End {
        let Self { settings, .. } = self;
        let (topic, slot) = (&settings.positions_topic, &settings.postgres.slot);
        End::Halt(Halt::of_gap(gap, &settings.name, topic, slot))
    }

    /// What Kafka holds. Asked after this source's producer has fenced all others.
    pub(crate) async fn stored(&self) -> Result<Stored, End> {
        let positions = self.positions();
        match positions.look().await? {
            Topic::Missing => Ok(Stored::Nothing),
            Topic::There => Ok(positions.read()?),
        }
    }

    /// Writes down a record of the position's topic by itself.
    pub(crate) fn store(&self, producer: &Producer, record: &[u8]) -> Result<(), End> {
        producer.begin()?;
        producer.send_position(&self.settings.positions_topic, record)?;
        match producer.commit()? {
            CommitSaid::Done { .. } => Ok(()),
            CommitSaid::Fenced => Err(End::Fenced),
            CommitSaid::Abortable | CommitSaid::Unknown => Err(End::Again),
        }
    }
}

/// Claims the slot, then fences all other producers, then reads the position, and
/// compares. In any other order the position may move after it was read.
pub(crate) async fn claim(source: &Source<'_>) -> Result<Claimed, End> {
    let mut session = Session::open(&source.settings).await?;
    let looked = session.look().await?;
    let wrong = looked.wrong.iter().find(|wrong| {
        // What a first start makes is missing, and there has been one.
        !wrong.made_at_start || looked.slot != Slot::Missing
    });
    if let Some(wrong) = wrong {
        return Err(End::Halt(wrong.halt.clone()));
    }
    match looked.slot {
        Slot::Missing => return Err(begin(source, session, looked).await),
        // It cannot be had; why, the position tells.
        Slot::Lost => {
            let _producer = Producer::fence(&source.kafka, &source.settings)?;
            return Err(judge(source, &looked).await?.1);
        }
        Slot::Confirmed(_) => {}
    }
    // Slot before Kafka: two that fence each other first would do so for ever.
    let client = session.start().await?;
    let producer = Producer::fence(&source.kafka, &source.settings)?;
    let (found, end) = judge(source, &looked).await?;
    let position = match found {
        Resume::GoOn(position) => position,
        Resume::Adopt(first) => {
            source.store(&producer, &record::position(&first))?;
            first
        }
        Resume::Halt(_) => return Err(halted(source).await?),
        Resume::Begin => return Err(end),
    };
    Ok(Claimed {
        client,
        producer,
        position,
        timeline: looked.server.timeline,
    })
}

/// The session was asked before it had the slot. Whoever had it until then may have moved
/// the position since, beyond what the server's log was at that moment: so a halt has to
/// hold when the server is asked once more.
async fn halted(source: &Source<'_>) -> Result<End, End> {
    let looked = Session::open(&source.settings).await?.look().await?;
    Ok(judge(source, &looked).await?.1)
}

/// What is found, and how a life ends that cannot go on from it.
async fn judge(source: &Source<'_>, looked: &Looked) -> Result<(Resume, End), End> {
    let stored = source.stored().await?;
    let found = resume(stored, &looked.server, &looked.id, looked.slot);
    let end = match &found {
        Resume::Halt(gap) => source.gap(gap),
        Resume::GoOn(_) | Resume::Begin | Resume::Adopt(_) => End::Again,
    };
    Ok((found, end))
}

/// The first start: the intent, the publication, the slot, the first position. Wherever
/// it ends, the next one finds out how far it came.
async fn begin(source: &Source<'_>, mut session: Session<'_>, looked: Looked) -> End {
    let begun = async {
        let producer = Producer::fence(&source.kafka, &source.settings)?;
        let (found, end) = judge(source, &looked).await?;
        if found != Resume::Begin {
            return Err(end);
        }
        let positions = source.positions();
        if positions.look().await? == Topic::Missing {
            positions.make().await?;
        }
        source.store(&producer, &record::intent(&looked.id))?;
        if !looked.has_publication {
            session.make_publication().await?;
        }
        let first = SourcePosition {
            id: looked.id.clone(),
            timeline: looked.server.timeline,
            next_lsn: session.make_slot().await?,
            seq: 0,
        };
        source.store(&producer, &record::position(&first))
    };
    begun.await.err().unwrap_or(End::Again)
}
