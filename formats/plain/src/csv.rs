//! CSV: one line of texts for each record, whose names the config has.

use crate::fields;
use crate::line::{Line, Marks, Text, Wrong};
use plimsoll_record::{
    Arena, BadRecord, Described, DescribedField, Fault, Fetching, Field, Format, Held, JsonText,
    LookInto, Looks, Need, Reader, Record, Side, Unavailable, Undecoded, UnknownFields, Wanted,
    quote,
};
use plimsoll_sink_api::{Cell, Kind, Path, Shape};

/// CSV, as the config tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    /// The names of the fields, in their order.
    pub fields: Vec<String>,
    /// What stands between fields: a character of ASCII.
    pub delimiter: u8,
    /// What stands around fields: a character of ASCII.
    pub quote: u8,
    /// The text that is NULL where it stands without quotes.
    pub null: String,
}

impl Csv {
    fn place(&self, path: &Path) -> Option<usize> {
        match path.0.as_slice() {
            [name] => self.fields.iter().position(|field| field == name),
            [] | [_, _, ..] => None,
        }
    }

    fn is_null(&self, text: Text<'_>) -> bool {
        matches!(text, Text::Plain(text) if text == self.null)
    }

    /// What a field says.
    fn said<'c>(&self, text: Text<'c>, arena: &'c Arena) -> &'c str {
        match text {
            Text::Plain(text)
            | Text::Quoted {
                text,
                doubled: false,
            } => text,
            Text::Quoted {
                text,
                doubled: true,
            } => {
                let quote = char::from(self.quote);
                let twice = String::from_iter([quote, quote]);
                arena.text(&text.replace(&twice, quote.encode_utf8(&mut [0; 1])))
            }
        }
    }
}

impl Format for Csv {
    fn reader(&self, wanted: &Wanted<'_>) -> Box<dyn Reader> {
        let mut taken: Vec<Vec<Target>> = self.fields.iter().map(|_| Vec::new()).collect();
        let mut whole = Vec::new();
        for field in &wanted.fields {
            match self.place(field.path) {
                Some(place) => taken[place].push(Target::of(field)),
                None if field.path.0.is_empty() => whole.push(Target::of(field)),
                None => {}
            }
        }
        let names = self.fields.iter().zip(&taken);
        let unknown = match wanted.unknown {
            UnknownFields::Ignore => None,
            UnknownFields::Reject | UnknownFields::RejectOwn => names
                .filter(|(_, takers)| takers.is_empty())
                .map(|(name, _)| name.clone())
                .next(),
        };
        Box::new(Lines {
            csv: self.clone(),
            side: wanted.side,
            taken,
            whole,
            unknown,
        })
    }

    fn judge(&self, wanted: &Wanted<'_>) -> Result<(), Unavailable> {
        let Some(missing) = fields::missing(wanted, |path| self.place(path).is_some()) else {
            return Ok(());
        };
        let has = format!("has the fields {}", self.fields.join(", "));
        let hint = format!(
            "fields names them in the order of the line; columns = {{ {} = \"{}.{}\" }} takes \
             another one",
            missing.0,
            wanted.side.as_str(),
            self.fields.first().map_or("…", String::as_str)
        );
        Err(fields::halt(wanted, &has, missing, hint))
    }

    fn describe(
        &self,
        _: Side,
        _: &Record<'_>,
        _: &[u8],
        _: LookInto<'_>,
    ) -> Result<Described, Undecoded> {
        let field = |name: &String| DescribedField {
            path: vec![name.clone()],
            kind: "text".to_owned(),
            typed: Some(Kind::Text),
            opened: false,
        };
        Ok(Described {
            schema: None,
            fields: self.fields.iter().map(field).collect(),
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
}

impl Target {
    fn of(field: &Field<'_>) -> Self {
        Self {
            cell: field.cell,
            shape: field.column.shape,
        }
    }
}

#[derive(Debug)]
struct Lines {
    csv: Csv,
    side: Side,
    /// By the places of the fields.
    taken: Vec<Vec<Target>>,
    whole: Vec<Target>,
    /// A field that nobody takes, where each has to be taken.
    unknown: Option<String>,
}

impl Reader for Lines {
    fn read<'c>(
        &self,
        _: &Record<'c>,
        bytes: &'c [u8],
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<Held, Undecoded> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| self.bad(bytes, (Fault::NotUtf8, error.valid_up_to())))?;
        let found = self
            .fields(text, arena, cells)
            .map_err(|wrong| self.bad(bytes, wrong))?;
        if found != self.csv.fields.len() {
            return Err(self.other_count(bytes, found).into());
        }
        if let Some(field) = &self.unknown {
            let field = field.clone();
            return Err(BadRecord::UnknownField { field }.into());
        }
        for target in &self.whole {
            cells[target.cell] = match target.shape {
                Shape::Bytes => Cell::Bytes(bytes),
                Shape::Presence => Cell::Bool(true),
                Shape::Scalar | Shape::Json => {
                    let json = arena.written(|out| self.object(text, arena, out));
                    Cell::Json(json.map_err(|wrong| self.bad(bytes, wrong))?)
                }
            };
        }
        Ok(Held::Value)
    }
}

impl Lines {
    fn line<'c>(&self, text: &'c str) -> Line<'c> {
        let marks = Marks {
            delimiter: self.csv.delimiter,
            quote: self.csv.quote,
        };
        Line::new(text, marks)
    }

    /// Fills the cells of single fields; how many fields there are.
    fn fields<'c>(
        &self,
        text: &'c str,
        arena: &'c Arena,
        cells: &mut [Cell<'c>],
    ) -> Result<usize, Wrong> {
        let mut line = self.line(text);
        let mut found = 0;
        while let Some(field) = line.field()? {
            let taken = self.taken.get(found).map_or(&[][..], Vec::as_slice);
            for target in taken {
                cells[target.cell] = match target.shape {
                    _ if self.csv.is_null(field) => Cell::Null,
                    Shape::Presence => Cell::Bool(true),
                    // A column of JSON reads it as JSON.
                    Shape::Scalar | Shape::Json => Cell::Text(self.csv.said(field, arena)),
                    Shape::Bytes => Cell::Bytes(self.csv.said(field, arena).as_bytes()),
                };
            }
            found += 1;
        }
        Ok(found)
    }

    /// All of it, as an object of texts.
    fn object(&self, text: &str, arena: &Arena, out: &mut String) -> Result<(), Wrong> {
        // Names are the config's: no record makes them many.
        let names: usize = self.csv.fields.iter().map(String::len).sum();
        let limit = JsonText::limit(text.len()).saturating_add(names.saturating_mul(8));
        let mut line = self.line(text);
        let mut before = '{';
        for name in &self.csv.fields {
            let Some(field) = line.field()? else {
                break;
            };
            out.push(before);
            quote(name, out);
            out.push(':');
            let cell = match self.csv.is_null(field) {
                true => Cell::Null,
                false => Cell::Text(self.csv.said(field, arena)),
            };
            JsonText::new(out, limit)
                .cell(&cell)
                .map_err(|fault| (fault, 0))?;
            before = ',';
        }
        out.push('}');
        Ok(())
    }

    #[cold]
    fn bad(&self, bytes: &[u8], (fault, at): Wrong) -> BadRecord {
        let (side, format) = (self.side, "CSV");
        match looks(bytes) {
            Some(looks) => BadRecord::OtherFormat {
                side,
                format,
                looks,
            },
            None => BadRecord::Binary {
                side,
                format,
                fault,
                at,
                column: None,
            },
        }
    }

    #[cold]
    fn other_count(&self, bytes: &[u8], found: usize) -> BadRecord {
        let side = self.side;
        match looks(bytes) {
            Some(looks) => BadRecord::OtherFormat {
                side,
                format: "CSV",
                looks,
            },
            None => BadRecord::FieldCount {
                side,
                found,
                named: self.csv.fields.len(),
            },
        }
    }
}

/// What bytes are that are not read. A line may begin with a quote or a bracket.
fn looks(bytes: &[u8]) -> Option<Looks> {
    let is_object = || bytes.trim_ascii_start().starts_with(b"{");
    Looks::of(bytes).filter(|looks| *looks != Looks::Json || is_object())
}
