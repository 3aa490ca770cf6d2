//! From what records hold to a table to start from. Pure.

use super::survey::FIELDS_LIMIT;
use super::survey::{Seen, SeenFields, Survey};
use crate::toml_text;
use plimsoll_sink_api::{
    Cast, Inspect, Kind, Literal, Mode, Naming, NewColumn, NewTable, Pairs, Path, SinkError,
    Source, Step, TableSettings, Take,
};

/// A table to start from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) table: NewTable,
    /// What the config has to say besides, so that the columns are filled.
    pub(crate) sources: Vec<(String, Source)>,
    /// What is left to be decided, or to be known.
    pub(crate) notes: Vec<String>,
}

impl Proposal {
    /// The statement, behind comments of what is left; it can be run as it stands.
    ///
    /// # Errors
    /// There can be no such table.
    pub(crate) fn script<S: Inspect>(&self, sink: &S) -> Result<Vec<String>, SinkError> {
        let statement = format!("{};", sink.create_table(&self.table)?);
        // A comment ends with its line.
        let comment = |note: &String| format!("-- {}", note.replace(['\r', '\n'], " "));
        let mut lines: Vec<String> = self.notes.iter().map(comment).collect();
        lines.extend(statement.lines().map(str::to_owned));
        Ok(lines)
    }

    /// What the config has to say besides: `columns = { … }`.
    pub(crate) fn columns(&self) -> String {
        let sources = self.sources.iter();
        toml_text::columns(sources.map(|(name, source)| (name.as_str(), source)))
    }
}

/// The table of a topic, as the config wants it and as its records can fill it.
pub(crate) fn propose(survey: &Survey, settings: &TableSettings, topic: &str) -> Proposal {
    let mut draft = Draft {
        survey,
        named: &settings.columns,
        naming: settings.naming,
        pairs: &settings.pairs,
        explodes: settings.explode.is_some(),
        columns: Vec::new(),
        sources: Vec::new(),
        notes: Vec::new(),
    };
    draft.named_columns();
    draft.own_columns();
    let key = match settings.mode {
        Mode::Upsert if !settings.key_columns.is_empty() => {
            draft.wanted_key(&settings.key_columns);
            settings.key_columns.clone()
        }
        Mode::Upsert if draft.explodes => {
            draft.notes.push(
                "a record has several rows: which columns tell one from another? add them as \
                 PRIMARY KEY (…)"
                    .to_owned(),
            );
            Vec::new()
        }
        Mode::Upsert => draft.key(),
        Mode::Append | Mode::Log => Vec::new(),
    };
    draft.done(topic, &key)
}

struct Draft<'a> {
    survey: &'a Survey,
    named: &'a [(String, Take)],
    naming: Naming,
    pairs: &'a Pairs,
    /// Every element of an array is a row.
    explodes: bool,
    columns: Vec<NewColumn>,
    sources: Vec<(String, Source)>,
    notes: Vec<String>,
}

impl Draft<'_> {
    /// The fields that columns take of themselves.
    fn own(&self) -> &'_ SeenFields {
        match self.explodes {
            false => &self.survey.fields,
            true => &self.survey.items,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    fn add(&mut self, name: &str, kind: Kind) {
        self.columns.push(NewColumn {
            name: name.to_owned(),
            kind,
            key: false,
        });
    }

    /// A column that the config has to name.
    fn add_from(&mut self, name: &str, source: Source) -> String {
        let free = |name: &String| !self.has(name);
        let names = std::iter::once(name.to_owned())
            .chain((1..).map(|n| format!("{name}_{n}")))
            .find(free);
        let name = names.unwrap_or_default();
        self.add(&name, self.kind(&source));
        self.sources.push((name.clone(), source));
        name
    }

    /// What is null alone becomes a text, which takes most.
    fn kind(&self, source: &Source) -> Kind {
        let seen = |seen: Option<&Seen>| seen.and_then(|seen| seen.typed).unwrap_or(Kind::Text);
        match source {
            // All of a value with fields is JSON.
            Source::Value(path) if path.0.is_empty() && self.survey.fields.at(&[]).is_none() => {
                Kind::Json
            }
            Source::Value(path) => seen(self.survey.fields.at(&path.0)),
            Source::Key(path) => seen(self.survey.key.at(&path.0)),
            Source::Spelled(_) => {
                let mut paths = source.value_paths().into_iter();
                seen(paths.find_map(|path| self.survey.fields.at(&path.0)))
            }
            // What stands in an array has any type.
            Source::Inside(inside) => match inside.steps.contains(&Step::Every) {
                true => Kind::Json,
                false => Kind::Text,
            },
            Source::Rest => Kind::Json,
            Source::Item(path) if path.0.is_empty() && self.survey.items.at(&[]).is_none() => {
                Kind::Json
            }
            Source::Item(path) => seen(self.survey.items.at(&path.0)),
            Source::SpelledItem(_) => {
                let mut paths = source.item_paths().into_iter();
                seen(paths.find_map(|path| self.survey.items.at(&path.0)))
            }
            Source::Constant(Literal::Number(_)) => Kind::Decimal,
            Source::Constant(Literal::Boolean(_)) => Kind::Boolean,
            Source::Constant(Literal::Text(_)) | Source::Header(_) | Source::Topic => Kind::Text,
            Source::Partition | Source::Offset | Source::Index => Kind::Integer,
            Source::Timestamp => Kind::Timestamp,
        }
    }

    /// What holds all that a column may take.
    fn made(&self, take: &Take) -> Kind {
        match take.make.cast {
            Some(Cast::Text) => return Kind::Text,
            Some(Cast::Json) => return Kind::Json,
            Some(Cast::Number) => return Kind::Decimal,
            Some(Cast::Boolean) => return Kind::Boolean,
            None => {}
        }
        if take.make.epoch.is_some() || take.make.time_zone.is_some() {
            return Kind::Timestamp;
        }
        let kinds = take.sources().map(|source| self.kind(source));
        kinds.reduce(Kind::with).unwrap_or(Kind::Text)
    }

    fn named_columns(&mut self) {
        for (name, take) in self.named {
            self.add(name, self.made(take));
        }
    }

    /// Of fields that nothing takes yet, each under its own name.
    fn own_columns(&mut self) {
        let takes = |path: &[String]| {
            let taken = self.named.iter().flat_map(|(_, take)| take.sources());
            // What is in an array, and what is left, leave fields to take.
            let mut fields =
                taken.filter(|source| !matches!(source, Source::Inside(_) | Source::Rest));
            fields.any(|source| {
                let paths = match self.explodes {
                    false => source.value_paths(),
                    true => source.item_paths(),
                };
                paths.iter().any(|p| p.0 == path)
            })
        };
        if takes(&[]) {
            return;
        }
        let own = |seen: &&Seen| seen.path.len() == 1 && !seen.opened && !takes(&seen.path);
        let own = self.own().iter().filter(own);
        let own = own.map(|seen| (self.naming.column_of(&seen.path[0]), seen.typed));
        let own: Vec<(String, Option<Kind>)> = own.collect();
        for (name, typed) in own {
            if !self.has(&name) && self.pairs.take(&name, |a, b| a == b) {
                self.add(&name, typed.unwrap_or(Kind::Text));
            }
        }
        if self.survey.more {
            self.notes.push(format!(
                "more than {FIELDS_LIMIT} fields: the others are left out; columns = {{ event = \
                 \"value\" }} takes all in one"
            ));
        }
        // Values, or elements, that have no fields are a column as a whole.
        let has_fields = self.own().iter().any(|seen| seen.path.len() == 1);
        if self.own().at(&[]).is_some() && !has_fields {
            match self.explodes {
                false => self.add_from("value", Source::Value(Path::default())),
                true => self.add_from("item", Source::Item(Path::default())),
            };
        }
    }

    /// The key that the config names.
    fn wanted_key(&mut self, key: &[String]) {
        for name in key {
            if !self.has(name) {
                self.notes.push(format!(
                    "no record of the sample has \"{name}\", of the key"
                ));
                self.add(name, Kind::Text);
            }
        }
    }

    /// The key that the records' keys tell.
    fn key(&mut self) -> Vec<String> {
        let survey = self.survey;
        let missing = survey.records - survey.keyed;
        if survey.keyed == 0 {
            self.notes.push(
                "the records have no key: which columns tell one row from another? add them as \
                 PRIMARY KEY (…)"
                    .to_owned(),
            );
            return Vec::new();
        }
        if missing > 0 {
            self.notes.push(format!(
                "{missing} of {} records have no key, and would be bad records",
                survey.records
            ));
        }
        let whole = self.survey.key.at(&[]).is_some();
        if whole {
            return vec![self.whole_key()];
        }
        let fields: Vec<String> = survey.key.iter().map(|seen| seen.path[0].clone()).collect();
        fields.iter().map(|field| self.key_column(field)).collect()
    }

    /// The column of a key without fields.
    fn whole_key(&mut self) -> String {
        let takes_key = |(_, take): &&(String, Take)| take.is(&Source::Key(Path::default()));
        if let Some((name, _)) = self.named.iter().find(takes_key) {
            return name.clone();
        }
        match best(&self.survey.same_as_key) {
            Some(field) => match self.column_of(field) {
                Some(name) => name,
                None => self.add_from("key", Source::Key(Path::default())),
            },
            None => self.add_from("key", Source::Key(Path::default())),
        }
    }

    /// The column of a field of the key.
    fn key_column(&mut self, field: &str) -> String {
        let path = Path(vec![field.to_owned()]);
        let from_key = Source::Key(path);
        let named = self.named.iter().find(|(_, take)| take.is(&from_key));
        if let Some((name, _)) = named {
            return name.clone();
        }
        match self.column_of(field) {
            Some(name) => name,
            None => self.add_from(field, from_key),
        }
    }

    /// The column that takes a field of the value.
    fn column_of(&self, field: &str) -> Option<String> {
        let path = [field.to_owned()];
        let source = Source::Value(Path(path.to_vec()));
        if let Some((name, _)) = self.named.iter().find(|(_, take)| take.is(&source)) {
            return Some(name.clone());
        }
        let column = self.naming.column_of(field);
        let own = self.survey.fields.at(&path).is_some() && self.has(&column);
        let otherwise = self.named.iter().any(|(name, _)| *name == column);
        (own && !otherwise).then_some(column)
    }

    /// With the columns of the key in front.
    fn done(self, topic: &str, key: &[String]) -> Proposal {
        let place = |name: &String| key.iter().position(|k| k == name);
        let mut columns = self.columns;
        for column in &mut columns {
            column.key = place(&column.name).is_some();
        }
        columns.sort_by_key(|column| place(&column.name).unwrap_or(key.len()));
        Proposal {
            table: NewTable {
                topic: topic.to_owned(),
                columns,
            },
            sources: self.sources,
            notes: self.notes,
        }
    }
}

/// Of several fields that are what the key is, the one that is called so.
fn best(same: &[String]) -> Option<&String> {
    let is_id = |name: &&String| name.eq_ignore_ascii_case("id");
    let ends_so = |name: &&String| name.to_ascii_lowercase().ends_with("id");
    let found = same.iter().find(is_id);
    found.or_else(|| same.iter().find(ends_so)).or(same.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propose::Surveyor;
    use plimsoll_protocol::{Position, Span, TopicPartition};
    use plimsoll_record::{Budget, Chunk, Filling, Formats, Incoming, UnknownFields};
    use std::time::Instant;

    fn chunk(records: &[(Option<&str>, Option<&str>)]) -> Chunk {
        let mut filling = Filling::new(Budget::new(1 << 20));
        for (offset, (key, value)) in (0..).zip(records) {
            let incoming = Incoming {
                offset,
                timestamp: None,
                key: key.map(str::as_bytes),
                value: value.map(str::as_bytes),
            };
            filling.push(&incoming, std::iter::empty(), None, Instant::now());
        }
        let end = i64::try_from(records.len()).unwrap();
        filling.seal(Span::new(Position::ZERO, Position::new(end).unwrap()).unwrap())
    }

    /// Columns as `name kind*`, what the config has to add, and the notes.
    fn proposed(
        columns: &[(&str, &str)],
        key_columns: &[&str],
        records: &[(Option<&str>, Option<&str>)],
    ) -> (Vec<String>, String, usize) {
        let source = |(name, source): &(&str, &str)| ((*name).to_owned(), source.parse().unwrap());
        let settings = TableSettings {
            key_columns: key_columns.iter().map(|name| (*name).to_owned()).collect(),
            columns: columns.iter().map(source).collect(),
            ..TableSettings::new("t", Mode::Upsert)
        };
        proposed_by(&settings, records)
    }

    fn proposed_by(
        settings: &TableSettings,
        records: &[(Option<&str>, Option<&str>)],
    ) -> (Vec<String>, String, usize) {
        // Of a config that refuses what has no column.
        let formats = Formats::json(UnknownFields::Reject);
        let surveyor = Surveyor {
            formats: &formats,
            topic: "t",
            named: &settings.columns,
            explode: settings.explode.as_ref(),
        };
        let chunks = [(TopicPartition::new("t", 0), chunk(records))];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let survey = runtime.block_on(surveyor.look(&chunks)).unwrap();
        let proposal = propose(&survey, settings, "t");
        let shown = |c: &NewColumn| {
            let key = if c.key { "*" } else { "" };
            format!("{} {:?}{key}", c.name, c.kind)
        };
        let columns = proposal.table.columns.iter().map(shown).collect();
        let sources = match proposal.sources.is_empty() {
            true => String::new(),
            false => proposal.columns(),
        };
        (columns, sources, proposal.notes.len())
    }

    #[test]
    fn columns_keep_the_order_of_the_fields_behind_those_of_the_key() {
        let record = (Some("7"), Some(r#"{"z":1.5,"orderId":7,"a":[1]}"#));
        let (columns, sources, notes) = proposed(&[], &[], &[record]);
        assert_eq!(columns, ["orderId Integer*", "z Decimal", "a Json"]);
        assert_eq!((sources.as_str(), notes), ("", 0));
    }

    #[test]
    fn what_the_config_names_takes_its_field_from_the_others() {
        let named = [
            ("order_id", "value.orderId"),
            ("city", "value.address.city"),
            ("at", "timestamp"),
        ];
        let value = r#"{"orderId":7,"address":{"city":"x","zip":1},"note":null}"#;
        let (columns, _, _) = proposed(&named, &[], &[(Some("7"), Some(value))]);
        assert_eq!(
            columns,
            [
                "order_id Integer*",
                "city Text",
                "at Timestamp",
                "note Text"
            ]
        );
        let whole = [("event", "value"), ("id", "key")];
        let (columns, _, _) = proposed(&whole, &[], &[(Some("7"), Some(value))]);
        assert_eq!(columns, ["id Integer*", "event Json"]);
    }

    #[test]
    fn a_key_that_is_no_field_comes_from_the_records_key() {
        let (columns, sources, _) = proposed(&[], &[], &[(Some("x"), Some(r#"{"key":"y"}"#))]);
        assert_eq!(columns, ["key_1 Text*", "key Text"]);
        assert_eq!(sources, "columns = { key_1 = \"key\" }");
        let key = r#"{"tenant":"a","id":1}"#;
        let (columns, sources, _) = proposed(&[], &[], &[(Some(key), Some(r#"{"id":1,"n":2}"#))]);
        assert_eq!(columns, ["tenant Text*", "id Integer*", "n Integer"]);
        assert_eq!(sources, "columns = { tenant = \"key.tenant\" }");
        // What has no fields is a column as a whole.
        let (columns, sources, _) = proposed(&[], &[], &[(Some("x"), Some("1.5"))]);
        assert_eq!(columns, ["key Text*", "value Decimal"]);
        assert_eq!(sources, "columns = { value = \"value\", key = \"key\" }");
    }

    #[test]
    fn a_field_that_is_the_key_by_chance_is_not_taken_for_it() {
        let records = [
            (Some("1"), Some(r#"{"n":1,"id":1}"#)),
            (Some("2"), Some(r#"{"n":1,"id":2}"#)),
        ];
        assert_eq!(proposed(&[], &[], &records).0[0], "id Integer*");
        let unlike = [records[0], (Some("3"), Some(r#"{"n":1,"id":2}"#))];
        assert_eq!(proposed(&[], &[], &unlike).0[0], "key Integer*");
    }

    #[test]
    fn an_object_that_is_used_as_a_map_makes_no_endless_table() {
        let fields: Vec<String> = (0..300).map(|i| format!("\"k{i}\":{i}")).collect();
        let value = format!("{{{}}}", fields.join(","));
        let (columns, _, notes) = proposed(&[("id", "key")], &[], &[(Some("1"), Some(&value))]);
        assert_eq!((columns.len(), notes), (FIELDS_LIMIT + 1, 1));
    }

    #[test]
    fn what_is_not_known_of_the_key_is_noted() {
        let plain = (None, Some(r#"{"a":1}"#));
        let (columns, _, notes) = proposed(&[], &[], &[plain]);
        assert_eq!((columns, notes), (vec!["a Integer".to_owned()], 1));
        let (columns, _, notes) = proposed(&[], &["id", "a"], &[plain]);
        assert_eq!(columns, ["id Text*", "a Integer*"]);
        assert_eq!(notes, 1);
        let (_, _, notes) = proposed(&[], &[], &[(Some("1"), Some(r#"{"a":1}"#)), plain]);
        assert_eq!(notes, 1);
    }

    #[test]
    fn the_columns_of_a_table_of_elements_are_their_fields() {
        let explode = Some(Path(vec!["items".to_owned()]));
        let named = |name: &str, source: &str| (name.to_owned(), source.parse().unwrap());
        let settings = |columns| TableSettings {
            explode: explode.clone(),
            columns,
            ..TableSettings::new("t", Mode::Upsert)
        };
        let record = r#"{"id":1,"items":[{"sku":"a","n":1},{"sku":"b","at":null}],"tags":["x"]}"#;
        let records = [(Some("1"), Some(record)), (Some("1"), None)];
        let columns = vec![named("order_id", "value.id"), named("line", "index")];
        let (columns, sources, notes) = proposed_by(&settings(columns), &records);
        let expected = [
            "order_id Integer",
            "line Integer",
            "sku Text",
            "n Integer",
            "at Text",
        ];
        assert_eq!(
            (columns, sources.as_str(), notes),
            (expected.map(str::to_owned).into(), "", 1)
        );
        let texts = [(None, Some(r#"{"items":["a","b"]}"#))];
        let (columns, sources, _) = proposed_by(&settings(Vec::new()), &texts);
        assert_eq!(columns, ["item Text"]);
        assert!(sources.contains("item = \"item\""), "{sources}");
    }
}
