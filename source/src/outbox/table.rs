//! Rows of a table → events.

use super::pgoutput::{Relation, Value};
use super::{BadRow, Event, TOPIC_HINT};
use crate::settings::Columns;
use crate::template::is_topic;
use bytes::Bytes;

/// Where in a row of one shape stands what an event is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Of the topic's columns, in their order.
    topic: Vec<usize>,
    key: usize,
    value: usize,
    headers: Vec<usize>,
}

impl Plan {
    /// Finds the columns in a relation; else the first that it lacks.
    pub(crate) fn of(columns: &Columns, relation: &Relation) -> Result<Self, String> {
        let find = |name: &str| {
            let found = relation.columns.iter().position(|column| column == name);
            found.ok_or_else(|| name.to_owned())
        };
        let headers = columns.headers.iter().map(|(_, column)| find(column));
        Ok(Self {
            topic: columns
                .topic
                .columns()
                .map(find)
                .collect::<Result<_, _>>()?,
            key: find(&columns.key)?,
            value: find(&columns.value)?,
            headers: headers.collect::<Result<_, _>>()?,
        })
    }

    /// The event of a row.
    pub(crate) fn event(&self, columns: &Columns, values: &[Value]) -> Result<Event, BadRow> {
        let text = |at: usize| match values.get(at) {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Null) | None => None,
        };
        let names: Vec<&str> = columns.topic.columns().collect();
        let topic = columns.topic.fill(|nth| {
            let null = || {
                let why = format!("the column {} is NULL, and the topic needs it", names[nth]);
                BadRow::new(why, "write a topic's name into it")
            };
            let value = text(self.topic[nth]).ok_or_else(null)?;
            std::str::from_utf8(value).map_err(|_| null())
        })?;
        if !is_topic(&topic) {
            let why = format!("{} does not make the name of a topic", columns.topic);
            return Err(BadRow::new(why, TOPIC_HINT));
        }
        let no_key = || {
            let why = format!("the column {} is NULL, and it is the key", columns.key);
            BadRow::new(why, "without a key an event has no order; write one")
        };
        let key: &Bytes = text(self.key).ok_or_else(no_key)?;
        let headers = columns.headers.iter().zip(&self.headers);
        Ok(Event {
            topic,
            key: key.clone(),
            value: text(self.value).cloned(),
            headers: headers
                .map(|((name, _), at)| (name.clone(), text(*at).cloned()))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::pgoutput::tests::{insert_message, relation_message};
    use super::super::pgoutput::{Change, read};
    use super::*;
    use crate::template::Template;

    fn columns() -> Columns {
        Columns {
            topic: Template::parse("outbox.event.{aggregatetype}").unwrap(),
            key: "aggregateid".to_owned(),
            value: "payload".to_owned(),
            headers: vec![
                ("id".to_owned(), "id".to_owned()),
                ("type".to_owned(), "type".to_owned()),
            ],
        }
    }

    const SHAPE: [&str; 6] = [
        "note",
        "id",
        "aggregatetype",
        "aggregateid",
        "type",
        "payload",
    ];

    fn relation(names: &[&str]) -> Relation {
        match read(relation_message(1, names)).unwrap() {
            Change::Relation(relation) => relation,
            other => panic!("{other:?}"),
        }
    }

    fn event(row: [Option<&str>; 6]) -> Result<Event, BadRow> {
        let plan = Plan::of(&columns(), &relation(&SHAPE)).unwrap();
        match read(insert_message(1, &row)).unwrap() {
            Change::Insert { values, .. } => plan.event(&columns(), &values),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_row_becomes_an_event_whatever_the_order_of_its_columns() {
        let row = [None, Some("9"), Some("order"), Some("o1"), None, Some("{}")];
        let wanted = Event {
            topic: "outbox.event.order".to_owned(),
            key: "o1".into(),
            value: Some("{}".into()),
            headers: vec![
                ("id".to_owned(), Some("9".into())),
                ("type".to_owned(), None),
            ],
        };
        assert_eq!(event(row), Ok(wanted));
    }

    #[test]
    fn a_null_value_is_a_tombstone() {
        let row = [None, Some("9"), Some("order"), Some("o1"), None, None];
        assert_eq!(event(row).unwrap().value, None);
    }

    #[test]
    fn what_makes_no_event_is_told_by_its_column_and_not_by_its_value() {
        for (row, why) in [
            (
                [None, Some("9"), None, Some("o1"), None, None],
                "the column aggregatetype is NULL, and the topic needs it",
            ),
            (
                [None, Some("9"), Some("order"), None, None, None],
                "the column aggregateid is NULL, and it is the key",
            ),
            (
                [None, Some("9"), Some("hunter 2"), Some("o1"), None, None],
                "outbox.event.{aggregatetype} does not make the name of a topic",
            ),
        ] {
            assert_eq!(event(row).unwrap_err().why, why);
        }
    }

    #[test]
    fn a_table_without_a_column_has_no_plan() {
        let lacks = Plan::of(&columns(), &relation(&SHAPE[..5])).unwrap_err();
        assert_eq!(lacks, "payload");
    }
}
