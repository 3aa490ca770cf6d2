//! Statements that a session keeps by name: for messages that carry COMMIT as well,
//! and so take no parameters. Planning them anew each time is what would cost.

use std::collections::VecDeque;

/// Most statements that a session keeps: as many as sqlx keeps of its own. One for
/// each table that the session copies into, so few sinks come near it.
const MOST: usize = 100;

/// What one session has prepared, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Named {
    known: VecDeque<(u64, String)>,
    made: u64,
}

/// A statement that is about to be prepared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct New {
    /// What the server has to be told, with semicolons.
    pub(crate) sql: String,
    number: u64,
    text: String,
}

impl Named {
    /// What has to be sent before the statement can be executed, if anything.
    pub(crate) fn missing(&self, text: &str) -> Option<New> {
        if self.name(text).is_some() {
            return None;
        }
        let number = self.made;
        let mut sql = format!("PREPARE {} AS {text}; ", name(number));
        if let (Some((oldest, _)), true) = (self.known.front(), self.known.len() >= MOST) {
            sql.push_str(&format!("DEALLOCATE {}; ", name(*oldest)));
        }
        Some(New {
            sql,
            number,
            text: text.to_owned(),
        })
    }

    /// The server did as [`New::sql`] says.
    pub(crate) fn made(&mut self, new: New) {
        if self.known.len() >= MOST {
            self.known.pop_front();
        }
        self.made = new.number + 1;
        self.known.push_back((new.number, new.text));
    }

    /// The name to execute it by.
    pub(crate) fn name(&self, text: &str) -> Option<String> {
        let (number, _) = self.known.iter().find(|(_, known)| known == text)?;
        Some(name(*number))
    }
}

fn name(number: u64) -> String {
    format!("plimsoll_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(named: &mut Named, text: &str) -> Option<String> {
        let new = named.missing(text)?;
        let sql = new.sql.clone();
        named.made(new);
        Some(sql)
    }

    #[test]
    fn a_statement_is_prepared_once() {
        let mut named = Named::default();
        assert_eq!(named.name("SELECT 1"), None);
        let sql = prepare(&mut named, "SELECT 1");
        assert_eq!(sql.as_deref(), Some("PREPARE plimsoll_0 AS SELECT 1; "));
        assert_eq!(prepare(&mut named, "SELECT 1"), None);
        assert_eq!(named.name("SELECT 1").as_deref(), Some("plimsoll_0"));
        prepare(&mut named, "SELECT 2");
        assert_eq!(named.name("SELECT 2").as_deref(), Some("plimsoll_1"));
    }

    #[test]
    fn what_the_server_was_not_told_is_not_known() {
        let named = Named::default();
        let new = named.missing("SELECT 1");
        assert!(new.is_some());
        assert_eq!(named.missing("SELECT 1"), new);
    }

    #[test]
    fn the_oldest_makes_room_and_no_name_serves_twice() {
        let mut named = Named::default();
        for i in 0..MOST {
            prepare(&mut named, &format!("SELECT {i}"));
        }
        let sql = prepare(&mut named, "SELECT -1").unwrap();
        assert_eq!(
            sql,
            format!("PREPARE plimsoll_{MOST} AS SELECT -1; DEALLOCATE plimsoll_0; ")
        );
        assert_eq!(named.known.len(), MOST);
        assert_eq!(named.name("SELECT 0"), None);
        assert!(named.missing("SELECT 0").is_some());
    }
}
