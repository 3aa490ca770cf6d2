//! Decoding needs something that is not here yet.

use super::Writer;
use super::trouble::Trouble;
use crate::engine::backoff::Backoff;
use crate::health::About;
use crate::metrics as names;
use metrics::counter;
use plimsoll_protocol::Class;
use plimsoll_record::{Decoder, Need, Unavailable};
use plimsoll_sink_api::Sink;

impl<S: Sink> Writer<S> {
    /// Gets what decoding needs. Waits while it is away; what waiting does not mend is
    /// told within.
    pub(super) async fn fetch(
        &mut self,
        decoder: &Decoder,
        need: &Need,
    ) -> Result<Result<(), Unavailable>, Trouble> {
        let mut backoff = Backoff::default();
        loop {
            let sink = &self.lane.name;
            let away = match decoder.fetch(need).await {
                Err(why) if why.class == Class::Unavailable => why.to_string(),
                other => {
                    self.lane.health.over(sink, &About::Registry);
                    return Ok(other);
                }
            };
            self.lane.health.trouble(sink, About::Registry, "", away);
            counter!(names::RETRIES, "sink" => sink.clone(), "reason" => "registry").increment(1);
            self.wait(backoff.next_wait()).await?;
        }
    }
}
