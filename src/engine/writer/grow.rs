//! A table that is not there is made, and one that lacks a field's column gets it, where the
//! config asks for that: by the schema of the records, behind the fence.

use super::Writer;
use super::trouble::{Done, Trouble, Written};
use crate::engine::backoff::Backoff;
use crate::engine::control::RestartReason;
use crate::health::{About, Halt, Until};
use crate::metrics as names;
use crate::propose::{FIELDS_LIMIT, Survey, Surveyor, propose};
use crate::text::count;
use metrics::counter;
use plimsoll_protocol::{Class, Question, Then, then};
use plimsoll_record::{Chunk, Decoder, Described, Record};
use plimsoll_sink_api::{
    Kind, LeftOut, Mode, NewColumn, Path, Sink, SinkError, Source, Table, TableChange,
    TableSettings,
};
use std::collections::BTreeSet;
use tracing::info;

impl<S: Sink> Writer<S> {
    /// What the config says of the topic's table, if it is to be made.
    pub(super) fn to_be_made(&self, error: &SinkError) -> Option<TableSettings> {
        let settings = self.lane.settings(&self.tp.topic)?;
        (error.detail.no_table && settings.create).then(|| settings.clone())
    }

    /// Makes the table, by what the records of a chunk tell.
    pub(super) async fn make_table(
        &mut self,
        chunk: &Chunk,
        settings: &TableSettings,
    ) -> Result<(), Trouble> {
        let mut survey = self.survey(chunk, settings).await?;
        // That a field was the same as the key in one batch is no reason to make it the key.
        survey.same_as_key.clear();
        let proposal = propose(&survey, settings, &self.tp.topic);
        let lacks = |what: &str, hint: String| {
            let topic = &self.tp.topic;
            let what = format!("the table for topic \"{topic}\" is to be made, and {what}");
            self.halt(SinkError::new(Class::Halt, what).hint(hint))
        };
        if survey.is_empty() {
            return Err(lacks(
                "no record of the batch has a value that tells its fields",
                "create it, or set the position behind them".to_owned(),
            ));
        }
        if survey.more {
            return Err(lacks(
                "its records have more fields than a table is made for",
                format!(
                    "create it; `plimsoll check --connect --sample 100` prints one for the first \
                     {FIELDS_LIMIT} fields"
                ),
            ));
        }
        if !proposal.sources.is_empty() {
            return Err(lacks(
                "the config names no column for what tells its rows apart",
                proposal.columns(),
            ));
        }
        if settings.mode == Mode::Upsert && proposal.table.key().next().is_none() {
            return Err(lacks(
                "nothing tells its rows apart: the records have no key",
                "name key_columns".to_owned(),
            ));
        }
        let told = columns(&proposal.table.columns);
        self.change(&TableChange::Create(proposal.table)).await?;
        info!(sink = self.lane.name, topic = %self.tp.topic, "table made, or found made: {told}");
        Ok(())
    }

    async fn survey(&mut self, chunk: &Chunk, settings: &TableSettings) -> Result<Survey, Trouble> {
        let lane = self.lane.clone();
        let surveyor = Surveyor {
            formats: &lane.formats,
            topic: &self.tp.topic.clone(),
            named: &settings.columns,
            explode: settings.explode.as_ref(),
        };
        let chunks = [(self.tp.clone(), chunk)];
        let mut backoff = Backoff::default();
        loop {
            let why = match surveyor.look(&chunks).await {
                Ok(survey) => {
                    lane.health.over(&lane.name, &About::Registry);
                    return Ok(survey);
                }
                Err(why) => why,
            };
            if why.class != Class::Unavailable {
                return Err(self.halt(SinkError::new(Class::Halt, why.to_string())));
            }
            lane.health
                .trouble(&lane.name, About::Registry, "", why.to_string());
            self.wait(backoff.next_wait()).await?;
        }
    }

    /// Adds the columns that the fields of a record lack, `field` among them.
    pub(super) async fn add_columns(
        &mut self,
        table: &Table,
        decoder: &Decoder,
        record: &Record<'_>,
        field: &str,
    ) -> Result<(), Trouble> {
        // It was read up to that field: what it needs is here.
        let described = decoder.describe(record, &|_| false).unwrap_or_default();
        let naming = self
            .lane
            .settings(&self.tp.topic)
            .map(|s| s.naming)
            .unwrap_or_default();
        let own = self.lane.formats.envelope.own_fields();
        let new = new_columns(table, &described, own, |field| naming.column_of(field));
        let column = naming.column_of(field);
        let is_new = new.iter().any(|new| new.name == column);
        if !is_new || !self.grown.insert(column.clone()) {
            let what = format!(
                "the field \"{field}\" has no column in table \"{}\", and \"{column}\" cannot be \
                 one for it",
                table.name
            );
            let hint = format!(
                "name a column for it, columns = {{ … = \"{}\" }}, or leave it out: exclude = \
                 [\"{column}\"]",
                Source::Value(Path(vec![field.to_owned()]))
            );
            return Err(self.halt(SinkError::new(Class::Halt, what).hint(hint)));
        }
        let told = columns(&new);
        let change = TableChange::Add {
            topic: self.tp.topic.to_string(),
            columns: new,
        };
        self.change(&change).await?;
        info!(
            sink = self.lane.name, topic = %self.tp.topic, table = table.name,
            "columns added, or found added: {told}"
        );
        Ok(())
    }

    /// Does to the table what a batch was refused for the want of.
    pub(super) async fn make_up(
        &mut self,
        change: &TableChange,
        refused: &SinkError,
    ) -> Result<Written, Trouble> {
        if !self.is_new(change) {
            // Somebody takes away what is made.
            let mut error = refused.clone();
            error.class = Class::Halt;
            let hint = "it was made for this batch already, and is gone or takes no row";
            return Err(self.halt(error.hint(hint)));
        }
        self.change(change).await?;
        self.read_anew().await;
        info!(
            sink = self.lane.name, topic = %self.tp.topic, table = refused.detail.table,
            "{}, or found made", told(change)
        );
        Ok(Written::RereadFirst)
    }

    /// Whether a part of a change was not yet made for the chunk at hand.
    fn is_new(&mut self, change: &TableChange) -> bool {
        match change {
            TableChange::Create(_) | TableChange::Add { .. } => true,
            TableChange::Partitions { from_s, .. } => {
                let made = &mut self.partitioned;
                from_s.iter().filter(|&&from_s| made.insert(from_s)).count() > 0
            }
        }
    }

    /// What was read of the table before is no longer so.
    pub(super) async fn read_anew(&mut self) {
        self.targets.clear();
        self.lane.router.forget(&self.tp.topic).await;
    }

    /// Changes the table. Waits while others use it, or the database is away.
    async fn change(&mut self, change: &TableChange) -> Result<(), Trouble> {
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        loop {
            let changed = self
                .lane
                .sink
                .change_table(&self.tp, self.claim, change)
                .await;
            let Err(error) = changed else {
                counter!(names::TABLE_CHANGES, "sink" => self.lane.name.clone()).increment(1);
                self.retried();
                return Ok(());
            };
            attempts += 1;
            match then(Question::Change, error.class) {
                Then::AskAgain | Then::LookAgain => {
                    self.note_retrying(attempts, &error);
                    self.count_retry(error.class);
                    self.wait(backoff.next_wait()).await?;
                }
                Then::Restart | Then::Settle => {
                    return Err(Trouble::End(Done::Restart(RestartReason::Fenced)));
                }
                Then::Refused | Then::Halt => return Err(self.halt(error)),
            }
        }
    }

    fn halt(&self, error: SinkError) -> Trouble {
        Trouble::End(Done::Halt(Box::new(Halt {
            offset: None,
            column: error.detail.column.clone(),
            reason: error.to_string(),
            until: Until::Committed,
        })))
    }
}

/// The columns that the fields of a row lack. Those that a column of another name takes, or
/// that are left out, lack none; nor does one whose column is there and takes something else.
fn new_columns(
    table: &Table,
    described: &Described,
    own: &[&str],
    column_of: impl Fn(&str) -> String,
) -> Vec<NewColumn> {
    let left_out = table.evolve.iter().flat_map(|LeftOut(sources)| sources);
    let taken = table
        .columns
        .iter()
        .flat_map(|column| column.take.sources());
    let paths = taken.chain(left_out).flat_map(Source::value_paths);
    let known: BTreeSet<String> = paths
        .filter_map(|Path(path)| path.into_iter().next())
        .collect();
    let mut names: BTreeSet<String> = table.columns.iter().map(|c| c.name.clone()).collect();
    let fields = described
        .fields
        .iter()
        .filter(|field| field.path.len() == 1);
    let fields = fields.filter(|field| !own.contains(&field.path[0].as_str()));
    let unknown = fields.filter(|field| !known.contains(&field.path[0]));
    let new = unknown.map(|field| NewColumn {
        name: column_of(&field.path[0]),
        // What is null alone becomes a text, which takes most.
        kind: field.typed.unwrap_or(Kind::Text),
        key: false,
    });
    new.filter(|column| names.insert(column.name.clone()))
        .collect()
}

/// `3 partitions made, each of one day`
fn told(change: &TableChange) -> String {
    match change {
        TableChange::Create(table) => format!("table made: {}", columns(&table.columns)),
        TableChange::Add { columns: new, .. } => format!("columns added: {}", columns(new)),
        TableChange::Partitions { period, from_s, .. } => {
            let of = period.as_str();
            format!(
                "{} made, each of one {of}",
                count(from_s.len(), "partition")
            )
        }
    }
}

/// `id integer (key), name text`
fn columns(columns: &[NewColumn]) -> String {
    let told = |column: &NewColumn| {
        let key = if column.key { " (key)" } else { "" };
        format!("{} {:?}{key}", column.name, column.kind).to_lowercase()
    };
    columns.iter().map(told).collect::<Vec<_>>().join(", ")
}
