//! The URL of a source → how its session is opened.

use crate::settings::SourceSettings;
use percent_encoding::percent_decode_str;
use pgwire_replication::{ReplicationConfig, SslMode, TlsConfig};
use std::time::Duration;
use url::Url;

/// How often the database hears what may be forgotten, and that somebody is there: the
/// server gives a silent session up after its `wal_sender_timeout` of 60 s.
const STATUS: Duration = Duration::from_secs(1);

/// Changes that wait to be sent. They may be as large as `LARGEST` each; the server waits
/// with the rest.
const BUFFER: usize = 4_096;

/// Bytes of one change: what Kafka takes is far smaller.
const LARGEST: usize = 64 << 20;

/// Reads a URL.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub fn check_url(url: &str) -> Result<(), String> {
    read(url).map(|_| ())
}

pub(super) fn config(settings: &SourceSettings) -> Result<ReplicationConfig, String> {
    let mut config = read(settings.postgres.url.reveal())?;
    config.slot.clone_from(&settings.postgres.slot);
    config.publication = settings.postgres.publication.as_str().into();
    config.application_name = Some(format!("plimsoll/{}/source", settings.name));
    config.status_interval = STATUS;
    config.idle_wakeup_interval = STATUS;
    config.buffer_events = BUFFER;
    Ok(config.with_max_message_size(LARGEST))
}

fn read(text: &str) -> Result<ReplicationConfig, String> {
    // What the parser says is not passed on: it may quote what it could not read.
    let url = Url::parse(text).map_err(|_| "the URL cannot be read".to_owned())?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("not a Postgres URL".to_owned());
    }
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut config = ReplicationConfig::default();
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        // The resolver knows an IPv6 address without its brackets.
        config.host = plain(host.trim_start_matches('[').trim_end_matches(']'));
    }
    config.port = url.port().unwrap_or(5432);
    if !url.username().is_empty() {
        config.user = plain(url.username());
    }
    config.password = url.password().map(plain).unwrap_or_default();
    let path = plain(url.path().trim_start_matches('/'));
    config.database = if path.is_empty() {
        config.user.clone()
    } else {
        path
    };
    // As the sinks' driver has it.
    config.tls.mode = SslMode::Prefer;
    for (name, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*name {
            "host" => config.host = value,
            "port" => config.port = value.parse().map_err(|_| "port is not a number")?,
            "user" => config.user = value,
            "password" => config.password = value,
            "dbname" => config.database = value,
            "options" => config.options = Some(value),
            "sslmode" => config.tls.mode = mode(&value)?,
            "sslrootcert" => config.tls.ca_pem_path = Some(value.into()),
            "sslcert" => config.tls.client_cert_pem_path = Some(value.into()),
            "sslkey" => config.tls.client_key_pem_path = Some(value.into()),
            other => return Err(format!("a source knows no {other} in its URL")),
        }
    }
    if config.is_unix_socket() {
        config.tls = TlsConfig::disabled();
    }
    Ok(config)
}

fn mode(word: &str) -> Result<SslMode, String> {
    Ok(match word {
        "disable" => SslMode::Disable,
        "prefer" | "allow" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => return Err("unknown value of sslmode in the URL".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let config =
            read("postgresql://a%40b:p%2Fw@[::1]:5433/sh%20op?sslmode=verify-full").unwrap();
        assert_eq!((config.host.as_str(), config.port), ("::1", 5433));
        assert_eq!(
            (config.user.as_str(), config.password.as_str()),
            ("a@b", "p/w")
        );
        assert_eq!(config.database, "sh op");
        assert_eq!(config.tls.mode, SslMode::VerifyFull);
    }

    #[test]
    fn what_a_url_leaves_out_is_as_the_clients_of_postgres_have_it() {
        let config = read("postgres://app@db").unwrap();
        assert_eq!((config.port, config.database.as_str()), (5432, "app"));
        assert_eq!(
            (config.password.as_str(), config.tls.mode),
            ("", SslMode::Prefer)
        );
    }

    #[test]
    fn no_message_shows_a_password() {
        for wrong in [
            "hunter2@db",
            "mysql://a:hunter2@db/x",
            "postgres://a:hunter2@db/x?sslmode=hunter2",
            "postgres://a:hunter2@db:x/x",
            "postgres://a:hunter2@db/x?port=hunter2",
        ] {
            let said = read(wrong).unwrap_err();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
