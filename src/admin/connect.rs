//! `check --connect`: what Kafka and the database say of one sink. Nothing is
//! written.

use super::error::AdminError;
use super::explain::{self, Explaining, Place};
use super::kafka::{Kafka, Known, ask_kafka};
use super::list::explained;
use super::report::Report;
use super::standing::{join, logs, lost};
use super::text::count;
use super::told::{OfSink, Told};
use super::{block_on, client_name, columns, sample};
use crate::backends::with_backend;
use crate::config::{Config, Sink as Settings, Topics};
use crate::error::KafkaFault;
use crate::formats::{SharedRegistry, formats};
use crate::propose::{Surveyor, propose};
use plimsoll_protocol::{Class, TopicPartition};
use plimsoll_record::{Chunk, Decoder, Formats};
use plimsoll_registry::Registry;
use plimsoll_sink_api::{
    Backend, Inspect, Mode, Positions, Prepared, Route, Sink, StoredPosition, UnknownRoute,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

/// What is asked for beside tables and topics.
pub(super) struct Wanted<'w> {
    /// So many records, to be tried.
    pub(super) sample: Option<usize>,
    /// One record, to be explained.
    pub(super) explain: Option<&'w Place>,
    /// With its values.
    pub(super) show_values: bool,
}

/// Asks for one sink.
pub(super) fn connect<W: Write>(
    config: &Config,
    kafka: &Result<Kafka, KafkaFault>,
    settings: &Settings,
    told: Option<&Told>,
    wanted: &Wanted<'_>,
    report: &mut Report<'_, W>,
) -> Result<(), AdminError> {
    ask_registry(config, settings, report)?;
    let asking = Asking {
        config,
        settings,
        formats: formats(settings, &SharedRegistry::of(config)),
        known: ask_kafka(kafka, settings, report)?,
        told: told.and_then(|told| told.of(&settings.name)),
        wanted,
    };
    block_on(async { with_backend!(&settings.backend, |of| asking.ask(of, report).await) })
}

/// Whether the registry answers, where schemas are asked for.
fn ask_registry<W: Write>(
    config: &Config,
    settings: &Settings,
    report: &mut Report<'_, W>,
) -> Result<(), AdminError> {
    let Some(registry) = &config.registry else {
        return Ok(());
    };
    if !settings.reads.asks_registry() {
        return Ok(());
    }
    let reached = match Registry::new(registry) {
        Ok(registry) => block_on(async { Ok(registry.reach().await) })?,
        Err(why) => Err(why),
    };
    match reached {
        Ok(()) => report.line("schemas", &format!("{} answers", registry.urls.join(", ")))?,
        Err(why) => report.fault(&format!("schema_registry: {why}"))?,
    }
    Ok(())
}

/// What is asked of one sink's database.
struct Asking<'c> {
    config: &'c Config,
    settings: &'c Settings,
    formats: Formats,
    known: Option<Known<'c>>,
    /// What the running service says, where it runs here.
    told: Option<&'c OfSink>,
    wanted: &'c Wanted<'c>,
}

/// Tables by topic, and by route where its records go into several.
type Tables<S> = BTreeMap<(String, Option<Route>), Arc<Prepared<<S as Sink>::Plan>>>;

impl Asking<'_> {
    async fn ask<B: Backend, W: Write>(
        &self,
        backend: &B,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let asked = match backend.open_to_look(&client_name()) {
            Ok(sink) => self.ask_all(backend, &sink, report).await,
            Err(error) => Err(AdminError::sink(&self.settings.name)(error)),
        };
        match asked {
            Err(AdminError::Sink { error, .. }) => Ok(report.fault_of_backend(&error.to_string())?),
            other => other,
        }
    }

    async fn ask_all<B: Backend, W: Write>(
        &self,
        backend: &B,
        sink: &B::Sink,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let failed = || AdminError::sink(&self.settings.name);
        let mut tables = Tables::<B::Sink>::new();
        let mut missing = Vec::new();
        let mut lacking = BTreeSet::new();
        for (topic, route) in self.places(sink, report).await? {
            let prepared = match sink.prepare_for(&topic, route.as_ref()).await {
                Ok(prepared) => prepared,
                Err(error) if backend.will_make(&topic, &error) => {
                    report.line("table", &format!("{topic} → run makes its log table"))?;
                    continue;
                }
                Err(error) if error.detail.no_table => {
                    match self
                        .settings
                        .backend
                        .table(&topic)
                        .is_some_and(|table| table.create)
                    {
                        true => {
                            let what = format!("{topic} → run makes it, by the first records");
                            report.line("table", &what)?;
                        }
                        false => report.fault_of_backend(&error.to_string())?,
                    }
                    missing.push(topic);
                    continue;
                }
                // Nothing else will be answered either.
                Err(error) if error.class == Class::Unavailable => return Err(failed()(error)),
                Err(error) => {
                    report.fault_of_backend(&error.to_string())?;
                    continue;
                }
            };
            let head = columns::head(&prepared.table);
            report.line("table", &format!("{topic} → {head}"))?;
            report.more(&columns::lines(&prepared.table))?;
            report.more(&sink.notes(&prepared).await.map_err(failed())?)?;
            lacking.extend(
                sink.missing_privileges(&topic, route.as_ref())
                    .await
                    .map_err(failed())?,
            );
            match Decoder::new(&prepared.table, &topic, 0, &self.formats).judge() {
                Ok(()) => drop(tables.insert((topic, route), prepared)),
                Err(why) => report.fault_of_backend(&why.to_string())?,
            }
        }
        for privilege in lacking {
            report.fault_of_backend(&format!("the role lacks {privilege}"))?;
        }
        self.ask_state(backend, sink, report).await?;
        if let (Some(wanted), Some(known)) = (self.wanted.sample, &self.known) {
            let topics = (&tables, missing.as_slice());
            self.try_sample(sink, known, topics, wanted, report).await?;
        }
        match (self.wanted.explain, &self.known) {
            (Some(place), Some(known)) => self.explain(sink, known, &tables, place, report).await,
            _ => Ok(()),
        }
    }

    /// The way of one record, where it is one of this sink's.
    async fn explain<S: Inspect, W: Write>(
        &self,
        sink: &S,
        known: &Known<'_>,
        tables: &Tables<S>,
        place: &Place,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        // Where its topic has no table, that is told.
        if !tables.keys().any(|(topic, _)| topic == place.topic()) {
            return Ok(());
        }
        let name = &self.settings.name;
        let chunk = match explain::read(self.config, self.settings, &known.kafka.cluster, place) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(report.fault(&format!("sinks.{name}: {place} has no record"))?),
            Err(fault) => return Ok(report.fault(&format!("sinks.{name}: {fault}"))?),
        };
        let settings = self.settings.backend.table(place.topic());
        let routing = settings.and_then(|settings| settings.routing.as_ref());
        let prepared = match routing {
            None => tables.get(&(place.topic().to_owned(), None)),
            Some(routing) => {
                let told = (&self.formats, self.wanted.show_values);
                match explain::route(routing, &place.tp, told, &chunk, report).await? {
                    None => return Ok(()),
                    Some((route, why)) => {
                        let at = (place.topic().to_owned(), Some(route));
                        match tables.get(&at) {
                            None => return Ok(report.fault(&why)?),
                            found => found,
                        }
                    }
                }
            }
        };
        let Some(prepared) = prepared else {
            return Ok(());
        };
        let explaining = Explaining {
            sink,
            formats: &self.formats,
            prepared,
            tp: &place.tp,
            show_values: self.wanted.show_values,
        };
        explaining.explain(&chunk, report).await
    }

    /// The tables to be asked for: of topics, and of their routes as far as those have any.
    async fn places<S: Inspect, W: Write>(
        &self,
        sink: &S,
        report: &mut Report<'_, W>,
    ) -> Result<Vec<(String, Option<Route>)>, AdminError> {
        let mut places = Vec::new();
        for topic in self.topics() {
            let settings = self.settings.backend.table(&topic);
            let Some((settings, routing)) =
                settings.and_then(|settings| Some((settings, settings.routing.as_ref()?)))
            else {
                places.push((topic, None));
                continue;
            };
            let routes = match sink.routes(&topic).await {
                Ok(routes) => routes,
                Err(error) if error.class == Class::Unavailable => {
                    return Err(AdminError::sink(&self.settings.name)(error));
                }
                Err(error) => {
                    report.fault_of_backend(&error.to_string())?;
                    continue;
                }
            };
            let (table, by, most) = (&settings.table, &routing.by, routing.max_tables);
            let what = format!(
                "{topic} → {table} by {by}: {}",
                count(routes.len(), "table")
            );
            report.line("route", &what)?;
            if routes.is_empty() {
                report.fault_of_backend(&format!(
                    "no table is there that \"{table}\" may mean; hint: create one for each text \
                     that {by} has in the records of {topic}"
                ))?;
            }
            if routes.len() > most {
                report.fault_of_backend(&format!(
                    "{} may be meant by \"{table}\", more than max_tables, {most}; hint: raise \
                     it, or give tables other names that records are not to go into",
                    count(routes.len(), "table")
                ))?;
            }
            places.extend(routes.into_iter().map(|route| (topic.clone(), Some(route))));
        }
        Ok(places)
    }

    /// Named topics are judged even where Kafka does not answer.
    fn topics(&self) -> Vec<String> {
        match (&self.settings.topics, &self.known) {
            (Topics::Named(names), _) => names.clone(),
            (Topics::Pattern(_), Some(known)) => {
                let names = known.partitions.iter().map(|tp| tp.topic.to_string());
                let mut names: Vec<String> = names.collect();
                names.dedup();
                names
            }
            (Topics::Pattern(_), None) => Vec::new(),
        }
    }

    /// Plimsoll's own tables, and whose the positions in them are.
    async fn ask_state<B: Backend, W: Write>(
        &self,
        backend: &B,
        sink: &B::Sink,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let stored = match sink.positions().await {
            Ok(stored) => stored,
            Err(error) if backend.lacks_state(&error) && backend.auto_migrate() => {
                report.line("state", "no tables of plimsoll's own yet; run makes them")?;
                return Ok(());
            }
            Err(error) if backend.lacks_state(&error) => {
                report.fault_of_backend(
                    "plimsoll's own tables are missing, and auto_migrate is off; hint: plimsoll \
                     migrate",
                )?;
                return Ok(());
            }
            Err(error) => return Err(AdminError::sink(&self.settings.name)(error)),
        };
        report.line("state", &count(stored.len(), "position"))?;
        let foreign = stored.iter().find_map(|row| {
            let identity = row.identity.as_ref()?;
            let same_cluster = self
                .known
                .as_ref()
                .is_none_or(|known| known.kafka.id == identity.cluster_id);
            let same = same_cluster && identity.group_id == self.settings.group_id;
            (!same).then_some((row, identity))
        });
        if let Some((row, identity)) = foreign {
            report.fault_of_backend(&format!(
                "the position of {} belongs to group {} of cluster {}; hint: give this sink \
                 another name, or its old group_id back",
                row.tp, identity.group_id, identity.cluster_id
            ))?;
            // Nothing else of them is this sink's.
            return Ok(());
        }
        let lost = match lost(backend, sink).await {
            Ok(lost) => lost,
            Err(error) => return Ok(report.fault_of_backend(&error.to_string())?),
        };
        self.ask_progress((stored, lost), report)
    }

    /// Whether what is stored moves, as far as anybody here can know.
    fn ask_progress<W: Write>(
        &self,
        stored: (Vec<StoredPosition>, BTreeSet<TopicPartition>),
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let settings = self.settings;
        if let Some(known) = &self.known {
            // What is wrong with topics is told already.
            let (logs, _) = logs(known.kafka, settings, &stored.0);
            let cluster_id = Some(known.kafka.id.as_str());
            for standing in join(&settings.name, cluster_id, stored, logs, self.told) {
                if let Some(why) = &standing.why {
                    report.fault(&explained(&standing, why))?;
                }
            }
        }
        for trouble in self.told.iter().flat_map(|told| &told.troubles) {
            let (kind, since, what) = (&trouble.kind, &trouble.since, &trouble.what);
            let name = &settings.name;
            report.fault(&format!(
                "sinks.{name}: the service says: {kind} since {since}: {what}"
            ))?;
        }
        Ok(())
    }

    async fn try_sample<S: Inspect, W: Write>(
        &self,
        sink: &S,
        known: &Known<'_>,
        (tables, missing): (&Tables<S>, &[String]),
        wanted: usize,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let name = &self.settings.name;
        let read = sample::read(
            self.config,
            self.settings,
            &known.kafka.cluster,
            &known.partitions,
            wanted,
        );
        let chunks = match read {
            Ok(chunks) => chunks,
            Err(fault) => return Ok(report.fault(&format!("sinks.{name}: {fault}"))?),
        };
        if chunks.is_empty() {
            report.line("sample", "no record could be read: the topics are empty")?;
        }
        for ((topic, route), prepared) in tables {
            if !chunks.iter().any(|(tp, _)| *tp.topic == **topic) {
                continue;
            }
            let place = (topic.as_str(), route.as_ref());
            let tried =
                sample::try_out(sink, self.settings, &self.formats, place, prepared, &chunks)
                    .await?;
            let of = match route {
                None => topic.clone(),
                Some(_) => format!("{topic} into {}", prepared.table.name),
            };
            let filtered = match tried.filtered {
                0 => String::new(),
                filtered => format!(", {filtered} ruled out by where"),
            };
            report.line(
                "sample",
                &format!(
                    "{} of {of}: {} {}, {} bad{filtered}",
                    count(tried.records, "record"),
                    count(usize::try_from(tried.rows).unwrap_or(usize::MAX), "row"),
                    S::DRY_RUN.as_str(),
                    tried.bad.records()
                ),
            )?;
            report.more(&tried.fields)?;
            let bad = tried.bad.lines();
            for fault in tried.faults.iter().chain(&bad).chain(&tried.together) {
                report.fault(fault)?;
            }
            if let Some(hint) = &tried.hint {
                report.line("hint", hint)?;
            }
        }
        let known: Vec<_> = tables.keys().cloned().collect();
        self.try_routes(&known, &chunks, report).await?;
        for topic in missing {
            if chunks.iter().any(|(tp, _)| *tp.topic == **topic) {
                self.propose(sink, topic, &chunks, report).await?;
            }
        }
        Ok(())
    }

    /// Records of the sample that no table is known for.
    async fn try_routes<W: Write>(
        &self,
        places: &[(String, Option<Route>)],
        chunks: &[(TopicPartition, Chunk)],
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        for topic in self.topics() {
            let settings = self.settings.backend.table(&topic);
            let Some(routing) = settings.and_then(|settings| settings.routing.as_ref()) else {
                continue;
            };
            let own = places.iter().filter(|(of, _)| *of == topic);
            let known: Vec<&Route> = own.filter_map(|(_, route)| route.as_ref()).collect();
            let bad = sample::unrouted(routing, &known, &self.formats, &topic, chunks).await?;
            for line in bad.lines() {
                match routing.unknown {
                    UnknownRoute::Skip => report.line("skipped", &line)?,
                    UnknownRoute::AsBadRecord | UnknownRoute::Halt | UnknownRoute::DeadLetter => {
                        report.fault(&line)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What the records of a topic hold whose table is not there, and a table for them.
    async fn propose<S: Inspect, W: Write>(
        &self,
        sink: &S,
        topic: &str,
        chunks: &[(TopicPartition, Chunk)],
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let Some(settings) = self.settings.backend.table(topic) else {
            return Ok(());
        };
        let surveyor = Surveyor {
            formats: &self.formats,
            topic,
            named: &settings.columns,
            explode: settings.explode.as_ref(),
        };
        let survey = match surveyor.look(chunks).await {
            Ok(survey) => survey,
            Err(why) => return Ok(report.fault(&format!("{topic}: {why}"))?),
        };
        let said = format!(
            "{} of {topic}: {} bad",
            count(survey.records, "record"),
            survey.bad.records()
        );
        report.line("sample", &said)?;
        report.more(&survey.lines())?;
        for bad in survey.bad.lines() {
            report.fault(&bad)?;
        }
        // It is made by the service, or nothing is known of its columns.
        if settings.mode == Mode::Log || survey.is_empty() {
            return Ok(());
        }
        let proposal = propose(&survey, settings, topic);
        match proposal.script(sink) {
            Ok(script) => report.paste(&script)?,
            Err(error) => return Ok(report.fault_of_backend(&error.to_string())?),
        }
        if !proposal.sources.is_empty() {
            let name = self.settings.backend.name();
            report.line(
                "hint",
                &format!(
                    "with it, in [sinks.{}.{name}]: {}",
                    self.settings.name,
                    proposal.columns()
                ),
            )?;
        }
        Ok(())
    }
}
