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
    check_authority(rest)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut kept = Vec::new();
    let mut after_password = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if matches!(name, "sslmode" | "ssl-mode") && !SSL_MODES.contains(&value) {
            return Err(format!(
                "unknown value of {name} in the URL; hint: {}",
                SSL_MODES.join(", ")
            ));
        }
        if KNOWN.contains(&name) || name.starts_with("options[") {
            kept.push(pair);
        } else if !IGNORED.contains(&name) {
            return Err(unknown_parameter(name, after_password));
        }
        after_password |= name == "password";
    }
    let clean = if kept.is_empty() {
        format!("postgres://{place}")
    } else {
        format!("postgres://{place}?{}", kept.join("&"))
    };
    // What sqlx says is not passed on: it may quote what it could not read.
    let options = PgConnectOptions::from_str(&clean)
        .map_err(|_| format!("the URL cannot be read; {ENCODE}"))?;
    // The resolver knows an IPv6 address by itself, without its brackets.
    let bare = options
        .get_host()
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .map(str::to_owned);
    Ok(match bare {
        Some(host) => options.host(&host),
        None => options,
    })
}

/// The values of `sslmode`.
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

const ENCODE: &str = "hint: percent-encode special characters in user and password: @ is %40, / is \
                      %2F, # is %23, ? is %3F";

/// Refuses what could be read in two ways: where a password holds a separator, a
/// part of it would pass for a host, a database or a parameter, and would be
/// shown. The words show nothing of the URL.
fn check_authority(rest: &str) -> Result<(), String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if rest.contains('#') || rest[end..].contains('@') || authority.matches('@').count() > 1 {
        return Err(format!(
            "the URL can be read in more than one way; {ENCODE}"
        ));
    }
    let (user, host) = authority.split_once('@').unwrap_or(("", authority));
    if user.contains(['[', ']']) {
        return Err(format!(
            "the URL can be read in more than one way; {ENCODE}, [ is %5B, ] is %5D"
        ));
    }
    if host.contains(',') {
        return Err(
            "more than one host in the URL; hint: name the writable server, or a name or proxy \
             that leads to it"
                .to_owned(),
        );
    }
    let (name, port) = match host.strip_prefix('[').and_then(|six| six.split_once(']')) {
        Some((six, port)) => (
            six,
            port.strip_prefix(':').or(port.is_empty().then_some("")),
        ),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    let is_six = host.starts_with('[');
    let is_host = match is_six {
        true => name.parse::<std::net::Ipv6Addr>().is_ok(),
        false => name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '%')),
    };
    if !is_host {
        return Err(format!(
            "the host in the URL cannot be read; {ENCODE}; an IPv6 address stands in brackets"
        ));
    }
    match port {
        Some("") => Ok(()),
        Some(port) if port.parse::<u16>().is_ok() => Ok(()),
        Some(_) | None => Err(format!("the port in the URL is not a number; {ENCODE}")),
    }
}

/// A name is shown only where it cannot be the rest of a password.
fn unknown_parameter(name: &str, after_password: bool) -> String {
    if after_password {
        return format!("unknown parameter behind the password in the URL; {ENCODE}, & is %26");
    }
    if name == "ssl" {
        return format!(
            "unknown parameter \"ssl\" in the URL; hint: sslmode, with one of {}",
            SSL_MODES.join(", ")
        );
    }
    match plimsoll_sink_api::text::nearest(name, KNOWN.iter().chain(&IGNORED).copied()) {
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
            ("postgres://u:hunter2@h/db?sslmode=strict", "verify-full"),
            ("postgres://u:hunter2@h/db?ssl=true", "sslmode"),
            ("postgres://h/db?password=a&hunter2", "percent-encode"),
        ] {
            let error = check_url(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn no_part_of_a_password_is_ever_said() {
        const PARTS: [&str; 3] = ["alpha", "bravo", "4711"];
        let separators = ["@", "/", "#", ",", "?", ":", "%", "[", "]", "&", "=", "%4"];
        for first in separators {
            for second in separators {
                let password = [PARTS[0], first, PARTS[1], second, PARTS[2]].concat();
                for url in [
                    format!("postgres://u:{password}@h:5432/db"),
                    format!("postgres://u:{password}@h/db?sslmode=require"),
                    format!("postgres://u:{password}@[::1]/db"),
                    format!("postgres://h/db?user=u&password={password}"),
                ] {
                    let seen = match super::options(&url) {
                        Err(error) => error,
                        Ok(o) => {
                            format!("{}:{}/{:?}", o.get_host(), o.get_port(), o.get_database())
                        }
                    };
                    for part in PARTS {
                        assert!(!seen.contains(part), "{url}: {seen}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_ipv6_host_stands_in_brackets_and_is_found_without_them() {
        let options = super::options("postgres://u:p@[::1]:5433/db").unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("::1", 5433));
        assert!(check_url("postgres://u:p@::1:5433/db").is_err());
    }
}
