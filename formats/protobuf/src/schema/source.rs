//! The files of a schema, from what a registry or a folder has of them.

use super::known;
use crate::SchemaError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::collections::{HashMap, HashSet};

/// Bytes of a schema and its references together. A registry keeps one in a record of
/// Kafka, which is a megabyte unless somebody says otherwise.
const MAX_BYTES: usize = 4 << 20;

/// How messages name the file that nobody imports.
const OWN: &str = "the schema";

/// A file, and those that it imports.
pub struct Files {
    /// What is imported stands before what imports it; the schema's own is the last.
    pub all: Vec<FileDescriptorProto>,
    /// Imports that are not there. Most schemas do without: they declare options, which
    /// are not read.
    pub missing: Vec<String>,
}

/// Reads the files of a schema.
pub fn read(text: &str, references: &[(&str, &str)]) -> Result<Files, SchemaError> {
    let bytes = references.iter().map(|(_, text)| text.len()).sum::<usize>();
    if text.len() + bytes > MAX_BYTES {
        return Err(SchemaError::TooLarge {
            what: "bytes of the schema with its references",
            limit: MAX_BYTES,
        });
    }
    // Of several with one name the first counts.
    let mut given = HashMap::new();
    for (name, text) in references {
        given.entry(*name).or_insert(*text);
    }
    let mut gathered = Gathered {
        given,
        seen: HashSet::from([OWN.to_owned()]),
        files: Files {
            all: Vec::new(),
            missing: Vec::new(),
        },
    };
    let own = file(OWN, text)?;
    gathered.add(own)?;
    Ok(gathered.files)
}

struct Gathered<'r> {
    given: HashMap<&'r str, &'r str>,
    seen: HashSet<String>,
    files: Files,
}

impl Gathered<'_> {
    /// Adds a file behind those that it imports. Each is visited once, and they are no
    /// more than were given.
    fn add(&mut self, mut file: FileDescriptorProto) -> Result<(), SchemaError> {
        let mut there = Vec::new();
        for (place, name) in std::mem::take(&mut file.dependency).into_iter().enumerate() {
            let place = i32::try_from(place).unwrap_or(i32::MAX);
            if self.is_there(&name)? {
                there.push((place, name));
            } else {
                self.files.missing.push(name);
            }
        }
        // Public imports are named by their places.
        let public = std::mem::take(&mut file.public_dependency).into_iter();
        file.public_dependency = public
            .filter_map(|of| there.iter().position(|(place, _)| *place == of))
            .map(|at| i32::try_from(at).unwrap_or(i32::MAX))
            .collect();
        file.weak_dependency.clear();
        file.dependency = there.into_iter().map(|(_, name)| name).collect();
        self.files.all.push(file);
        Ok(())
    }

    /// Whether a file can be imported; it is added where it has to be.
    fn is_there(&mut self, name: &str) -> Result<bool, SchemaError> {
        if known::is_googles(name) || self.seen.contains(name) {
            return Ok(true);
        }
        let Some(text) = self.given.get(name).copied().or_else(|| known::text(name)) else {
            return Ok(false);
        };
        // Noted before its own imports are: files that import each other end here, and
        // their types are found to be missing.
        self.seen.insert(name.to_owned());
        self.add(file(name, text)?)?;
        Ok(true)
    }
}

/// One file, under a name.
fn file(name: &str, text: &str) -> Result<FileDescriptorProto, SchemaError> {
    let not_schema = |why: String| SchemaError::NotSchema {
        of: match name {
            OWN => OWN.to_owned(),
            _ => format!("the reference \"{name}\""),
        },
        why,
    };
    let mut file = match descriptor(text) {
        Some(file) => file,
        // Tells line and column.
        None => protox_parse::parse(name, text).map_err(|why| not_schema(format!("{why:?}")))?,
    };
    file.name = Some(name.to_owned());
    file.source_code_info = None;
    file.options = None;
    file.service.clear();
    file.extension.clear();
    file.enum_type.iter_mut().for_each(bare_enum);
    file.message_type.iter_mut().for_each(bare);
    Ok(file)
}

/// A descriptor in base64, if it is one: the text of a file has characters that base64
/// has not.
fn descriptor(text: &str) -> Option<FileDescriptorProto> {
    let text = text.trim();
    let bytes = STANDARD.decode(text).ok().filter(|_| !text.is_empty())?;
    FileDescriptorProto::decode(&*bytes).ok()
}

/// Without options, which say nothing of how bytes are read, but name types that
/// registries often lack; and without extensions, which are skipped.
fn bare(message: &mut DescriptorProto) {
    let is_entry = message.options.take().and_then(|options| options.map_entry);
    message.options = is_entry.map(|is_entry| prost_types::MessageOptions {
        map_entry: Some(is_entry),
        ..prost_types::MessageOptions::default()
    });
    message.extension.clear();
    for field in &mut message.field {
        field.options = None;
        // Defaults are for those who have the value in a program.
        field.default_value = None;
    }
    message
        .oneof_decl
        .iter_mut()
        .for_each(|of| of.options = None);
    message.enum_type.iter_mut().for_each(bare_enum);
    message.nested_type.iter_mut().for_each(bare);
}

fn bare_enum(of: &mut EnumDescriptorProto) {
    // Several names may have one number, where an option says so.
    of.options = Some(prost_types::EnumOptions {
        allow_alias: Some(true),
        ..prost_types::EnumOptions::default()
    });
    of.value.iter_mut().for_each(|value| value.options = None);
}

/// Whether the bytes of a file are a descriptor set, and no text: no text reads as one.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    set(bytes).is_some_and(|set| !set.file.is_empty())
}

/// A descriptor set, if the bytes are one.
pub(crate) fn set(bytes: &[u8]) -> Option<FileDescriptorSet> {
    let set = FileDescriptorSet::decode(bytes).ok()?;
    let named = |file: &FileDescriptorProto| file.name.is_some();
    set.file.iter().all(named).then_some(set)
}

/// A descriptor as registries keep it, without comments.
pub(crate) fn packed(file: &FileDescriptorProto) -> String {
    let mut file = file.clone();
    file.source_code_info = None;
    STANDARD.encode(file.encode_to_vec())
}
