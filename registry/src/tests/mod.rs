//! Beside a real Apicurio, and beside servers that fail as it cannot be made to.

mod cache;
mod failures;
mod fake;
mod real;
mod tls;
mod walks;

use crate::{Login, Registry, Settings};
use plimsoll_protocol::Class;
use plimsoll_record::{Registered, SchemaId, Schemas, Unavailable};
use plimsoll_tls::Tls;
use std::sync::Arc;
use std::time::Duration;

/// For a server that answers at once.
fn settings(urls: &[&str]) -> Settings {
    Settings {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        login: Login::Anonymous,
        tls: Tls::default(),
        cache_dir: None,
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
    }
}

fn registry(url: &str) -> Registry {
    Registry::new(&settings(&[url])).expect("a registry")
}

async fn get(registry: &Registry, id: u32) -> Result<Arc<Registered>, Unavailable> {
    registry.fetch(SchemaId::Id(id)).await
}

#[track_caller]
fn refused(got: Result<Arc<Registered>, Unavailable>, class: Class) -> String {
    let why = got.expect_err("nothing that can be had");
    assert_eq!(why.class, class, "{why}");
    why.to_string()
}
