//! Which table a record goes into, where the record itself says so: read before anything
//! is decoded for that table.

use super::decoder::{Decoder, Formats};
use super::envelope::Envelope;
use super::format::{Unavailable, Undecoded};
use super::{BadRecord, UnknownFields};
use crate::{Arena, Record};
use plimsoll_sink_api::{
    Cell, Column, Holds, Mode, Route, Rows, Shape, Source, Table, UnknownRoute,
};

/// Reads the routes of the records of one partition.
#[derive(Debug)]
pub struct RouteReader {
    decoder: Decoder,
    source: Source,
}

/// Why no table is known for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unrouted {
    /// It says none: what should is missing, null, or not a text.
    Untold,
    /// No table can be called so.
    NoName,
    /// The table is not there.
    NoTable,
}

impl Unrouted {
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::Untold => "no_route",
            Self::NoName => "invalid_route",
            Self::NoTable => "no_table",
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Untold => "is missing, null or not a text",
            Self::NoName => "holds what no table can have in its name",
            Self::NoTable => "holds what is in the name of no table that there is",
        }
    }

    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Untold | Self::NoName => {
                "on_unknown_route says what becomes of such records; `plimsoll check --explain \
                 TOPIC:PARTITION:OFFSET --show-values` shows what it holds"
            }
            Self::NoTable => {
                "create the table, or let on_unknown_route say what becomes of such records; \
                 `plimsoll check --explain TOPIC:PARTITION:OFFSET --show-values` shows what it \
                 holds"
            }
        }
    }
}

impl RouteReader {
    /// For a topic whose records this source routes.
    #[must_use]
    pub fn new(source: &Source, topic: &str, partition: i32, formats: &Formats) -> Self {
        let column = Column {
            name: "route".to_owned(),
            take: source.clone().into(),
            shape: Shape::Scalar,
            key: false,
            type_name: String::new(),
            holds: Holds::Other,
        };
        // A row of a log stands for every record, for one without a value, too.
        let table = Table {
            name: "route".to_owned(),
            mode: Mode::Log,
            columns: vec![column],
            explode: None,
            filter: None,
            evolve: None,
        };
        let formats = Formats {
            unknown: UnknownFields::Ignore,
            envelope: Envelope::None,
            ..formats.clone()
        };
        Self {
            decoder: Decoder::new(&table, topic, partition, &formats),
            source: source.clone(),
        }
    }

    /// The route of a record. What stands beside the value is told without a look at it.
    ///
    /// # Errors
    /// [`Undecoded`]: it says none, or cannot be read, or not now.
    pub fn read(&self, record: &Record<'_>) -> Result<Route, Undecoded> {
        let record = match self.source.is_of_value() {
            true => *record,
            false => record.without_value(),
        };
        let (arena, mut rows) = (Arena::new(), Rows::with_capacity(1, 1));
        let _ = self.decoder.decode(&record, &arena, &mut rows)?;
        let text = rows.iter().next().and_then(|(_, cells)| match cells {
            [Cell::Text(text)] => Some(*text),
            _ => None,
        });
        let text = text.ok_or_else(|| self.unrouted(Unrouted::Untold))?;
        Ok(Route::of(text).ok_or_else(|| self.unrouted(Unrouted::NoName))?)
    }

    /// A record that no table is known for.
    #[must_use]
    pub fn unrouted(&self, why: Unrouted) -> BadRecord {
        BadRecord::Unrouted {
            source: self.source.to_string(),
            why,
        }
    }

    /// The route of a record, when all that it needs is there.
    ///
    /// # Errors
    /// What it needs cannot be had now. The record alone is no error.
    pub async fn read_when_ready(
        &self,
        record: &Record<'_>,
    ) -> Result<Result<Route, BadRecord>, Unavailable> {
        loop {
            match self.read(record) {
                Ok(route) => return Ok(Ok(route)),
                Err(Undecoded::Bad(bad)) => return Ok(Err(bad)),
                Err(Undecoded::Needs(need)) => self.decoder.fetch(&need).await?,
                Err(Undecoded::Unusable(why)) => return Err(why),
            }
        }
    }

    /// The decoder of the source, for who fetches what it needs.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

/// What becomes of a record that no table is known for. `bad`: what becomes of bad ones.
#[must_use]
pub fn fate(unknown: UnknownRoute, bad_are_kept: bool) -> Fate {
    match (unknown, bad_are_kept) {
        (UnknownRoute::Skip, _) => Fate::Skipped,
        (UnknownRoute::DeadLetter, _) | (UnknownRoute::AsBadRecord, true) => Fate::Kept,
        (UnknownRoute::Halt, _) | (UnknownRoute::AsBadRecord, false) => Fate::Halts,
    }
}

/// What becomes of a record that is no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The partition stops before it.
    Halts,
    /// It is kept as a dead letter.
    Kept,
    /// Nothing of it is kept.
    Skipped,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Chunk, Filling, Incoming};
    use plimsoll_protocol::{Position, Span};
    use std::time::Instant;

    type Header<'h> = (&'h [u8], Option<&'h [u8]>);

    fn chunk(key: Option<&str>, value: Option<&str>, headers: &[Header<'_>]) -> Chunk {
        let mut filling = Filling::new(Budget::new(1 << 20));
        let incoming = Incoming {
            offset: 0,
            timestamp: None,
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
        };
        filling.push(&incoming, headers.iter().copied(), None, Instant::now());
        let to = Position::new(1).unwrap();
        filling.seal(Span::new(Position::ZERO, to).unwrap())
    }

    fn read(source: &str, chunk: &Chunk) -> Result<String, &'static str> {
        let formats = Formats::json(UnknownFields::Reject);
        let reader = RouteReader::new(&source.parse().unwrap(), "t", 0, &formats);
        match reader.read(&chunk.record(0)) {
            Ok(route) => Ok(route.as_str().to_owned()),
            Err(Undecoded::Bad(bad)) => {
                assert!(!bad.to_string().contains("secret"), "{bad}");
                Err(bad.condition())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_header_tells_the_route_of_a_value_that_is_no_json() {
        let headers: [Header<'_>; 2] = [(b"type", Some(b"old")), (b"type", Some(b"Order"))];
        let of = |value| chunk(None, value, &headers);
        for value in [Some("{"), None, Some("{\"type\":\"x\"}")] {
            assert_eq!(read("headers.type", &of(value)).unwrap(), "Order");
        }
        assert_eq!(read("headers.other", &of(None)), Err("no_route"));
        let null: [Header<'_>; 1] = [(b"type", None)];
        assert_eq!(
            read("headers.type", &chunk(None, None, &null)),
            Err("no_route")
        );
        let bytes: [Header<'_>; 1] = [(b"type", Some(b"\xff"))];
        assert_eq!(
            read("headers.type", &chunk(None, None, &bytes)),
            Err("no_route")
        );
        let empty: [Header<'_>; 1] = [(b"type", Some(b""))];
        assert_eq!(
            read("headers.type", &chunk(None, None, &empty)),
            Err("invalid_route")
        );
    }

    #[test]
    fn a_field_tells_the_route_or_none() {
        let of = |value: &str| chunk(Some("{\"kind\":\"K\"}"), Some(value), &[]);
        assert_eq!(
            read("value.type", &of("{\"type\":\"a\",\"b\":1}")).unwrap(),
            "a"
        );
        assert_eq!(
            read("value.a.b", &of("{\"a\":{\"b\":\"c\"}}")).unwrap(),
            "c"
        );
        assert_eq!(read("key.kind", &of("no json")).unwrap(), "K");
        assert_eq!(read("topic", &of("no json")).unwrap(), "t");
        for (value, condition) in [
            ("{}", "no_route"),
            ("{\"type\":null}", "no_route"),
            ("{\"type\":7}", "no_route"),
            ("{\"type\":{\"secret\":1}}", "no_route"),
            ("{\"type\":\"secret\\u0000\"}", "invalid_route"),
            ("{", "value_not_json"),
        ] {
            assert_eq!(read("value.type", &of(value)), Err(condition), "{value}");
        }
        assert_eq!(read("value.type", &chunk(None, None, &[])), Err("no_route"));
    }

    #[test]
    fn what_becomes_of_an_unknown_route_loses_nothing_unless_asked() {
        assert_eq!(fate(UnknownRoute::default(), false), Fate::Halts);
        assert_eq!(fate(UnknownRoute::default(), true), Fate::Kept);
        for kept in [false, true] {
            assert_eq!(fate(UnknownRoute::Halt, kept), Fate::Halts);
            assert_eq!(fate(UnknownRoute::DeadLetter, kept), Fate::Kept);
            assert_eq!(fate(UnknownRoute::Skip, kept), Fate::Skipped);
        }
    }
}
