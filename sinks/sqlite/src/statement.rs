//! The SQL that writes rows. Pure, but for a cache of the texts.

use plimsoll_sink_api::Mode;
use plimsoll_sink_api::text::{ident, idents};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// SQLite's own limit on parameters per statement.
const MAX_PARAMETERS: usize = 32_766;

/// Rows per statement, longest first; a run of rows is cut greedily. Measured:
/// longer ones gain nothing, and each is kept compiled.
const LENGTHS: [usize; 4] = [256, 32, 4, 1];

/// The same for deletes: twelve times faster than one by one. SQLite bounds the
/// depth of an expression, and each key is looked up in the index.
const DELETES: [usize; 3] = [32, 4, 1];

/// Texts kept; each shape needs up to four. Rows of more shapes than this make
/// their texts anew.
const CACHED_TEXTS: usize = 256;

/// The columns that one shape of rows writes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Target<'p> {
    columns: Vec<(&'p str, bool)>,
    tuple: String,
    bound: Vec<usize>,
}

impl<'p> Target<'p> {
    /// Adds column `i`: a parameter, or an expression in its place.
    pub fn push(&mut self, i: usize, name: &'p str, expression: Option<&str>, key: bool) {
        self.tuple
            .push(if self.columns.is_empty() { '(' } else { ',' });
        match expression {
            None => {
                self.tuple.push('?');
                self.bound.push(i);
            }
            Some(sql) => {
                self.tuple.push('(');
                self.tuple.push_str(sql);
                self.tuple.push(')');
            }
        }
        self.columns.push((name, key));
    }

    /// The columns that have a parameter, by their index, in its order.
    pub fn bound(&self) -> &[usize] {
        &self.bound
    }

    /// How many of `left` rows the next statement takes.
    pub fn length(&self, left: usize) -> usize {
        let limit = MAX_PARAMETERS / self.bound.len().max(1);
        let fits = |n: &&usize| **n <= left && **n <= limit;
        LENGTHS.iter().find(fits).copied().unwrap_or(1)
    }
}

/// The statements of one table.
#[derive(Debug)]
pub struct Statements {
    table: String,
    mode: Mode,
    key: Vec<String>,
    key_equals: String,
    /// One for each of [`DELETES`].
    deletes: [Arc<str>; DELETES.len()],
    texts: Mutex<HashMap<TextKey, Arc<str>>>,
}

/// A shape, and a number of rows.
type TextKey = (Vec<bool>, usize);

impl Statements {
    /// For a table, its key columns, and the collations of the key's index.
    pub fn new(table: &str, mode: Mode, key: Vec<String>, collations: Vec<String>) -> Self {
        let table = ident(table);
        let equal = |(name, collation): (&String, &String)| {
            format!("{} = ? COLLATE {}", ident(name), ident(collation))
        };
        let key_equals = key
            .iter()
            .zip(&collations)
            .map(equal)
            .collect::<Vec<_>>()
            .join(" AND ");
        Self {
            deletes: DELETES.map(|rows| {
                let any = vec![format!("({key_equals})"); rows].join(" OR ");
                format!("DELETE FROM {table} WHERE {any}").into()
            }),
            key_equals,
            table,
            mode,
            key,
            texts: Mutex::default(),
        }
    }

    /// The statement that puts `rows` rows of a shape.
    pub fn put(&self, shape: &[bool], target: &Target<'_>, rows: usize) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (shape.to_vec(), rows);
        if let Some(text) = texts.get(&key) {
            return text.clone();
        }
        let text: Arc<str> = self.put_text(target, rows).into();
        if texts.len() >= CACHED_TEXTS {
            texts.clear();
        }
        texts.insert(key, text.clone());
        text
    }

    fn put_text(&self, target: &Target<'_>, rows: usize) -> String {
        let names = idents(target.columns.iter().map(|(name, _)| *name));
        let tuple = format!("{})", target.tuple);
        let tuples = vec![tuple.as_str(); rows].join(",");
        let insert = format!("INSERT INTO {} ({names}) VALUES {tuples}", self.table);
        let key = idents(self.key.iter().map(String::as_str));
        match self.mode {
            Mode::Append => insert,
            Mode::Log => format!("{insert} ON CONFLICT ({key}) DO NOTHING"),
            Mode::Upsert => {
                let sets: Vec<String> = target
                    .columns
                    .iter()
                    .filter(|(_, key)| !key)
                    .map(|(name, _)| format!("{0} = excluded.{0}", ident(name)))
                    .collect();
                match sets.is_empty() {
                    true => format!("{insert} ON CONFLICT ({key}) DO NOTHING"),
                    false => format!(
                        "{insert} ON CONFLICT ({key}) DO UPDATE SET {}",
                        sets.join(", ")
                    ),
                }
            }
        }
    }

    /// The statement that merges one row into the one that is there; binds the
    /// row, then the key.
    pub fn merge(&self, target: &Target<'_>) -> String {
        let set = |(name, _): &(&str, bool)| format!("{} = ?", ident(name));
        let sets: Vec<String> = target.columns.iter().map(set).collect();
        format!(
            "UPDATE {} SET {} WHERE {}",
            self.table,
            sets.join(", "),
            self.key_equals
        )
    }

    /// The statement that sets some columns of the row of a key, each to an expression or
    /// to what is bound; binds the values, then the key.
    pub fn keep<'c>(&self, sets: impl Iterator<Item = (&'c str, Option<&'c str>)>) -> String {
        let set = |(name, sql): (&str, Option<&str>)| match sql {
            Some(sql) => format!("{} = ({sql})", ident(name)),
            None => format!("{} = ?", ident(name)),
        };
        format!(
            "UPDATE {} SET {} WHERE {}",
            self.table,
            sets.map(set).collect::<Vec<_>>().join(", "),
            self.key_equals
        )
    }

    /// The statement that deletes the next of `left` rows by their keys, which
    /// are compared as the key's index compares them; and how many it takes.
    pub fn delete(&self, left: usize) -> (Arc<str>, usize) {
        let fits = |rows: &usize| *rows <= left && *rows * self.key.len() <= MAX_PARAMETERS;
        let i = DELETES.iter().position(fits).unwrap_or(DELETES.len() - 1);
        (self.deletes[i].clone(), DELETES[i])
    }

    /// The statement that finds a log's row at a coordinate, and says whether
    /// it is the one at hand; binds the row, then the key.
    pub fn same(&self, target: &Target<'_>) -> String {
        let equal = |(name, _): &(&str, bool)| format!("{} IS ?", ident(name));
        let equal = target
            .columns
            .iter()
            .map(equal)
            .collect::<Vec<_>>()
            .join(" AND ");
        format!(
            "SELECT ({equal}) FROM {} WHERE {}",
            self.table, self.key_equals
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target<'static> {
        let mut target = Target::default();
        target.push(0, "id", None, true);
        target.push(1, "na\"me", None, false);
        target.push(2, "at", Some("datetime('now')"), false);
        target
    }

    fn statements(mode: Mode) -> Statements {
        Statements::new("orders", mode, vec!["id".into()], vec!["NOCASE".into()])
    }

    #[test]
    fn an_upsert_replaces_all_but_the_key() {
        assert_eq!(
            &*statements(Mode::Upsert).put(&[], &target(), 2),
            "INSERT INTO \"orders\" (\"id\", \"na\"\"me\", \"at\") VALUES \
             (?,?,(datetime('now'))),(?,?,(datetime('now'))) ON CONFLICT (\"id\") DO UPDATE SET \
             \"na\"\"me\" = excluded.\"na\"\"me\", \"at\" = excluded.\"at\""
        );
    }

    #[test]
    fn a_delete_compares_as_the_index_does() {
        assert_eq!(
            &*statements(Mode::Upsert).delete(3).0,
            "DELETE FROM \"orders\" WHERE (\"id\" = ? COLLATE \"NOCASE\")"
        );
    }

    #[test]
    fn no_statement_has_more_parameters_than_sqlite_takes() {
        let names: Vec<String> = (0..1999).map(|i| format!("c{i}")).collect();
        let mut wide = Target::default();
        names
            .iter()
            .enumerate()
            .for_each(|(i, name)| wide.push(i, name, None, false));
        for left in 1..600 {
            assert!(wide.length(left) * 1999 <= MAX_PARAMETERS);
            assert!(target().length(left) <= left);
        }
        assert_eq!(target().length(5000), 256);
    }
}
