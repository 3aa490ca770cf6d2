//! From the config and a table's columns to what is written: the rules that every
//! database shares, in the same words. Pure.

mod key;
mod table;
#[cfg(test)]
mod tests;

pub use key::{Key, Unique};
pub use table::{check_route, log_tables, missing_table, no_such_name, no_table, rule, table_name};

use crate::text::{idents, nearest};
use crate::{
    Column, Holds, LeftOut, Mode, Pairs, Path, Shape, SinkError, Source, Table, TableSettings, Take,
};
use plimsoll_protocol::Class;

/// The coordinate columns of a `log` table, and where they come from.
const COORDINATES: [(&str, Source); 3] = [
    ("kafka_topic", Source::Topic),
    ("kafka_partition", Source::Partition),
    ("kafka_offset", Source::Offset),
];

/// The coordinate of an element, where every element of an array is a row.
pub const INDEX: &str = "kafka_index";

/// The event of a `log` table.
pub const EVENT: &str = "event_data";

/// The coordinate columns of a `log` table with these settings, and where they come from.
pub fn coordinates(settings: &TableSettings) -> impl Iterator<Item = (&'static str, Source)> {
    let index = settings.explode.is_some().then_some((INDEX, Source::Index));
    COORDINATES.into_iter().chain(index)
}

/// A table as the catalogue has it, as far as these rules need to know it.
#[derive(Debug, Clone)]
pub struct Target<'c> {
    /// Its name, for people.
    pub name: &'c str,
    /// Its name in a statement.
    pub sql: &'c str,
    /// Its columns in their order.
    pub columns: Vec<Candidate<'c>>,
    /// What makes rows unique: its primary key, and unique indexes over plain columns
    /// and all rows. Of two over the same columns the first one is taken.
    pub uniques: Vec<Unique<'c>>,
    /// What its partitions are told apart by, which each unique index then has to hold.
    pub partitioned_by: Vec<&'c str>,
    /// Whether the database compares names without regard to case.
    pub folds_case: bool,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'c> {
    /// Its name.
    pub name: &'c str,
    /// Why no record can be written to it, if so.
    pub closed: Option<Closed>,
}

/// Why no record can be written to a column. It is left out, and may not be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The database alone gives it its value.
    Generated,
    /// It has one value for many keys: the records of some would replace those of
    /// others.
    Static,
}

/// What is written to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Each column that is written, once.
    pub columns: Vec<Mapped>,
    /// What tells one row from another: of an upsert its key, of a log its coordinates,
    /// of other tables nothing.
    pub key: Option<Key>,
    /// Fields of columns that take none: they are known, and go nowhere.
    pub left_out: Vec<Source>,
}

impl Mapping {
    /// The table for the decoder. `columns`: those that are written, in their order.
    #[must_use]
    pub fn table(
        &self,
        name: &str,
        settings: &TableSettings,
        columns: impl IntoIterator<Item = Column>,
    ) -> Table {
        Table {
            name: name.to_owned(),
            mode: settings.mode,
            columns: columns.into_iter().collect(),
            explode: settings.explode.clone(),
            filter: settings.filter.clone(),
            evolve: settings.evolve.then(|| LeftOut(self.left_out.clone())),
        }
    }
}

/// A column that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its place in [`Target::columns`].
    pub at: usize,
    /// What it takes.
    pub take: Take,
    /// Part of the key, in [`Mode::Upsert`].
    pub key: bool,
    /// The event of a log. Where it is kept as text, it is JSON text, strings with their
    /// quotes.
    pub event: bool,
}

impl Mapped {
    /// The same for the decoder; it is for what its type's name says.
    #[must_use]
    pub fn column(&self, name: &str, shape: Shape, type_name: String) -> Column {
        Column {
            name: name.to_owned(),
            take: self.take.clone(),
            shape,
            key: self.key,
            holds: Holds::named(&type_name),
            type_name,
        }
    }
}

fn halt(what: String) -> SinkError {
    SinkError::new(Class::Halt, what)
}

impl Target<'_> {
    /// What is written to the table, and what tells its rows apart.
    ///
    /// # Errors
    /// The config names what is not there, or the table does not suit its mode.
    pub fn map(&self, settings: &TableSettings) -> Result<Mapping, SinkError> {
        self.check_named(settings)?;
        let sources = match settings.mode {
            Mode::Log => self.log_sources(settings)?,
            Mode::Append | Mode::Upsert => self.all_sources(settings),
        };
        if sources.is_empty() {
            return Err(self.refuse("has no column that can be written"));
        }
        let key = self.key(settings, &sources)?;
        if let (Mode::Upsert, Some(key)) = (settings.mode, &key) {
            for (at, take) in key.columns.iter().map(|&i| &sources[i]) {
                self.check_key_source(self.columns[*at].name, take)?;
            }
        }
        let columns = sources.into_iter().enumerate().map(|(i, (at, take))| {
            let is_key = key.as_ref().is_some_and(|key| key.columns.contains(&i));
            Mapped {
                at,
                take,
                key: settings.mode == Mode::Upsert && is_key,
                event: settings.mode == Mode::Log && self.same(self.columns[at].name, EVENT),
            }
        });
        Ok(Mapping {
            columns: columns.collect(),
            key,
            left_out: self.left_out(settings),
        })
    }

    /// What the table lacks.
    fn refuse(&self, what: &str) -> SinkError {
        halt(format!("table \"{}\" {what}", self.name))
    }

    fn same(&self, a: &str, b: &str) -> bool {
        a == b || (self.folds_case && a.eq_ignore_ascii_case(b))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| self.same(c.name, name))
    }

    /// What the config says of a column.
    fn named<'s>(&self, settings: &'s TableSettings, name: &str) -> Option<&'s Take> {
        let mut named = settings.columns.iter();
        let found = named.find(|(given, _)| self.same(given, name));
        found.map(|(_, take)| take)
    }

    /// A tombstone's key tells a key column by one name: what it is of several sources, or in
    /// an array, it could tell of another row.
    fn check_key_source(&self, column: &str, take: &Take) -> Result<(), SinkError> {
        match take.is_of_one_place() {
            true => Ok(()),
            false => Err(halt(format!(
                "key column \"{column}\" of table \"{}\" takes {take}, and a row is told apart by one \
                 field",
                self.name
            ))
            .hint("give it one source: a field, the key, a header, Kafka's own, or a constant")),
        }
    }

    /// Every name of the config stands in the table.
    fn check_named(&self, settings: &TableSettings) -> Result<(), SinkError> {
        let named = settings.columns.iter().map(|(name, _)| name);
        // A column that is left out may never be there, where columns come by themselves.
        let paired = match settings.create || settings.evolve {
            true => &[],
            false => settings.pairs.named(),
        };
        for name in named.chain(&settings.key_columns).chain(paired) {
            let Some(at) = self.find(name) else {
                let table = self.name;
                let error = halt(format!("column \"{name}\" is not in table \"{table}\""));
                return Err(error.hint(self.other_names(name)));
            };
            if let Some(closed) = self.columns[at].closed {
                return Err(self.closed(at, closed));
            }
        }
        Ok(())
    }

    fn other_names(&self, given: &str) -> String {
        let names = || self.columns.iter().map(|c| c.name);
        match nearest(given, names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("it has {}", idents(names())),
        }
    }

    fn closed(&self, at: usize, closed: Closed) -> SinkError {
        let column = format!(
            "column \"{}\" of table \"{}\"",
            self.columns[at].name, self.name
        );
        match closed {
            Closed::Generated => halt(format!("{column} is generated and cannot be written"))
                .hint("leave it out: the database fills it"),
            Closed::Static => halt(format!(
                "{column} is static: records of many keys would write one cell"
            ))
            .hint("keep it in a table of its own, by the partition key"),
        }
    }

    /// Every column that can be written, but those that are not paired; those that the
    /// config does not name take the field of their own name.
    fn all_sources(&self, settings: &TableSettings) -> Vec<(usize, Take)> {
        let take = |name: &str| {
            let own = || settings.source_of(name);
            let named = self.named(settings, name).cloned();
            let paired = || self.is_paired(settings, name).then(|| own().into());
            named.or_else(paired)
        };
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.closed.is_none())
            .filter_map(|(at, column)| Some((at, take(column.name)?)))
            .collect()
    }

    /// The fields of columns that take something else, or nothing; and of those that are
    /// never to be there.
    fn left_out(&self, settings: &TableSettings) -> Vec<Source> {
        let elsewhere = |column: &&Candidate<'_>| match self.named(settings, column.name) {
            Some(take) => !take
                .sources()
                .any(|s| *s == settings.source_of(column.name)),
            None => column.closed.is_some() || !self.is_paired(settings, column.name),
        };
        let columns = self
            .columns
            .iter()
            .filter(elsewhere)
            .map(|column| column.name);
        let never = match &settings.pairs {
            Pairs::AllBut(names) => names.as_slice(),
            Pairs::All | Pairs::Only(_) => &[],
        };
        let names = columns.chain(never.iter().map(String::as_str));
        names.map(|name| settings.source_of(name)).collect()
    }

    /// Whether a column takes the field of its own name.
    fn is_paired(&self, settings: &TableSettings, name: &str) -> bool {
        settings.pairs.take(name, |a, b| self.same(a, b))
    }

    /// Coordinates, event, and what the config names besides: other columns keep
    /// their defaults.
    fn log_sources(&self, settings: &TableSettings) -> Result<Vec<(usize, Take)>, SinkError> {
        let mut sources: Vec<(usize, Take)> = Vec::new();
        let all = Path::default();
        let event = match settings.explode {
            None => Source::Value(all),
            Some(_) => Source::Item(all),
        };
        for (name, source) in coordinates(settings).chain([(EVENT, event)]) {
            let Some(at) = self.find(name) else {
                let what = format!("has no column \"{name}\", which a log table needs");
                return Err(self.refuse(&what).hint(
                    "drop or rename the table, and plimsoll makes one; or use mode = \"append\"",
                ));
            };
            match self.named(settings, name) {
                Some(other) if name == EVENT => sources.push((at, other.clone())),
                Some(other) if !other.is(&source) => {
                    let what = format!(
                        "column \"{name}\" of table \"{}\" holds the record's coordinate and takes \
                         no other source",
                        self.name
                    );
                    let hint = format!("remove it from columns, or write {name} = \"{source}\"");
                    return Err(halt(what).hint(hint));
                }
                Some(_) | None => sources.push((at, source.into())),
            }
        }
        for (name, take) in &settings.columns {
            if let Some(at) = self.find(name)
                && !sources.iter().any(|(found, _)| *found == at)
            {
                sources.push((at, take.clone()));
            }
        }
        Ok(sources)
    }
}
