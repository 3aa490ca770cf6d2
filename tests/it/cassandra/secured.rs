//! A server that asks who is there, and encrypts.

use super::world::World;
use crate::harness::authority::Authority;
use crate::harness::cassandra::{Keyspace, OwnCassandra};
use crate::harness::folder;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::wait;
use serde_json::Value;
use std::fs;

#[test]
fn with_a_login_its_rights_and_tls_it_writes_and_without_them_it_says_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (certificate, key) = ours.server("127.0.0.1");
    let pem = folder("cassandra_tls").join("server.pem");
    fs::write(&pem, format!("{key}{certificate}")).expect("the server's key");
    // Optional, so that the test itself may look without.
    let server = OwnCassandra::start(&format!(
        "authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\n\
         client_encryption_options:\n  enabled: true\n  optional: true\n  keystore: {}\n  \
         keystore_password: ''\n  ssl_context_factory:\n    \
         class_name: org.apache.cassandra.security.PEMBasedSslContextFactory\n",
        pem.display()
    ));
    let keyspace = Keyspace::as_superuser(server.address(), "secured");
    let mut world = World::of(keyspace, "secured", 2);
    for cql in [
        "CREATE ROLE plimsoll WITH LOGIN = true AND PASSWORD = 'hunter2'",
        "GRANT CREATE ON KEYSPACE {k} TO plimsoll",
        "GRANT SELECT ON KEYSPACE {k} TO plimsoll",
        "GRANT MODIFY ON KEYSPACE {k} TO plimsoll",
    ] {
        world.keyspace.execute(cql);
    }
    let settings = |password: &str, root: &Authority| {
        world.settings(
            server.address(),
            &format!(
                "username = \"plimsoll\"\npassword = \"{password}\"\n\
                 tls = {{ ca_file = \"{}\" }}",
                root.file.display()
            ),
        )
    };
    for (password, root, why) in [
        ("hunter3", &ours, "login"),
        ("hunter2", &theirs, "certificate"),
    ] {
        let refused = plimsoll(&settings(password, root).config(), &["check", "--connect"]);
        let told = String::from_utf8([refused.stdout, refused.stderr].concat()).expect("text");
        assert!(!refused.status.success(), "{why}: {told}");
        assert!(told.contains(why), "{why}: {told}");
        assert!(!told.contains("hunter"), "{told}");
    }
    world.service = settings("hunter2", &ours);
    plimsoll_ok(&world.service.config(), &["check", "--connect"]);
    let process = Process::start_ready(&world.service);
    world.produce(500);
    world.assert_exact();
    let open = world
        .keyspace
        .rows("username, ssl_enabled FROM system_views.clients");
    let ours: Vec<&Value> = open
        .iter()
        .filter(|c| c["username"] == "plimsoll")
        .collect();
    assert!(!ours.is_empty(), "{open:?}");
    assert!(ours.iter().all(|c| c["ssl_enabled"] == true), "{open:?}");
    // Without its rights it stops, and says which are missing.
    world
        .keyspace
        .execute("REVOKE MODIFY ON KEYSPACE {k} FROM plimsoll");
    let reason = wait::until("a partition is halted", || {
        // The server keeps what it knows of rights for some seconds.
        world.produce(10);
        let report = process.report().unwrap_or_default();
        match report["sinks"]["orders"]["halted"][0]["reason"].as_str() {
            Some(reason) => Ok(reason.to_owned()),
            None => Err(report.to_string()),
        }
    });
    assert!(reason.contains("may not do this"), "{reason}");
    assert!(process.drain().success());
}
