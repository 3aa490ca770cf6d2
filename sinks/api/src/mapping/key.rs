//! What tells one row from another.

use super::{Target, coordinates, halt};
use crate::text::idents;
use crate::{Mode, SinkError, TableSettings, Take};

/// What makes rows unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique<'c> {
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns.
    pub columns: Vec<&'c str>,
}

/// What tells one row from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its place in [`Target::uniques`].
    pub unique: usize,
    /// Its columns in its own order, by their place in [`super::Mapping::columns`].
    pub columns: Vec<usize>,
}

impl Target<'_> {
    pub(super) fn key(
        &self,
        settings: &TableSettings,
        sources: &[(usize, Take)],
    ) -> Result<Option<Key>, SinkError> {
        let unique = match settings.mode {
            Mode::Append => return Ok(None),
            Mode::Log => self.log_key(settings, sources)?,
            Mode::Upsert => self.upsert_key(settings)?,
        };
        let written = |name: &&str| {
            let at = self.find(name);
            let place = sources.iter().position(|(written, _)| Some(*written) == at);
            place.ok_or_else(|| self.unwritten(name, at))
        };
        let columns = self.uniques[unique].columns.iter().map(written);
        Ok(Some(Key {
            unique,
            columns: columns.collect::<Result<_, _>>()?,
        }))
    }

    /// A column of the key that no record has a value for.
    fn unwritten(&self, name: &str, at: Option<usize>) -> SinkError {
        let column = format!("key column \"{name}\" of table \"{}\"", self.name);
        match at.and_then(|at| self.columns[at].closed) {
            Some(_) => halt(format!("{column} is generated and cannot be written"))
                .hint("name the columns of another unique index as key_columns"),
            None => halt(format!(
                "{column} is left out, and rows are told apart by it"
            ))
            .hint("name it in include, take it out of exclude, or give it a source in columns"),
        }
    }

    /// The first over exactly these columns, in any order.
    fn over(&self, wanted: &[&str]) -> Option<usize> {
        let same = |unique: &Unique<'_>| {
            let holds = |w: &&str| unique.columns.iter().any(|c| self.same(c, w));
            unique.columns.len() == wanted.len() && wanted.iter().all(holds)
        };
        self.uniques.iter().position(same)
    }

    /// The coordinates; in a table of partitions also what tells those apart, where each
    /// record brings it along.
    fn log_key(
        &self,
        settings: &TableSettings,
        sources: &[(usize, Take)],
    ) -> Result<usize, SinkError> {
        let mut names: Vec<&str> = coordinates(settings).map(|(name, _)| name).collect();
        if let Some(found) = self.over(&names) {
            return Ok(found);
        }
        let own = |name: &&str| !names.iter().any(|c| self.same(c, name));
        let others: Vec<&str> = self.partitioned_by.iter().copied().filter(own).collect();
        names.extend(&others);
        let found = self.over(&names).ok_or_else(|| {
            let what = format!("has no primary key over {}", names.join(", "));
            self.refuse(&what)
                .hint("add it: it is what makes a replay harmless; or use mode = \"append\"")
        })?;
        let taken = |name: &&str| {
            let at = self.find(name);
            sources.iter().any(|(written, _)| Some(*written) == at)
        };
        match others.iter().find(|name| !taken(name)) {
            None => Ok(found),
            Some(name) => Err(halt(format!(
                "key column \"{name}\" of table \"{}\" would get its default, and a record that is \
                 written again another key than before: its row would be there twice",
                self.name
            ))
            .hint(format!(
                "let it take what the record says: columns = {{ {name} = \"timestamp\" }}, or a field"
            ))),
        }
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
            let what = format!("has no unique index over exactly ({list})");
            self.refuse(&what).hint(format!(
                "CREATE UNIQUE INDEX … ON {} ({list}); partial indexes and indexes over \
                 expressions do not count",
                self.sql
            ))
        })
    }
}
