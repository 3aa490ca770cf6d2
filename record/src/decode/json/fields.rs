//! Which field goes to which column: the columns' paths as a tree, built once
//! per table.

use crate::decode::UnknownFields;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One level of an object: its fields by name.
#[derive(Debug, Default)]
pub struct Fields {
    by_name: HashMap<String, usize>,
    nodes: Vec<Node>,
    /// The node that the last object began with.
    first: AtomicUsize,
    /// A field that is not among them makes the record a bad one.
    strict: bool,
}

/// What a field is wanted for.
#[derive(Debug, Default)]
pub struct Node {
    /// The name as JSON writes it, for comparing; empty where an escape would be
    /// needed.
    quoted: String,
    /// The node that followed this one in the last object. A guess, for senders
    /// write their fields in one order: comparing names is cheaper than hashing
    /// them. Writers of several partitions share it; a wrong one costs a look.
    after: AtomicUsize,
    /// Columns that take the field itself.
    pub columns: Vec<usize>,
    /// Columns that take fields below it.
    pub below: Option<Fields>,
}

impl Fields {
    /// Adds a column under a path that is not empty.
    pub fn insert(&mut self, path: &[String], column: usize) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let index = *self.by_name.entry(first.clone()).or_insert_with(|| {
            self.nodes.push(Node::new(first));
            self.nodes.len() - 1
        });
        let node = &mut self.nodes[index];
        if rest.is_empty() {
            node.columns.push(column);
        } else {
            node.below
                .get_or_insert_with(Fields::default)
                .insert(rest, column);
        }
    }

    /// Makes records bad whose object at a path has a field that nobody takes; or one in
    /// it, if those are errors too.
    pub fn reject_unknown(&mut self, path: &[String], unknown: UnknownFields) {
        let Some((first, rest)) = path.split_first() else {
            self.strict = true;
            if unknown.are_errors_below() {
                let below = self.nodes.iter_mut().filter_map(|node| node.below.as_mut());
                below.for_each(|below| below.reject_unknown(path, unknown));
            }
            return;
        };
        let index = self.by_name.get(first).copied();
        if let Some(below) = index.and_then(|index| self.nodes[index].below.as_mut()) {
            below.reject_unknown(rest, unknown);
        }
    }

    /// Whether a field that is not among them makes a record a bad one.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Whether no column takes a field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every column that takes a field, at any depth.
    pub fn each_column(&self, each: &mut impl FnMut(usize)) {
        for node in &self.nodes {
            node.columns.iter().copied().for_each(&mut *each);
            if let Some(below) = &node.below {
                below.each_column(each);
            }
        }
    }

    /// The node that followed `before` in the last object.
    #[must_use]
    pub fn guess(&self, before: Option<&Node>) -> Option<&Node> {
        let guess = before.map_or(&self.first, |node| &node.after);
        self.nodes
            .get(guess.load(Ordering::Relaxed))
            .filter(|node| !node.quoted.is_empty())
    }

    /// The node of a field, which follows `before` in its object.
    #[must_use]
    pub fn get(&self, name: &str, before: Option<&Node>) -> Option<&Node> {
        let index = *self.by_name.get(name)?;
        let guess = before.map_or(&self.first, |node| &node.after);
        guess.store(index, Ordering::Relaxed);
        self.nodes.get(index)
    }
}

impl Node {
    fn new(name: &str) -> Self {
        let quoted = format!("\"{name}\"");
        let plain = serde_json::to_string(name).is_ok_and(|json| json == quoted);
        Self {
            quoted: if plain { quoted } else { String::new() },
            ..Self::default()
        }
    }

    /// The name in quotes.
    #[must_use]
    pub fn quoted(&self) -> &str {
        &self.quoted
    }
}
