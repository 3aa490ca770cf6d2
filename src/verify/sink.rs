//! One sink: its database, its positions, and which tables its topics feed.

use super::VerifyArgs;
use super::database::{Database, Failed, Letters, Standing};
use super::report::{Failure, TableReport};
use super::table::Comparing;
use super::{cassandra, postgres, sqlite};
use crate::config::{Backend, Config, Sink as Settings};
use crate::consume::Cluster;
use plimsoll_cassandra::CassandraSink;
use plimsoll_postgres::PostgresSink;
use plimsoll_sink_api::{Missing, Prepared, Sink, SinkError, Table, TableRule, rule_for};
use plimsoll_sqlite::{SqliteSettings, SqliteSink};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a database may take to answer at all. It bounds what one that is away
/// costs the others.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one sink is compared with.
pub struct OneSink<'s> {
    pub config: &'s Config,
    pub settings: &'s Settings,
    pub cluster: &'s Cluster,
    pub cluster_id: &'s str,
    pub args: &'s VerifyArgs,
}

/// One snapshot, and what it says of the sink.
struct Seen {
    database: Database,
    standings: Vec<Standing>,
    letters: Letters,
}

impl OneSink<'_> {
    /// Compares all of its tables, whatever becomes of one of them.
    pub async fn run(&self, reports: &mut Vec<TableReport>, failures: &mut Vec<Failure>) {
        let failed =
            |table: Option<&str>, error: &str| Failure::new(&self.settings.name, table, error);
        let seen = match self.look().await {
            Ok(seen) => seen,
            Err(error) => return failures.push(failed(None, &error)),
        };
        let (groups, refused) = match groups(self.settings, &seen.standings).await {
            Ok(found) => found,
            Err(error) => return failures.push(failed(None, &error.to_string())),
        };
        let of_topic =
            |(topic, error): (String, String)| failed(None, &format!("topic {topic}: {error}"));
        failures.extend(refused.into_iter().map(of_topic));
        let mut seen = Some(seen);
        for mut group in groups {
            // A question that failed may have taken the snapshot with it.
            let mut at_hand = match seen.take() {
                Some(seen) => seen,
                None => match self.look().await {
                    Ok(again) => {
                        group.stand_as(&again.standings);
                        again
                    }
                    Err(error) => {
                        failures.push(failed(Some(&group.table.name), &error));
                        continue;
                    }
                },
            };
            let comparing = Comparing {
                config: self.config,
                settings: self.settings,
                cluster: self.cluster,
                group: &group,
                letters: &at_hand.letters,
                sample: self.args.sample,
                memory: self.args.memory_mib << 20,
            };
            match comparing.run(&mut at_hand.database).await {
                Ok(report) => {
                    reports.push(report);
                    seen = Some(at_hand);
                }
                Err(error) => {
                    failures.push(failed(Some(&group.table.name), &error.to_string()));
                }
            }
        }
    }

    /// Opens the database, and reads what it says of the sink.
    async fn look(&self) -> Result<Seen, String> {
        let name = &self.settings.name;
        let look = async {
            let mut database = self.open().await?;
            let told = |e: Failed| e.to_string();
            let standings = database.positions(name).await.map_err(told)?;
            let letters = database.letters(name).await.map_err(told)?;
            Ok::<_, String>(Seen {
                database,
                standings,
                letters,
            })
        };
        let late = |_| {
            format!(
                "the database did not answer within {} s",
                PATIENCE.as_secs()
            )
        };
        let seen = tokio::time::timeout(PATIENCE, look).await.map_err(late)??;
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

    async fn open(&self) -> Result<Database, String> {
        let failed = |e: sqlx::Error| Failed::from(e).to_string();
        match &self.settings.backend {
            Backend::Postgres(postgres) => {
                let options = plimsoll_postgres::connect_options(postgres.url.reveal())
                    .map_err(|e| format!("postgres.url: {e}"))?;
                let opened = postgres::Postgres::open(options, &postgres.state_schema).await;
                Ok(Database::Postgres(Box::new(opened.map_err(failed)?)))
            }
            Backend::Sqlite(sqlite) => {
                let opened = sqlite::Sqlite::open(&sqlite.path).await;
                Ok(Database::Sqlite(Box::new(opened.map_err(failed)?)))
            }
            Backend::Cassandra(cassandra) => {
                let cassandra = cassandra::Cassandra::new(cassandra.clone());
                Ok(Database::Cassandra(Box::new(cassandra)))
            }
        }
    }
}

/// Topics that go into one table: their rows can only be compared together.
pub struct Group {
    /// The table's name for SQL.
    pub target: String,
    /// For the decoder.
    pub table: Table,
    /// What a missing field does.
    pub missing: Missing,
    /// The partitions that feed it.
    pub standings: Vec<Standing>,
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

async fn groups(settings: &Settings, standings: &[Standing]) -> Result<Groups, SinkError> {
    match &settings.backend {
        Backend::Postgres(postgres) => {
            let sink = PostgresSink::open(postgres.clone(), "verify")?.read_only();
            let target = |p: &Prepared<_>| plimsoll_postgres::PgPlan::target(&p.plan).to_owned();
            Ok(grouped(&sink, &postgres.tables, standings, target, |_| None).await)
        }
        Backend::Sqlite(sqlite) => {
            // So that looking makes nothing.
            let looking = SqliteSettings {
                auto_migrate: false,
                ..sqlite.clone()
            };
            let sink = SqliteSink::open(looking)?;
            let target = |p: &Prepared<_>| p.table.name.clone();
            Ok(grouped(&sink, &sqlite.tables, standings, target, |_| None).await)
        }
        Backend::Cassandra(cassandra) => {
            let rules: Vec<TableRule> = cassandra.tables.iter().map(|t| t.rule.clone()).collect();
            let sink = CassandraSink::new(cassandra.clone());
            let target = |p: &Prepared<_>| p.table.name.clone();
            let ends = |topic: &str| {
                let mut tables = cassandra.tables.iter();
                let of = tables.find(|table| table.rule.covers(topic))?;
                of.ttl.as_ref()?;
                Some("its rows end by themselves, and the log does not tell when")
            };
            Ok(grouped(&sink, &rules, standings, target, ends).await)
        }
    }
}

/// `refuse`: why the table of a topic cannot be compared.
async fn grouped<S: Sink>(
    sink: &S,
    rules: &[TableRule],
    standings: &[Standing],
    target: impl Fn(&Prepared<S::Plan>) -> String,
    refuse: impl Fn(&str) -> Option<&'static str>,
) -> Groups {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut refused = Vec::new();
    // What was read of the others is not enough to compare a table by.
    let mut spoilt: BTreeMap<String, (String, String)> = BTreeMap::new();
    for topic in standings.chunk_by(|a, b| a.topic == b.topic) {
        let name = &topic[0].topic;
        let Some(rule) = rule_for(rules, name) else {
            refused.push((name.clone(), "no table takes its records".to_owned()));
            continue;
        };
        let prepared: Arc<Prepared<S::Plan>> = match sink.prepare(name).await {
            Ok(prepared) => prepared,
            Err(error) => {
                refused.push((name.clone(), error.to_string()));
                continue;
            }
        };
        let target = target(&prepared);
        let group = groups.entry(target.clone()).or_insert_with(|| Group {
            target: target.clone(),
            table: prepared.table.clone(),
            missing: rule.missing,
            standings: Vec::new(),
        });
        if let Some(why) = refuse(name) {
            let why = format!("table {}: {why}", group.table.name);
            spoilt.insert(target, (name.clone(), why));
            continue;
        }
        if group.table != prepared.table || group.missing != rule.missing {
            let why = format!(
                "table {} is fed by topics with different settings, which cannot be compared together",
                group.table.name
            );
            spoilt.insert(target, (name.clone(), why));
            continue;
        }
        group.standings.extend_from_slice(topic);
    }
    for (target, (topic, why)) in spoilt {
        groups.remove(&target);
        refused.push((topic, why));
    }
    (groups.into_values().collect(), refused)
}
