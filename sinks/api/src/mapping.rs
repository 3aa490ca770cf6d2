//! From the config and a table's columns to what is written: the rules that every
//! database shares. Pure.

use crate::text::{ident, nearest};
use crate::{Mode, Path, SinkError, Source, TableSettings};
use plimsoll_protocol::Class;

/// The coordinate columns of a `log` table, and where they come from.
pub const COORDINATES: [(&str, Source); 3] = [
    ("kafka_topic", Source::Topic),
    ("kafka_partition", Source::Partition),
    ("kafka_offset", Source::Offset),
];

/// The event of a `log` table.
pub const EVENT: &str = "event_data";

/// A table as the catalogue has it, as far as these rules need to know it.
#[derive(Debug, Clone)]
pub struct Target<'c> {
    /// Its name, for people.
    pub name: &'c str,
    /// Its columns in their order.
    pub columns: Vec<Candidate<'c>>,
    /// What makes rows unique: its primary key, and unique indexes over plain columns
    /// and all rows.
    pub uniques: Vec<Unique<'c>>,
    /// Whether the database compares names without regard to case.
    pub folds_case: bool,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'c> {
    /// Its name.
    pub name: &'c str,
    /// The database alone gives it its value.
    pub generated: bool,
}

/// What makes rows unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique<'c> {
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns.
    pub columns: Vec<&'c str>,
}

impl<'c> Target<'c> {
    /// What is wrong with the table, or with what the config says of it.
    #[must_use]
    pub fn refuse(&self, what: impl Into<String>) -> SinkError {
        let mut error = SinkError::new(Class::Halt, what);
        error.detail.table = Some(self.name.to_owned());
        error
    }

    fn same(&self, a: &str, b: &str) -> bool {
        a == b || (self.folds_case && a.eq_ignore_ascii_case(b))
    }

    /// The place of a column.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| self.same(c.name, name))
    }

    /// Which columns are written, by their places, and where their values come from.
    ///
    /// # Errors
    /// The config names what is not there, or the table is no `log` table.
    pub fn sources(&self, settings: &TableSettings) -> Result<Vec<(usize, Source)>, SinkError> {
        self.check_named(settings)?;
        let sources = match settings.mode {
            Mode::Log => self.log_sources(settings)?,
            Mode::Append | Mode::Upsert => self.all_sources(settings),
        };
        match sources.is_empty() {
            true => Err(self.refuse("has no column that can be written")),
            false => Ok(sources),
        }
    }

    /// Every name of the config stands in the table.
    fn check_named(&self, settings: &TableSettings) -> Result<(), SinkError> {
        let named = settings.columns.iter().map(|(name, _)| name);
        for name in named.chain(&settings.key_columns) {
            let Some(found) = self.find(name) else {
                let error = self.refuse(format!("column \"{name}\" is not in the table"));
                return Err(error.hint(self.other_names(name)));
            };
            if self.columns[found].generated {
                return Err(self.generated(found));
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

    fn generated(&self, at: usize) -> SinkError {
        let name = self.columns[at].name;
        self.refuse(format!(
            "column \"{name}\" is generated and cannot be written"
        ))
        .hint("leave it out: the database fills it")
    }

    /// Every column that can be written; those that the config does not name take the
    /// field of their own name.
    fn all_sources(&self, settings: &TableSettings) -> Vec<(usize, Source)> {
        let source = |column: &Candidate<'_>| {
            let mut named = settings.columns.iter();
            let named = named.find(|(name, _)| self.same(column.name, name));
            let own = || Source::Value(Path(vec![column.name.to_owned()]));
            named.map_or_else(own, |(_, source)| source.clone())
        };
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| !column.generated)
            .map(|(at, column)| (at, source(column)))
            .collect()
    }

    /// Coordinates, event, and what the config names besides: other columns keep
    /// their defaults.
    fn log_sources(&self, settings: &TableSettings) -> Result<Vec<(usize, Source)>, SinkError> {
        let mut sources: Vec<(usize, Source)> = Vec::new();
        let event = (EVENT, Source::Value(Path::default()));
        for (name, source) in COORDINATES.into_iter().chain([event]) {
            let Some(at) = self.find(name) else {
                let what = format!("has no column \"{name}\", which a log table needs");
                return Err(self.refuse(what).hint(
                    "drop or rename the table, and plimsoll makes one; or use mode = \"append\"",
                ));
            };
            let mut named = settings.columns.iter();
            match named.find(|(given, _)| self.same(given, name)) {
                Some((_, other)) if name == EVENT => sources.push((at, other.clone())),
                Some((_, other)) if *other != source => {
                    let what = format!(
                        "column \"{name}\" holds the record's coordinate and takes no other source"
                    );
                    let hint = format!("remove it from columns, or write {name} = \"{source}\"");
                    return Err(self.refuse(what).hint(hint));
                }
                Some(_) | None => sources.push((at, source)),
            }
        }
        for (name, source) in &settings.columns {
            if let Some(at) = self.find(name)
                && !sources.iter().any(|(found, _)| *found == at)
            {
                sources.push((at, source.clone()));
            }
        }
        Ok(sources)
    }

    /// Which of [`Self::uniques`] tells one row from another: of an upsert its key, of
    /// a log its coordinates, of other tables none.
    ///
    /// # Errors
    /// There is none over these columns.
    pub fn key(&self, settings: &TableSettings) -> Result<Option<usize>, SinkError> {
        match settings.mode {
            Mode::Append => Ok(None),
            Mode::Log => self.log_key().map(Some),
            Mode::Upsert => self.upsert_key(settings).map(Some),
        }
    }

    fn over(&self, wanted: &[&str]) -> Option<usize> {
        let same = |unique: &Unique<'_>| {
            let holds = |w: &&str| unique.columns.iter().any(|c| self.same(c, w));
            unique.columns.len() == wanted.len() && wanted.iter().all(holds)
        };
        self.uniques.iter().position(same)
    }

    fn log_key(&self) -> Result<usize, SinkError> {
        let names = COORDINATES.each_ref().map(|(name, _)| *name);
        self.over(&names).ok_or_else(|| {
            let what = format!("has no primary key over {}", names.join(", "));
            self.refuse(what)
                .hint("add it: it is what makes a replay harmless; or use mode = \"append\"")
        })
    }

    fn upsert_key(&self, settings: &TableSettings) -> Result<usize, SinkError> {
        if settings.key_columns.is_empty() {
            return self.uniques.iter().position(|u| u.primary).ok_or_else(|| {
                self.refuse("has no primary key, and mode = \"upsert\" needs a key")
                    .hint("add one, or name the columns of a unique index as key_columns")
            });
        }
        let wanted: Vec<&str> = settings.key_columns.iter().map(String::as_str).collect();
        self.over(&wanted).ok_or_else(|| {
            let list = idents(wanted.iter().copied());
            self.refuse(format!("has no unique index over exactly ({list})"))
                .hint(format!(
                    "CREATE UNIQUE INDEX on ({list}); partial indexes and indexes over \
                     expressions do not count"
                ))
        })
    }
}

/// Identifiers, separated by commas.
fn idents<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}
