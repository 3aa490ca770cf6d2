//! From a message and what is wanted of it to a program.

use super::cover::Cover;
use super::read::{Read, form, of_field, of_message};
use super::{Act, Clear, Fill, Known, Level, Make, Map, OwnKey, Part, Program, Slot, What};
use crate::json::Key;
use crate::schema::{
    Count, FieldKind, Meaning, Message, MessageField, MessageId, Numbers, Scalar, Schema, Types,
};
use crate::walk::Writing;
use crate::{MAX_DEPTH, SchemaError};
use plimsoll_record::{Side, Target, Want, Wanted};
use plimsoll_sink_api::Shape;

/// The program for what is wanted of a message.
pub fn compile(
    schema: &Schema,
    message: MessageId,
    wanted: &Wanted<'_>,
) -> Result<Program, SchemaError> {
    let named = wanted.fields.iter().chain(&wanted.bare);
    let mut it = Compile {
        types: &schema.types,
        found: vec![false; wanted.fields.len()],
        program: Program {
            types: schema.types.clone(),
            side: wanted.side,
            levels: Vec::new(),
            root: 0,
            whats: Vec::new(),
            fills: Vec::new(),
            clears: Vec::new(),
            maps: Vec::new(),
            slots: Vec::new(),
            whole: Vec::new(),
            unknown: Vec::new(),
            columns: named
                .map(|field| (field.cell as u32, field.column.name.as_str().into()))
                .collect(),
        },
    };
    it.root(message, wanted)?;
    Ok(it.program)
}

/// Where in a record something stands.
#[derive(Debug, Clone, Copy)]
struct At<'w> {
    /// Messages around it.
    depth: u8,
    /// The rest of the way to where a field that nobody wants is an error; none: not here.
    strict: Option<&'w [String]>,
    /// It is one below, too.
    deep: bool,
}

impl At<'_> {
    fn below(self, name: &str) -> Self {
        let strict = match self.strict {
            Some([first, rest @ ..]) if first == name => Some(rest),
            Some([]) if self.deep => Some(&[][..]),
            Some(_) | None => None,
        };
        Self {
            depth: self.depth.saturating_add(1),
            strict,
            deep: self.deep,
        }
    }

    fn is_strict(self) -> bool {
        self.strict.is_some_and(<[String]>::is_empty)
    }
}

/// A program in the making.
struct Compile<'s> {
    types: &'s Types,
    /// Which of the wanted fields the message may have.
    found: Vec<bool>,
    program: Program,
}

/// What was made of a message's fields.
struct Made {
    level: u32,
    /// What cells are once it is there.
    fills: Vec<(u32, Fill)>,
    cover: Cover,
}

impl<'s> Compile<'s> {
    /// The whole record. A key that stands for a row to delete may be one value.
    fn root(&mut self, message: MessageId, wanted: &Wanted<'_>) -> Result<(), SchemaError> {
        let rejects = wanted.unknown.are_errors() && wanted.side == Side::Value;
        let at = At {
            depth: 0,
            strict: rejects.then_some(&wanted.root.0),
            deep: wanted.unknown.are_errors_below(),
        };
        let fields = wanted.fields.iter().copied().enumerate();
        let is_one = matches!(self.types.message(message).meaning, Meaning::One(_));
        let bare = wanted.bare.as_ref().filter(|_| is_one);
        let want = match (wanted.side, bare) {
            (Side::Tombstone, Some(bare)) => Want::bare(bare),
            (Side::Tombstone, None) => {
                Want::of(fields.filter(|(_, field)| !field.path.0.is_empty()))
            }
            (Side::Value | Side::Key, _) => Want::of(fields),
        };
        let bare = wanted.side == Side::Tombstone && bare.is_some();
        let made = self.level(message, &want, at)?;
        let mut fills = made.fills;
        // What stands in messages that are not there is null.
        for clear in made.cover.clears() {
            if let Clear::Null(cell) = *clear
                && fills.iter().all(|(of, _)| *of != cell)
            {
                fills.push((cell, Fill::Null));
            }
        }
        for target in &want.here {
            self.found(target);
            match target.column.shape {
                Shape::Presence => fills.push((target.cell, Fill::PRESENT)),
                Shape::Scalar | Shape::Json | Shape::Bytes => {
                    let make = of_message(self.types, message, target);
                    let slot = self.slot(target.cell, make, 0);
                    self.program.whole.push(slot);
                }
            }
        }
        let fills = self.fills(fills);
        self.program.levels[made.level as usize].fills = fills;
        self.program.root = made.level;
        // A key that is one value goes into the only column of the table's key.
        match bare {
            true => Ok(()),
            // An event that has no row has no key.
            false if !self.has(message, &wanted.root.0) => Ok(()),
            false => self.check_keys(wanted),
        }
    }

    fn found(&mut self, target: &Target<'_>) {
        if let Some(found) = self.found.get_mut(target.field) {
            *found = true;
        }
    }

    fn slot(&mut self, cell: u32, make: Make, depth: u8) -> u32 {
        let slot = self.program.slots.len() as u32;
        self.program.slots.push(Slot { cell, make, depth });
        slot
    }

    fn fills(&mut self, fills: Vec<(u32, Fill)>) -> Part {
        let from = self.program.fills.len() as u32;
        self.program.fills.extend(fills);
        let to = self.program.fills.len() as u32;
        Part { from, to }
    }

    fn clears(&mut self, cover: &Cover) -> Part {
        let from = self.program.clears.len() as u32;
        self.program.clears.extend(cover.clears());
        let to = self.program.clears.len() as u32;
        Part { from, to }
    }

    /// What is wanted of a field. The keys of a struct are the keys of its map, and those
    /// of a value those of its struct.
    fn want_of<'w, 't>(
        message: &Message,
        field: &MessageField,
        want: &'w Want<'t>,
    ) -> Option<&'w Want<'t>> {
        match (message.meaning, field.number) {
            (Meaning::Struct, 1) | (Meaning::Value, 5) => Some(want),
            (Meaning::Struct | Meaning::Value, _) => None,
            (Meaning::Fields | Meaning::One(_) | Meaning::List | Meaning::Any, _) => {
                want.below.get(&*field.name)
            }
        }
    }

    /// The fields of a message.
    fn level(&mut self, id: MessageId, want: &Want<'_>, at: At<'_>) -> Result<Made, SchemaError> {
        if at.depth >= MAX_DEPTH {
            return Err(SchemaError::TooLarge {
                what: "names in a path",
                limit: MAX_DEPTH.into(),
            });
        }
        let message = self.types.message(id);
        let by_key = matches!(message.meaning, Meaning::Struct | Meaning::Value);
        let strict = at.is_strict() && !by_key;
        let mut acts: Vec<(u32, Act)> = Vec::new();
        let mut covers: Vec<Cover> = Vec::new();
        let (mut fills, mut cover) = (Vec::new(), Cover::none());
        let mut unknown = None;
        for (place, field) in message.fields.iter().enumerate() {
            let (what, own) = match Self::want_of(message, field, want) {
                Some(want) => self.field(id, place, want, at, &mut fills)?,
                None => {
                    if strict && unknown.is_none() {
                        unknown = Some(self.program.unknown.len() as u32);
                        self.program.unknown.push(field.name.clone());
                    }
                    (What::Skip, Cover::none())
                }
            };
            cover.join(&own);
            covers.push(own);
            let act = Act {
                writing: Writing::of(field.kind, field.count),
                clears: Part::default(),
                what,
            };
            acts.push((field.number, act));
        }
        self.sets(message, &mut acts, &covers);
        // What nobody wants, and what undoes nothing, is skipped as what is not known.
        acts.retain(|(_, act)| strict || !act.is_idle());
        let numbers = acts.iter().map(|(number, _)| *number).zip(0..);
        let level = self.program.levels.len() as u32;
        self.program.levels.push(Level {
            numbers: Numbers::of(numbers),
            acts: acts.into_iter().map(|(_, act)| act).collect(),
            fills: Part::default(),
            // What the schema does not describe gets no column, whoever asks.
            strict: strict && at.deep,
            unknown,
        });
        Ok(Made {
            level,
            fills,
            cover,
        })
    }

    /// Of fields of which one is set each undoes what the others have left.
    fn sets(&mut self, message: &Message, acts: &mut [(u32, Act)], covers: &[Cover]) {
        for set in 0..message.oneofs {
            let members: Vec<usize> = (0..message.fields.len())
                .filter(|&place| message.fields[place].oneof == Some(set))
                .collect();
            if members
                .iter()
                .all(|&place| covers[place].clears().is_empty())
            {
                continue;
            }
            for &member in &members {
                let mut others = Cover::none();
                for &other in members.iter().filter(|&&other| other != member) {
                    others.join(&covers[other]);
                }
                acts[member].1.clears = self.clears(&others);
            }
        }
    }

    /// What is done with a field, and what that fills.
    fn field(
        &mut self,
        message: MessageId,
        place: usize,
        want: &Want<'_>,
        at: At<'_>,
        fills: &mut Vec<(u32, Fill)>,
    ) -> Result<(What, Cover), SchemaError> {
        let field = &self.types.message(message).fields[place];
        let mut cover = Cover::none();
        let mut whats = Vec::new();
        // A struct's or a value's own cell is filled where it stands as a field.
        let is_part = matches!(
            self.types.message(message).meaning,
            Meaning::Struct | Meaning::Value
        );
        let here: &[Target<'_>] = if is_part { &[] } else { &want.here };
        for target in here {
            self.found(target);
            let fill = match of_field(self.types, message, place, field, target) {
                Read::Now(what, fill) => {
                    whats.push(what);
                    fill
                }
                Read::Late(make, fill) => {
                    let slot = self.slot(target.cell, make, at.depth + 1);
                    cover.add(Clear::Slot(slot));
                    whats.push(What::Note { slot });
                    fill
                }
            };
            cover.add(Clear::Null(target.cell));
            if !matches!(fill, Fill::Null) {
                fills.push((target.cell, fill));
            }
        }
        if !want.below.is_empty() {
            let below = at.below(&field.name);
            match (field.count, field.kind) {
                (Count::Map, FieldKind::Message { id, .. }) => {
                    let (what, own) = self.map(id, want, below)?;
                    whats.push(what);
                    cover.join(&own);
                }
                (Count::Always | Count::Maybe, FieldKind::Message { id, .. }) => {
                    let made = self.level(id, want, below)?;
                    let fills = self.fills(made.fills);
                    self.program.levels[made.level as usize].fills = fills;
                    whats.push(What::Enter { level: made.level });
                    cover.join(&made.cover);
                }
                // Nothing is below: such a field is one that the schema lacks.
                (Count::List, _) | (_, FieldKind::Scalar(_)) => {}
            }
        }
        Ok((self.many(whats), cover))
    }

    /// Several things as one: that which only notes a presence goes over nothing.
    fn many(&mut self, mut whats: Vec<What>) -> What {
        let moves = |what: &What| !matches!(what, What::Presence { .. });
        whats.sort_by_key(moves);
        if whats.last().is_none_or(|last| !moves(last)) {
            whats.push(What::Skip);
        }
        match *whats {
            [only] => only,
            _ => {
                let from = self.program.whats.len() as u32;
                self.program.whats.extend(whats);
                let to = self.program.whats.len() as u32;
                What::Many {
                    whats: Part { from, to },
                }
            }
        }
    }

    /// A map of which keys are wanted. Which ones a map has the schema does not say: any
    /// may be there.
    fn map(
        &mut self,
        entry: MessageId,
        want: &Want<'_>,
        at: At<'_>,
    ) -> Result<(What, Cover), SchemaError> {
        let message = self.types.message(entry);
        let mut cover = Cover::none();
        let mut known = Vec::new();
        for (name, want) in &want.below {
            let [key, value] = &*message.fields else {
                continue;
            };
            let Some(key) = own_key(key.kind, name) else {
                continue;
            };
            let mut fills = Vec::new();
            let (what, own) = self.field(entry, 1, want, at, &mut fills)?;
            // A value is there, written or not.
            let begun = self.value_is_there(value, want, &what, &mut fills);
            let act = Act {
                writing: Writing::of(value.kind, value.count),
                clears: Part::default(),
                what,
            };
            let level = self.program.levels.len() as u32;
            let fills = self.fills(fills);
            self.program.levels.push(Level {
                numbers: Numbers::of([(value.number, 0)].into_iter()),
                acts: vec![act],
                fills,
                strict: false,
                unknown: None,
            });
            known.push(Known {
                key,
                level,
                clears: self.clears(&own),
                begun,
            });
            cover.join(&own.by_key());
        }
        let map = self.program.maps.len() as u32;
        self.program.maps.push(Map { entry, known });
        Ok((What::Entry { map }, cover))
    }

    /// The value of an entry is never unset: what its cells are where nothing was written.
    /// Gives the slots that take a message, which is there then.
    fn value_is_there(
        &self,
        value: &MessageField,
        want: &Want<'_>,
        what: &What,
        fills: &mut Vec<(u32, Fill)>,
    ) -> Vec<u32> {
        for target in &want.here {
            let fill = match (target.column.shape, value.kind) {
                (Shape::Presence, _) => Fill::PRESENT,
                (_, FieldKind::Scalar(scalar)) => Fill::zero(scalar, form(scalar, target)),
                (_, FieldKind::Message { .. }) => Fill::Null,
            };
            fills.retain(|(cell, _)| *cell != target.cell);
            fills.push((target.cell, fill));
        }
        let whats = match what {
            What::Many { whats } => whats.of(&self.program.whats),
            other => std::slice::from_ref(other),
        };
        let mut begun = Vec::new();
        for what in whats {
            match *what {
                What::Enter { level } => {
                    let level = &self.program.levels[level as usize];
                    fills.extend(level.fills.of(&self.program.fills));
                }
                What::Note { slot } => begun.push(slot),
                What::Skip
                | What::Put { .. }
                | What::Presence { .. }
                | What::Entry { .. }
                | What::Many { .. } => {}
            }
        }
        begun
    }

    /// Whether a message may have a field at the end of a path.
    fn has(&self, id: MessageId, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return true;
        };
        let message = self.types.message(id);
        let mut fields = message.fields.iter().filter(|field| *field.name == **first);
        fields.any(|field| match (field.count, field.kind) {
            (Count::Always | Count::Maybe, FieldKind::Message { id, .. }) => self.has(id, rest),
            (Count::Map, _) => true,
            (Count::Always | Count::Maybe | Count::List, _) => rest.is_empty(),
        })
    }

    fn check_keys(&self, wanted: &Wanted<'_>) -> Result<(), SchemaError> {
        match wanted.missing_key(&self.found) {
            None => Ok(()),
            Some((column, path)) => Err(SchemaError::KeyMissing {
                column: column.name.clone(),
                path,
                side: wanted.side.as_str(),
            }),
        }
    }
}

impl Act {
    fn is_idle(&self) -> bool {
        matches!(self.what, What::Skip) && self.clears.is_empty()
    }
}

/// A key by its name in a path; none: no entry can have it.
fn own_key(kind: FieldKind, name: &str) -> Option<OwnKey> {
    let FieldKind::Scalar(scalar) = kind else {
        return None;
    };
    Some(match scalar {
        Scalar::String => OwnKey::Text(name.into()),
        Scalar::Bool => OwnKey::Other(Key::Bool(name.parse().ok()?)),
        Scalar::Uint64 | Scalar::Fixed64 => OwnKey::Other(Key::Unsigned(name.parse().ok()?)),
        Scalar::Int32
        | Scalar::Int64
        | Scalar::Uint32
        | Scalar::Sint32
        | Scalar::Sint64
        | Scalar::Fixed32
        | Scalar::Sfixed32
        | Scalar::Sfixed64 => OwnKey::Other(Key::Int(name.parse().ok()?)),
        Scalar::Float | Scalar::Double | Scalar::Bytes | Scalar::Enum(_) => return None,
    })
}
