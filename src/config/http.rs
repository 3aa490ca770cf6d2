//! `[http]` and `[admin]`: where the process listens, and whom it lets in.

use super::reader::Reader;
use super::settings::{Access, Admin};
use plimsoll_sink_api::Secret;
use std::net::SocketAddr;
use std::sync::Arc;

/// What `[http]` says.
pub(super) struct Http {
    pub(super) listen: Option<SocketAddr>,
    pub(super) hosts: Arc<[String]>,
}

/// Reads `[http]`.
pub(super) fn read(reader: Reader<'_, '_>) -> Http {
    let listen = address(&reader, "127.0.0.1:9464");
    let hosts = reader.texts("hosts").unwrap_or_default();
    reader.finish();
    Http {
        listen,
        hosts: hosts.into_iter().map(|text| text.value).collect(),
    }
}

/// Reads `[admin]`.
pub(super) fn read_admin(reader: Reader<'_, '_>) -> Option<Admin> {
    let listen = address(&reader, "127.0.0.1:9465");
    let given = reader.text("listen");
    if let (Some(address), Some(text)) = (listen, &given)
        && !address.ip().is_loopback()
    {
        reader.fault_in(
            text,
            format!("{} is not on loopback", text.shown()),
            "what it hears travels unencrypted: listen on 127.0.0.1, and let a proxy with TLS \
             pass requests on from there",
        );
    }
    let user = reader.text("username");
    let password = reader.text("password");
    let token = reader.text("bearer_token");
    reader.finish();
    Some(Admin {
        listen: listen?,
        access: Access {
            basic: user
                .zip(password)
                .map(|(user, password)| (user.value, Secret::new(password.value))),
            bearer: token.map(|token| Secret::new(token.value)),
        },
    })
}

fn address(reader: &Reader<'_, '_>, example: &str) -> Option<SocketAddr> {
    let given = reader.text("listen");
    let listen = reader
        .text_or_default("listen")
        .filter(|listen| listen != "off");
    let address = listen.as_deref().and_then(|listen| listen.parse().ok());
    if let (Some(text), Some(_), None) = (&given, &listen, address) {
        reader.fault_in(
            text,
            format!("{} is not a valid address with a port", text.shown()),
            format!(
                "digits, not names: \"{example}\", \"0.0.0.0:9464\" for all interfaces, or \"off\""
            ),
        );
    }
    address
}
