//! `check --explain`: the way of one record, step by step. No value is shown unless that is
//! asked for.

use super::error::AdminError;
use super::report::Report;
use super::sample::{batch, read_spans};
use super::text::{Side, align, count};
use crate::config::{Config, Sink as Settings};
use crate::error::KafkaFault;
use crate::kafka::Cluster;
use plimsoll_protocol::{Position, Span, TopicPartition};
use plimsoll_record::{
    Arena, BadRecord, Chunk, Decoded, Decoder, Formats, Record, RouteReader, Unrouted,
};
use plimsoll_sink_api::canonical::{Wanted, written};
use plimsoll_sink_api::{Cell, Column, Inspect, Op, Prepared, Route, Routing, Rows, Source};
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

/// A record may have thousands of rows, each with a line for every column.
const ROWS_SHOWN: usize = 10;

/// A record, by its place: `orders:3:4711`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) tp: TopicPartition,
    offset: Position,
}

impl Place {
    /// Its topic.
    pub(super) fn topic(&self) -> &str {
        &self.tp.topic
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offset {}", self.tp, self.offset.offset())
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "a record's place is TOPIC:PARTITION:OFFSET, such as orders:3:4711";
        let mut parts = text.splitn(3, ':');
        let (Some(topic), Some(partition), Some(offset)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(HOW);
        };
        let partition: i32 = partition.parse().map_err(|_| HOW)?;
        let offset = offset.parse().map_err(|_| HOW)?;
        match Position::new(offset) {
            Ok(offset) if partition >= 0 && !topic.is_empty() => Ok(Self {
                tp: TopicPartition::new(topic, partition),
                offset,
            }),
            _ => Err(HOW),
        }
    }
}

/// Reads the record; `None`: there is none at its offset.
pub(super) fn read(
    config: &Config,
    settings: &Settings,
    cluster: &Cluster,
    place: &Place,
) -> Result<Option<Chunk>, KafkaFault> {
    let of = std::slice::from_ref(&place.tp);
    let ends = [cluster.earliest(of)?, cluster.latest(of)?];
    let [Some(Some(first)), Some(Some(end))] = ends.map(|end| end.into_iter().next()) else {
        return Ok(None);
    };
    if !(first..end).contains(&place.offset) {
        return Ok(None);
    }
    let behind = Position::new(place.offset.offset().saturating_add(1));
    let span = behind
        .ok()
        .and_then(|behind| Span::new(place.offset, behind));
    let spans = span
        .map(|span| (place.tp.clone(), span))
        .into_iter()
        .collect();
    let read = read_spans(config, settings, spans, 1)?;
    Ok(read.into_iter().map(|(_, chunk)| chunk).next())
}

/// Tells what a record says of its table; `None`: it says nothing that can be, and that is
/// told. With the route comes what is wrong with it where it has no table.
pub(super) async fn route<W: Write>(
    routing: &Routing,
    tp: &TopicPartition,
    (formats, show_values): (&Formats, bool),
    chunk: &Chunk,
    report: &mut Report<'_, W>,
) -> Result<Option<(Route, String)>, AdminError> {
    let reader = RouteReader::new(&routing.by, &tp.topic, tp.partition, formats);
    let said = |bad: &BadRecord| format!("a bad record, {}: {bad}", bad.condition());
    match reader.read_when_ready(&chunk.record(0)).await? {
        Err(bad) => {
            report.fault(&said(&bad))?;
            Ok(None)
        }
        Ok(route) => {
            let shown = match show_values {
                true => format!("text {}", route.as_str().escape_debug()),
                false => "text".to_owned(),
            };
            report.line("route", &format!("{}: {shown}", routing.by))?;
            let bad = reader.unrouted(Unrouted::NoTable);
            Ok(Some((route, said(&bad))))
        }
    }
}

/// Who explains one record.
pub(super) struct Explaining<'e, S: Inspect> {
    pub(super) sink: &'e S,
    pub(super) formats: &'e Formats,
    pub(super) prepared: &'e Prepared<S::Plan>,
    pub(super) tp: &'e TopicPartition,
    pub(super) show_values: bool,
}

impl<S: Inspect> Explaining<'_, S> {
    /// Tells its way. What the database says of it is told, too, and nothing stays.
    pub(super) async fn explain<W: Write>(
        &self,
        chunk: &Chunk,
        report: &mut Report<'_, W>,
    ) -> Result<(), AdminError> {
        let record = chunk.record(0);
        report.line("record", &self.told(&record))?;
        let table = &self.prepared.table;
        let decoder = Decoder::new(table, &self.tp.topic, self.tp.partition, self.formats);
        let arena = Arena::new();
        let mut rows = Rows::with_capacity(table.columns.len(), 1);
        let decoded = decoder
            .decode_when_ready(&record, &arena, &mut rows)
            .await?;
        self.fields(&decoder, &record, report)?;
        self.filter(&decoded, report)?;
        match decoded {
            Err(bad) => return Ok(self.bad(&bad, report)?),
            Ok(Decoded::Filtered) => return Ok(()),
            Ok(Decoded::PassedOver) => {
                let why = match &table.explode {
                    Some(array) => {
                        let array = Source::Value(array.clone());
                        format!("none: it has no value, or no element in {array}")
                    }
                    None => "none: it is about no row, or about another table's".to_owned(),
                };
                return Ok(report.line("rows", &why)?);
            }
            Ok(Decoded::Rows) => {}
        }
        for (row, cells) in rows.iter().take(ROWS_SHOWN) {
            let does = match row.op {
                Op::Put => "written",
                Op::Delete => "deleted by its key",
            };
            report.line("row", &format!("of {}, {does}", table.name))?;
            report.more(&self.cells(&table.columns, row.op, cells))?;
        }
        if rows.len() > ROWS_SHOWN {
            let more = count(rows.len() - ROWS_SHOWN, "row");
            report.line("rows", &format!("and {more} more, not shown"))?;
        }
        let tried = batch(self.tp, chunk, self.prepared, &rows);
        match self.sink.dry_run(&tried).await {
            Ok(done) => {
                let rows = count(usize::try_from(done.rows).unwrap_or(usize::MAX), "row");
                report.line("database", &format!("{rows} {}", S::DRY_RUN.as_str()))?;
            }
            Err(error) => report.fault(&error.to_string())?,
        }
        Ok(())
    }

    /// What its value holds.
    fn fields<W: Write>(
        &self,
        decoder: &Decoder,
        record: &Record<'_>,
        report: &mut Report<'_, W>,
    ) -> io::Result<()> {
        let described = decoder.describe(record, &|_| false).unwrap_or_default();
        if let Some(schema) = &described.schema {
            report.line("schema", schema)?;
        }
        let fields = described
            .fields
            .iter()
            .filter(|field| !field.path.is_empty());
        let fields: Vec<Vec<String>> = fields
            .map(|field| vec![field.path.join("."), field.kind.clone()])
            .collect();
        if !fields.is_empty() {
            report.line(
                "fields",
                "of the row in its value, with what their format calls them",
            )?;
            report.more(&align(&fields, &[Side::Left; 2]))?;
        }
        Ok(())
    }

    /// What the filter says of it.
    fn filter<W: Write>(
        &self,
        decoded: &Result<Decoded, BadRecord>,
        report: &mut Report<'_, W>,
    ) -> io::Result<()> {
        let table = &self.prepared.table;
        if let Some(filter) = &table.filter {
            let elements = table.explode.is_some();
            let passed = match decoded {
                Ok(Decoded::Filtered) if elements => "rules every element out",
                Ok(Decoded::Rows) if elements => "lets these elements through",
                Ok(Decoded::Filtered) => "rules it out",
                Ok(Decoded::Rows) => "lets it through",
                Ok(Decoded::PassedOver) | Err(_) => "was not asked",
            };
            report.line("where", &format!("{filter}: {passed}"))?;
        }
        Ok(())
    }

    fn bad<W: Write>(&self, bad: &BadRecord, report: &mut Report<'_, W>) -> io::Result<()> {
        report.fault(&format!("a bad record, {}: {bad}", bad.condition()))
    }

    fn told(&self, record: &Record<'_>) -> String {
        let bytes = |what: &str, bytes: Option<&[u8]>| match bytes {
            None => format!("no {what}"),
            Some(bytes) => format!("{what} of {}", count(bytes.len(), "byte")),
        };
        let headers: Vec<String> = record
            .headers()
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect();
        let headers = match headers.is_empty() {
            true => "no header".to_owned(),
            false => format!("headers {}", headers.join(", ")),
        };
        format!(
            "{} offset {}: {}, {}, {headers}",
            self.tp,
            record.offset,
            bytes("key", record.key),
            bytes("value", record.value)
        )
    }

    /// A line for each column: what it takes, what that was, and where it goes.
    fn cells(&self, columns: &[Column], op: Op, cells: &[Cell<'_>]) -> Vec<String> {
        let lines = columns.iter().zip(cells);
        let lines = lines.filter(|(column, _)| op == Op::Put || column.key);
        let line = |(column, cell): (&Column, &Cell<'_>)| {
            vec![
                column.take.to_string(),
                self.cell(cell),
                "→".to_owned(),
                column.name.clone(),
                column.type_name.clone(),
            ]
        };
        align(&lines.map(line).collect::<Vec<_>>(), &[Side::Left; 5])
    }

    fn cell(&self, cell: &Cell<'_>) -> String {
        let kind = match cell {
            Cell::Absent => return "missing: the column's default".to_owned(),
            Cell::Unchanged => return "not sent: the column stays".to_owned(),
            Cell::Null => return "null".to_owned(),
            Cell::Bool(_) => "boolean",
            Cell::Int(_) | Cell::Unsigned(_) => "whole number",
            Cell::Float(_) => "floating-point number",
            Cell::Number(_) => "number",
            Cell::Decimal { .. } => "decimal",
            Cell::Text(_) => "text",
            Cell::Json(_) => "JSON",
            Cell::Bytes(_) => "bytes",
            Cell::Date(_) => "day",
            Cell::Time(_) => "time of day",
            Cell::Timestamp(_) => "time",
            Cell::Uuid(_) => "UUID",
            Cell::Interval(_) => "length of time",
        };
        match (self.show_values, cell) {
            (false, _) => kind.to_owned(),
            (true, Cell::Bytes(bytes)) => format!("{kind} {}", hex::encode(bytes)),
            (true, cell) => match written(Wanted::Text, cell) {
                Ok(text) => format!("{kind} {}", text.escape_debug()),
                Err(unfit) => format!("{kind}, {unfit}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place: Place = "shop.orders:3:4711".parse().unwrap();
        assert_eq!(place.tp, TopicPartition::new("shop.orders", 3));
        assert_eq!(place.offset.offset(), 4_711);
        for text in [
            "",
            "orders",
            "orders:1",
            "orders:-1:2",
            "orders:1:-2",
            ":1:2",
            "orders:1:x",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
