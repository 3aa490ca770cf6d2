//! Schemas out of a registry.

use crate::answer::{away, halt, not_a_registry};
use crate::document::{self, ApicurioVersion, Document};
use crate::folder::{Folder, same};
use crate::http::Http;
use crate::kept::{BYTES, Full, Kept, SCHEMAS, Size};
use crate::place::{NO_GROUP, Place, encoded};
use crate::settings::{Api, Settings};
use hyper::body::Bytes;
use plimsoll_protocol::Class;
use plimsoll_record::{
    FetchingSchema, Reference, Registered, SchemaId, SchemaKind, Schemas, Unavailable,
};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::watch;

/// How deep references may lead. Schemas that people write are below ten.
const DEPTH: usize = 32;
/// Schemas that one may refer to, directly or not.
const REFERENCES: usize = 1_000;

/// Schemas out of a registry, each kept as long as the process lives. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Inner>);

type Got = Result<Arc<Registered>, Unavailable>;

#[derive(Debug)]
struct Inner {
    http: Http,
    folder: Option<Folder>,
    kept: RwLock<Kept>,
    /// Asked for now: whoever wants the same waits for the same answer.
    under_way: Mutex<HashMap<SchemaId, watch::Receiver<Option<Got>>>>,
}

/// The way from a schema to one that it refers to.
#[derive(Debug, Default)]
struct Way {
    places: Vec<Place>,
    /// Schemas that were met on all ways.
    met: usize,
}

impl Registry {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A setting is of no use: a URL, a file, a password that no header takes.
    pub fn new(settings: &Settings) -> Result<Self, Unavailable> {
        Ok(Self(Arc::new(Inner {
            http: Http::new(settings)?,
            folder: settings.cache_dir.as_deref().map(Folder::new).transpose()?,
            kept: RwLock::default(),
            under_way: Mutex::default(),
        })))
    }

    /// How much is kept now.
    #[must_use]
    pub fn kept(&self) -> Size {
        let kept = self.0.kept.read();
        kept.unwrap_or_else(PoisonError::into_inner).size()
    }

    /// Whether a registry answers there, and lets these settings in.
    ///
    /// # Errors
    /// It does not.
    pub async fn reach(&self) -> Result<(), Unavailable> {
        let answer = self.0.http.get(Api::Confluent, "/schemas/types").await?;
        let url = answer.url.clone();
        let body = answer.judge(None, self.0.http.login())?;
        serde_json::from_slice::<Vec<String>>(&body)
            .map(|_| ())
            .map_err(|e| not_a_registry(&url, &e.to_string()))
    }

    /// What comes of asking for an id, which goes on whoever still waits for it.
    fn asking(&self, id: SchemaId) -> watch::Receiver<Option<Got>> {
        let mut under_way = self.0.under_way();
        if let Some(asking) = under_way.get(&id) {
            return asking.clone();
        }
        let (tell, told) = watch::channel(None);
        under_way.insert(id, told.clone());
        let inner = self.0.clone();
        tokio::spawn(async move {
            // Out of the list however it ends.
            let ended = Ended(&inner, id);
            let got = inner.schema(Place::Id(id), &mut Way::default()).await;
            drop(ended);
            tell.send_replace(Some(got));
        });
        told
    }
}

struct Ended<'i>(&'i Inner, SchemaId);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.under_way().remove(&self.1);
    }
}

impl Schemas for Registry {
    fn get(&self, id: Option<SchemaId>) -> Option<Arc<Registered>> {
        self.0.kept(&Place::Id(id?))
    }

    fn fetch(&self, id: SchemaId) -> FetchingSchema<'_> {
        Box::pin(async move {
            if let Some(schema) = self.get(Some(id)) {
                return Ok(schema);
            }
            let mut asking = self.asking(id);
            let got = match asking.wait_for(Option::is_some).await {
                Ok(got) => got.clone(),
                Err(_) => None,
            };
            got.unwrap_or_else(|| Err(away(format!("asking for {id} was given up"), None)))
        })
    }
}

impl Inner {
    fn under_way(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<SchemaId, watch::Receiver<Option<Got>>>> {
        let all = self.under_way.lock();
        all.unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, place: &Place) -> Option<Arc<Registered>> {
        let kept = self.kept.read();
        kept.unwrap_or_else(PoisonError::into_inner).get(place)
    }

    fn keep(&self, place: Place, schema: &Arc<Registered>) -> Result<(), Unavailable> {
        let kept = self.kept.write();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        kept.keep(place, schema).map_err(|Full| {
            let mib = BYTES >> 20;
            halt(
                format!("{SCHEMAS} schemas, or {mib} MiB of them, are kept already"),
                "does a producer register a schema for each of its records? a restart begins anew",
            )
        })
    }

    /// A schema with all that it refers to. What was found on the way to a failure is
    /// kept, so that a registry that answers a few questions a second is enough.
    fn schema<'w>(
        &'w self,
        place: Place,
        way: &'w mut Way,
    ) -> Pin<Box<dyn Future<Output = Got> + Send + 'w>> {
        Box::pin(async move {
            if let Some(schema) = self.kept(&place) {
                return Ok(schema);
            }
            way.enter(&place)?;
            let document = self.document(&place).await?;
            let mut references = Vec::with_capacity(document.references.len());
            for (name, to) in document.references {
                let schema = self.schema(to, way).await;
                let schema = schema.map_err(|why| referred(&place, &name, why))?;
                references.push(Reference { name, schema });
            }
            way.leave();
            let schema = Arc::new(Registered {
                id: match place {
                    Place::Id(id) => Some(id),
                    Place::Version { .. } | Place::Artifact { .. } => None,
                },
                kind: document.kind,
                text: document.text,
                references,
                origin: place.to_string(),
            });
            self.keep(place, &schema)?;
            Ok(schema)
        })
    }

    /// A schema as it stands in the registry, or stood when it was last seen there.
    async fn document(&self, place: &Place) -> Result<Document, Unavailable> {
        let Some(folder) = &self.folder else {
            return self.asked(place).await;
        };
        match (self.asked(place).await, folder.read(place).await?) {
            (Ok(found), None) => {
                folder.write(place, &found).await?;
                Ok(found)
            }
            (Ok(found), Some(stood)) if same(&found.text, &stood.text) => Ok(found),
            (Ok(_), Some(_)) => {
                let file = folder.file(place).display().to_string();
                let what = format!("the registry has another {place} than the one in {file}");
                let hint = "was the registry made anew, or is it another one? cache_dir is for the \
                            schemas of one registry alone";
                Err(halt(what, hint))
            }
            // It is away, or has it no more.
            (Err(_), Some(stood)) => Ok(stood),
            (Err(why), None) => Err(why),
        }
    }

    /// What the registry says of a schema.
    async fn asked(&self, place: &Place) -> Result<Document, Unavailable> {
        match place {
            Place::Id(SchemaId::Id(id)) => {
                if i32::try_from(*id).is_err() {
                    return Err(halt(
                        format!(
                            "the record names {place}, and registries count to {}",
                            i32::MAX
                        ),
                        "was it written by the registry's serializer?",
                    ));
                }
                self.confluent(place, &format!("/schemas/ids/{id}")).await
            }
            Place::Id(SchemaId::Guid(guid)) => {
                let guid = SchemaId::hyphenated(guid);
                self.confluent(place, &format!("/schemas/guids/{guid}"))
                    .await
            }
            Place::Id(SchemaId::Global(id)) => {
                let path = format!("/ids/globalIds/{id}");
                let kind = self.apicurio_kind(place, "globalId", *id).await?;
                self.apicurio(place, kind, &path).await
            }
            Place::Id(SchemaId::Content(id)) => {
                let path = format!("/ids/contentIds/{id}");
                let kind = self.apicurio_kind(place, "contentId", *id).await?;
                self.apicurio(place, kind, &path).await
            }
            Place::Id(SchemaId::Glue(_) | SchemaId::Fingerprint(_)) => Err(halt(
                format!("{place} cannot be asked for at a registry"),
                "set schema_file",
            )),
            Place::Version { subject, version } => {
                let subject = encoded(subject);
                let path = format!("/subjects/{subject}/versions/{version}");
                self.confluent(place, &path).await
            }
            Place::Artifact {
                group,
                artifact,
                version,
            } => {
                let group = encoded(group.as_deref().unwrap_or(NO_GROUP));
                let (artifact, version) = (encoded(artifact), encoded(version));
                let path = format!("/groups/{group}/artifacts/{artifact}/versions/{version}/meta");
                let meta: ApicurioVersion = self
                    .read(place, &path, |it| serde_json::from_slice(it))
                    .await?;
                let kind = document::kind(&meta.kind);
                self.apicurio(place, kind, &format!("/ids/globalIds/{}", meta.global))
                    .await
            }
        }
    }

    async fn confluent(&self, place: &Place, path: &str) -> Result<Document, Unavailable> {
        let (url, body) = self.ask(place, Api::Confluent, path).await?;
        document::confluent(&body).map_err(|e| not_a_registry(&url, &e.to_string()))
    }

    async fn apicurio(
        &self,
        place: &Place,
        kind: SchemaKind,
        path: &str,
    ) -> Result<Document, Unavailable> {
        let (url, body) = self.ask(place, Api::Apicurio, path).await?;
        let text = String::from_utf8(body.into())
            .map_err(|_| not_a_registry(&url, "a schema that is not UTF-8"))?;
        let references = format!("{path}/references");
        let references = self.read(place, &references, document::apicurio_references);
        Ok(Document {
            kind,
            text,
            references: references.await?,
        })
    }

    async fn apicurio_kind(
        &self,
        place: &Place,
        name: &str,
        id: i64,
    ) -> Result<SchemaKind, Unavailable> {
        let path = format!("/search/artifacts?{name}={id}");
        self.read(place, &path, document::apicurio_kind).await
    }

    async fn read<T>(
        &self,
        place: &Place,
        path: &str,
        read: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<T, Unavailable> {
        let (url, body) = self.ask(place, Api::Apicurio, path).await?;
        read(&body).map_err(|e| not_a_registry(&url, &e.to_string()))
    }

    /// The content of an answer, and the URL that it came from.
    async fn ask(
        &self,
        place: &Place,
        api: Api,
        path: &str,
    ) -> Result<(String, Bytes), Unavailable> {
        let answer = self.http.get(api, path).await?;
        let url = answer.url.clone();
        let body = answer.judge(Some(place), self.http.login())?;
        Ok((url, body))
    }
}

/// What is wrong with what a schema refers to.
fn referred(by: &Place, name: &str, why: Unavailable) -> Unavailable {
    match why.class {
        // Nothing is: it could not be asked for.
        Class::Unavailable => why,
        _ => Unavailable {
            what: format!("{by} refers to \"{name}\": {}", why.what),
            ..why
        },
    }
}

impl Way {
    fn enter(&mut self, place: &Place) -> Result<(), Unavailable> {
        let refused = |why: &str| {
            let from = self.places.first().unwrap_or(place);
            let hint = "such schemas are not read";
            Err(halt(format!("the references of {from} {why}"), hint))
        };
        if self.places.contains(place) {
            return refused(&format!("lead in a circle, by {place}"));
        }
        if self.places.len() > DEPTH {
            return refused(&format!("are deeper than {DEPTH}"));
        }
        if self.met > REFERENCES {
            return refused(&format!("are more than {REFERENCES}"));
        }
        self.met += 1;
        self.places.push(place.clone());
        Ok(())
    }

    fn leave(&mut self) {
        self.places.pop();
    }
}
