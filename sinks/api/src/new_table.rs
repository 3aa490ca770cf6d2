//! A table that is not there yet, and the statement that makes it. Pure.

use crate::text::ident;
use crate::{Kind, Period, SinkError};
use plimsoll_protocol::Class;
use std::collections::HashSet;

/// A table that is not there yet. Its name is what the config says of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTable {
    /// Whose records it takes.
    pub topic: String,
    /// Its columns; those of the key stand in the key's order.
    pub columns: Vec<NewColumn>,
}

/// A column of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name, kept to the letter.
    pub name: String,
    /// What it has to hold.
    pub kind: Kind,
    /// Part of the primary key.
    pub key: bool,
}

/// What a table lacks for the records that come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// All of it.
    Create(NewTable),
    /// Columns.
    Add {
        /// Whose records it takes.
        topic: String,
        /// None of a key: rows that stand there have no value for it.
        columns: Vec<NewColumn>,
    },
    /// Partitions.
    Partitions {
        /// Whose records it takes.
        topic: String,
        /// How much time each of them holds.
        period: Period,
        /// Where they begin: seconds since 1970, UTC.
        from_s: Vec<i64>,
    },
}

impl TableChange {
    /// The same in pieces of so many partitions at most, for a database that makes no more
    /// in one transaction.
    #[must_use]
    pub fn pieces(&self, partitions: usize) -> Vec<Self> {
        match self {
            Self::Create(_) | Self::Add { .. } => vec![self.clone()],
            Self::Partitions {
                topic,
                period,
                from_s,
            } => {
                let piece = |from_s: &[i64]| Self::Partitions {
                    topic: topic.clone(),
                    period: *period,
                    from_s: from_s.to_vec(),
                };
                from_s.chunks(partitions.max(1)).map(piece).collect()
            }
        }
    }

    /// Whose table it is.
    #[must_use]
    pub fn topic(&self) -> &str {
        match self {
            Self::Create(table) => &table.topic,
            Self::Add { topic, .. } | Self::Partitions { topic, .. } => topic,
        }
    }
}

/// How a database writes such a statement.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Its name, for people.
    pub database: &'static str,
    /// Its type for each kind.
    pub type_of: fn(Kind) -> &'static str,
    /// Words, in lower case, that are no names without quotes.
    pub reserved: &'static [&'static str],
    /// Names that no column can have, in quotes either: the database's own columns.
    pub own_columns: &'static [&'static str],
    /// Whether a column of the key says that it is not null.
    pub says_not_null: bool,
    /// Whether there has to be a key.
    pub needs_key: bool,
    /// The most bytes of a name.
    pub longest_name: Option<usize>,
    /// Whether names are the same that differ in case alone.
    pub folds_case: bool,
}

impl NewTable {
    /// The columns of the key.
    pub fn key(&self) -> impl Iterator<Item = &NewColumn> {
        self.columns.iter().filter(|column| column.key)
    }

    /// `CREATE TABLE …`, without a semicolon. `table`: the name as SQL has it.
    ///
    /// # Errors
    /// There can be no such table.
    pub fn statement(&self, table: &str, dialect: &Dialect) -> Result<String, SinkError> {
        self.judge(dialect)?;
        let mut parts: Vec<String> = Vec::with_capacity(self.columns.len() + 1);
        for column in &self.columns {
            let not_null = if column.key && dialect.says_not_null {
                " NOT NULL"
            } else {
                ""
            };
            parts.push(format!(
                "    {} {}{not_null}",
                dialect.name(&column.name),
                (dialect.type_of)(column.kind)
            ));
        }
        let key: Vec<String> = self.key().map(|c| dialect.name(&c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("    PRIMARY KEY ({})", key.join(", ")));
        }
        Ok(format!("CREATE TABLE {table} (\n{}\n)", parts.join(",\n")))
    }

    fn judge(&self, dialect: &Dialect) -> Result<(), SinkError> {
        let refused = |what: String, hint: &str| Err(halt(what).hint(hint));
        let database = dialect.database;
        if self.columns.is_empty() {
            return refused(
                format!("a table for topic \"{}\" has no column", self.topic),
                "name what it takes: columns = { event = \"value\" } takes the whole value",
            );
        }
        if dialect.needs_key && self.key().next().is_none() {
            return refused(
                format!("a table of {database} needs a primary key"),
                "which columns tell one row from another? columns = { id = \"key\" } takes the \
                 record's key",
            );
        }
        let mut names = HashSet::new();
        for NewColumn { name, .. } in &self.columns {
            dialect.judge(name)?;
            let folded = match dialect.folds_case {
                true => name.to_ascii_lowercase(),
                false => name.clone(),
            };
            if !names.insert(folded) {
                return refused(
                    format!(
                        "column \"{name}\" would be there twice: {database} compares names without regard to case"
                    ),
                    "name one of them otherwise under columns",
                );
            }
        }
        Ok(())
    }
}

impl Dialect {
    /// `ALTER TABLE … ADD …`, without a semicolon. `table`: the name as SQL has it.
    ///
    /// # Errors
    /// There can be no such column.
    pub fn add_column(&self, table: &str, column: &NewColumn) -> Result<String, SinkError> {
        self.judge(&column.name)?;
        let (name, kind) = (self.name(&column.name), (self.type_of)(column.kind));
        Ok(format!("ALTER TABLE {table} ADD {name} {kind}"))
    }

    /// A name, in quotes where it would be read as another one without them.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        match begins && name.chars().all(plain) && !self.reserved.contains(&name) {
            true => name.to_owned(),
            false => ident(name),
        }
    }

    fn judge(&self, name: &str) -> Result<(), SinkError> {
        let hint = "a shorter or another name under columns takes the field: columns = { NAME = \
                    \"value.FIELD\" }";
        let database = self.database;
        if name.is_empty() {
            return Err(halt("a field without a name is no column".to_owned()).hint(hint));
        }
        if name.contains('\0') {
            let what = "a name with a NUL is no column".to_owned();
            return Err(halt(what).hint(hint));
        }
        if self.own_columns.contains(&name) {
            let what = format!("column \"{name}\" would have the name of one of {database}'s own");
            return Err(halt(what).hint(hint));
        }
        match self.longest_name {
            Some(limit) if name.len() > limit => {
                let what = format!(
                    "column \"{name}\" has a name of {} bytes, of which {database} would keep {limit}",
                    name.len()
                );
                Err(halt(what).hint(hint))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn halt(what: String) -> SinkError {
    SinkError::new(Class::Halt, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: Dialect = Dialect {
        database: "Testbase",
        type_of: |kind| match kind {
            Kind::Integer => "bigint",
            _ => "text",
        },
        reserved: &["order"],
        own_columns: &["xmin"],
        says_not_null: true,
        needs_key: false,
        longest_name: Some(8),
        folds_case: false,
    };

    fn column(name: &str, kind: Kind, key: bool) -> NewColumn {
        let name = name.to_owned();
        NewColumn { name, kind, key }
    }

    fn statement(columns: Vec<NewColumn>, dialect: &Dialect) -> Result<String, String> {
        let topic = "t".to_owned();
        let table = NewTable { topic, columns };
        let made = table.statement("s.t", dialect);
        made.map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_quoted_where_they_need_it_and_only_the_key_is_not_null() {
        let columns = || {
            vec![
                column("id", Kind::Integer, true),
                column("order", Kind::Text, false),
                column("custId", Kind::Text, false),
                column("a\"b", Kind::Text, false),
                column("1st", Kind::Text, false),
            ]
        };
        assert_eq!(
            statement(columns(), &DIALECT).unwrap(),
            "CREATE TABLE s.t (\n    id bigint NOT NULL,\n    \"order\" text,\n    \
             \"custId\" text,\n    \"a\"\"b\" text,\n    \"1st\" text,\n    PRIMARY KEY (id)\n)"
        );
        let nullable = Dialect {
            says_not_null: false,
            ..DIALECT
        };
        let made = statement(columns(), &nullable).unwrap();
        assert!(made.contains("    id bigint,\n"), "{made}");
    }

    #[test]
    fn a_name_that_would_be_cut_or_met_twice_is_refused() {
        let long = vec![column("ninebytes", Kind::Text, false)];
        let error = statement(long, &DIALECT).unwrap_err();
        assert!(
            error.contains("\"ninebytes\" has a name of 9 bytes"),
            "{error}"
        );
        let folds = Dialect {
            folds_case: true,
            ..DIALECT
        };
        let both = || {
            vec![
                column("id", Kind::Text, false),
                column("ID", Kind::Text, false),
            ]
        };
        assert!(statement(both(), &DIALECT).is_ok());
        assert!(statement(both(), &folds).unwrap_err().contains("twice"));
        for name in ["", "a\0b", "xmin"] {
            assert!(statement(vec![column(name, Kind::Text, false)], &DIALECT).is_err());
        }
        assert!(statement(Vec::new(), &DIALECT).is_err());
    }

    #[test]
    fn a_database_that_needs_a_key_gets_no_table_without_one() {
        let dialect = Dialect {
            needs_key: true,
            ..DIALECT
        };
        let error = statement(vec![column("a", Kind::Text, false)], &dialect).unwrap_err();
        assert!(error.contains("needs a primary key"), "{error}");
        assert!(statement(vec![column("a", Kind::Text, true)], &dialect).is_ok());
    }
}
