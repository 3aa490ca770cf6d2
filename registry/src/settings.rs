//! How a registry is reached.

use hyper::Uri;
use plimsoll_sink_api::Secret;
use plimsoll_tls::Tls;
use std::path::PathBuf;
use std::time::Duration;

/// How a registry is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its servers: one after the other is tried. What stands behind a host stays, as
    /// many registries live below a path.
    pub urls: Vec<String>,
    /// Who asks.
    pub login: Login,
    /// Whom an `https` URL trusts, and as whom plimsoll comes.
    pub tls: Tls,
    /// Where schemas are kept in files, for the time when the registry has them no more.
    pub cache_dir: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take, from the beginning to the last byte of its answer.
    pub request_timeout: Duration,
}

/// Who asks a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Anybody.
    Anonymous,
    /// User and password; a key and its secret, at Confluent Cloud.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Who holds this token.
    Bearer(Secret),
}

/// A URL that paths are put behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// Without a slash at its end.
    url: String,
    pub(crate) encrypted: bool,
}

/// Which of a registry's interfaces is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// Confluent's, below the URL itself.
    Confluent,
    /// Apicurio's own, beside it.
    Apicurio,
}

/// Below it stand all interfaces of Apicurio.
const APICURIO: &str = "/apis/";

impl Base {
    /// # Errors
    /// What is wrong with it, in one line, a hint after `; hint: `. A password is not in
    /// it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let parsed: Uri = url
            .parse()
            .map_err(|_| "not a valid URL; hint: https://registry:8081".to_owned())?;
        let encrypted = match parsed.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => {
                return Err("not an http URL; hint: https://registry:8081".to_owned());
            }
        };
        let Some(authority) = parsed.authority() else {
            return Err("a URL without a host; hint: https://registry:8081".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err(
                "a URL with a user in it; hint: username and password are settings of their own"
                    .to_owned(),
            );
        }
        if parsed.query().is_some() {
            return Err(
                "a URL with a query; hint: paths are put behind it, so it ends before the \"?\""
                    .to_owned(),
            );
        }
        let scheme = if encrypted { "https" } else { "http" };
        let path = parsed.path().trim_end_matches('/');
        Ok(Self {
            url: format!("{scheme}://{authority}{path}"),
            encrypted,
        })
    }

    /// Where a path of an interface is; `None`: this registry has no such interface.
    pub(crate) fn at(&self, api: Api, path: &str) -> Option<String> {
        match api {
            Api::Confluent => Some(format!("{}{path}", self.url)),
            Api::Apicurio => {
                let (front, _) = self.url.split_once(APICURIO)?;
                Some(format!("{front}{APICURIO}registry/v2{path}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_stays() {
        let at = |url: &str| Base::parse(url).expect(url).at(Api::Confluent, "/subjects");
        let cases = [
            ("http://r:8081", "http://r:8081/subjects"),
            ("http://r:8081/", "http://r:8081/subjects"),
            ("https://r/a/b", "https://r/a/b/subjects"),
            (
                "http://r/contexts/.one//",
                "http://r/contexts/.one/subjects",
            ),
            ("http://[::1]:8081/x", "http://[::1]:8081/x/subjects"),
        ];
        for (url, want) in cases {
            assert_eq!(at(url).as_deref(), Some(want));
        }
    }

    #[test]
    fn apicurios_own_interface_stands_beside_confluents() {
        let at = |url: &str| Base::parse(url).expect(url).at(Api::Apicurio, "/ids");
        let want = Some("http://r:8080/proxy/apis/registry/v2/ids".to_owned());
        for path in ["ccompat/v7", "ccompat/v6/", "registry/v2"] {
            assert_eq!(at(&format!("http://r:8080/proxy/apis/{path}")), want);
        }
        assert_eq!(at("http://r:8081"), None);
    }

    #[test]
    fn a_url_that_is_not_one_is_refused_without_its_password() {
        let cases = [
            ("registry:8081", "not"),
            ("", "not a valid URL"),
            ("ftp://r", "not an http URL"),
            ("/subjects", "not an http URL"),
            ("http://alice:secret@r:8081", "a URL with a user in it"),
            ("http://r:8081?secret=1", "a URL with a query"),
            ("http://r:8081/a b", "not a valid URL"),
        ];
        for (url, want) in cases {
            let said = Base::parse(url).expect_err(url);
            assert!(said.starts_with(want), "{url}: {said}");
            assert!(said.contains("; hint: "), "{url}: {said}");
            assert!(!said.contains("secret"), "{url}: {said}");
        }
    }

    #[test]
    fn settings_do_not_show_a_password() {
        for login in [
            Login::Bearer(Secret::new("hunter2")),
            Login::Basic {
                user: "alice".to_owned(),
                password: Secret::new("hunter2"),
            },
        ] {
            assert!(!format!("{login:?}").contains("hunter2"));
        }
    }
}
