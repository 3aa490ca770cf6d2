//! Starts, claims, heartbeats, `positions set`, migrations.

use super::world::*;
use crate::PostgresSink;
use plimsoll_protocol::{Class, Position, StartRule, TopicPartition};
use plimsoll_sink_api::{
    DeadLetters, Identity, Inspect, Mode, NewPosition, Positions, Secret, SetOutcome, Settled,
    Shared, Sink,
};
use std::time::Duration;

const TABLE: &str = "CREATE TABLE o (id int PRIMARY KEY)";

#[tokio::test]
async fn starts_are_settled_once() {
    let world = World::new("p_settle", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let start = |partition, offset| NewPosition {
        tp: TopicPartition::new("orders", partition),
        position: at(offset),
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    sink.settle(
        &identity(),
        StartRule::FirstRecord,
        &[start(1, 11), start(0, 99), start(2, 22)],
    )
    .await
    .unwrap();
    sink.settle(&identity(), StartRule::FirstRecord, &[start(1, 77)])
        .await
        .unwrap();
    let all = sink.positions().await.unwrap();
    let found: Vec<_> = all
        .iter()
        .map(|p| (p.tp.partition, p.position.offset(), p.epoch))
        .collect();
    assert_eq!(found, [(0, 0, 0), (1, 11, 0), (2, 22, 0)]);
    assert_eq!(sink.settled().await.unwrap().len(), 3);
    assert_eq!(all[0].identity, Some(identity()));
    assert!(all[0].heartbeat_age.is_none() && all[0].moved_age.is_some());
}

#[tokio::test]
async fn invariant_1_starts_that_were_overtaken_are_written_for_no_partition() {
    let world = World::new("p_overtaken", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let start = |partition| NewPosition {
        tp: TopicPartition::new("orders", partition),
        position: at(50),
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    // The world has settled partition 0; partition 1 was added since.
    let late = sink
        .settle(&identity(), StartRule::Configured, &[start(1), start(0)])
        .await;
    assert_eq!(late.unwrap_err().class, Class::Fenced);
    assert_eq!(sink.settled().await.unwrap().len(), 1);
    sink.settle(&identity(), StartRule::Configured, &[start(1), start(2)])
        .await
        .unwrap();
    assert_eq!(sink.settled().await.unwrap().len(), 3);
}

#[tokio::test]
async fn invariant_2_a_partition_whose_position_is_lost_is_not_settled_again() {
    let mut world = World::new("p_lost", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let standing = |stands| Settled { tp: tp(), stands };
    assert_eq!(sink.settled().await.unwrap(), [standing(true)]);
    world.run("TRUNCATE p_lost_state.positions").await;
    assert_eq!(sink.settled().await.unwrap(), [standing(false)]);
    let start = NewPosition {
        tp: tp(),
        position: at(5),
        topic_id: None,
        high_watermark: Position::ZERO,
    };
    // Whoever looked up a start before it was settled the first time is late.
    let first = StartRule::FirstRecord;
    let late = std::slice::from_ref(&start);
    sink.settle(&identity(), first, late).await.unwrap();
    let all = sink.settle(&identity(), StartRule::Configured, late).await;
    assert_eq!(all.unwrap_err().class, Class::Fenced);
    assert!(sink.positions().await.unwrap().is_empty());
    let claim = sink.claim(&member(1), &identity(), &tp()).await;
    assert_eq!(claim.unwrap_err().class, Class::Stale);
    // The way out.
    let fresh = Duration::from_secs(15);
    let seven = change(identity(), &tp(), at(7), false, fresh);
    let set = sink.set_position(&seven).await.unwrap();
    assert_eq!(set, SetOutcome::Set { before: None });
    let claim = sink.claim(&member(1), &identity(), &tp()).await;
    assert_eq!(claim.unwrap().position, at(7));
    assert_eq!(sink.settled().await.unwrap(), [standing(true)]);
}

#[tokio::test]
async fn a_start_that_an_older_binary_settled_is_noted_by_the_next_claim_or_set() {
    for (name, by_claim) in [("p_older_claim", true), ("p_older_set", false)] {
        let mut world = World::new(name, TABLE).await;
        let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
        // As it is when a binary that keeps no starts has settled one.
        world.run(&format!("TRUNCATE {name}_state.starts")).await;
        let standing = |stands| Settled { tp: tp(), stands };
        assert_eq!(sink.settled().await.unwrap(), [standing(true)]);
        if by_claim {
            let claim = sink.claim(&member(1), &identity(), &tp()).await;
            claim.unwrap();
        } else {
            let fresh = Duration::from_secs(15);
            let seven = change(identity(), &tp(), at(7), false, fresh);
            sink.set_position(&seven).await.unwrap();
        }
        world.run(&format!("TRUNCATE {name}_state.positions")).await;
        assert_eq!(sink.settled().await.unwrap(), [standing(false)]);
    }
}

#[tokio::test]
async fn a_claim_raises_the_epoch_and_refuses_other_deployments() {
    let mut world = World::new("p_claim", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let first = sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    let second = sink.claim(&member(2), &identity(), &tp()).await.unwrap();
    assert_eq!((first.claim.epoch.0, second.claim.epoch.0), (1, 2));
    assert_eq!((second.position, second.terminated), (Position::ZERO, 0));
    assert_eq!(second.topic_id.as_deref(), Some("id"));
    let other = Identity {
        group_id: "other".to_owned(),
        ..identity()
    };
    let error = sink.claim(&member(3), &other, &tp()).await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert!(
        error.detail.condition.contains("\"g\"") && error.detail.condition.contains("\"other\""),
        "{error}"
    );
    let nowhere = TopicPartition::new("orders", 9);
    assert_eq!(
        sink.claim(&member(1), &identity(), &nowhere)
            .await
            .unwrap_err()
            .class,
        Class::Stale
    );
    // Rows without an identity are adopted.
    world
        .run("UPDATE p_claim_state.positions SET group_id = NULL, cluster_id = NULL")
        .await;
    sink.claim(&member(3), &other, &tp()).await.unwrap();
    assert_eq!(
        world
            .one("SELECT group_id, epoch FROM p_claim_state.positions")
            .await,
        "other|3"
    );
}

#[tokio::test]
async fn a_release_gives_back_only_its_own_claim() {
    let mut world = World::new("p_release", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let first = sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    let second = sink.claim(&member(2), &identity(), &tp()).await.unwrap();
    sink.release(&tp(), first.claim).await.unwrap();
    let owner = "SELECT owner_name FROM p_release_state.positions";
    assert_eq!(world.one(owner).await, "member-2");
    sink.release(&tp(), second.claim).await.unwrap();
    assert_eq!(world.one(owner).await, "NULL");
}

#[tokio::test]
async fn a_heartbeat_touches_own_rows_and_waits_for_nobody() {
    let mut world = World::new("p_heart", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    let old = "UPDATE p_heart_state.positions SET heartbeat = now() - interval '1 hour'";
    let fresh = "SELECT heartbeat > now() - interval '1 minute' FROM p_heart_state.positions";
    world.run(old).await;
    sink.heartbeat(&member(2)).await.unwrap();
    assert_eq!(world.one(fresh).await, "false");
    sink.heartbeat(&member(1)).await.unwrap();
    assert_eq!(world.one(fresh).await, "true");
    world.run(old).await;
    world
        .run("BEGIN; UPDATE p_heart_state.positions SET moved_at = now()")
        .await;
    sink.heartbeat(&member(1)).await.unwrap();
    world.run("ROLLBACK").await;
    assert_eq!(world.one(fresh).await, "false");
}

#[tokio::test]
async fn set_position_respects_a_live_owner_and_fences_it_by_force() {
    let mut world = World::new("p_set", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    let minute = Duration::from_secs(60);
    let set = |to, force| {
        let sink = &sink;
        async move {
            sink.set_position(&change(identity(), &tp(), at(to), force, minute))
                .await
        }
    };
    match set(5, false).await.unwrap() {
        SetOutcome::OwnerAlive {
            owner,
            heartbeat_age,
        } => {
            assert_eq!(owner, "member-1");
            assert!(heartbeat_age < minute);
        }
        other => panic!("{other:?}"),
    }
    let before = Some(Position::ZERO);
    assert_eq!(set(5, true).await.unwrap(), SetOutcome::Set { before });
    assert_eq!(writer.commit(&[]).await.unwrap_err().class, Class::Fenced);
    let claimed = sink.claim(&member(1), &identity(), &tp()).await.unwrap();
    assert_eq!(
        (claimed.position, claimed.topic_id, claimed.claim.epoch.0),
        (at(5), None, 3)
    );
    world
        .run("UPDATE p_set_state.positions SET heartbeat = now() - interval '1 hour'")
        .await;
    assert_eq!(
        set(6, false).await.unwrap(),
        SetOutcome::Set {
            before: Some(at(5))
        }
    );
    let new = TopicPartition::new("orders", 7);
    let made = sink
        .set_position(&change(identity(), &new, at(1), false, minute))
        .await
        .unwrap();
    assert_eq!(made, SetOutcome::Set { before: None });
    let other = Identity {
        cluster_id: "x".to_owned(),
        ..identity()
    };
    let error = sink
        .set_position(&change(other.clone(), &new, at(2), true, minute))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Halt);
}

/// The row is read without a lock, and judged outside the server.
#[tokio::test]
async fn a_change_that_a_claim_overtakes_is_judged_anew() {
    let mut world = World::new("p_overtaken", TABLE).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    world
        .run(
            "BEGIN; UPDATE p_overtaken_state.positions SET epoch = epoch + 1, heartbeat = now(), \
             owner = gen_random_uuid(), owner_name = 'overtaker'",
        )
        .await;
    let minute = Duration::from_secs(60);
    let change = change(identity(), &tp(), at(5), false, minute);
    let set = sink.set_position(&change);
    let claimed = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                     AND application_name = 'plimsoll/p_overtaken/m'";
        while world.one(waits).await == "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
            world.run("SELECT pg_stat_clear_snapshot()").await;
        }
        world.run("COMMIT").await;
    };
    let (outcome, ()) = tokio::join!(set, claimed);
    match outcome.unwrap() {
        SetOutcome::OwnerAlive { owner, .. } => assert_eq!(owner, "overtaker"),
        SetOutcome::Set { before } => panic!("the new owner was fenced: {before:?}"),
    }
}

#[tokio::test]
async fn two_may_migrate_at_once_and_a_third_needs_no_right_to_create() {
    let mut world = World::new("p_migrate", TABLE).await;
    let open = |user: &str| {
        let mut settings = world.settings(Mode::Append, "o");
        settings.state_schema = "p_migrate \"state\"".to_owned();
        if !user.is_empty() {
            let url = url();
            let (scheme, rest) = url.split_once("://").unwrap();
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            settings.url = Secret::new(format!("{scheme}://{user}@{host}"));
        }
        PostgresSink::open(settings, "m").unwrap()
    };
    let (a, b, c) = (open(""), open(""), open("p_migrate_role"));
    world
        .run("DROP SCHEMA IF EXISTS \"p_migrate \"\"state\"\"\" CASCADE")
        .await;
    world
        .run("DROP ROLE IF EXISTS p_migrate_role; CREATE ROLE p_migrate_role LOGIN")
        .await;
    // Nothing there yet: what to do stands in the hint.
    let error = a.positions().await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert!(
        error.to_string().contains("run `plimsoll migrate`"),
        "{error}"
    );
    let error = c.migrate().await.unwrap_err();
    assert_eq!(error.class, Class::Halt, "{error}");
    assert!(
        error.to_string().contains("plimsoll migrate --print"),
        "{error}"
    );
    let (x, y) = tokio::join!(a.migrate(), b.migrate());
    x.and(y).unwrap();
    a.migrate().await.unwrap();
    world
        .run(
            "GRANT USAGE ON SCHEMA \"p_migrate \"\"state\"\"\" TO p_migrate_role; \
             GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA \"p_migrate \"\"state\"\"\" TO p_migrate_role",
        )
        .await;
    c.migrate().await.unwrap();
    assert!(c.positions().await.unwrap().is_empty());
    assert_eq!(
        c.missing_privileges("orders", None).await.unwrap(),
        [
            "USAGE on the schema of the table for \"orders\"; hint: GRANT USAGE ON SCHEMA \
             \"p_migrate\" TO …"
        ]
    );
    world
        .run("GRANT USAGE ON SCHEMA p_migrate TO p_migrate_role")
        .await;
    assert_eq!(
        c.missing_privileges("orders", None).await.unwrap(),
        ["INSERT on TABLE p_migrate.o; hint: GRANT INSERT ON TABLE p_migrate.o TO p_migrate_role"]
    );
    world
        .run(
            "DROP SCHEMA \"p_migrate \"\"state\"\"\" CASCADE; DROP OWNED BY p_migrate_role; \
             DROP ROLE p_migrate_role",
        )
        .await;
}

fn printed(schema: &str) -> String {
    crate::migrate::print(&crate::names::Names::new(schema))
}

#[tokio::test]
async fn the_printed_migrations_are_those_that_are_applied() {
    let mut world = World::new("p_print", TABLE).await;
    let sql = printed("p_print_state");
    let count = sql.matches("INSERT INTO \"p_print_state\".migrations");
    let count = count.count().to_string();
    world.run(&sql).await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let mut writer = Writer::claim(&sink, &member(1)).await;
    writer.commit(&[put(0, vec![number("1")])]).await.unwrap();
    assert_eq!(
        world
            .one("SELECT count(*) FROM p_print_state.migrations")
            .await,
        count
    );
}

/// The GRANTs in the comments of the printed migrations.
fn grants(schema: &str) -> Vec<String> {
    let sql = printed(schema);
    let lines = sql.lines().filter_map(|line| line.strip_prefix("-- "));
    let grants = lines.filter(|line| line.starts_with("GRANT "));
    grants.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_role_with_the_printed_grants_may_do_all_that_is_ever_done() {
    let mut world = World::new("p_grants", "CREATE TABLE o (id int PRIMARY KEY)").await;
    let granted = grants("p_grants_state").join("\n");
    world.run(&printed("p_grants_state")).await;
    world
        .run(&format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'p_grants_r') THEN \
             CREATE ROLE p_grants_r LOGIN; END IF; END $$; \
             REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA p_grants_state FROM PUBLIC; \
             GRANT USAGE ON SCHEMA p_grants TO p_grants_r; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON o TO p_grants_r; {}",
            granted.replace("the_role", "p_grants_r")
        ))
        .await;
    let mut settings = world.settings(Mode::Upsert, "o");
    let place = url().rsplit_once('@').map(|(_, place)| place.to_owned());
    settings.url = Secret::new(format!("postgres://p_grants_r@{}", place.unwrap()));
    let sink = world.sink(settings, "m").await;
    assert!(
        sink.missing_privileges("orders", None)
            .await
            .unwrap()
            .is_empty()
    );
    let mut writer = Writer::claim(&sink, &member(1)).await;
    writer
        .commit_with(&[put(0, vec![number("1")])], &[letter(1), letter(2)])
        .await
        .unwrap();
    sink.heartbeat(&member(1)).await.unwrap();
    let command = plimsoll_sink_api::NewCommand {
        verb: plimsoll_sink_api::Verb::Pause,
        tp: None,
        by: "me".to_owned(),
    };
    for seq in [1, 2] {
        assert_eq!(sink.command(&command).await.unwrap().seq, seq);
        sink.report(&member(1), "{}").await.unwrap();
    }
    assert_eq!(sink.commands(0).await.unwrap().len(), 2);
    sink.farewell(&member(1)).await.unwrap();
    // The next one takes that row.
    sink.report(&member(2), "{}").await.unwrap();
    assert_eq!(sink.reports().await.unwrap().len(), 1);
    let rows = world
        .one("SELECT count(*) FROM p_grants_state.members")
        .await;
    assert_eq!(rows, "1");
    let change = change(identity(), &tp(), at(3), true, Duration::ZERO);
    sink.set_position(&change).await.unwrap();
    let mut rows = plimsoll_sink_api::Rows::with_capacity(1, 1);
    let op = plimsoll_sink_api::Op::Put;
    let head = plimsoll_sink_api::Row { offset: 1, op };
    rows.push(head)[0] = number("2");
    let replay = plimsoll_sink_api::Replay {
        letters: &[1],
        topic: "orders",
        partition: 0,
        table: &writer.table,
        rows: &rows,
        stands_at: None,
    };
    sink.replay(&replay).await.unwrap();
    let all = plimsoll_sink_api::DeadLetterFilter::default();
    assert_eq!(sink.drop_dead_letters(&all).await.unwrap(), 1);
    assert_eq!(world.one("SELECT count(*) FROM o").await, "2");
}

#[test]
fn the_operators_manual_lists_the_printed_grants() {
    let manual = include_str!("../../../../docs/OPERATIONS.md");
    let grants = grants("plimsoll");
    assert_eq!(grants.len(), 4);
    for grant in grants {
        let plain = grant.replace('"', "").replace("the_role", "plimsoll");
        assert!(manual.contains(&format!("-- {plain}")), "{plain}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_a_wrong_password_is_waited_for() {
    let world = World::new("p_away", TABLE).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut settings = world.settings(Mode::Append, "o");
    settings.url = Secret::new(format!("postgres://u:hunter2@127.0.0.1:{port}/db"));
    let sink = PostgresSink::open(settings, "m").unwrap();
    let error = sink.settled().await.unwrap_err();
    assert_eq!(error.class, Class::Unavailable);
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
    let mut settings = world.settings(Mode::Append, "o");
    settings.url = Secret::new(format!("{}_not_there", url().split('?').next().unwrap()));
    let sink = PostgresSink::open(settings, "m").unwrap();
    let error = sink.settled().await.unwrap_err();
    assert_eq!(
        (error.class, error.detail.code.as_deref()),
        (Class::Unavailable, Some("3D000"))
    );
    assert!(error.detail.hint.is_some());
}
