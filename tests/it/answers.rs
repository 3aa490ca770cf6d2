//! What a real broker answers, made wrong on its way, or by the broker's own rules.

use crate::harness::acl::Rule;
use crate::harness::case::Case;
use crate::harness::kafka::Kafka;
use crate::harness::kafka_proxy::{Fault, KafkaProxy, SOURCE};
use crate::harness::kafka_wire::Api;
use crate::harness::oracle::Mode;
use crate::harness::process::{Process, plimsoll_ok};
use crate::harness::servers::{self, OwnKafka};
use crate::harness::{unique, wait};

/// How often a partition was begun again because of what Kafka answered.
fn restarts(process: &Process) -> f64 {
    let reason = [("reason", "kafka_error")];
    process.metric("plimsoll_partition_restarts_total", &reason)
}

/// Waits until the service has met the fault.
#[track_caller]
fn met(process: &Process, before: f64, what: &str) {
    wait::until(&format!("the service meets {what}"), || {
        match restarts(process) {
            now if now > before => Ok(()),
            now => Err(now),
        }
    });
}

/// Codes of Fetch that a broker gives for one partition: an error that it has no name
/// for, a log that is corrupt or cannot be read, a right that is lacking, a codec, and
/// those that the client answers itself, by looking for another leader.
const CODES: [i16; 8] = [-1, 2, 3, 6, 29, 56, 74, 76];

/// A broker of its own, as its rules are changed, and one service behind a proxy.
#[test]
fn no_error_no_damage_and_no_lost_right_loses_a_record_or_doubles_one() {
    let proxy = KafkaProxy::start();
    let broker = OwnKafka::start_behind(&proxy);
    let mut case = Case::on(
        &broker.bootstrap(),
        &servers::postgres(),
        "answers",
        Mode::Append,
        2,
    );
    case.service.bootstrap = format!("127.0.0.1:{}", proxy.port());
    let open = Rule::open(&case.topic);
    case.kafka.add_rule(&open).expect("a rule");
    case.produce(500);
    let process = Process::start_ready(&case.service);
    case.wait_caught_up();

    for code in CODES {
        let before = proxy.done();
        proxy.set(Some(Fault::Error(Api::Fetch, code)));
        case.produce(300);
        wait::until(&format!("error {code} is answered"), || {
            match proxy.done() - before {
                0 => Err(0),
                _ => Ok(()),
            }
        });
        proxy.set(None);
        case.produce(300);
        case.assert_exact();
    }
    for fault in [Fault::Damaged, Fault::Unreadable] {
        for _ in 0..2 {
            let before = restarts(&process);
            proxy.set(Some(fault));
            case.produce(300);
            met(&process, before, &format!("{fault:?}"));
            proxy.set(None);
            case.produce(300);
            case.assert_exact();
        }
    }
    let source = SOURCE.to_string();
    for _ in 0..3 {
        let before = restarts(&process);
        let topic = case.topic.clone();
        let unread = Rule::unread(&topic, &source);
        case.produce(2_000);
        case.kafka.add_rule(&unread).expect("a rule");
        case.produce(300);
        met(&process, before, "the rule");
        case.kafka.remove_rule(&unread).expect("no rule");
        case.produce(300);
        case.assert_exact();
    }

    // What stays halts, with Kafka's own words, and an operator need not wait.
    proxy.set(Some(Fault::Damaged));
    case.produce(100);
    let partition = wait::until("a partition is halted", || {
        let report = process.report().unwrap_or_default();
        let halted = &report["sinks"]["orders"]["halted"][0];
        match halted["reason"].as_str() {
            Some(reason) if reason.contains("CRC") || reason.contains("BadMessage") => {
                Ok(halted["partition"].as_i64().expect("a partition"))
            }
            _ => Err(report.to_string()),
        }
    });
    proxy.set(None);
    put_where_it_is(&case, partition);
    case.assert_exact();
    a_halt_of_an_idle_partition_ends_when_kafka_answers(&mut case, &process, &source);
    assert!(process.drain().success());
    one_topic_that_may_not_be_read_holds_up_no_other(&mut case, &source);
}

/// As a broker answers that was too busy to tell the controller that it lives.
#[test]
fn a_moment_without_leaders_is_over_when_it_is_over() {
    let proxy = KafkaProxy::start();
    let broker = OwnKafka::start_behind(&proxy);
    let (bootstrap, postgres) = (broker.bootstrap(), servers::postgres());
    let mut case = Case::on(&bootstrap, &postgres, "leaderless", Mode::Append, 2);
    case.service.bootstrap = format!("127.0.0.1:{}", proxy.port());
    let open = Rule::open(&case.topic);
    case.kafka.add_rule(&open).expect("a rule");
    case.produce(500);
    let (behind, topic) = (Kafka::at(&case.service.bootstrap), case.topic.clone());
    proxy.set(Some(Fault::Leaderless));
    let process = Process::start(&case.service);
    let asking = std::thread::spawn(move || behind.ends(&topic));
    wait::until(
        "the service is told of no leader, again and again",
        || match proxy.done() {
            done if done >= 10 => Ok(()),
            done => Err(done),
        },
    );
    proxy.set(None);
    let ends = asking.join().expect("the ends of the log");
    assert_eq!(ends, case.kafka.ends(&case.topic));
    case.assert_exact();
    assert!(process.drain().success());
}

/// A halted partition is tried at once, and begins without a last record applied.
#[track_caller]
fn put_where_it_is(case: &Case, partition: i64) {
    let at = case.database.positions(&case.topic).expect("positions");
    let at = at[usize::try_from(partition).expect("a partition")].to_string();
    case.service.set_position_of(&case.topic, partition, &at);
}

/// No record comes meanwhile, and no commit: the one partition is refused when it
/// fetches, the other when its last record applied is looked at.
fn a_halt_of_an_idle_partition_ends_when_kafka_answers(
    case: &mut Case,
    process: &Process,
    source: &str,
) {
    let halted = |wanted: usize| {
        let report = process.report().unwrap_or_default();
        let halted = report["sinks"]["orders"]["halted"].as_array();
        match halted.map_or(0, Vec::len) {
            found if found == wanted => Ok(()),
            _ => Err(report.to_string()),
        }
    };
    let rises = |what: &str, name: &str, labels: &[(&str, &str)], from: f64, by: f64| {
        wait::until(what, || match process.metric(name, labels) {
            now if now >= from + by => Ok(()),
            now => Err(now),
        });
    };
    let claims = "plimsoll_claims_total";
    let before = case.database.positions(&case.topic).expect("positions");
    let claimed = process.metric(claims, &[]);
    put_where_it_is(case, 0);
    rises("it begins anew", claims, &[], claimed, 1.0);
    wait::until("it is not halted", || halted(0));
    let topic = case.topic.clone();
    let unread = Rule::unread(&topic, source);
    case.kafka.add_rule(&unread).expect("a rule");
    wait::until("both are halted", || halted(2));

    // Tried again they stay so: no life begins that would be refused.
    let halts = ("plimsoll_partition_restarts_total", [("reason", "halted")]);
    let errors = || {
        let code = [("code", "TopicAuthorizationFailed")];
        process.metric("plimsoll_kafka_errors_total", &code)
    };
    let (halts_before, errors_before) = (process.metric(halts.0, &halts.1), errors());
    put_where_it_is(case, 0);
    put_where_it_is(case, 1);
    rises("they halt again", halts.0, &halts.1, halts_before, 2.0);
    halted(2).expect("both are halted");
    assert_eq!(errors(), errors_before, "a life began");

    case.kafka.remove_rule(&unread).expect("no rule");
    put_where_it_is(case, 0);
    put_where_it_is(case, 1);
    wait::until("none is halted", || halted(0));
    let list = plimsoll_ok(&process.config(), &["positions", "list"]);
    assert!(!list.contains("halted"), "{list}");
    let at = case.database.positions(&case.topic).expect("positions");
    assert_eq!(at, before, "not idle");
    case.produce(300);
    case.assert_exact();
}

/// The two are claimed, and looked at, together.
fn one_topic_that_may_not_be_read_holds_up_no_other(case: &mut Case, source: &str) {
    let other = unique("unread");
    case.kafka.create_topic(&other, 2);
    let open = Rule::open(&other);
    case.kafka.add_rule(&open).expect("a rule");
    case.producer.send_all(&other, &case.orders.take(20));
    case.service.topics = format!("topics = [\"{}\", \"{other}\"]", case.topic);
    let process = Process::start_ready(&case.service);
    case.database.wait_caught_up(&case.kafka, &other);
    assert!(process.drain().success());
    let unread = Rule::unread(&other, source);
    case.kafka.add_rule(&unread).expect("a rule");
    case.produce(300);
    let process = Process::start(&case.service);
    case.wait_caught_up();
    wait::until("the other one halts with Kafka's words", || {
        let report = process.report().unwrap_or_default();
        let halted = &report["sinks"]["orders"]["halted"];
        let said = halted[0]["reason"].as_str().unwrap_or_default();
        let of = halted[0]["topic"].as_str() == Some(other.as_str());
        match of && said.contains("Topic authorization failed") {
            true => Ok(()),
            false => Err(report.to_string()),
        }
    });
    case.produce(300);
    case.wait_caught_up();
    assert!(process.drain().success());
}
