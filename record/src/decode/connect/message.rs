//! The two parts of a message.

use super::program::Program;
use crate::Entry;
use crate::decode::json::Scanner;
use std::sync::Arc;

/// A schema that was met before, by its text: an object. What reads its payloads.
pub type Known = Entry<Box<str>, Arc<Program>>;

/// The schema of a message.
#[derive(Debug)]
pub enum Schema<'t> {
    /// It was met before.
    Known(Arc<Program>),
    /// Its text.
    New(&'t str),
}

/// What was found.
#[derive(Debug)]
pub struct Found<'t> {
    /// The schema, if there is one.
    pub schema: Option<Schema<'t>>,
    /// The text of the payload, if there is one.
    pub payload: Option<&'t str>,
    /// Whether other fields stand beside them.
    pub has_more: bool,
}

/// Finds them; `None`: the text is not a JSON object. Of two fields of one name the last
/// one counts. A schema that was met before is not taken apart again.
pub fn find<'t>(text: &'t str, known: &[Known]) -> Option<Found<'t>> {
    let mut scanner = Scanner::new(text);
    let mut found = Found {
        schema: None,
        payload: None,
        has_more: false,
    };
    let mut more = scanner.open_object()?;
    while more {
        let name = scanner.name()?;
        scanner.colon()?;
        match &*name {
            "schema" => {
                let mut known = known.iter();
                found.schema = match known.find(|one| scanner.took_object(&one.key)) {
                    Some(one) => Some(Schema::Known(one.value.clone())),
                    None => Some(Schema::New(scanner.value()?)),
                };
            }
            "payload" => found.payload = Some(scanner.value()?),
            _ => {
                scanner.value()?;
                found.has_more = true;
            }
        }
        more = scanner.next_field()?;
    }
    scanner.end()?;
    Some(found)
}
