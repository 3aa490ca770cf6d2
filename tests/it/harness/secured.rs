//! A Kafka that asks who is there, and lets nobody do what was not allowed.

use super::authority::Authority;
use super::free_port;
use super::servers::OwnKafka;
use std::fs;
use std::path::Path;

/// Of the user `alice`, on every listener that asks for one.
pub const PASSWORD: &str = "Wonder+land/1865";

/// One broker with a listener for each case. The tests themselves go by the plain
/// one, whose users may do all.
pub struct SecuredKafka {
    broker: OwnKafka,
    /// Signs all of its certificates.
    pub authority: Authority,
    ports: [u16; 4],
}

impl SecuredKafka {
    /// Starts one.
    pub fn start() -> Self {
        let authority = Authority::new("kafka");
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let broker =
            OwnKafka::start_edited(|plain, folder| properties(&plain, folder, &authority, ports));
        Self {
            broker,
            authority,
            ports,
        }
    }

    /// The plain listener, as a superuser.
    pub fn plain(&self) -> String {
        self.broker.bootstrap()
    }

    /// TLS with SASL PLAIN, and a certificate that is as it should be.
    pub fn sasl(&self) -> String {
        format!("localhost:{}", self.ports[0])
    }

    /// TLS; the certificate's time is over.
    pub fn expired(&self) -> String {
        format!("localhost:{}", self.ports[1])
    }

    /// TLS; the certificate is another host's.
    pub fn elsewhere(&self) -> String {
        format!("localhost:{}", self.ports[2])
    }

    /// SASL OAUTHBEARER without TLS; takes any token that has not expired, and asks
    /// for a new one when it has.
    pub fn tokens(&self) -> String {
        format!("localhost:{}", self.ports[3])
    }

    /// Allows `alice` an operation, or takes that back (`--add`, `--remove`).
    pub fn acl(&self, change: &str, operation: &str, what: &str, name: &str) {
        let arguments = [
            change,
            "--force",
            "--allow-principal",
            "User:alice",
            "--operation",
            operation,
            what,
            name,
        ];
        self.broker
            .tool("org.apache.kafka.tools.AclCommand", &arguments);
    }
}

fn properties(plain: &str, folder: &Path, authority: &Authority, ports: [u16; 4]) -> String {
    let store = |name: &str, (certificate, key): (String, String)| {
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, key + &certificate).expect("a key store");
        format!(
            "listener.name.{name}.ssl.keystore.type=PEM\n\
             listener.name.{name}.ssl.keystore.location={}\n",
            file.display()
        )
    };
    let names = ["SASL", "EXPIRED", "ELSEWHERE", "TOKENS"];
    let listeners = |host: &str| -> String {
        let all = names.iter().zip(ports);
        all.map(|(name, port)| format!(",{name}://{host}:{port}"))
            .collect()
    };
    let lines = plain.lines().map(|line| match line.split_once('=') {
        Some(("listeners", all)) => format!("listeners={all}{}", listeners("127.0.0.1")),
        Some(("advertised.listeners", all)) => {
            format!("advertised.listeners={all}{}", listeners("localhost"))
        }
        _ => line.to_owned(),
    });
    let plain: Vec<String> = lines.collect();
    format!(
        "{}\n{}{}{}\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,\
         EXPIRED:SSL,ELSEWHERE:SSL,TOKENS:SASL_PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN,OAUTHBEARER\n\
         listener.name.sasl.sasl.enabled.mechanisms=PLAIN\n\
         listener.name.sasl.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=\"{PASSWORD}\";\n\
         listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER\n\
         connections.max.reauth.ms=60000\n\
         listener.name.tokens.oauthbearer.sasl.jaas.config=\
         org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS\n\
         allow.everyone.if.no.acl.found=false\n",
        plain.join("\n"),
        store("sasl", authority.server("localhost")),
        store("expired", authority.expired("localhost")),
        store("elsewhere", authority.server("kafka.example")),
    )
}
