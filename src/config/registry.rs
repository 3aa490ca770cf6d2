//! `[schema_registry]`.

use super::reader::Reader;
use plimsoll_registry::{Login, Settings};
use plimsoll_sink_api::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Reads it.
pub(super) fn read(reader: Reader<'_, '_>) -> Option<Settings> {
    let urls = reader.texts("url");
    let user = reader.text("username");
    let password = reader.text("password");
    let token = reader.text("bearer_token");
    let tls = super::tls::read(&reader);
    let cache_dir = reader.text("cache_dir");
    let timeout = reader.integer("timeout_ms");
    reader.finish();
    let timeout = Duration::from_millis(timeout?);
    Some(Settings {
        urls: urls?.into_iter().map(|text| text.value).collect(),
        login: match (user, password, token) {
            (Some(user), Some(password), None) => Login::Basic {
                user: user.value,
                password: Secret::new(password.value),
            },
            (None, None, Some(token)) => Login::Bearer(Secret::new(token.value)),
            // What is half there has been told.
            _ => Login::Anonymous,
        },
        tls,
        cache_dir: cache_dir.map(|text| PathBuf::from(text.value)),
        connect_timeout: timeout,
        request_timeout: timeout,
    })
}
