//! The tables below another one: partitions, and those that inherit.

/// A CTE named `below`, of `oid` and `parent`, for the table whose oid the expression
/// `root` tells; without the table itself.
pub(crate) fn below(root: &str) -> String {
    format!(
        "WITH RECURSIVE below(oid, parent) AS (\
         SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits AS i \
         WHERE i.inhparent = {root} \
         UNION SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits AS i \
         JOIN below AS b ON i.inhparent = b.oid)"
    )
}
