//! The text of the statements that [`crate::statement`] runs. Pure.

use crate::dead;
use crate::fence;
use crate::names::Names;
use crate::plan::PlanColumn;
use std::fmt::Write;

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A row of its own.
    Insert,
    /// The row of its key.
    Replace,
    /// A part of the row of its key.
    Merge,
}

/// What a statement is made of; each has its own text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) fence: bool,
    pub(crate) dead: bool,
    pub(crate) deletes: bool,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::of(false, false, false),
        Self::of(false, false, true),
        Self::of(true, false, false),
        Self::of(true, false, true),
        Self::of(true, true, false),
        Self::of(true, true, true),
    ];

    const fn of(fence: bool, dead: bool, deletes: bool) -> Self {
        Self {
            fence,
            dead,
            deletes,
        }
    }

    pub(crate) fn index(self) -> usize {
        let kind = match (self.fence, self.dead) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        kind * 2 + usize::from(self.deletes)
    }
}

/// Writes the statements' text.
#[derive(Clone)]
pub(crate) struct Writer<'a> {
    pub(crate) names: &'a Names,
    pub(crate) target: &'a str,
    /// A condition, true while the table is the one that was planned for.
    pub(crate) unchanged: Option<String>,
    pub(crate) columns: &'a [PlanColumn],
    /// Column and the operator that compares it.
    pub(crate) keys: Vec<(usize, String)>,
    pub(crate) flagged: &'a [usize],
}

/// What a record says of a column, where some columns are to stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum Says {
    /// Nothing, and what stands there stays, or the default.
    Nothing = 0,
    /// Its value.
    Value = 1,
    /// Nothing, which is the default.
    Default = 2,
    /// What stands there stays, and must stand there.
    Unchanged = 3,
}

/// What the server reads as a number where a value is to stay that no row has.
pub(crate) const UNAVAILABLE: &str = "value_unavailable";

/// Nothing is written, and nothing else evaluated, unless the fence let it.
const MOVED: &str = "(SELECT fence.moved FROM fence)";

impl Writer<'_> {
    fn is_key(&self, i: usize) -> bool {
        self.keys.iter().any(|(k, _)| *k == i)
    }

    fn list(&self, items: impl Iterator<Item = String>) -> String {
        items.collect::<Vec<_>>().join(", ")
    }

    fn key_names(&self, prefix: &str) -> String {
        self.list(self.keys.iter().map(|(k, _)| format!("{prefix}k{k}")))
    }

    /// `WITH fence …, dead …,` and the first free parameter.
    fn head(&self, shape: Shape) -> (String, usize) {
        let mut next = 1;
        let mut sql = String::from("WITH fence AS MATERIALIZED (");
        let mut move_on = String::from("true");
        if shape.fence {
            move_on = fence::expression(self.names);
            next += fence::PARAMETERS;
        }
        // On another table than planned for nothing is moved, and so nothing written.
        let _ = match &self.unchanged {
            Some(unchanged) => write!(
                sql,
                "SELECT CASE WHEN {unchanged} THEN {move_on} END AS moved)"
            ),
            None => write!(sql, "SELECT {move_on} AS moved)"),
        };
        if shape.dead {
            let _ = write!(sql, ", dead AS ({})", dead::insert(self.names, next, MOVED));
            next += dead::PARAMETERS;
        }
        (sql, next)
    }

    /// All records of the batch: `c0 …` as text, `p…` of the flagged columns, present or
    /// not (or [`Says`]), `gone`, `n` in their order, and the keys as the index will see
    /// them.
    fn records(&self, next: usize, flags: &str) -> String {
        let columns = self.columns.len();
        let mut arrays = Vec::new();
        let mut aliases = Vec::new();
        for i in 0..columns {
            arrays.push(format!("${}::text[]", next + i));
            aliases.push(format!("c{i}"));
        }
        for (at, i) in self.flagged.iter().enumerate() {
            arrays.push(format!("${}::{flags}[]", next + columns + at));
            aliases.push(format!("p{i}"));
        }
        arrays.push(format!("${}::bool[]", next + columns + self.flagged.len()));
        aliases.push("gone".to_owned());
        let keys: String = self
            .keys
            .iter()
            .map(|(k, _)| format!(", {} AS k{k}", self.columns[*k].stored(&format!("u.c{k}"))))
            .collect();
        format!(
            "SELECT u.*{keys} FROM unnest({}) WITH ORDINALITY AS u({}, n)",
            arrays.join(", "),
            aliases.join(", ")
        )
    }

    fn same_key(&self) -> String {
        self.keys
            .iter()
            .map(|(k, equals)| format!("t.{} {equals} i.k{k}", self.columns[*k].quoted))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    fn delete(&self) -> String {
        format!(
            "DELETE FROM {} AS t USING input AS i WHERE i.gone AND {} AND {MOVED} RETURNING 1",
            self.target,
            self.same_key()
        )
    }

    fn insert(&self, values: impl Fn(usize) -> String, from: &str, order: &str) -> String {
        let columns = self.list(self.columns.iter().map(|c| c.quoted.clone()));
        let values = self.list((0..self.columns.len()).map(values));
        format!(
            "INSERT INTO {} AS t ({columns}) SELECT {values} FROM {from} ORDER BY {order}",
            self.target
        )
    }

    /// A record's own value, or the default where it has no such field.
    fn own_value(&self, i: usize) -> String {
        let column = &self.columns[i];
        if self.is_key(i) {
            return format!("i.k{i}");
        }
        let given = column.value(&format!("i.c{i}"));
        if self.flagged.contains(&i) {
            let default = column.default_value();
            return format!("CASE WHEN i.p{i} THEN {given} ELSE {default} END");
        }
        given
    }

    fn on_conflict(&self) -> String {
        let keys = self.list(
            self.keys
                .iter()
                .map(|(k, _)| self.columns[*k].quoted.clone()),
        );
        // A key column is set where its form may change; else leaving it alone
        // spares rows that refer to this one a lock.
        let set = self.list(
            (0..self.columns.len())
                .filter(|&i| !self.is_key(i) || self.columns[i].many_forms)
                .map(|i| format!("{0} = EXCLUDED.{0}", self.columns[i].quoted)),
        );
        if set.is_empty() {
            format!("ON CONFLICT ({keys}) DO NOTHING")
        } else {
            format!("ON CONFLICT ({keys}) DO UPDATE SET {set}")
        }
    }

    /// A table without a key: each record is a row.
    pub(crate) fn insert_each(&self, shape: Shape) -> String {
        let (mut sql, next) = self.head(shape);
        let from = format!("({}) AS i WHERE {MOVED}", self.records(next, "bool"));
        let insert = self.insert(|i| self.own_value(i), &from, "i.n");
        let _ = write!(
            sql,
            ", put AS ({insert} RETURNING 1) SELECT {MOVED} AS moved, \
             (SELECT count(*) FROM put) AS written"
        );
        sql
    }

    /// `missing = "default"`: the last record of a key is the row.
    pub(crate) fn replace(&self, shape: Shape) -> String {
        let (mut sql, next) = self.head(shape);
        let keys = self.key_names("r.");
        let _ = write!(
            sql,
            ", input AS (SELECT DISTINCT ON ({keys}) r.* FROM ({}) AS r ORDER BY {keys}, r.n DESC)",
            self.records(next, "bool")
        );
        let value = |i: usize| self.own_value(i);
        let (order, conflict) = (self.key_names("i."), self.on_conflict());
        if shape.deletes {
            let from = format!("input AS i WHERE NOT i.gone AND {MOVED}");
            let put = self.insert(value, &from, &order);
            let _ = write!(
                sql,
                ", gone AS ({}), put AS ({put} {conflict} RETURNING 1) SELECT {MOVED} AS moved, \
                 (SELECT count(*) FROM gone) + (SELECT count(*) FROM put) AS written",
                self.delete()
            );
        } else {
            let put = self.insert(value, &format!("input AS i WHERE {MOVED}"), &order);
            let _ = write!(
                sql,
                ", put AS ({put} {conflict} RETURNING 1) SELECT {MOVED} AS moved, \
                 (SELECT count(*) FROM put) AS written"
            );
        }
        sql
    }

    /// `missing = "keep"`: fields are merged, first among the records of the
    /// batch since the key's last tombstone, then with the row that stands,
    /// which is locked for it. A row that appears meanwhile is a unique
    /// violation: the statement again, which then sees it.
    pub(crate) fn merge(&self, shape: Shape) -> String {
        let (mut sql, next) = self.head(shape);
        let keys = self.key_names("r.");
        let _ = write!(
            sql,
            ", records AS (SELECT r.*, coalesce(max(r.n) FILTER (WHERE r.gone) \
             OVER (PARTITION BY {keys}), 0) AS since FROM ({}) AS r)",
            self.records(next, "bool")
        );
        let last =
            |i: usize, filter: &str| format!("(array_agg(r.c{i} ORDER BY r.n DESC){filter})[1]");
        let merged = self.list((0..self.columns.len()).map(|i| {
            let column = &self.columns[i];
            if self.is_key(i) && column.many_forms {
                format!("{} AS k{i}", column.stored(&last(i, "")))
            } else if self.is_key(i) {
                format!("r.k{i}")
            } else {
                let filter = format!(" FILTER (WHERE r.p{i} AND r.n > r.since)");
                format!(
                    "{} AS c{i}, bool_or(r.p{i} AND r.n > r.since) AS p{i}",
                    last(i, &filter)
                )
            }
        }));
        let _ = write!(
            sql,
            ", input AS MATERIALIZED (SELECT {merged}, max(r.n) AS id, max(r.since) > 0 AS fresh, \
             NOT bool_or(r.n > r.since) AS gone FROM records AS r GROUP BY {keys})"
        );
        let standing: String = (0..self.columns.len())
            .filter(|&i| !self.is_key(i))
            .map(|i| format!(", t.{} AS o{i}", self.columns[i].quoted))
            .collect();
        let _ = write!(
            sql,
            ", old AS (SELECT i.id{standing} FROM {} AS t JOIN input AS i ON {} \
             WHERE NOT i.gone AND NOT i.fresh AND {MOVED} ORDER BY {} FOR UPDATE OF t)",
            self.target,
            self.same_key(),
            self.key_names("i.")
        );
        let _ = write!(sql, ", gone AS ({})", self.delete());
        let value = |i: usize| {
            let column = &self.columns[i];
            if self.is_key(i) {
                return format!("i.k{i}");
            }
            format!(
                "CASE WHEN i.p{i} THEN {} WHEN o.id IS NOT NULL THEN o.o{i} ELSE {} END",
                column.value(&format!("i.c{i}")),
                column.default_value()
            )
        };
        let joined = "input AS i LEFT JOIN old AS o ON o.id = i.id WHERE NOT i.gone";
        let order = self.key_names("i.");
        let put = self.insert(
            value,
            &format!("{joined} AND (i.fresh OR o.id IS NOT NULL) AND {MOVED}"),
            &order,
        );
        let new = self.insert(
            value,
            &format!("{joined} AND NOT i.fresh AND o.id IS NULL AND {MOVED}"),
            &order,
        );
        let _ = write!(
            sql,
            ", put AS ({put} {} RETURNING 1), new AS ({new} RETURNING 1) SELECT {MOVED} AS moved, \
             (SELECT count(*) FROM gone) + (SELECT count(*) FROM put) \
             + (SELECT count(*) FROM new) AS written",
            self.on_conflict()
        );
        sql
    }

    /// Where columns are to stay as they are that the source did not send: as
    /// [`Self::merge`], but each record tells what it says of each column, and a value
    /// that nothing has stops the statement.
    pub(crate) fn keep(&self, shape: Shape) -> String {
        let (mut sql, next) = self.head(shape);
        let keys = self.key_names("r.");
        let _ = write!(
            sql,
            ", records AS (SELECT r.*, coalesce(max(r.n) FILTER (WHERE r.gone) \
             OVER (PARTITION BY {keys}), 0) AS since FROM ({}) AS r)",
            self.records(next, "int2")
        );
        let _ = write!(
            sql,
            ", input AS MATERIALIZED (SELECT {}, max(r.n) AS id, max(r.since) > 0 AS fresh, \
             NOT bool_or(r.n > r.since) AS gone FROM records AS r GROUP BY {keys})",
            self.list((0..self.columns.len()).map(|i| self.last_said(i)))
        );
        let others = || (0..self.columns.len()).filter(|&i| !self.is_key(i));
        let standing: String = others()
            .map(|i| format!(", t.{} AS o{i}", self.columns[i].quoted))
            .collect();
        let _ = write!(
            sql,
            ", old AS (SELECT i.id{standing} FROM {} AS t JOIN input AS i ON {} \
             WHERE NOT i.gone AND NOT i.fresh AND {MOVED} ORDER BY {} FOR UPDATE OF t)",
            self.target,
            self.same_key(),
            self.key_names("i.")
        );
        let lost = others()
            .map(|i| format!("i.p{i} = {}", Says::Unchanged as i16))
            .chain(["false".to_owned()])
            .collect::<Vec<_>>()
            .join(" OR ");
        let joined = "input AS i LEFT JOIN old AS o ON o.id = i.id WHERE NOT i.gone";
        let _ = write!(
            sql,
            ", lost AS (SELECT count(*) AS n FROM {joined} AND o.id IS NULL AND ({lost}) \
             AND {MOVED}), gone AS ({})",
            self.delete()
        );
        let value = |i: usize| {
            let column = &self.columns[i];
            if self.is_key(i) {
                return format!("i.k{i}");
            }
            format!(
                "CASE WHEN i.p{i} = {} THEN {} WHEN i.p{i} <> {} AND o.id IS NOT NULL THEN o.o{i} \
                 ELSE {} END",
                Says::Value as i16,
                column.value(&format!("i.c{i}")),
                Says::Default as i16,
                column.default_value()
            )
        };
        let order = self.key_names("i.");
        let put = self.insert(
            value,
            &format!("{joined} AND (i.fresh OR o.id IS NOT NULL) AND {MOVED}"),
            &order,
        );
        let new = self.insert(
            value,
            &format!("{joined} AND NOT i.fresh AND o.id IS NULL AND {MOVED}"),
            &order,
        );
        // What is no number stops the statement, and all of it with that.
        let _ = write!(
            sql,
            ", put AS ({put} {} RETURNING 1), new AS ({new} RETURNING 1) SELECT {MOVED} AS moved, \
             (SELECT count(*) FROM gone) + (SELECT count(*) FROM put) \
             + (SELECT count(*) FROM new) \
             + (SELECT CASE WHEN l.n = 0 THEN 0 ELSE ('{UNAVAILABLE}' || left('', l.n::int))::int8 END \
             FROM lost AS l) AS written",
            self.on_conflict()
        );
        sql
    }

    /// What the records of a key say of a column in the end, and its value: the last
    /// that says something counts; else, whether one wants it to stay.
    fn last_said(&self, i: usize) -> String {
        let column = &self.columns[i];
        let last = |what: &str, filter: &str| {
            format!("(array_agg(r.{what}{i} ORDER BY r.n DESC){filter})[1]")
        };
        match (self.is_key(i), column.many_forms) {
            (true, true) => format!("{} AS k{i}", column.stored(&last("c", ""))),
            (true, false) => format!("r.k{i}"),
            (false, _) => {
                let (value, default) = (Says::Value as i16, Says::Default as i16);
                let said = format!("r.p{i} IN ({value}, {default}) AND r.n > r.since");
                let filter = format!(" FILTER (WHERE {said})");
                format!(
                    "{} AS c{i}, coalesce({}, max(r.p{i}) FILTER (WHERE r.n > r.since)) AS p{i}",
                    last("c", &filter),
                    last("p", &filter)
                )
            }
        }
    }
}
