//! One sink: its snapshot, and which tables its topics feed.

use crate::log::Log;
use crate::report::{Failure, TableReport};
use crate::sample::Sample;
use crate::share::Share;
use crate::table::Comparing;
use plimsoll_record::Formats;
use plimsoll_sink_api::snapshot::{Feed, Feeds, Place, Snapshot, Standing};
use plimsoll_sink_api::{Route, SinkError};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How long a database may take to answer at all. It bounds what one that is away
/// costs the others.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What one sink is compared with, and how.
#[derive(Debug)]
pub struct OneSink<'s, L> {
    /// The sink's name.
    pub name: &'s str,
    /// How its records are read.
    pub formats: Formats,
    /// The log.
    pub log: &'s L,
    /// Whose log it is.
    pub cluster_id: &'s str,
    /// Which rows are looked at.
    pub sample: Sample,
    /// Bytes for the comparison; what does not fit goes to temporary files.
    pub memory: u64,
}

/// What was compared, and what could not be.
#[derive(Debug, Default)]
pub struct Compared {
    /// By table.
    pub tables: Vec<TableReport>,
    /// The rest.
    pub failures: Vec<Failure>,
}

/// One snapshot, and what it says of the sink.
struct Seen<S> {
    snapshot: S,
    standings: Vec<Standing>,
    letters: HashSet<Place>,
}

impl<L: Log> OneSink<'_, L> {
    /// Compares all of its tables, whatever becomes of one of them. `open`: takes a
    /// snapshot.
    pub async fn run<S: Snapshot>(
        &self,
        open: impl AsyncFn() -> Result<S, SinkError>,
        compared: &mut Compared,
    ) {
        let failures = &mut compared.failures;
        let failed = |table: Option<&str>, error: &str| Failure::new(self.name, table, error);
        let seen = match self.look(&open).await {
            Ok(seen) => seen,
            Err(error) => return failures.push(failed(None, &error)),
        };
        let (groups, refused) = grouped(&seen.snapshot, &seen.standings).await;
        let of_topic =
            |(topic, error): (String, String)| failed(None, &format!("topic {topic}: {error}"));
        failures.extend(refused.into_iter().map(of_topic));
        let mut seen = Some(seen);
        for mut group in groups {
            // A question that failed may have taken the snapshot with it.
            let mut at_hand = match seen.take() {
                Some(seen) => seen,
                None => match self.look(&open).await {
                    Ok(again) => {
                        group.stand_as(&again.standings);
                        again
                    }
                    Err(error) => {
                        failures.push(failed(Some(&group.feed.table.name), &error));
                        continue;
                    }
                },
            };
            let comparing = Comparing {
                sink: self,
                group: &group,
                letters: &at_hand.letters,
            };
            match comparing.run(&mut at_hand.snapshot).await {
                Ok(report) => {
                    compared.tables.push(report);
                    seen = Some(at_hand);
                }
                Err(error) => {
                    failures.push(failed(Some(&group.feed.table.name), &error.to_string()));
                }
            }
        }
    }

    /// Takes a snapshot, and reads what it says of the sink.
    async fn look<S: Snapshot>(
        &self,
        open: &impl AsyncFn() -> Result<S, SinkError>,
    ) -> Result<Seen<S>, String> {
        let look = async {
            let mut snapshot = open().await?;
            let standings = snapshot.positions().await?;
            let letters = snapshot.dead_letters().await?;
            Ok::<_, SinkError>(Seen {
                snapshot,
                standings,
                letters,
            })
        };
        let late = |_| format!("the database did not answer within {} s", TIMEOUT.as_secs());
        let seen = tokio::time::timeout(TIMEOUT, look)
            .await
            .map_err(late)?
            .map_err(|e| e.to_string())?;
        let clusters = seen.standings.iter().filter_map(|s| s.cluster.as_ref());
        if let Some(other) = clusters.into_iter().find(|id| *id != self.cluster_id) {
            return Err(format!(
                "its positions are of cluster {other}, and this is cluster {}; hint: \
                 kafka.bootstrap_servers names another Kafka than the service's",
                self.cluster_id
            ));
        }
        if seen.standings.is_empty() {
            return Err(
                "it has no position yet, so there is nothing to compare; hint: start the service first".to_owned(),
            );
        }
        Ok(seen)
    }
}

/// Topics that go into one table: their rows can only be compared together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) feed: Feed,
    /// The partitions that feed it.
    pub(crate) standings: Vec<Standing>,
    /// By topic, where its records go into several tables: which of them into this one.
    pub(crate) shares: HashMap<String, Share>,
}

impl Group {
    /// Takes over where its topics stand by another look.
    fn stand_as(&mut self, all: &[Standing]) {
        let topics: Vec<String> = self.standings.iter().map(|s| s.topic.clone()).collect();
        let ours = all.iter().filter(|s| topics.contains(&s.topic));
        self.standings = ours.cloned().collect();
    }
}

/// Groups, and topics that are in none of them, with the reason.
type Groups = (Vec<Group>, Vec<(String, String)>);

async fn grouped(snapshot: &impl Snapshot, standings: &[Standing]) -> Groups {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut refused = Vec::new();
    // What was read of the others is not enough to compare a table by.
    let mut spoilt: BTreeMap<String, (String, String)> = BTreeMap::new();
    for topic in standings.chunk_by(|a, b| a.topic == b.topic) {
        let name = &topic[0].topic;
        let shares = match shares(snapshot, name).await {
            Ok(shares) => shares,
            Err(error) => {
                refused.push((name.clone(), error));
                continue;
            }
        };
        for share in shares {
            let route = share.as_ref().map(|share| &share.own);
            let feed = match snapshot.feed(name, route).await {
                Ok(feed) => feed,
                Err(error) => {
                    refused.push((name.clone(), error.to_string()));
                    continue;
                }
            };
            let target = feed.target.clone();
            if let Some(why) = feed.incomparable {
                let why = format!("table {}: {why}", feed.table.name);
                spoilt.insert(target, (name.clone(), why));
                continue;
            }
            let group = groups.entry(target.clone()).or_insert_with(|| Group {
                feed: feed.clone(),
                standings: Vec::new(),
                shares: HashMap::new(),
            });
            if group.feed != feed {
                let why = format!(
                    "table {} is fed by topics with different settings, which cannot be compared together",
                    group.feed.table.name
                );
                spoilt.insert(target, (name.clone(), why));
                continue;
            }
            group.standings.extend_from_slice(topic);
            group
                .shares
                .extend(share.map(|share| (name.clone(), share)));
        }
    }
    for (target, why) in spoilt {
        groups.remove(&target);
        refused.push(why);
    }
    (groups.into_values().collect(), refused)
}

/// The shares that tables have in a topic's records; `None`: one has all of them.
async fn shares(snapshot: &impl Snapshot, topic: &str) -> Result<Vec<Option<Share>>, String> {
    let feeds = snapshot.feeds(topic).await.map_err(|e| e.to_string())?;
    let (routing, routes) = match feeds {
        Feeds::One => return Ok(vec![None]),
        Feeds::Routed(_, routes) if routes.is_empty() => {
            return Err("none of the tables that its records go into is there".to_owned());
        }
        Feeds::Routed(routing, routes) => (routing, routes),
    };
    let all: HashSet<Route> = routes.iter().cloned().collect();
    let share = |(place, own): (usize, Route)| {
        Some(Share {
            routing: routing.clone(),
            own,
            all: all.clone(),
            first: place == 0,
        })
    };
    Ok(routes.into_iter().enumerate().map(share).collect())
}
