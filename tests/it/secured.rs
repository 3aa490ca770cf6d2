//! A Kafka that asks for certificates, passwords, tokens and rights: what it
//! refuses is said in its own words.

use crate::harness::authority::Authority;
use crate::harness::case::Case;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll, plimsoll_ok};
use crate::harness::secured::{PASSWORD, SecuredKafka};
use crate::harness::service::Service;
use crate::harness::{free_port, servers, wait};
use std::time::{Duration, Instant};

/// `check --connect` has two seconds for what Kafka says; the rest is for the start
/// of a process, and for a database, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// A case on the plain listener, whose service goes by another.
fn case_on(kafka: &SecuredKafka, test: &str) -> Case {
    Case::on(&kafka.plain(), &servers::postgres(), test, Mode::Append, 2)
}

fn by_password(service: Service, root: &Authority, password: &str) -> Service {
    service
        .property("security.protocol", "SASL_SSL")
        .property("ssl.ca.location", root.file.to_str().expect("a plain path"))
        .property("sasl.mechanism", "PLAIN")
        .property("sasl.username", "alice")
        .property("sasl.password", password)
}

/// What `check --connect` prints of a service that Kafka does not let in.
#[track_caller]
fn refused(service: &Service, bootstrap: &str) -> String {
    let mut service = service.clone();
    service.bootstrap = bootstrap.to_owned();
    let began = Instant::now();
    let output = plimsoll(&service.config(), &["check", "--connect"]);
    let took = began.elapsed();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(!output.status.success(), "{text}");
    assert!(took < SOON, "{took:?}: {text}");
    assert!(
        !text.contains(PASSWORD) && !text.contains("Looking"),
        "{text}"
    );
    text
}

#[test]
fn what_keeps_kafka_from_being_reached_is_said_in_its_own_words_and_soon() {
    let kafka = SecuredKafka::start();
    let theirs = Authority::new("theirs");
    let case = case_on(&kafka, "words");
    let right = by_password(case.service.clone(), &kafka.authority, PASSWORD);
    let nobody = format!("127.0.0.1:{}", free_port());
    let cases = [
        (
            "refused connection",
            right.clone(),
            nobody,
            "Connection refused",
        ),
        (
            "unknown name",
            right.clone(),
            "kafka.invalid:9092".to_owned(),
            "Failed to resolve 'kafka.invalid:9092'",
        ),
        (
            "wrong password",
            by_password(case.service.clone(), &kafka.authority, "Looking-Glass"),
            kafka.sasl(),
            "Invalid username or password; hint: see sasl.mechanism, sasl.username",
        ),
        (
            "wrong mechanism",
            right.clone().property("sasl.mechanism", "SCRAM-SHA-256"),
            kafka.sasl(),
            "SCRAM-SHA-256",
        ),
        (
            "another authority",
            by_password(case.service.clone(), &theirs, PASSWORD),
            kafka.sasl(),
            "signed by an authority that is not in ssl.ca.location",
        ),
        (
            "another host",
            right.clone().property("security.protocol", "SSL"),
            kafka.elsewhere(),
            "for another host name than the one it is reached by",
        ),
        (
            "expired certificate",
            right.clone().property("security.protocol", "SSL"),
            kafka.expired(),
            "the broker's certificate has expired",
        ),
        (
            "no TLS on our side",
            right
                .clone()
                .property("security.protocol", "SASL_PLAINTEXT"),
            kafka.sasl(),
            "does that port speak security.protocol",
        ),
    ];
    for (what, service, bootstrap, words) in cases {
        let text = refused(&service, &bootstrap);
        assert!(text.contains(words), "{what}: {text}");
    }
}

#[test]
fn rights_that_lack_are_listed_with_their_remedy_and_granted_rights_are_not() {
    let kafka = SecuredKafka::start();
    let mut case = case_on(&kafka, "rights");
    let (topic, group) = (case.topic.clone(), case.service.group.clone());
    let service = by_password(case.service.clone(), &kafka.authority, PASSWORD);
    let (of_topic, of_group) = (
        format!("the right to READ topic \"{topic}\" lacks"),
        format!("the right to READ group \"{group}\" lacks"),
    );
    let text = refused(&service, &kafka.sasl());
    assert!(
        text.contains(&of_topic) && text.contains(&of_group),
        "{text}"
    );
    // Who may look at both may not read them.
    kafka.acl("--add", "Describe", "--topic", &topic);
    kafka.acl("--add", "Describe", "--group", &group);
    let text = refused(&service, &kafka.sasl());
    assert!(
        text.contains(&of_topic) && text.contains(&of_group),
        "{text}"
    );
    kafka.acl("--add", "Read", "--topic", &topic);
    let text = refused(&service, &kafka.sasl());
    assert!(
        !text.contains(&of_topic) && text.contains(&of_group),
        "{text}"
    );
    kafka.acl("--add", "Read", "--group", &group);
    case.service = service;
    case.service.bootstrap = kafka.sasl();
    plimsoll_ok(&case.service.config(), &["check", "--connect"]);
    // And no more is needed.
    case.produce(100);
    let process = Process::start_ready(&case.service);
    case.assert_exact();
    assert!(process.drain().success());
}

#[test]
fn a_wrong_password_shows_in_readyz_and_is_logged_once_a_minute() {
    let kafka = SecuredKafka::start();
    let case = case_on(&kafka, "password");
    let mut service = by_password(case.service.clone(), &kafka.authority, "Looking-Glass");
    service.bootstrap = kafka.sasl();
    let process = Process::start(&service);
    let words = "Invalid username or password";
    let trouble = wait::within(Duration::from_secs(20), "readyz says why", || {
        let report = process.report().unwrap_or_default();
        let trouble = report["sinks"]["orders"]["troubles"][0].clone();
        match trouble["what"].as_str() {
            Some(what) if what.contains(words) => Ok(trouble),
            _ => Err(report.to_string()),
        }
    });
    assert_eq!(trouble["kind"], "kafka_away");
    assert_eq!(trouble["code"], "Authentication");
    assert!(
        trouble["since"].as_str().is_some_and(|s| s.ends_with('Z')),
        "{trouble}"
    );
    // Refused again and again, and not said again.
    wait::until("it was refused a few times more", || {
        match process.metric("plimsoll_kafka_errors_total", &[("code", "Authentication")]) {
            seen if seen >= 2.0 => Ok(()),
            seen => Err(seen),
        }
    });
    let log = process.log();
    let of_client = log
        .lines()
        .filter(|l| l.contains("WARN") && l.contains("Kafka client"));
    let said = log
        .lines()
        .filter(|l| l.contains("WARN") && l.contains("Kafka does not answer"));
    assert!(
        of_client.filter(|l| l.contains(words)).count() <= 1,
        "{log}"
    );
    assert_eq!(said.filter(|l| l.contains(words)).count(), 1, "{log}");
    assert!(!log.contains("Looking-Glass"), "{log}");
}

/// Their life is twelve seconds, of which the last two are for their renewal: each connection is asked for a new one within it.
#[test]
fn tokens_are_renewed_before_they_expire() {
    let kafka = SecuredKafka::start();
    let mut case = case_on(&kafka, "tokens");
    kafka.acl("--add", "Read", "--topic", &case.topic);
    kafka.acl("--add", "Read", "--group", &case.service.group);
    let mut service = case
        .service
        .clone()
        .property("security.protocol", "SASL_PLAINTEXT")
        .property("sasl.mechanism", "OAUTHBEARER")
        .property("enable.sasl.oauthbearer.unsecure.jwt", "true")
        .property("sasl.oauthbearer.config", "principal=alice lifeSeconds=12");
    service.bootstrap = kafka.tokens();
    case.service = service;
    let process = Process::start_ready(&case.service);
    let began = Instant::now();
    // Two of their lives: all who ask Kafka are asked for a new one.
    while began.elapsed() < Duration::from_secs(26) {
        case.produce(10);
        case.wait_caught_up_within(Duration::from_secs(15));
        std::thread::sleep(Duration::from_millis(200));
    }
    case.assert_exact();
    let refused = process.metric("plimsoll_kafka_errors_total", &[("code", "Authentication")]);
    assert_eq!(refused, 0.0, "{}", process.log());
    assert!(process.drain().success());
}

#[test]
fn a_group_that_may_not_be_joined_is_named_with_kafkas_reason() {
    let kafka = SecuredKafka::start();
    let mut case = case_on(&kafka, "group");
    kafka.acl("--add", "Read", "--topic", &case.topic);
    kafka.acl("--add", "Describe", "--group", &case.service.group);
    case.service = by_password(case.service.clone(), &kafka.authority, PASSWORD);
    case.service.bootstrap = kafka.sasl();
    let mut process = Process::start(&case.service);
    let trouble = wait::within(Duration::from_secs(40), "readyz says why", || {
        let report = process.report().unwrap_or_default();
        let troubles = report["sinks"]["orders"]["troubles"].as_array().cloned();
        let mut troubles = troubles.unwrap_or_default().into_iter();
        troubles
            .find(|t| t["kind"] == "unassigned")
            .ok_or_else(|| report.to_string())
    });
    assert_eq!(trouble["code"], "GroupAuthorizationFailed", "{trouble}");
    let what = trouble["what"].as_str().expect("words");
    assert!(
        what.contains(&case.service.group) && what.contains("READ on the group"),
        "{what}"
    );
    let seen = process.metric("plimsoll_unassigned", &[]);
    assert_eq!(seen, 1.0);
    kafka.acl("--add", "Read", "--group", &case.service.group);
    process.wait_ready();
    case.produce(10);
    case.assert_exact();
    wait::within(
        Duration::from_secs(40),
        "nothing is disturbed",
        || match process.get("/readyz?strict") {
            Some((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    assert!(process.drain().success());
}
