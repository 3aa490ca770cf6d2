//! A value that is all of the bytes: text, bytes, and the numbers of Kafka's own
//! serializers.

use crate::fields;
use plimsoll_record::{
    Arena, BadRecord, Described, DescribedField, Fault, Fetching, Field, Format, Held, JsonText,
    LookInto, Looks, Need, Reader, Record, Side, Unavailable, Undecoded, Wanted,
};
use plimsoll_sink_api::{Cell, Float, Kind, Shape};

/// What all bytes of a key or a value are. Numbers are big-endian, as Kafka's serializers
/// write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    /// UTF-8.
    Text,
    /// As they are.
    Bytes,
    /// Two bytes, signed.
    Int16,
    /// Four bytes, signed.
    Int32,
    /// Eight bytes, signed.
    Int64,
    /// Four bytes, IEEE 754.
    Float32,
    /// Eight bytes, IEEE 754.
    Float64,
    /// One byte, 0 or 1.
    Boolean,
}

impl Primitive {
    /// Its name in the configuration, and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Boolean => "boolean",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Bytes => Kind::Bytes,
            Self::Int16 | Self::Int32 | Self::Int64 => Kind::Integer,
            Self::Float32 | Self::Float64 => Kind::Float,
            Self::Boolean => Kind::Boolean,
        }
    }

    /// The value, and where reading stopped if it is none.
    fn cell(self, bytes: &[u8]) -> Result<Cell<'_>, (Fault, usize)> {
        Ok(match self {
            Self::Text => match std::str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text),
                Err(error) => return Err((Fault::NotUtf8, error.valid_up_to())),
            },
            Self::Bytes => Cell::Bytes(bytes),
            Self::Int16 => Cell::Int(i16::from_be_bytes(exactly(bytes)?).into()),
            Self::Int32 => Cell::Int(i32::from_be_bytes(exactly(bytes)?).into()),
            Self::Int64 => Cell::Int(i64::from_be_bytes(exactly(bytes)?)),
            Self::Float32 => Cell::Float(Float::Single(f32::from_be_bytes(exactly(bytes)?))),
            Self::Float64 => Cell::Float(Float::Double(f64::from_be_bytes(exactly(bytes)?))),
            Self::Boolean => match exactly(bytes)? {
                [0] => Cell::Bool(false),
                [1] => Cell::Bool(true),
                [_] => return Err((Fault::Boolean, 0)),
            },
        })
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], (Fault, usize)> {
    match bytes.try_into() {
        Ok(bytes) => Ok(bytes),
        Err(_) if bytes.len() < N => Err((Fault::Truncated, bytes.len())),
        Err(_) => Err((Fault::Trailing, N)),
    }
}

impl Format for Primitive {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        let whole = wanted.fields.iter().filter(|field| field.path.0.is_empty());
        // A tombstone's key, whose columns take fields of the value otherwise.
        let targets: Vec<Target> = whole.chain(&wanted.bare).map(Target::of).collect();
        Box::new(Whole {
            of: *self,
            side: wanted.side,
            needs_fields: wanted.side == Side::Tombstone && targets.is_empty(),
            targets,
        })
    }

    fn judge(&self, wanted: &Wanted<'_>) -> Result<(), Unavailable> {
        let Some(missing) = fields::missing(wanted, |_| false) else {
            return Ok(());
        };
        let name = &missing.0;
        let hint = match wanted.side {
            Side::Value => format!(
                "columns = {{ {name} = \"value\" }} takes all of it, {{ {name} = \"key\" }} the \
                 record's key"
            ),
            Side::Key | Side::Tombstone => {
                format!("columns = {{ {name} = \"key\" }} takes all of it")
            }
        };
        let has = format!("is {}, which has no fields", self.as_str());
        Err(fields::halt(wanted, &has, missing, hint))
    }

    fn describe(
        &self,
        _: Side,
        _: &Record<'_>,
        _: &[u8],
        _: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        Ok(Described {
            schema: None,
            fields: vec![DescribedField {
                path: Vec::new(),
                kind: self.as_str().to_owned(),
                typed: Some(self.kind()),
                opened: false,
            }],
        })
    }

    /// It needs nothing.
    fn fetch<'f>(&'f self, _: &'f Need) -> Fetching<'f> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Debug)]
struct Target {
    cell: usize,
    shape: Shape,
    name: String,
}

impl Target {
    fn of(field: &Field<'_>) -> Self {
        Self {
            cell: field.cell,
            shape: field.column.shape,
            name: field.column.name.clone(),
        }
    }
}

#[derive(Debug)]
struct Whole {
    of: Primitive,
    side: Side,
    /// Columns take fields, and there are none.
    needs_fields: bool,
    targets: Vec<Target>,
}

impl Whole {
    #[cold]
    fn bad(&self, bytes: &[u8], (fault, at): (Fault, usize), target: Option<&Target>) -> BadRecord {
        let format = self.of.as_str();
        let side = self.side;
        match (fault, Looks::of(bytes)) {
            // Other texts begin so, too.
            (Fault::NotUtf8, Some(looks)) if looks != Looks::Json => BadRecord::OtherFormat {
                side,
                format,
                looks,
            },
            (_, _) => BadRecord::Binary {
                side,
                format,
                fault,
                at,
                column: target.map(|target| target.name.clone()),
            },
        }
    }
}

impl Reader for Whole {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let value = match self.of.cell(bytes) {
            Ok(_) if self.needs_fields => {
                return Err(self.bad(bytes, (Fault::NotRecord, 0), None).into());
            }
            Ok(value) => value,
            Err(fault) => return Err(self.bad(bytes, fault, None).into()),
        };
        for target in &self.targets {
            cells[target.cell] = match target.shape {
                Shape::Scalar => value,
                Shape::Bytes => Cell::Bytes(bytes),
                Shape::Presence => Cell::Bool(true),
                Shape::Json => {
                    let limit = JsonText::limit(bytes.len());
                    let written = arena.written(|out| JsonText::new(out, limit).cell(&value));
                    Cell::Json(written.map_err(|fault| self.bad(bytes, (fault, 0), Some(target)))?)
                }
            };
        }
        Ok(Held::Value)
    }
}
