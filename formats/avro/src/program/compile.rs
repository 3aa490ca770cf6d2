//! From a schema and what is wanted of it to steps.

use super::read::read;
use super::{Program, Read, Step, Steps};
use crate::schema::{Base, RecordField, Schema, TypeId, Types};
use crate::{MAX_DEPTH, SchemaError};
use plimsoll_record::{Side, Target, Want, Wanted};
use plimsoll_sink_api::Shape;

/// Steps of a program, and looks at the schema while it is made. A path through unions of
/// records multiplies their branches; a table of a thousand columns takes some thousands.
const MAX_STEPS: usize = 1 << 18;

/// The program for what is wanted of a schema.
pub fn compile(schema: &Schema, wanted: &Wanted<'_>) -> Result<Program, SchemaError> {
    let named = wanted.fields.iter().chain(&wanted.bare);
    let mut it = Compile {
        types: &schema.types,
        found: vec![false; wanted.fields.len()],
        looks: 0,
        program: Program {
            types: schema.types.clone(),
            bare: schema.bare_bytes && matches!(base(schema, schema.root), Base::Bytes(_)),
            side: wanted.side,
            steps: Vec::new(),
            branches: Vec::new(),
            nulls: Vec::new(),
            keys: Vec::new(),
            unknown: Vec::new(),
            columns: named
                .map(|field| (field.cell as u32, field.column.name.as_str().into()))
                .collect(),
        },
    };
    it.root(schema, wanted)?;
    Ok(it.program)
}

fn base(schema: &Schema, id: TypeId) -> &Base {
    &schema.types.get(id).base
}

/// Where in a value its steps are made.
#[derive(Debug, Clone, Copy)]
pub struct At<'w> {
    /// Records, arrays and maps around it.
    depth: u8,
    /// The rest of the way to where a field that nobody wants is an error; none: not here.
    strict: Option<&'w [String]>,
    /// It is one below, too.
    deep: bool,
}

impl<'w> At<'w> {
    fn the_value(wanted: &'w Wanted<'_>) -> Self {
        let rejects = wanted.unknown.are_errors() && wanted.side == Side::Value;
        Self {
            depth: 0,
            strict: rejects.then_some(&wanted.root.0),
            deep: wanted.unknown.are_errors_below(),
        }
    }

    /// In a field.
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
pub struct Compile<'s> {
    types: &'s Types,
    /// Which of the wanted fields values of the schema may have.
    found: Vec<bool>,
    looks: usize,
    /// What is there of it.
    pub program: Program,
}

impl<'s> Compile<'s> {
    /// What a type is.
    pub fn base(&self, id: TypeId) -> &'s Base {
        &self.types.get(id).base
    }

    fn has_fields(&self, id: TypeId) -> bool {
        matches!(self.base(id), Base::Record(..) | Base::Map(_))
    }

    /// The whole value. A key that stands for a row to delete may be a record or one
    /// value; a value of which fields are wanted has to have some.
    fn root(&mut self, schema: &Schema, wanted: &Wanted<'_>) -> Result<(), SchemaError> {
        let root = schema.root;
        let fields = wanted.fields.iter().copied().enumerate();
        let (want, bare) = match wanted.side {
            Side::Value | Side::Key => (Want::of(fields), None),
            Side::Tombstone => (
                Want::of(fields.filter(|(_, field)| !field.path.0.is_empty())),
                wanted.bare.as_ref().map(Want::bare),
            ),
        };
        let branches: &[TypeId] = match self.base(root) {
            Base::Union(branches) => branches,
            _ => &[root],
        };
        let any_fields = branches.iter().any(|&id| self.has_fields(id));
        let at = At::the_value(wanted);
        if !any_fields && let Some(bare) = &bare {
            return self.value(root, bare, at);
        }
        if !any_fields && !want.below.is_empty() {
            return Err(SchemaError::NotRecord {
                side: wanted.side.as_str(),
                kind: self.base(root).as_str(),
            });
        }
        let want = self.whole_json(root, want, wanted.side)?;
        match self.base(root) {
            Base::Union(branches) if !want.below.is_empty() => {
                self.root_branches(branches, &want, bare.as_ref(), at)?;
            }
            Base::Record(fields, _) if at.is_strict() => {
                self.peeks(root, &want.here, at)?;
                self.record(fields, &want, at)?;
            }
            _ => self.value(root, &want, at)?,
        }
        // An event that has no row has no key.
        match self.has(root, &wanted.root.0) {
            true => self.check_keys(wanted),
            false => Ok(()),
        }
    }

    /// The whole value as JSON is JSON even where it is null: an event, and not none.
    fn whole_json<'t>(
        &mut self,
        root: TypeId,
        mut want: Want<'t>,
        side: Side,
    ) -> Result<Want<'t>, SchemaError> {
        let nulls = matches!(self.base(root), Base::Union(_) | Base::Null);
        let whole = |target: &Target<'_>| {
            nulls && side == Side::Value && target.column.shape == Shape::Json
        };
        let (json, others): (Vec<_>, Vec<_>) = want.here.into_iter().partition(whole);
        for target in json {
            self.found(target.field);
            self.step(Step::Save)?;
            self.step(Step::Put {
                cell: target.cell,
                read: Read::Json(root, 0),
            })?;
            self.step(Step::Back)?;
        }
        want.here = others;
        Ok(want)
    }

    fn root_branches(
        &mut self,
        branches: &[TypeId],
        want: &Want<'_>,
        bare: Option<&Want<'_>>,
        at: At<'_>,
    ) -> Result<(), SchemaError> {
        self.branches(branches, want, |it, branch| match bare {
            _ if it.has_fields(branch) => it.value(branch, want, at),
            Some(bare) => it.value(branch, bare, at),
            None => it.step(Step::Refuse),
        })
    }

    /// Whether values of a type may have a field at the end of a path.
    fn has(&self, id: TypeId, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return true;
        };
        match self.base(id) {
            Base::Record(fields, _) => fields
                .iter()
                .any(|field| *field.name == **first && self.has(field.id, rest)),
            // Unions do not stand in unions: no deeper than the path is long.
            Base::Union(branches) => branches.iter().any(|&branch| self.has(branch, path)),
            Base::Map(values) => self.has(*values, rest),
            _ => false,
        }
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

    /// The place of the next step.
    pub fn here(&self) -> u32 {
        // In range: the bound is.
        self.program.steps.len() as u32
    }

    /// Counts a look at the schema.
    pub fn look(&mut self) -> Result<(), SchemaError> {
        self.looks += 1;
        match self.looks <= MAX_STEPS {
            true => Ok(()),
            false => Err(SchemaError::TooLarge {
                what: "steps to the fields that columns take",
                limit: MAX_STEPS,
            }),
        }
    }

    /// Adds a step.
    pub fn step(&mut self, step: Step) -> Result<(), SchemaError> {
        self.look()?;
        self.program.steps.push(step);
        Ok(())
    }

    fn found(&mut self, field: usize) {
        if let Some(found) = self.found.get_mut(field) {
            *found = true;
        }
    }

    /// A value of which something is wanted, or nothing.
    pub fn value(&mut self, id: TypeId, want: &Want<'_>, at: At<'_>) -> Result<(), SchemaError> {
        if at.depth > MAX_DEPTH {
            return Err(SchemaError::TooLarge {
                what: "names in a path",
                limit: MAX_DEPTH.into(),
            });
        }
        if want.is_empty() {
            return self.skip(id, at);
        }
        match self.base(id) {
            Base::Union(branches) => self.union(branches, want, at),
            Base::Record(fields, _) if !want.below.is_empty() => {
                self.peeks(id, &want.here, at)?;
                self.record(fields, want, at)
            }
            Base::Map(values) if !want.below.is_empty() => {
                self.peeks(id, &want.here, at)?;
                self.entries(*values, want, at)
            }
            _ => match want.here.split_last() {
                None => self.skip(id, at),
                Some((last, others)) => {
                    self.peeks(id, others, at)?;
                    self.put(id, last, at)
                }
            },
        }
    }

    fn put(&mut self, id: TypeId, target: &Target<'_>, at: At<'_>) -> Result<(), SchemaError> {
        self.found(target.field);
        let read = read(self.base(id), id, target, at.depth);
        let cell = target.cell;
        self.step(Step::Put { cell, read })?;
        match read {
            Read::Presence => self.skip(id, at),
            _ => Ok(()),
        }
    }

    fn skip(&mut self, id: TypeId, at: At<'_>) -> Result<(), SchemaError> {
        let depth = at.depth;
        self.step(Step::Skip { id, depth })
    }

    /// Reads a value that a further step reads again.
    fn peeks(&mut self, id: TypeId, targets: &[Target<'_>], at: At<'_>) -> Result<(), SchemaError> {
        for target in targets {
            match read(self.base(id), id, target, at.depth) {
                read @ Read::Presence => {
                    self.found(target.field);
                    let cell = target.cell;
                    self.step(Step::Put { cell, read })?;
                }
                _ => {
                    self.step(Step::Save)?;
                    self.put(id, target, at)?;
                    self.step(Step::Back)?;
                }
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        fields: &[RecordField],
        want: &Want<'_>,
        at: At<'_>,
    ) -> Result<(), SchemaError> {
        let nothing = Want::default();
        for field in fields {
            match want.below.get(&*field.name) {
                None if at.is_strict() => {
                    let name = self.program.unknown.len() as u32;
                    self.program.unknown.push(field.name.clone());
                    self.step(Step::Unknown { name })?;
                }
                below => self.value(field.id, below.unwrap_or(&nothing), at.below(&field.name))?,
            }
        }
        Ok(())
    }

    /// What keys a map has the schema does not say: any may be there.
    fn entries(&mut self, values: TypeId, want: &Want<'_>, at: At<'_>) -> Result<(), SchemaError> {
        let place = self.program.steps.len();
        let keys = self.program.keys.len();
        self.program.keys.push(Vec::new());
        self.step(Step::Jump { to: 0 })?;
        let mut known = Vec::new();
        for (key, want) in &want.below {
            let from = self.here();
            self.value(values, want, at.below(key))?;
            let to = self.here();
            known.push(((*key).into(), Steps { from, to }));
        }
        self.program.keys[keys] = known;
        self.program.steps[place] = Step::Entries {
            keys: keys as u32,
            values,
            depth: at.depth + 1,
            to: self.here(),
        };
        Ok(())
    }
}
