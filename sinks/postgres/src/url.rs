//! The database's URL: judged without a network, and cut to what sqlx knows.

use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// What sqlx reads from a URL's query.
const KNOWN: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

/// What libpq reads, and what has no meaning here: plimsoll sets its own
/// deadlines, keepalives and application name, and a server that is read-only
/// is waited for. URLs handed out by hosters carry these, so they are no fault.
const IGNORED: [&str; 16] = [
    "application_name",
    "fallback_application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "sslcompression",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Judges a URL without connecting. The words hold no part of the password.
///
/// # Errors
/// What is wrong with it, in one line, a hint after `; hint: `.
pub fn check_url(url: &str) -> Result<(), String> {
    options(url).map(|_| ())
}

/// Reads a URL.
///
/// # Errors
/// As [`check_url`].
pub fn options(url: &str) -> Result<PgConnectOptions, String> {
    let Some(rest) = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
    else {
        return Err(
            "not a Postgres URL; hint: postgres://user:password@host:5432/database".to_owned(),
        );
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    if host.split('/').next().is_some_and(|h| h.contains(',')) {
        return Err(
            "more than one host in the URL; hint: name the writable server, or a name or proxy \
             that leads to it"
                .to_owned(),
        );
    }
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if KNOWN.contains(&name) || name.starts_with("options[") {
            kept.push(pair);
        } else if !IGNORED.contains(&name) {
            return Err(unknown_parameter(name));
        }
    }
    let clean = if kept.is_empty() {
        format!("postgres://{place}")
    } else {
        format!("postgres://{place}?{}", kept.join("&"))
    };
    PgConnectOptions::from_str(&clean).map_err(|e| match e {
        // The inner error alone: the outer one only says "configuration".
        sqlx::Error::Configuration(inner) => format!(
            "the URL cannot be read: {inner}; hint: percent-encode special characters in user \
             and password"
        ),
        other => format!("the URL cannot be read: {other}"),
    })
}

fn unknown_parameter(name: &str) -> String {
    let near = crate::text::nearest(name, KNOWN.iter().chain(&IGNORED).copied());
    match near {
        Some(near) => {
            format!("unknown parameter \"{name}\" in the URL; hint: did you mean \"{near}\"?")
        }
        None => format!(
            "unknown parameter \"{name}\" in the URL; hint: sslmode, sslrootcert, sslcert, \
             sslkey, host, port, dbname, user, password and options are read"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn ordinary_urls_pass() {
        for url in [
            "postgres://u:p@localhost:5432/db",
            "postgresql://localhost/db",
            "postgres://u@h/db?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://u:p@h/db?sslmode=require&channel_binding=require",
            "postgres:///db?host=/run/postgresql&user=me",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn faulty_urls_say_why_and_never_show_the_password() {
        for (url, word) in [
            ("mysql://u:hunter2@h/db", "not a Postgres URL"),
            ("", "not a Postgres URL"),
            ("postgres://u:hunter2@h:port/db", "port"),
            ("postgres://u:hunter2@h,i/db", "more than one host"),
            (
                "postgres://u:hunter2@h/db?sslmod=require",
                "did you mean \"sslmode\"?",
            ),
            ("postgres://u:hunter2@h/db?sslmode=strict", "ssl_mode"),
        ] {
            let error = check_url(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
