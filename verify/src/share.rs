//! Which records of a topic are of one of its tables, where they go into several.

use plimsoll_protocol::TopicPartition;
use plimsoll_record::{BadRecord, Formats, Record, RouteReader, Unavailable};
use plimsoll_sink_api::{Route, Routing, UnknownRoute};
use std::collections::HashSet;

/// The records of a topic that one table has a share in.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// What tells the table of a record.
    pub(crate) routing: Routing,
    /// The route of this one.
    pub(crate) own: Route,
    /// The routes of all of the topic's tables.
    pub(crate) all: HashSet<Route>,
    /// Records of no table are told with this one: each of them is to be told once.
    pub(crate) first: bool,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This table's.
    Own,
    /// Another's, or nobody's, which is told elsewhere or on purpose.
    NotOwn,
    /// Nobody's, and that is told here: unless it is a dead letter, it is lost.
    Nobodys,
}

impl Share {
    pub(crate) fn reader(&self, tp: &TopicPartition, formats: &Formats) -> RouteReader {
        RouteReader::new(&self.routing.by, &tp.topic, tp.partition, formats)
    }

    /// Whose a record is.
    pub(crate) async fn whose(
        &self,
        reader: &RouteReader,
        record: &Record<'_>,
    ) -> Result<Whose, Unavailable> {
        Ok(self.judge(reader.read_when_ready(record).await?))
    }

    fn judge(&self, said: Result<Route, BadRecord>) -> Whose {
        let skips = self.routing.unknown == UnknownRoute::Skip;
        let passed = match said {
            Ok(route) if route == self.own => return Whose::Own,
            Ok(route) if self.all.contains(&route) => return Whose::NotOwn,
            Ok(_) | Err(BadRecord::Unrouted { .. }) => skips,
            // It cannot even be read.
            Err(_) => false,
        };
        match self.first && !passed {
            true => Whose::Nobodys,
            false => Whose::NotOwn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_record::Unrouted;

    fn route(text: &str) -> Route {
        Route::of(text).unwrap()
    }

    #[test]
    fn a_record_of_no_table_is_told_once_unless_it_is_skipped_on_purpose() {
        let share = |first, unknown| Share {
            routing: Routing {
                by: "headers.type".parse().unwrap(),
                max_tables: 9,
                unknown,
            },
            own: route("a"),
            all: HashSet::from([route("a"), route("b")]),
            first,
        };
        let untold = || {
            Err(BadRecord::Unrouted {
                source: "headers.type".to_owned(),
                why: Unrouted::Untold,
            })
        };
        let broken = || Err(BadRecord::ValueNotObject);
        for (first, unknown, of_no_table, of_broken) in [
            (
                true,
                UnknownRoute::DeadLetter,
                Whose::Nobodys,
                Whose::Nobodys,
            ),
            (
                true,
                UnknownRoute::AsBadRecord,
                Whose::Nobodys,
                Whose::Nobodys,
            ),
            (true, UnknownRoute::Halt, Whose::Nobodys, Whose::Nobodys),
            (true, UnknownRoute::Skip, Whose::NotOwn, Whose::Nobodys),
            (
                false,
                UnknownRoute::DeadLetter,
                Whose::NotOwn,
                Whose::NotOwn,
            ),
        ] {
            let share = share(first, unknown);
            assert_eq!(share.judge(Ok(route("a"))), Whose::Own);
            assert_eq!(share.judge(Ok(route("b"))), Whose::NotOwn);
            assert_eq!(share.judge(Ok(route("c"))), of_no_table);
            assert_eq!(share.judge(untold()), of_no_table);
            assert_eq!(share.judge(broken()), of_broken);
        }
    }
}
