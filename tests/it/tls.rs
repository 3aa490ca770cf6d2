//! TLS to Postgres: who answers is checked as far as `sslmode` asks for it.

use crate::harness::authority::Authority;
use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::servers::{self, OwnPostgres};

fn server_named(authority: &Authority, name: &str) -> OwnPostgres {
    let server = OwnPostgres::stopped();
    let (certificate, key) = authority.server(name);
    server.put("server.crt", &certificate);
    server.put("server.key", &key);
    server.put("postgresql.auto.conf", "ssl = on\n");
    server.begin();
    server
}

fn case_on(server: &OwnPostgres) -> Case {
    Case::on(&servers::kafka(), &server.url(), "tls", Mode::Upsert, 2)
}

#[test]
fn verify_full_writes_through_tls() {
    let authority = Authority::new("ours");
    let server = server_named(&authority, "127.0.0.1");
    let mut case = case_on(&server);
    let root = authority.file.display();
    case.service.url += &format!("?sslmode=verify-full&sslrootcert={root}");
    case.produce(1_000);
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    let open = "FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                WHERE application_name LIKE 'plimsoll/%'";
    assert!(
        case.database
            .number(&format!("SELECT count(*) {open} AND ssl"))
            > 0
    );
    assert_eq!(
        case.database
            .number(&format!("SELECT count(*) {open} AND NOT ssl")),
        0
    );
    assert!(process.drain().success());
}

#[test]
fn a_server_that_cannot_prove_its_name_is_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = server_named(&ours, "db.example");
    let mut case = case_on(&server);
    let url = case.service.url.clone();
    let mut check = |mode: &str, root: &Authority| {
        let root = root.file.display();
        case.service.url = format!("{url}?sslmode={mode}&sslrootcert={root}");
        case.service.config()
    };
    // Another name than the one asked for, and another authority.
    for (mode, root) in [("verify-full", &ours), ("verify-ca", &theirs)] {
        let refused = plimsoll(&check(mode, root), &["check", "--connect"]);
        let told = String::from_utf8([refused.stdout, refused.stderr].concat()).expect("text");
        assert!(!refused.status.success(), "{mode}: {told}");
        assert!(told.contains("certificate"), "{mode}: {told}");
    }
    // The authority is right, and the name was not asked for.
    plimsoll_ok(&check("verify-ca", &ours), &["check", "--connect"]);
}
