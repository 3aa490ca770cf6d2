//! Schemas that lie in files.

use crate::SchemaError;
use crate::schema::{is_binary, packed, set};
use plimsoll_record::{Reference, Registered, SchemaKind};
use std::collections::HashSet;
use std::sync::Arc;

/// Files that one imports, directly or not. Nobody has more.
const MAX_IMPORTS: usize = 1_024;

/// The schema of a file, a `.proto` or a descriptor set, in the form of registries: what
/// is imported becomes its references. `message`: the one that is wanted, which a set may
/// have in any of its files. `import` gives the text of what a `.proto` imports, if it is
/// there.
///
/// # Errors
/// [`SchemaError`]
pub fn schema_of_file(
    origin: &str,
    bytes: &[u8],
    message: Option<&str>,
    import: impl Fn(&str) -> Option<String>,
) -> Result<Registered, SchemaError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !is_binary(bytes) => {
            let mut imports = Imports {
                import,
                seen: HashSet::new(),
                references: Vec::new(),
            };
            imports.of(text)?;
            Ok(registered(origin, text.to_owned(), imports.references))
        }
        Ok(_) | Err(_) => of_set(origin, bytes, message),
    }
}

fn registered(origin: &str, text: String, references: Vec<Reference>) -> Registered {
    Registered {
        id: None,
        kind: SchemaKind::Protobuf,
        text,
        references,
        origin: origin.to_owned(),
    }
}

fn reference(name: &str, text: String) -> Reference {
    Reference {
        name: name.to_owned(),
        schema: Arc::new(registered(name, text, Vec::new())),
    }
}

struct Imports<I> {
    import: I,
    seen: HashSet<String>,
    references: Vec<Reference>,
}

impl<I: Fn(&str) -> Option<String>> Imports<I> {
    /// Of a text; what does not parse is told where the schema is read.
    fn of(&mut self, text: &str) -> Result<(), SchemaError> {
        let mut left = imports(text);
        while let Some(name) = left.pop() {
            if !self.seen.insert(name.clone()) {
                continue;
            }
            if self.seen.len() > MAX_IMPORTS {
                return Err(SchemaError::TooLarge {
                    what: "imports",
                    limit: MAX_IMPORTS,
                });
            }
            // What is not there may be one of those that nobody has to bring.
            if let Some(text) = (self.import)(&name) {
                left.extend(imports(&text));
                self.references.push(reference(&name, text));
            }
        }
        Ok(())
    }
}

fn imports(text: &str) -> Vec<String> {
    protox_parse::parse("", text).map_or_else(|_| Vec::new(), |file| file.dependency)
}

/// The file of the message, and the others as its references.
fn of_set(origin: &str, bytes: &[u8], message: Option<&str>) -> Result<Registered, SchemaError> {
    let set = set(bytes).ok_or_else(|| SchemaError::NotSchema {
        of: "the file".to_owned(),
        why: "it is neither text nor a descriptor set".to_owned(),
    })?;
    // Without a name it is the last: protoc writes what is imported before what imports
    // it.
    let own = match message {
        None => set.file.last(),
        Some(name) => {
            let found = set.file.iter().find(|file| declares(file, name));
            Some(found.ok_or_else(|| SchemaError::NoMessage {
                name: name.to_owned(),
            })?)
        }
    };
    let own = own.ok_or(SchemaError::Untold { side: "record" })?;
    let others = set.file.iter().filter(|file| file.name != own.name);
    let references = others.map(|file| reference(file.name(), packed(file)));
    Ok(registered(origin, packed(own), references.collect()))
}

fn declares(file: &prost_types::FileDescriptorProto, name: &str) -> bool {
    let rest = match file.package() {
        "" => Some(name),
        package => name
            .strip_prefix(package)
            .and_then(|rest| rest.strip_prefix('.')),
    };
    // Of a message within another the outermost is declared by the file.
    let outer = rest.and_then(|rest| rest.split('.').next());
    let mut messages = file.message_type.iter();
    outer.is_some_and(|outer| messages.any(|message| message.name() == outer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    const ORDER: &str = "syntax = \"proto3\"; package shop; import \"a.proto\";
        import \"google/protobuf/timestamp.proto\";
        message Order { Address to = 1; google.protobuf.Timestamp at = 2; }";
    const ADDRESS: &str = "syntax = \"proto3\"; package shop; message Address { string zip = 1; }";

    fn parsed(registered: &Registered) -> Result<Schema, SchemaError> {
        let references = registered.dependencies();
        let references: Vec<_> = references
            .iter()
            .map(|of| (of.name.as_str(), of.schema.text.as_str()))
            .collect();
        Schema::parse(&registered.text, &references)
    }

    #[test]
    fn what_a_text_imports_is_looked_for() {
        let import = |name: &str| (name == "a.proto").then(|| ADDRESS.to_owned());
        let found = schema_of_file("o.proto", ORDER.as_bytes(), None, import).expect("a schema");
        assert_eq!((&*found.origin, &*found.text), ("o.proto", ORDER));
        let schema = parsed(&found).expect("a schema");
        assert!(schema.message("shop.Address").is_some());
        let alone = schema_of_file("o.proto", ORDER.as_bytes(), None, |_| None).expect("a text");
        let why = parsed(&alone).expect_err("half of it");
        assert!(matches!(&why, SchemaError::ImportMissing { name, .. } if name == "a.proto"));
    }

    #[test]
    fn files_that_import_each_other_come_to_an_end() {
        let import = |name: &str| Some(format!("import \"{name}\"; import \"b.proto\";"));
        let found = schema_of_file("o.proto", ORDER.as_bytes(), None, import).expect("a schema");
        assert_eq!(found.references.len(), 3);
        assert!(parsed(&found).is_err());
        let count = std::cell::Cell::new(0);
        let endless = |_: &str| {
            count.set(count.get() + 1);
            Some(format!("import \"{}.proto\";", count.get()))
        };
        let why = schema_of_file("o.proto", ORDER.as_bytes(), None, endless);
        assert!(matches!(why, Err(SchemaError::TooLarge { .. })), "{why:?}");
    }

    #[test]
    fn a_set_has_all_that_it_needs() {
        let file = |name: &str, text| protox_parse::parse(name, text).expect("a file");
        let set = FileDescriptorSet {
            file: vec![file("a.proto", ADDRESS), file("o.proto", ORDER)],
        };
        let bytes = set.encode_to_vec();
        for message in [None, Some("shop.Order"), Some("shop.Address")] {
            let found = schema_of_file("o.pb", &bytes, message, |_| None).expect("a schema");
            let schema = parsed(&found).expect("a schema");
            let name = message.unwrap_or("shop.Order");
            assert_eq!(schema.message(name), Some(schema.declared[0].id), "{name}");
        }
        for message in ["Order", "shop.Orders", "shop", "other.Order"] {
            let why = schema_of_file("o.pb", &bytes, Some(message), |_| None);
            assert!(matches!(why, Err(SchemaError::NoMessage { .. })), "{why:?}");
        }
    }

    #[test]
    fn other_files_are_none() {
        for bytes in [&b"\x80\xff"[..], &ORDER.as_bytes()[..60], b"{\"a\": 1}"] {
            let found = schema_of_file("o", bytes, None, |_| None);
            assert!(found.is_err() || parsed(&found.unwrap()).is_err());
        }
    }
}
