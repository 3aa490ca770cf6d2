//! Which tables the records of a chunk go into.

use super::build::{Way, Ways};
use super::trouble::{Done, Trouble};
use super::{Target, Writer};
use crate::config::OnBadRecord;
use crate::engine::backoff::Backoff;
use crate::health::{Halt, Until};
use crate::route::Place;
use plimsoll_protocol::{Question, Then, then};
use plimsoll_record::{BadRecord, Chunk, Decoder, Fate, RouteReader, Undecoded, Unrouted, fate};
use plimsoll_sink_api::{Prepared, Route, Routing, Sink, SinkError};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// What tells the tables of a topic's records.
pub(super) struct Routes {
    routing: Routing,
    reader: RouteReader,
}

/// What a record says of its table.
pub(super) enum Said {
    Route(Route),
    /// It is a bad record, or says none.
    Bad(BadRecord),
    /// It cannot be read before somebody does something.
    Unusable(String),
}

/// The tables of some records, and which of them each goes into.
pub(super) struct Aims<S: Sink> {
    pub(super) targets: Vec<Arc<Target<S>>>,
    /// Of each of the records; empty where all go into the one.
    ways: Vec<Way>,
    from: usize,
}

impl<S: Sink> Aims<S> {
    pub(super) fn ways(&self) -> Ways<'_> {
        let decoder = |target: &'_ Arc<Target<S>>| target.table.table.columns.len();
        Ways {
            decoders: self
                .targets
                .iter()
                .map(|t| (&t.decoder, decoder(t)))
                .collect(),
            ways: &self.ways,
            from: self.from,
        }
    }

    pub(super) fn tables(&self) -> Vec<Arc<Prepared<S::Plan>>> {
        self.targets
            .iter()
            .map(|target| target.table.clone())
            .collect()
    }
}

/// What the catalogue says of a route.
enum Found<S: Sink> {
    Table(Arc<Target<S>>),
    Unknown(Unrouted),
    Refused(SinkError),
}

impl<S: Sink> Writer<S> {
    /// Of a topic whose records go into several tables.
    pub(super) fn routes(
        lane: &crate::engine::Lane<S>,
        tp: &plimsoll_protocol::TopicPartition,
    ) -> Option<Routes> {
        let routing = lane.settings(&tp.topic)?.routing.clone()?;
        let reader = RouteReader::new(&routing.by, &tp.topic, tp.partition, &lane.formats);
        Some(Routes { routing, reader })
    }

    /// The tables of some of a chunk's records, read anew when that is due. It ends with the
    /// first record that has none and cannot be passed. Waits while the database is away.
    pub(super) async fn aims(
        &mut self,
        reread: bool,
        chunk: &Chunk,
        records: Range<usize>,
    ) -> Result<Aims<S>, Trouble> {
        if self.routes.is_none() {
            let target = self.route(reread, chunk).await?;
            return Ok(Aims {
                targets: vec![target],
                ways: Vec::new(),
                from: records.start,
            });
        }
        let said = match &self.said {
            Some(said) => said.clone(),
            None => self.read_routes(chunk).await?,
        };
        let asked = Instant::now();
        let (mut targets, mut ways) = (Vec::new(), Vec::with_capacity(records.len()));
        let mut known: HashMap<&Route, Way> = HashMap::new();
        for said in &said[records.clone()] {
            let way = match said {
                Said::Route(route) => match known.get(route) {
                    Some(way) => way.clone(),
                    None => {
                        let way = match self.find(reread.then_some(asked), route).await? {
                            Found::Table(target) => {
                                targets.push(target);
                                Way::Into(targets.len() - 1)
                            }
                            Found::Unknown(why) => self.unrouted(why),
                            Found::Refused(error) => Way::Halts {
                                column: error.detail.column.clone(),
                                reason: error.to_string(),
                            },
                        };
                        known.insert(route, way.clone());
                        way
                    }
                },
                Said::Bad(bad) => self.bad(bad),
                Said::Unusable(reason) => Way::Halts {
                    column: None,
                    reason: reason.clone(),
                },
            };
            let halts = matches!(way, Way::Halts { .. });
            ways.push(way);
            if halts {
                break;
            }
        }
        Ok(Aims {
            targets,
            ways,
            from: records.start,
        })
    }

    /// What each record of a chunk says of its table.
    async fn read_routes(&mut self, chunk: &Chunk) -> Result<Arc<[Said]>, Trouble> {
        let Some(routes) = self.routes.take() else {
            return Ok(Arc::default());
        };
        let mut said = Vec::with_capacity(chunk.len());
        let mut failed = None;
        while said.len() < chunk.len() && failed.is_none() {
            match routes.reader.read(&chunk.record(said.len())) {
                Ok(route) => said.push(Said::Route(route)),
                Err(Undecoded::Bad(bad)) => said.push(Said::Bad(bad)),
                Err(Undecoded::Unusable(why)) => said.push(Said::Unusable(why.to_string())),
                Err(Undecoded::Needs(need)) => {
                    match self.fetch(routes.reader.decoder(), &need).await {
                        Ok(Ok(())) => {}
                        Ok(Err(why)) => said.push(Said::Unusable(why.to_string())),
                        Err(trouble) => failed = Some(trouble),
                    }
                }
            }
        }
        self.routes = Some(routes);
        if let Some(trouble) = failed {
            return Err(trouble);
        }
        let said: Arc<[Said]> = said.into();
        self.said = Some(said.clone());
        Ok(said)
    }

    fn bad(&self, bad: &BadRecord) -> Way {
        let kept = self.lane.on_bad_record == OnBadRecord::DeadLetter;
        let unknown = self.routes.as_ref().map(|routes| routes.routing.unknown);
        let fate = match (bad, unknown) {
            (BadRecord::Unrouted { .. }, Some(unknown)) => fate(unknown, kept),
            _ if kept => Fate::Kept,
            _ => Fate::Halts,
        };
        match fate {
            Fate::Halts => Way::Halts {
                column: bad.column().map(str::to_owned),
                reason: format!("{}: {bad}", bad.condition()),
            },
            Fate::Kept => Way::Letter(bad.clone()),
            Fate::Skipped => Way::Skipped,
        }
    }

    fn unrouted(&self, why: Unrouted) -> Way {
        match &self.routes {
            Some(routes) => self.bad(&routes.reader.unrouted(why)),
            None => Way::Skipped,
        }
    }

    /// The table of a route. `since`: it was read before, and is to be read again.
    async fn find(&mut self, since: Option<Instant>, route: &Route) -> Result<Found<S>, Trouble> {
        let most = match &self.routes {
            Some(routes) => routes.routing.max_tables,
            None => 0,
        };
        let own = Some(route.clone());
        if let Some(target) = self.targets.get(&own)
            && since.is_none()
            && target.read.elapsed() < crate::route::REFRESH
        {
            return Ok(Found::Table(target.clone()));
        }
        let place = (Some((route, most)), since);
        let mut backoff = Backoff::default();
        loop {
            let error = match self.ask_table(place).await {
                Ok(target) => return Ok(Found::Table(target)),
                Err(error) => error,
            };
            if error.detail.no_table {
                self.targets.remove(&own);
                return Ok(Found::Unknown(match error.detail.bad_name {
                    true => Unrouted::NoName,
                    false => Unrouted::NoTable,
                }));
            }
            match then(Question::Table, error.class) {
                Then::AskAgain => {
                    self.lane.note_away(Some(&self.tp), &error);
                    self.wait(backoff.next_wait()).await?;
                }
                // The table says none of the others of this; to halt loses nothing.
                Then::Halt | Then::LookAgain | Then::Settle | Then::Restart | Then::Refused => {
                    return Ok(Found::Refused(error));
                }
            }
        }
    }

    /// The table of all records.
    async fn route(&mut self, reread: bool, chunk: &Chunk) -> Result<Arc<Target<S>>, Trouble> {
        if let Some(target) = self.targets.get(&None)
            && !reread
            && target.read.elapsed() < crate::route::REFRESH
        {
            return Ok(target.clone());
        }
        let since = reread.then(Instant::now);
        let mut backoff = Backoff::default();
        loop {
            match self.ask_table((None, since)).await {
                Ok(target) => return Ok(target),
                Err(error) if let Some(settings) = self.to_be_made(&error) => {
                    self.make_table(chunk, &settings).await?;
                }
                Err(error) => match then(Question::Table, error.class) {
                    Then::AskAgain => {
                        self.lane.note_away(Some(&self.tp), &error);
                        self.wait(backoff.next_wait()).await?;
                    }
                    // The table says none of the others of this; to halt loses nothing.
                    Then::Halt | Then::LookAgain | Then::Settle | Then::Restart | Then::Refused => {
                        let halt = Halt {
                            offset: None,
                            column: error.detail.column.clone(),
                            reason: error.to_string(),
                            until: Until::Committed,
                        };
                        return Err(Trouble::End(Done::Halt(Box::new(halt))));
                    }
                },
            }
        }
    }

    /// Asks for a table once.
    async fn ask_table(
        &mut self,
        (route, since): (Option<(&Route, usize)>, Option<Instant>),
    ) -> Result<Arc<Target<S>>, SinkError> {
        let asked = Instant::now();
        let topic = &*self.tp.topic;
        let place = Place { topic, route };
        let table = match since {
            Some(since) => self.lane.router.reread(place, since).await?,
            None => self.lane.router.table(place).await?,
        };
        let formats = &self.lane.formats;
        let decoder = Decoder::growing(&table.table, topic, self.tp.partition, formats);
        let target = Arc::new(Target {
            table,
            decoder,
            read: asked,
        });
        let own = route.map(|(route, _)| route.clone());
        self.targets.insert(own, target.clone());
        Ok(target)
    }
}
