//! What an answer of a registry means. Pure.

use crate::place::Place;
use crate::settings::{Api, Login};
use hyper::StatusCode;
use hyper::body::Bytes;
use plimsoll_protocol::Class;
use plimsoll_record::{SchemaId, Unavailable};
use serde::Deserialize;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked: a URL, without a user or a password.
    pub(crate) url: String,
    pub(crate) api: Api,
    pub(crate) status: StatusCode,
    /// Where it leads, without a query.
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
}

/// How registries put an error.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Fault {
    error_code: i64,
    message: String,
    /// Apicurio's own interface says here what is not there.
    name: String,
}

/// Characters of a server's words in a message.
const WORDS: usize = 200;

impl Fault {
    fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// That what is asked for is not there, and not that there is no such path.
    fn is_unknown(&self, api: Api) -> bool {
        match api {
            Api::Confluent => matches!(self.error_code, 40401..=40403),
            Api::Apicurio => {
                let kind = self.name.strip_suffix("NotFoundException");
                kind.is_some_and(|kind| !kind.is_empty())
            }
        }
    }

    fn words(&self) -> String {
        let plain = self.message.chars().map(|c| match c.is_control() {
            true => ' ',
            false => c,
        });
        plain.take(WORDS).collect()
    }
}

/// Whether a status says that the server, and not what is asked of it, is in no state
/// to answer: another one may be.
pub(crate) fn is_away(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

impl Answer {
    /// Its content, where it is one. `None` asked for the registry itself.
    pub(crate) fn judge(self, asked: Option<&Place>, login: &Login) -> Result<Bytes, Unavailable> {
        let (url, status) = (&self.url, self.status);
        if status == StatusCode::OK {
            return Ok(self.body);
        }
        if is_away(status) {
            return Err(away(self.said(), None));
        }
        match status {
            StatusCode::UNAUTHORIZED => Err(away(self.said(), Some(login_hint(login)))),
            StatusCode::FORBIDDEN => {
                let hint = "the user of [schema_registry] needs the right to read subjects";
                Err(away(self.said(), Some(hint)))
            }
            StatusCode::NOT_FOUND => match (asked, Fault::of(&self.body)) {
                (Some(asked), Some(fault)) if fault.is_unknown(self.api) => Err(halt(
                    format!(
                        "the registry does not know {asked} ({url}: {})",
                        fault.words()
                    ),
                    unknown_hint(asked),
                )),
                _ => Err(halt(self.said(), wrong_url_hint(asked))),
            },
            _ if status.is_redirection() => {
                let to = self.location.as_deref().unwrap_or("elsewhere");
                let what = format!("{url} leads to {to} (status {})", status.as_u16());
                Err(halt(what, WRONG_URL))
            }
            _ => Err(halt(self.said(), WRONG_URL)),
        }
    }

    /// What it says, in a line.
    pub(crate) fn said(&self) -> String {
        let mut said = format!("{} says {}", self.url, self.status);
        if let Some(fault) = Fault::of(&self.body)
            && !fault.message.is_empty()
        {
            said.push_str(": ");
            said.push_str(&fault.words());
        }
        said
    }
}

/// An answer with a good status, and something else within.
pub(crate) fn not_a_registry(url: &str, why: &str) -> Unavailable {
    halt(
        format!("{url} does not answer as a registry does: {why}"),
        WRONG_URL,
    )
}

pub(crate) fn away(what: String, hint: Option<&str>) -> Unavailable {
    Unavailable {
        class: Class::Unavailable,
        what,
        hint: hint.map(str::to_owned),
    }
}

pub(crate) fn halt(what: String, hint: &str) -> Unavailable {
    Unavailable {
        class: Class::Halt,
        what,
        hint: Some(hint.to_owned()),
    }
}

const WRONG_URL: &str =
    "is the url of [schema_registry] right? that of an Apicurio ends in /apis/ccompat/v7";

fn wrong_url_hint(asked: Option<&Place>) -> &'static str {
    match asked {
        Some(Place::Id(SchemaId::Guid(_))) => {
            "the url of [schema_registry] may be wrong, or its registry has no GUIDs, as Apicurio: \
             let producers put the id in front"
        }
        Some(Place::Id(_) | Place::Version { .. } | Place::Artifact { .. }) | None => WRONG_URL,
    }
}

fn login_hint(login: &Login) -> &'static str {
    match login {
        Login::Anonymous => "set username and password, or bearer_token, in [schema_registry]",
        Login::Basic { .. } => "are username and password of [schema_registry] right?",
        Login::Bearer(_) => "is bearer_token of [schema_registry] right, and still valid?",
    }
}

fn unknown_hint(asked: &Place) -> &'static str {
    match asked {
        // The first four of eight bytes.
        Place::Id(SchemaId::Id(0)) => {
            "registries count from 1, and Apicurio's eight bytes look so: framing = \"apicurio\"?"
        }
        // Four bytes, and the first of the payload.
        Place::Id(SchemaId::Global(id)) if u32::try_from(*id).is_err() => {
            "so large an id looks as if it had four bytes: framing = \"confluent\"?"
        }
        Place::Id(_) => {
            "do the producers use this registry? a schema that was deleted has to be registered \
             again"
        }
        Place::Version { .. } | Place::Artifact { .. } => {
            "a schema that others refer to was deleted: it has to be registered again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_sink_api::Secret;

    fn judged(api: Api, status: u16, body: &str, asked: SchemaId) -> Result<Bytes, Unavailable> {
        let answer = Answer {
            url: "http://r/x".to_owned(),
            api,
            status: StatusCode::from_u16(status).expect("a status"),
            location: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        answer.judge(Some(&Place::Id(asked)), &Login::Anonymous)
    }

    fn class(api: Api, status: u16, body: &str) -> (Class, bool) {
        let why = judged(api, status, body, SchemaId::Id(7)).expect_err("an error");
        assert!(why.what.contains("http://r/x"), "{why}");
        (why.class, why.what.contains("does not know schema 7"))
    }

    #[test]
    fn what_an_answer_means() {
        let html = "<html>Not here</html>";
        let path = r#"{"error_code":0,"message":"RESTEASY003210: Could not find resource"}"#;
        let cases = [
            (500, html, Class::Unavailable, false),
            (502, "", Class::Unavailable, false),
            (503, r#"{"error_code":50301}"#, Class::Unavailable, false),
            (599, "", Class::Unavailable, false),
            (401, html, Class::Unavailable, false),
            (
                403,
                r#"{"error_code":40301,"message":"no"}"#,
                Class::Unavailable,
                false,
            ),
            (408, "", Class::Unavailable, false),
            (425, "", Class::Unavailable, false),
            (429, "", Class::Unavailable, false),
            (
                404,
                r#"{"error_code":40403,"message":"Schema not found"}"#,
                Class::Halt,
                true,
            ),
            (
                404,
                r#"{"error_code":40401,"message":"Subject not found"}"#,
                Class::Halt,
                true,
            ),
            (404, r#"{"error_code":40402}"#, Class::Halt, true),
            (
                404,
                r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#,
                Class::Halt,
                false,
            ),
            (404, path, Class::Halt, false),
            (404, html, Class::Halt, false),
            (404, "", Class::Halt, false),
            (404, "40403", Class::Halt, false),
            (301, "", Class::Halt, false),
            (400, "", Class::Halt, false),
            (422, r#"{"error_code":42201}"#, Class::Halt, false),
            (204, "", Class::Halt, false),
        ];
        for (status, body, want, unknown) in cases {
            let seen = class(Api::Confluent, status, body);
            assert_eq!(seen, (want, unknown), "{status} {body}");
        }
        assert!(judged(Api::Confluent, 200, "{}", SchemaId::Id(7)).is_ok());
    }

    #[test]
    fn apicurios_own_404_tells_a_missing_schema_from_a_missing_path() {
        let named = |name: &str| format!(r#"{{"error_code":404,"message":"m","name":"{name}"}}"#);
        for (name, unknown) in [
            ("ArtifactNotFoundException", true),
            ("ContentNotFoundException", true),
            ("VersionNotFoundException", true),
            ("NotFoundException", false),
        ] {
            let seen = class(Api::Apicurio, 404, &named(name));
            assert_eq!(seen, (Class::Halt, unknown), "{name}");
        }
    }

    #[test]
    fn an_id_that_looks_like_another_framings_says_so() {
        let hint = |id| {
            let body = r#"{"error_code":40403,"name":"ArtifactNotFoundException"}"#;
            let api = match id {
                SchemaId::Global(_) => Api::Apicurio,
                _ => Api::Confluent,
            };
            judged(api, 404, body, id).expect_err("unknown").hint
        };
        let said = |id, word: &str| hint(id).is_some_and(|hint| hint.contains(word));
        assert!(said(SchemaId::Id(0), "apicurio"));
        assert!(said(SchemaId::Id(1), "do the producers"));
        assert!(said(SchemaId::Global(43 << 32), "confluent"));
        assert!(said(SchemaId::Global(43), "do the producers"));
    }

    #[test]
    fn who_is_refused_learns_which_setting_it_is() {
        let hint = |login: &Login| {
            let answer = Answer {
                url: "http://r/x".to_owned(),
                api: Api::Confluent,
                status: StatusCode::UNAUTHORIZED,
                location: None,
                body: Bytes::new(),
            };
            let why = answer.judge(Some(&Place::Id(SchemaId::Id(1))), login);
            let why = why.expect_err("refused").to_string();
            assert!(!why.contains("hunter2"), "{why}");
            why
        };
        let password = Secret::new("hunter2");
        let user = "alice".to_owned();
        assert!(hint(&Login::Anonymous).contains("hint: set username and password"));
        assert!(hint(&Login::Basic { user, password }).contains("username and password of"));
        let token = Secret::new("hunter2");
        assert!(hint(&Login::Bearer(token)).contains("bearer_token of"));
    }

    #[test]
    fn a_servers_words_are_cut_and_without_control_characters() {
        let body = format!(
            r#"{{"error_code":1,"message":"a\n\u001b[31m{}"}}"#,
            "é".repeat(999)
        );
        let why = judged(Api::Confluent, 400, &body, SchemaId::Id(1)).expect_err("an error");
        assert!(!why.what.contains(char::is_control), "{}", why.what);
        assert!(why.what.chars().count() < 260);
    }
}
