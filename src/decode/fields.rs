//! Which field goes to which column: the columns' paths as a tree, built once
//! per table.

use std::collections::HashMap;

/// One level of an object: its fields by name.
#[derive(Debug, Default)]
pub struct Fields {
    by_name: HashMap<String, usize>,
    nodes: Vec<Node>,
}

/// What a field is wanted for.
#[derive(Debug, Default)]
pub struct Node {
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
            self.nodes.push(Node::default());
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

    /// Whether no column takes a field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name).map(|i| &self.nodes[*i])
    }
}
