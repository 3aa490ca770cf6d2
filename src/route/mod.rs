//! Route: which table the records of a topic go to, as the catalogue says now; and of
//! several tables of one topic, which one.

use plimsoll_protocol::Class;
use plimsoll_sink_api::{Prepared, Route, Sink, SinkError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a catalogue reading serves. A column that is added is taken up
/// after at most this; one query per topic and interval is no load.
pub const REFRESH: Duration = Duration::from_secs(5);

/// Routes without a table that are remembered, so that the catalogue is not asked for each of
/// their records. Some tens of kilobytes; whoever sends more of them is asked for more often.
const MISSING_KEPT: usize = 1_024;

/// A table of a topic: the only one, or that of a route, of which there may be so many.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// The topic.
    pub topic: &'p str,
    /// The route, and how many of them may have tables.
    pub route: Option<(&'p Route, usize)>,
}

/// A table, and when it was asked for.
type Read<P> = (Instant, Arc<Prepared<P>>);

/// What is known of the tables of one topic.
#[derive(Debug)]
struct Tables<P> {
    there: HashMap<Option<Route>, Read<P>>,
    /// What was said of those that are not there.
    missing: HashMap<Route, (Instant, SinkError)>,
}

impl<P> Default for Tables<P> {
    fn default() -> Self {
        Self {
            there: HashMap::new(),
            missing: HashMap::new(),
        }
    }
}

/// The prepared tables of one sink, shared by its writers.
#[derive(Debug)]
pub struct Router<S: Sink> {
    sink: Arc<S>,
    topics: Mutex<HashMap<String, Tables<S::Plan>>>,
}

impl<S: Sink> Router<S> {
    /// Nothing is read yet.
    pub fn new(sink: Arc<S>) -> Self {
        Self {
            sink,
            topics: Mutex::new(HashMap::new()),
        }
    }

    /// The table of a place, read at most [`REFRESH`] ago.
    ///
    /// # Errors
    /// What the sink says of the catalogue; or there are too many tables.
    pub async fn table(&self, place: Place<'_>) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        self.read(place, |read| read.elapsed() < REFRESH).await
    }

    /// The table of a place, read after `since`: a commit found it changed.
    ///
    /// # Errors
    /// As [`Self::table`].
    pub async fn reread(
        &self,
        place: Place<'_>,
        since: Instant,
    ) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        self.read(place, |read| read > since).await
    }

    /// Forgets the tables of a topic: one was changed.
    pub async fn forget(&self, topic: &str) {
        self.topics.lock().await.remove(topic);
    }

    async fn read(
        &self,
        Place { topic, route }: Place<'_>,
        fresh: impl Fn(Instant) -> bool,
    ) -> Result<Arc<Prepared<S::Plan>>, SinkError> {
        let mut topics = self.topics.lock().await;
        let tables = topics.entry(topic.to_owned()).or_default();
        let own = route.map(|(route, _)| route.clone());
        if let Some((read, table)) = tables.there.get(&own)
            && fresh(*read)
        {
            return Ok(table.clone());
        }
        if let Some((read, error)) = own.as_ref().and_then(|own| tables.missing.get(own))
            && fresh(*read)
        {
            return Err(error.clone());
        }
        let asked = Instant::now();
        match self.sink.prepare_for(topic, own.as_ref()).await {
            Ok(table) => {
                let known = tables.there.contains_key(&own);
                if let Some((_, most)) = route
                    && !known
                    && tables.there.len() >= most
                {
                    return Err(too_many(topic, most));
                }
                if let Some(own) = &own {
                    tables.missing.remove(own);
                }
                tables.there.insert(own, (asked, table.clone()));
                Ok(table)
            }
            Err(error) => {
                if error.detail.no_table
                    && let Some(route) = own.clone()
                {
                    tables.there.remove(&own);
                    if tables.missing.len() >= MISSING_KEPT {
                        tables.missing.clear();
                    }
                    tables.missing.insert(route, (asked, error.clone()));
                }
                Err(error)
            }
        }
    }
}

/// The refusal of one more table: which of them is one too many depends on the order in
/// which their records come, and must not decide what becomes of a record.
fn too_many(topic: &str, most: usize) -> SinkError {
    SinkError::new(
        Class::Halt,
        format!("the records of topic \"{topic}\" go into more tables than max_tables, {most}"),
    )
    .hint("raise max_tables, or drop or rename tables that records are not to go into")
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_memory::MemorySink;
    use plimsoll_sink_api::{Mode, Routing, TableRule, TableSettings, UnknownRoute};

    fn route(text: &str) -> Route {
        Route::of(text).unwrap()
    }

    fn sink() -> MemorySink {
        let routing = Routing {
            by: "headers.type".parse().unwrap(),
            max_tables: 2,
            unknown: UnknownRoute::default(),
        };
        MemorySink::empty().with_rules(vec![TableRule {
            topics: Vec::new(),
            settings: TableSettings {
                routing: Some(routing),
                ..TableSettings::new("e_{route}", Mode::Append)
            },
        }])
    }

    #[tokio::test]
    async fn a_table_that_is_one_too_many_halts_until_another_is_gone() {
        let sink = sink();
        for name in ["e_a", "e_b", "e_c"] {
            sink.create_plain(name);
        }
        let router = Router::new(Arc::new(sink.clone()));
        let place = |route| Place {
            topic: "t",
            route: Some((route, 2)),
        };
        let [a, b, c, d] = ["a", "b", "c", "d"].map(route);
        router.table(place(&a)).await.unwrap();
        router.table(place(&b)).await.unwrap();
        let error = router.table(place(&c)).await.unwrap_err();
        assert_eq!(error.class, Class::Halt);
        assert!(!error.detail.no_table);
        assert!(error.to_string().contains("max_tables, 2"), "{error}");
        // Those that are known go on, and what has no table is no table too many.
        router.table(place(&a)).await.unwrap();
        assert!(router.table(place(&d)).await.unwrap_err().detail.no_table);
        sink.drop_table("e_a");
        let now = Instant::now();
        assert!(
            router
                .reread(place(&a), now)
                .await
                .unwrap_err()
                .detail
                .no_table
        );
        router.table(place(&c)).await.unwrap();
    }

    #[tokio::test]
    async fn a_route_without_a_table_is_asked_for_once_in_a_while() {
        let sink = sink();
        let router = Router::new(Arc::new(sink.clone()));
        let a = route("a");
        let place = Place {
            topic: "t",
            route: Some((&a, 2)),
        };
        for _ in 0..3 {
            assert!(router.table(place).await.unwrap_err().detail.no_table);
        }
        assert_eq!(sink.prepared(), 1);
        sink.create_plain("e_a");
        router.reread(place, Instant::now()).await.unwrap();
        router.table(place).await.unwrap();
        assert_eq!(sink.prepared(), 2);
    }
}
