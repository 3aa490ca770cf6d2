//! One question to a registry's servers.

use crate::answer::{Answer, away, halt, is_away, not_a_registry};
use crate::settings::{Api, Base, Login, Settings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use plimsoll_protocol::Class;
use plimsoll_record::Unavailable;
use plimsoll_tls::{Tls, TlsError};
use rustls::ClientConfig;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes of an answer: a schema of a megabyte is a very large one.
const ANSWER_BYTES: usize = 16 << 20;

/// A connection without work is closed after so long. It serves the references of one
/// schema: soon afterwards a server or something before it may have closed it too.
const IDLE: Duration = Duration::from_secs(5);

/// Registries that know several forms of an answer give this one.
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json;q=0.9, */*;q=0.5";

/// Asks the servers of a registry.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    servers: Vec<Base>,
    /// The one that answered last.
    first: AtomicUsize,
    login: Login,
    /// Of the login, marked as sensitive.
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Unavailable> {
        let servers = settings.urls.iter().map(|url| Base::parse(url));
        let servers: Vec<Base> = servers
            .collect::<Result<_, _>>()
            .map_err(|why| halt(why, "see the url of [schema_registry]"))?;
        if servers.is_empty() {
            return Err(halt(
                "the registry has no URL".to_owned(),
                "set url in [schema_registry]",
            ));
        }
        let encrypted = servers.iter().any(|server| server.encrypted);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(settings.connect_timeout));
        connector.set_nodelay(true);
        // It connects for both.
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(&settings.tls, encrypted)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .build(connector),
            servers,
            first: AtomicUsize::new(0),
            login: settings.login.clone(),
            authorization: authorization(&settings.login)?,
            timeout: settings.request_timeout,
        })
    }

    pub(crate) const fn login(&self) -> &Login {
        &self.login
    }

    /// Asks one server after the other, until one is in a state to answer.
    pub(crate) async fn get(&self, api: Api, path: &str) -> Result<Answer, Unavailable> {
        let first = self.first.load(Ordering::Relaxed);
        let mut silent = Vec::new();
        for i in (0..self.servers.len()).map(|i| (first + i) % self.servers.len()) {
            let Some(url) = self.servers[i].at(api, path) else {
                return Err(halt(
                    "this registry has no ids of Apicurio's own".to_owned(),
                    "they are asked for beside a url that ends in /apis/ccompat/v7; with ids of \
                     four bytes: framing = \"confluent\"",
                ));
            };
            match self.ask(api, &url).await {
                Ok(answer) if is_away(answer.status) => silent.push(away(answer.said(), None)),
                Ok(answer) => {
                    self.first.store(i, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(why) if why.class == Class::Unavailable => silent.push(why),
                Err(why) => return Err(why),
            }
        }
        let said: Vec<&str> = silent.iter().map(|why| why.what.as_str()).collect();
        let hint = silent.iter().find_map(|why| why.hint.as_deref());
        Err(away(said.join("; "), hint))
    }

    /// Asks one server.
    async fn ask(&self, api: Api, url: &str) -> Result<Answer, Unavailable> {
        let uri: Uri = url
            .parse()
            .map_err(|_| halt(format!("{url} is not a valid URL"), "see [schema_registry]"))?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        headers.insert(USER_AGENT, HeaderValue::from_static("plimsoll"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let whole = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|e| unanswered(url, &e))?;
            whole(api, url, response).await
        };
        match tokio::time::timeout(self.timeout, whole).await {
            Ok(answer) => answer,
            Err(_) => {
                let ms = self.timeout.as_millis();
                Err(away(format!("{url}: no answer within {ms} ms"), None))
            }
        }
    }
}

/// `encrypted`: some URL is `https`. The connector wants a config either way, and a
/// machine without any authority reaches a registry in plain text all the same.
fn tls(tls: &Tls, encrypted: bool) -> Result<ClientConfig, Unavailable> {
    let config = match tls.client_config() {
        Err(TlsError::NoAuthority) if !encrypted => plimsoll_tls::trusting_nobody(),
        config => config,
    };
    config.map_err(|error| halt(error.to_string(), error.hint()))
}

fn authorization(login: &Login) -> Result<Option<HeaderValue>, Unavailable> {
    let (value, setting) = match login {
        Login::Anonymous => return Ok(None),
        Login::Basic { user, password } => {
            let both = STANDARD.encode(format!("{user}:{}", password.reveal()));
            (format!("Basic {both}"), "username")
        }
        Login::Bearer(token) => (format!("Bearer {}", token.reveal()), "bearer_token"),
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        halt(
            format!("{setting} of [schema_registry] holds a character that no header takes"),
            "does it end with a line break?",
        )
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

async fn whole(api: Api, url: &str, response: Response<Incoming>) -> Result<Answer, Unavailable> {
    let (head, body) = response.into_parts();
    let location = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let location = location.map(|to| to.split(['?', '#']).next().unwrap_or(to).to_owned());
    match Limited::new(body, ANSWER_BYTES).collect().await {
        Ok(body) => Ok(Answer {
            url: url.to_owned(),
            api,
            status: head.status,
            location,
            body: body.to_bytes(),
        }),
        Err(e) if e.is::<LengthLimitError>() => Err(not_a_registry(
            url,
            &format!("more than {} MiB", ANSWER_BYTES >> 20),
        )),
        Err(e) => Err(unanswered(url, &*e)),
    }
}

/// No answer, or not all of one.
fn unanswered(url: &str, error: &(dyn Error + 'static)) -> Unavailable {
    fn below<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
        (*error).source()
    }
    let chain = || std::iter::successors(Some(error), below);
    let hint = chain().find_map(tls_hint);
    // What the client says of itself stands before what was wrong.
    let mut words: Vec<String> = chain().map(ToString::to_string).collect();
    if words.len() > 1 {
        words.remove(0);
    }
    // Some repeat what is below them.
    words.dedup_by(|below, above| above.ends_with(below.as_str()));
    away(format!("{url}: {}", words.join(": ")), hint)
}

fn tls_hint(mut error: &(dyn Error + 'static)) -> Option<&'static str> {
    // Errors of I/O hide what is within them from `source`.
    while let Some(within) = error.downcast_ref().and_then(std::io::Error::get_ref) {
        error = within;
    }
    let tls: &rustls::Error = error.downcast_ref()?;
    match tls {
        rustls::Error::InvalidCertificate(_) => {
            Some("is ca_file of [schema_registry] the authority of the registry's certificate?")
        }
        rustls::Error::AlertReceived(_) => {
            Some("does the registry want a client's certificate, or another one?")
        }
        rustls::Error::InvalidMessage(_) => Some("does the registry speak TLS at this port?"),
        _ => None,
    }
}
