//! Schemas that were found, in files of a folder: what could be read once can be read
//! again, also when the registry has it no more.

use crate::answer::{away, halt};
use crate::document::{self, Document};
use crate::place::Place;
use plimsoll_record::{SchemaKind, Unavailable};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Where they are; the folder of one registry alone, as ids are its own.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// A file: a schema, and where it stands in the registry.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    place: String,
    kind: String,
    schema: String,
    references: Vec<WrittenReference>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenReference {
    name: String,
    to: To,
}

/// What schemas refer to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    Version {
        subject: String,
        version: i64,
    },
    Artifact {
        group: Option<String>,
        artifact: String,
        version: String,
    },
}

/// Characters of a place in a file's name, for people; a hash of all of it follows.
const NAME: usize = 80;

impl Folder {
    /// Makes the folder, where it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(path: &Path) -> Result<Self, Unavailable> {
        let made = std::fs::create_dir_all(path);
        made.map_err(|error| {
            let hint = "cache_dir of [schema_registry] is a folder that plimsoll may write to";
            halt(format!("{} cannot be made: {error}", path.display()), hint)
        })?;
        let path = path.to_owned();
        Ok(Self { path })
    }

    pub(crate) fn file(&self, place: &Place) -> PathBuf {
        let place = place.to_string();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = place.chars().map(plain).take(NAME).collect();
        let hash = xxh3_64(place.as_bytes());
        self.path.join(format!("{name}-{hash:016x}.json"))
    }

    /// What was found before; `None`: nothing.
    ///
    /// # Errors
    /// There is a file, and it cannot be read.
    pub(crate) async fn read(&self, place: &Place) -> Result<Option<Document>, Unavailable> {
        let file = self.file(place);
        let told = || file.display().to_string();
        let bytes = match tokio::fs::read(&file).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(away(format!("{} cannot be read: {error}", told()), None)),
            Ok(bytes) => bytes,
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| {
            let what = format!("{} does not hold a schema: {error}", told());
            halt(what, "remove it: the registry is asked again")
        })?;
        // Of two places with one hash only the last one is kept.
        Ok((written.place == place.to_string()).then(|| written.document()))
    }

    /// Keeps what was found.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) async fn write(&self, place: &Place, found: &Document) -> Result<(), Unavailable> {
        let (folder, file) = (self.path.clone(), self.file(place));
        let told = file.display().to_string();
        let written = serde_json::to_vec_pretty(&Written::of(place, found));
        let write = move || {
            // Whole or not at all, beside other instances that write the same.
            let mut whole = tempfile::NamedTempFile::new_in(folder)?;
            whole.write_all(&written?)?;
            whole.as_file().sync_all()?;
            whole.persist(file)?;
            Ok::<_, std::io::Error>(())
        };
        let done = tokio::task::spawn_blocking(write).await;
        let done = done.unwrap_or_else(|ended| Err(std::io::Error::other(ended)));
        done.map_err(|error| {
            let hint =
                "a schema has to be kept in cache_dir of [schema_registry] before it is used";
            away(format!("{told} cannot be written: {error}"), Some(hint))
        })
    }
}

impl Written {
    fn of(place: &Place, found: &Document) -> Self {
        let reference = |(name, to): &(String, Place)| {
            let to = match to.clone() {
                Place::Version { subject, version } => To::Version { subject, version },
                Place::Artifact {
                    group,
                    artifact,
                    version,
                } => To::Artifact {
                    group,
                    artifact,
                    version,
                },
                // No registry refers so.
                Place::Id(_) => return None,
            };
            let name = name.clone();
            Some(WrittenReference { name, to })
        };
        Self {
            place: place.to_string(),
            kind: match &found.kind {
                SchemaKind::Avro => "AVRO".to_owned(),
                SchemaKind::Protobuf => "PROTOBUF".to_owned(),
                SchemaKind::Json => "JSON".to_owned(),
                SchemaKind::Other(word) => word.clone(),
                SchemaKind::Untold => String::new(),
            },
            schema: found.text.clone(),
            references: found.references.iter().filter_map(reference).collect(),
        }
    }

    fn document(self) -> Document {
        let reference = |WrittenReference { name, to }| {
            let place = match to {
                To::Version { subject, version } => Place::Version { subject, version },
                To::Artifact {
                    group,
                    artifact,
                    version,
                } => Place::Artifact {
                    group,
                    artifact,
                    version,
                },
            };
            (name, place)
        };
        Document {
            kind: match self.kind.as_str() {
                "" => SchemaKind::Untold,
                word => document::kind(word),
            },
            text: self.schema,
            references: self.references.into_iter().map(reference).collect(),
        }
    }
}

/// Whether two texts are one schema: registries may write JSON anew, and leave out space.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let json = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    match (json(one), json(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.split_whitespace().eq(other.split_whitespace()),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_record::SchemaId;

    fn version(subject: &str) -> Place {
        Place::Version {
            subject: subject.to_owned(),
            version: 2,
        }
    }

    #[tokio::test]
    async fn what_is_written_is_read_by_whoever_opens_the_folder() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("a/b");
        let artifact = Place::Artifact {
            group: None,
            artifact: "x/y".to_owned(),
            version: "1".to_owned(),
        };
        let document = |kind: SchemaKind| Document {
            kind,
            text: "{\"type\": \"long\"}\n".to_owned(),
            references: vec![
                ("a.proto".to_owned(), version("a/b \u{e9}")),
                ("b".to_owned(), artifact.clone()),
            ],
        };
        let places = [
            Place::Id(SchemaId::Id(7)),
            Place::Id(SchemaId::Global(7)),
            Place::Id(SchemaId::Content(7)),
            Place::Id(SchemaId::Guid([7; 16])),
            version("orders-value"),
            version(&"long".repeat(100)),
            artifact.clone(),
        ];
        let kinds = [
            SchemaKind::Avro,
            SchemaKind::Protobuf,
            SchemaKind::Json,
            SchemaKind::Other("XML".to_owned()),
            SchemaKind::Untold,
        ];
        for (place, kind) in places.iter().zip(kinds.iter().cycle()) {
            let folder = Folder::new(&path).expect("a folder");
            assert_eq!(folder.read(place).await, Ok(None));
            let found = document(kind.clone());
            folder.write(place, &found).await.expect("a file");
            folder.write(place, &found).await.expect("the same again");
            let folder = Folder::new(&path).expect("a folder");
            assert_eq!(folder.read(place).await, Ok(Some(found)));
        }
        let files = std::fs::read_dir(&path).expect("the folder").count();
        assert_eq!(files, places.len());
    }

    #[tokio::test]
    async fn a_file_that_holds_no_schema_is_told() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::new(temporary.path()).expect("a folder");
        let place = version("orders");
        std::fs::write(folder.file(&place), "{").expect("a file");
        let why = folder.read(&place).await.expect_err("no schema");
        let said = why.to_string();
        assert!(said.contains("subject--orders---version-2"), "{said}");
        assert!(said.contains("hint: remove it"), "{said}");
    }

    #[test]
    fn what_differs_in_form_alone_is_the_same_schema() {
        assert!(same("{\"a\":1,\"b\":[2]}", " {\"b\": [2],\n\"a\": 1}"));
        assert!(!same("{\"a\":1}", "{\"a\":2}"));
        assert!(!same("[1,2]", "[2,1]"));
        assert!(same("message M {\n  a = 1;\n}", "message M { a = 1; }\n"));
        assert!(!same("message M {}", "message N {}"));
        assert!(!same("{}", "message"));
    }
}
