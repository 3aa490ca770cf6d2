//! The fields that are wanted, by the names that lead to them.

use plimsoll_record::semantic::is_bit;
use plimsoll_record::{Side, UnknownFields, Want, Wanted};
use plimsoll_sink_api::Shape;

/// What is wanted of some bytes.
#[derive(Debug)]
pub struct Plan {
    /// Whose bytes.
    pub side: Side,
    /// Of the value itself, and below it.
    pub root: Level,
    /// What takes a tombstone's key that has no fields.
    pub bare: Option<Target>,
}

/// What is wanted of a value.
#[derive(Debug, Default)]
pub struct Level {
    /// What takes the value itself.
    pub here: Vec<Target>,
    /// What is wanted of its fields, in the order of their names.
    below: Vec<(Box<str>, Level)>,
    /// A field of it that nobody wants makes the record a bad one.
    pub strict: bool,
}

/// A cell that takes a value.
#[derive(Debug)]
pub struct Target {
    /// The cell.
    pub cell: usize,
    /// In which form.
    pub shape: Shape,
    /// Whether truth is a bit there.
    pub bit: bool,
    /// The column, for messages.
    pub column: Box<str>,
}

impl Plan {
    /// For what is wanted.
    pub fn of(wanted: &Wanted<'_>) -> Self {
        let want = Want::of(wanted.fields.iter().copied().enumerate());
        let mut root = Level::of(&want);
        if wanted.unknown.are_errors() {
            root.reject_unknown(&wanted.root.0, wanted.unknown);
        }
        let bare = wanted.bare.as_ref().map(Want::bare);
        let bare = bare.and_then(|want| Level::of(&want).here.pop());
        Self {
            side: wanted.side,
            root,
            bare,
        }
    }
}

impl Level {
    fn of(want: &Want<'_>) -> Self {
        let target = |target: &plimsoll_record::Target<'_>| Target {
            cell: target.cell as usize,
            shape: target.column.shape,
            bit: is_bit(target.column),
            column: target.column.name.as_str().into(),
        };
        let below = want.below.iter();
        Self {
            here: want.here.iter().map(target).collect(),
            // In their order already.
            below: below
                .map(|(&name, want)| (name.into(), Self::of(want)))
                .collect(),
            strict: false,
        }
    }

    /// Of the value at a path, and of all in it that fields are taken of, if those are
    /// errors too.
    fn reject_unknown(&mut self, path: &[String], unknown: UnknownFields) {
        match path.split_first() {
            Some((first, rest)) => {
                let mut levels = self.below.iter_mut();
                if let Some((_, level)) = levels.find(|(name, _)| **name == **first) {
                    level.reject_unknown(rest, unknown);
                }
            }
            None => {
                self.strict = true;
                if !unknown.are_errors_below() {
                    return;
                }
                let levels = self.below.iter_mut().map(|(_, level)| level);
                levels
                    .filter(|level| level.has_fields())
                    .for_each(|level| level.reject_unknown(&[], unknown));
            }
        }
    }

    /// Whether something is wanted of its fields.
    pub fn has_fields(&self) -> bool {
        !self.below.is_empty()
    }

    /// What is wanted of a field.
    pub fn get(&self, name: &str) -> Option<&Level> {
        let found = self.below.binary_search_by(|(own, _)| (**own).cmp(name));
        found.ok().map(|at| &self.below[at].1)
    }

    /// Every cell that takes something from below it.
    pub fn each_below(&self, each: &mut impl FnMut(usize)) {
        for (_, level) in &self.below {
            level.here.iter().for_each(|target| each(target.cell));
            level.each_below(each);
        }
    }
}
