//! Who may ask, and who may change something. Decided purely, before a request is looked at
//! any further.

use super::error::Refused;
use crate::config::Access;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_sink_api::Secret;
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What one listener lets through.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Names by which it may be called beside its addresses.
    pub hosts: Arc<[String]>,
    /// Whether it changes anything; `None`: it only reads.
    pub admin: Option<Arc<Access>>,
}

/// Lets a request through, or answers it.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.judge(request.method(), request.headers()) {
        Ok(()) => told(next.run(request).await),
        Err(refused) => refused.into_response(),
    }
}

/// What the framework refuses by itself (a path that is no text, a body that is too large)
/// is told in the same shape as everything else.
fn told(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    match status.is_client_error() && !is_json {
        true => {
            Refused::new(status, status.canonical_reason().unwrap_or("refused")).into_response()
        }
        false => response,
    }
}

impl Guard {
    fn judge(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let host = self.host(headers)?;
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let Some(access) = &self.admin else {
            return match reads {
                true => Ok(()),
                false => Err(Refused::new(
                    StatusCode::FORBIDDEN,
                    "this listener only reads; hint: the one of [admin] changes what is wanted",
                )),
            };
        };
        access_granted(access, headers)?;
        if !reads {
            same_origin(headers, host)?;
        }
        Ok(())
    }

    /// A page elsewhere can have its own name resolved to this address (DNS rebinding), but
    /// cannot make a browser call it by another name than its own. An address is no name.
    fn host<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Refused> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let name = host.map(without_port).unwrap_or_default();
        let known = || {
            let mut hosts = self.hosts.iter();
            name.eq_ignore_ascii_case("localhost")
                || hosts.any(|known| name.eq_ignore_ascii_case(known))
        };
        let address = name.trim_start_matches('[').trim_end_matches(']');
        match host {
            Some(host) if address.parse::<IpAddr>().is_ok() || known() => Ok(host),
            Some(_) | None => Err(Refused::new(
                StatusCode::MISDIRECTED_REQUEST,
                "the request's Host is not a name of this service; hint: call it by its address, \
                 or add the name to hosts in [http]",
            )),
        }
    }
}

/// A name or an address without the port behind it.
fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at)
            if !host[at..].contains(']') && host[at + 1..].bytes().all(|b| b.is_ascii_digit()) =>
        {
            &host[..at]
        }
        Some(_) | None => host,
    }
}

/// Browsers send credentials that they know with requests of any page, and `POST` without a
/// body asks nobody first. They say, though, whose page it is.
fn same_origin(headers: &HeaderMap, host: &str) -> Result<(), Refused> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    let origin = text(ORIGIN.as_str());
    let own = |origin: &str| {
        let rest = origin.strip_prefix("http://");
        rest.or_else(|| origin.strip_prefix("https://")) == Some(host)
    };
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
        || origin.is_some_and(|origin| !own(origin))
    {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "the request comes from a page of another origin, and would change something",
        ));
    }
    Ok(())
}

fn access_granted(access: &Access, headers: &HeaderMap) -> Result<(), Refused> {
    if access.basic.is_none() && access.bearer.is_none() {
        // Loopback alone: the config lets no other listener go without.
        return Ok(());
    }
    let given = headers.get(AUTHORIZATION).map(|v| v.as_bytes());
    let given = given.unwrap_or_default();
    let basic = access.basic.as_ref().is_some_and(|(user, password)| {
        let expected = format!("{user}:{}", password.reveal());
        scheme(given, b"basic ").is_some_and(|sent| {
            STANDARD
                .decode(sent)
                .is_ok_and(|sent| same(&sent, expected.as_bytes()))
        })
    });
    let token = |token: &Secret| {
        scheme(given, b"bearer ").is_some_and(|sent| same(sent, token.reveal().as_bytes()))
    };
    match basic || access.bearer.as_ref().is_some_and(token) {
        true => Ok(()),
        false => Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            "credentials are missing or wrong; hint: those of [admin]",
        )),
    }
}

/// What follows the name of a scheme, however that is written.
fn scheme<'v>(value: &'v [u8], name: &[u8]) -> Option<&'v [u8]> {
    let (head, rest) = value.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(rest)
}

/// Takes as long wherever the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    fn reader() -> Guard {
        Guard {
            hosts: Arc::from(["plimsoll.internal".to_owned()]),
            admin: None,
        }
    }

    fn admin(basic: bool, bearer: bool) -> Guard {
        let access = Access {
            basic: basic.then(|| ("op".to_owned(), Secret::new("pa:ss".to_owned()))),
            bearer: bearer.then(|| Secret::new("token".to_owned())),
        };
        Guard {
            admin: Some(Arc::new(access)),
            ..reader()
        }
    }

    fn status(guard: &Guard, method: &Method, list: &[(&'static str, &str)]) -> Option<u16> {
        let judged = guard.judge(method, &headers(list));
        judged.err().map(|refused| refused.status().as_u16())
    }

    #[test]
    fn addresses_loopback_and_configured_names_are_this_service_and_nothing_else() {
        for host in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "10.1.2.3",
            "[::1]:9464",
            "[fe80::1]",
            "Plimsoll.internal:80",
        ] {
            let judged = status(&reader(), &Method::GET, &[("host", host)]);
            assert_eq!(judged, None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":9464",
            "plimsoll.internal.evil",
        ] {
            let judged = status(&reader(), &Method::GET, &[("host", host)]);
            assert_eq!(judged, Some(421), "{host}");
        }
        assert_eq!(status(&reader(), &Method::GET, &[]), Some(421));
    }

    proptest! {
        /// Whatever stands in the headers: nobody comes in without what the config says.
        #[test]
        fn nothing_but_the_credentials_lets_anybody_in(
            host in any::<Vec<u8>>(),
            given in prop_oneof![any::<Vec<u8>>(), "(?i)(basic|bearer) [ -~]{0,40}".prop_map(Vec::from)],
        ) {
            let mut headers = HeaderMap::new();
            if let Ok(host) = HeaderValue::from_bytes(&host) {
                headers.insert(HOST, host);
            }
            let judged = admin(true, true).judge(&Method::GET, &headers);
            prop_assert!(judged.is_err());
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            if let Ok(given) = HeaderValue::from_bytes(&given) {
                headers.insert(AUTHORIZATION, given);
            }
            let judged = admin(true, true).judge(&Method::GET, &headers);
            prop_assert_eq!(judged.unwrap_err().status(), StatusCode::UNAUTHORIZED);
        }
    }

    #[test]
    fn the_listener_that_reads_changes_nothing() {
        let host = ("host", "localhost");
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            assert_eq!(status(&reader(), &method, &[host]), Some(403), "{method}");
        }
        assert_eq!(status(&reader(), &Method::HEAD, &[host]), None);
    }

    #[test]
    fn credentials_are_asked_for_where_there_are_any_for_reading_too() {
        let host = ("host", "localhost");
        let basic = format!("Basic {}", STANDARD.encode("op:pa:ss"));
        let other = format!("Basic {}", STANDARD.encode("op:pass"));
        let judged = |guard: &Guard, given: &str| {
            status(guard, &Method::GET, &[host, ("authorization", given)])
        };
        for (guard, given, expected) in [
            (admin(true, false), basic.as_str(), None),
            (admin(true, true), &basic.replace("Basic", "bAsIc"), None),
            (admin(true, true), "Bearer token", None),
            (admin(false, true), "bearer token", None),
            (admin(true, false), &other, Some(401)),
            (admin(true, false), "Bearer token", Some(401)),
            (admin(false, true), &basic, Some(401)),
            (admin(false, true), "Bearer tokens", Some(401)),
            (admin(false, true), "Bearer ", Some(401)),
            (admin(true, false), "Basic !!", Some(401)),
            (admin(true, false), "", Some(401)),
        ] {
            assert_eq!(judged(&guard, given), expected, "{given}");
        }
        assert_eq!(status(&admin(true, true), &Method::GET, &[host]), Some(401));
        assert_eq!(status(&admin(false, false), &Method::GET, &[host]), None);
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let host = ("host", "localhost:9465");
        for (name, value, expected) in [
            ("origin", "http://localhost:9465", None),
            ("origin", "https://localhost:9465", None),
            ("origin", "http://localhost", Some(403)),
            ("origin", "http://evil.example", Some(403)),
            ("origin", "null", Some(403)),
            ("sec-fetch-site", "same-origin", None),
            ("sec-fetch-site", "none", None),
            ("sec-fetch-site", "same-site", Some(403)),
            ("sec-fetch-site", "cross-site", Some(403)),
        ] {
            let list = [host, (name, value)];
            let judged = status(&admin(false, false), &Method::POST, &list);
            assert_eq!(judged, expected, "{name}: {value}");
            let reads = status(&admin(false, false), &Method::GET, &list);
            assert_eq!(reads, None, "{name}: {value}");
        }
        assert_eq!(status(&admin(false, false), &Method::POST, &[host]), None);
    }
}
