//! What a type says of itself besides its base: Avro's logical types, and the names that
//! Kafka Connect's converters keep. A logical type counts only where its base fits, as
//! the specification has it; a name of Connect's goes before it.

use super::Notes;
use plimsoll_record::semantic::{Chars, Octets, Whole};
use plimsoll_sink_api::{Clock, Unit};
use serde_json::{Map, Value};

/// The JSON of a type.
pub struct Said<'j>(&'j Map<String, Value>);

impl<'j> Said<'j> {
    /// Of this JSON.
    pub fn of(json: &'j Map<String, Value>) -> Self {
        Self(json)
    }

    fn text(&self, key: &str) -> Option<&'j str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// `connect.name`
    pub fn connect_name(&self) -> Option<&'j str> {
        self.text("connect.name")
    }

    fn parameter(&self, name: &str) -> Option<&'j str> {
        self.0.get("connect.parameters")?.get(name)?.as_str()
    }

    /// What has to be kept of it.
    pub fn notes(&self, full_name: Option<&str>) -> Option<Box<Notes>> {
        let parameters = self.0.get("connect.parameters").and_then(Value::as_object);
        let notes = Notes {
            full_name: full_name.map(Box::from),
            connect_name: self.connect_name().map(Box::from),
            parameters: parameters
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.as_str().into(), value.as_str()?.into())))
                .collect(),
        };
        let says = notes.full_name.is_some()
            || notes.connect_name.is_some()
            || !notes.parameters.is_empty();
        says.then(|| Box::new(notes))
    }

    fn whole(&self) -> Option<Whole> {
        self.connect_name().and_then(Whole::named)
    }

    /// Of an `int`.
    pub fn int(&self) -> Option<Whole> {
        self.whole().or_else(|| match self.text("logicalType")? {
            "date" => Some(Whole::Date),
            "time-millis" => Some(Whole::Time(Unit::Millis)),
            _ => None,
        })
    }

    /// Of a `long`.
    pub fn long(&self) -> Option<Whole> {
        let at = |unit, clock| Some(Whole::Timestamp(unit, clock));
        self.whole().or_else(|| match self.text("logicalType")? {
            "time-micros" => Some(Whole::Time(Unit::Micros)),
            "timestamp-millis" => at(Unit::Millis, Clock::Utc),
            "timestamp-micros" => at(Unit::Micros, Clock::Utc),
            "timestamp-nanos" => at(Unit::Nanos, Clock::Utc),
            "local-timestamp-millis" => at(Unit::Millis, Clock::Local),
            "local-timestamp-micros" => at(Unit::Micros, Clock::Local),
            "local-timestamp-nanos" => at(Unit::Nanos, Clock::Local),
            _ => None,
        })
    }

    fn octets(&self) -> Option<Octets> {
        Octets::named(self.connect_name()?, |name| self.parameter(name))
    }

    /// A scale beyond the precision counts: Debezium writes such, for numbers that end
    /// before the point. A precision has to be there, and says nothing: numbers are as
    /// long as they are.
    fn decimal(&self) -> Option<Octets> {
        if self.text("logicalType")? != "decimal" {
            return None;
        }
        let precision = self.0.get("precision").and_then(Value::as_u64);
        precision.filter(|&precision| precision > 0)?;
        let scale = match self.0.get("scale") {
            None => 0,
            Some(scale) => i32::try_from(scale.as_i64()?).ok()?,
        };
        Some(Octets::Decimal { scale })
    }

    /// Of `bytes`.
    pub fn bytes(&self) -> Option<Octets> {
        self.octets().or_else(|| self.decimal())
    }

    /// Of a `fixed` of so many bytes.
    pub fn fixed(&self, size: u32) -> Option<Octets> {
        let logical = || match (self.text("logicalType")?, size) {
            ("duration", 12) => Some(Octets::Duration),
            ("uuid", 16) => Some(Octets::Uuid),
            _ => None,
        };
        self.octets().or_else(|| self.decimal()).or_else(logical)
    }

    /// Of a `string`.
    pub fn string(&self) -> Option<Chars> {
        self.connect_name()
            .and_then(Chars::named)
            .or_else(|| match self.text("logicalType")? {
                "uuid" => Some(Chars::Uuid),
                _ => None,
            })
    }
}
