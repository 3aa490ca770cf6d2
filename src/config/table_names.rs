//! Names that no table can have, told without a database.

use plimsoll_sink_api::TopicWords;

/// What is wrong with a name, and what to do about it.
pub(super) type NameFault = (String, &'static str);

/// Judges a table's name as the config has it, for one topic.
pub(super) type NameCheck = fn(&str, &TopicWords) -> Result<(), NameFault>;

/// SQL's rules, and Postgres' length.
pub(super) fn postgres(template: &str, words: &TopicWords) -> Result<(), NameFault> {
    plimsoll_postgres::check_table(template, words).map_err(|what| {
        (
            what.to_owned(),
            "schema.table, each of 63 bytes at most, and in double quotes where it has a dot in it",
        )
    })
}

/// SQLite takes nearly everything: a name is one part, quoted by plimsoll.
pub(super) fn sqlite(template: &str, words: &TopicWords) -> Result<(), NameFault> {
    let name = words.fill(template);
    if name.contains('\0') {
        return Err((
            "holds a NUL".to_owned(),
            "a table's name, as the file has it",
        ));
    }
    if name.to_ascii_lowercase().starts_with("sqlite_") {
        return Err((
            "begins with \"sqlite_\", which SQLite keeps for itself".to_owned(),
            "give the table another name",
        ));
    }
    Ok(())
}

/// Cassandra and Scylla take letters, digits and `_` alone, in quotes too.
pub(super) fn cassandra(template: &str, words: &TopicWords) -> Result<(), NameFault> {
    let name = words.fill(template);
    let Some((keyspace, table)) = name.split_once('.') else {
        return Err(("has no keyspace".to_owned(), "write KEYSPACE.TABLE"));
    };
    let alien = |c: &char| !c.is_ascii_alphanumeric() && *c != '_';
    match keyspace.chars().chain(table.chars()).find(alien) {
        None if keyspace.is_empty() || table.is_empty() => {
            Err(("has an empty part".to_owned(), "write KEYSPACE.TABLE"))
        }
        None => Ok(()),
        Some(c) => Err((
            format!("holds {c:?}, which is not allowed there"),
            "letters, digits and _ alone; where topics have others, name a table for each in \
                 [[tables]]",
        )),
    }
}
