//! Before a chunk is committed: that it was fetched from the topic that the
//! position is about.

use super::Writer;
use super::trouble::{Done, Trouble};
use crate::engine::control::RestartReason;
use crate::error::KafkaFault;
use crate::health::{Asking, Halt, Until};
use crate::kafka::recreated;
use plimsoll_protocol::{Confirmation, confirm};
use plimsoll_record::Chunk;
use plimsoll_sink_api::Sink;

impl<S: Sink> Writer<S> {
    /// Asks for the topic's id, from now on; brokers before 2.8 tell none.
    pub(super) fn look(&mut self, chunk: &Chunk) {
        self.looks = match self.topic_id {
            Some(_) => self.lane.looks.ask(&self.tp.topic, chunk.brokers()),
            None => Vec::new(),
        };
    }

    /// Waits until it is certain that a chunk was fetched from the topic that the
    /// position is about. Before that nothing of it is committed. Where a broker
    /// does not say so the chunk is fetched again: its partition may have found
    /// another leader, and the one that served it may never come back.
    pub(super) async fn confirm(&mut self, chunk: &Chunk) -> Result<(), Trouble> {
        let (sink, health) = (&self.lane.name, &self.lane.health);
        let asking = Asking::Commit(self.tp.clone());
        for look in std::mem::take(&mut self.looks) {
            let looked = tokio::select! {
                looked = look => looked,
                () = self.leased.gone() => return Err(Trouble::End(Done::Drop)),
            };
            let why = match looked {
                // The service ends.
                Err(_) => return Err(Trouble::End(Done::Drop)),
                Ok(Ok(told)) => match confirm(self.topic_id.as_deref(), told.as_deref()) {
                    Confirmation::Confirmed => {
                        health.kafka_back(sink, &asking);
                        continue;
                    }
                    Confirmation::Recreated => return Err(self.recreated(chunk, told)),
                    Confirmation::Untold => KafkaFault::new(format!(
                        "the id of topic {} is not told any more",
                        self.tp.topic
                    )),
                },
                Ok(Err(fault)) => fault,
            };
            health.kafka_away(sink, asking, &why);
            return Err(Trouble::End(Done::Restart(RestartReason::Unconfirmed)));
        }
        Ok(())
    }

    fn recreated(&self, chunk: &Chunk, told: Option<String>) -> Trouble {
        let (from, known) = (chunk.span().from(), self.topic_id.as_deref());
        let (known, told) = (known.unwrap_or("?"), told.unwrap_or_default());
        Trouble::End(Done::Halt(Box::new(Halt {
            offset: Some(from.offset()),
            column: None,
            reason: recreated(&self.lane.name, &self.tp, from, known, &told),
            until: Until::Begun,
        })))
    }
}
