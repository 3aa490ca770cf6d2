//! What was found once can be read again.

use super::fake::{Asked, Fake, Reply};
use super::{get, refused, settings};
use crate::{Registry, Settings};
use plimsoll_protocol::Class;
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;

/// A new process with the same folder.
fn registry(url: &str, folder: &Path) -> Registry {
    let settings = Settings {
        cache_dir: Some(folder.to_owned()),
        ..settings(&[url])
    };
    Registry::new(&settings).expect("a registry")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A schema that refers to another.
fn two(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/schemas/ids/7" => {
            let to = json!([{"name": "shop.A", "subject": "a", "version": 3}]);
            Reply::Json(json!({"schema": "\"shop.A\"", "references": to}))
        }
        "/subjects/a/versions/3" => Reply::long(),
        _ => Reply::Fault(404, 40403),
    }
}

#[tokio::test]
async fn a_schema_that_was_found_is_read_when_it_is_gone_or_the_registry_is_away() {
    let folder = folder();
    let fake = Fake::start(two).await;
    let url = fake.url();
    let first = get(&registry(&url, folder.path()), 7).await.expect("found");
    assert_eq!(first.references.len(), 1);
    for reply in [
        Reply::Fault(404, 40403),
        Reply::Html(404),
        Reply::Html(500),
        Reply::Html(401),
    ] {
        fake.answer(move |_| reply.clone());
        let again = get(&registry(&url, folder.path()), 7).await;
        assert_eq!(again.expect("kept"), first);
    }
    // What was never seen is not there.
    let unseen = get(&registry(&url, folder.path()), 8).await;
    refused(unseen, Class::Unavailable);
    let nobody = "http://127.0.0.1:1";
    let again = get(&registry(nobody, folder.path()), 7).await;
    assert_eq!(again.expect("kept"), first);
}

#[tokio::test]
async fn a_registry_with_another_schema_under_an_id_is_told_from_the_one_before() {
    let folder = folder();
    let fake = Fake::start(two).await;
    let url = fake.url();
    drop(get(&registry(&url, folder.path()), 7).await.expect("found"));
    // The same in another form.
    fake.answer(|asked| match two(asked) {
        Reply::Json(it) => {
            let mut it = it;
            it["schema"] = format!(" {} ", it["schema"].as_str().expect("a text")).into();
            Reply::Json(it)
        }
        other => other,
    });
    drop(get(&registry(&url, folder.path()), 7).await.expect("found"));
    fake.answer(|_| Reply::long());
    let other = registry(&url, folder.path());
    let said = refused(get(&other, 7).await, Class::Halt);
    assert!(said.contains("another schema 7"), "{said}");
    assert!(said.contains("cache_dir"), "{said}");
    // Asked again, when somebody has mended it.
    fake.answer(two);
    drop(get(&other, 7).await.expect("found"));
}

#[tokio::test]
async fn a_schema_that_cannot_be_kept_is_not_used() {
    let folder = folder();
    let fake = Fake::start(two).await;
    let registry = registry(&fake.url(), &folder.path().join("schemas"));
    std::fs::remove_dir(folder.path().join("schemas")).expect("it was made");
    let said = refused(get(&registry, 7).await, Class::Unavailable);
    assert!(said.contains("cannot be written"), "{said}");
    std::fs::create_dir(folder.path().join("schemas")).expect("a folder");
    drop(get(&registry, 7).await.expect("found"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_at_once() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let settings = Settings {
        cache_dir: Some(file.join("schemas")),
        ..settings(&["http://127.0.0.1:1"])
    };
    let why = Registry::new(&settings).expect_err("no folder");
    assert_eq!(why.class, Class::Halt);
    assert!(why.to_string().contains("cannot be made"), "{why}");
}
