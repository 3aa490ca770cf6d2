//! Before a chunk is committed: that it was fetched from the topic that the
//! position is about.

use super::{Done, Trouble, Writer};
use crate::batch::Chunk;
use crate::commit::Backoff;
use crate::consume::{Looked, recreated};
use crate::health::{Asking, Halt};
use plimsoll_sink_api::Sink;
use tokio::sync::oneshot;

impl<S: Sink> Writer<S> {
    /// Asks for the topic's id, from now on.
    pub(super) fn ask(&self, chunk: &Chunk) -> oneshot::Receiver<Looked> {
        self.lane.looks.ask(&self.tp.topic, chunk.brokers())
    }

    /// Waits until it is certain that a chunk was fetched from the topic that the
    /// position is about. Before that nothing of it is committed, however long
    /// Kafka is away.
    pub(super) async fn confirm(&mut self, chunk: &Chunk) -> Result<(), Trouble> {
        let mut backoff = Backoff::default();
        while let (Some(look), Some(known)) = (&mut self.look, &self.topic_id) {
            let looked = tokio::select! {
                looked = look => looked,
                () = self.leased.gone() => return Err(Trouble::End(Done::Drop)),
            };
            let (sink, health) = (&self.lane.name, &self.lane.health);
            let why = match looked {
                // The service ends.
                Err(_) => return Err(Trouble::End(Done::Drop)),
                Ok(Err(fault)) => fault.to_string(),
                Ok(Ok(ids)) if ids.iter().all(|id| id.as_ref() == Some(known)) => {
                    health.kafka_back(sink, Asking::Commits);
                    self.look = None;
                    return Ok(());
                }
                Ok(Ok(ids)) => match ids.iter().flatten().find(|id| *id != known) {
                    Some(found) => {
                        let from = chunk.span().from();
                        let halt = Halt {
                            offset: Some(from.offset()),
                            column: None,
                            reason: recreated(sink, &self.tp, from, known, found),
                        };
                        return Err(Trouble::End(Done::Halt(Box::new(halt))));
                    }
                    None => format!("the id of topic {} is not told any more", self.tp.topic),
                },
            };
            health.kafka_away(sink, Asking::Commits, why);
            self.wait(backoff.next_wait()).await?;
            self.look = Some(self.ask(chunk));
        }
        Ok(())
    }
}
