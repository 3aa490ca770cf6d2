//! Tables that would do something else than keep the rows are refused, and a
//! commit is only believed when the fence itself says that it ran.

use super::world::*;
use plimsoll_protocol::Class;
use plimsoll_sink_api::{Mode, Sink};

/// The tables, and words of the error.
const REFUSED: [(&str, &str); 10] = [
    (
        "CREATE TABLE o (id int PRIMARY KEY); CREATE RULE swallow AS ON INSERT TO o DO INSTEAD NOTHING",
        "table \"l_refused.o\" has the rule \"swallow\" on INSERT, which writes something else \
         than the rows; hint: DROP RULE swallow ON l_refused.o",
    ),
    (
        "CREATE TABLE o (id int PRIMARY KEY); CREATE RULE r AS ON UPDATE TO o DO ALSO NOTHING",
        "on UPDATE",
    ),
    (
        "CREATE TABLE o (id int PRIMARY KEY); CREATE RULE r AS ON DELETE TO o DO INSTEAD NOTHING",
        "on DELETE",
    ),
    (
        "CREATE UNLOGGED TABLE o (id int PRIMARY KEY)",
        "hint: ALTER TABLE l_refused.o SET LOGGED",
    ),
    (
        "CREATE TABLE o (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE m PARTITION OF o DEFAULT PARTITION BY RANGE (id); \
         CREATE UNLOGGED TABLE p PARTITION OF m DEFAULT",
        "table \"l_refused.p\" is unlogged: a crash empties it, and the position stays; hint: ALTER \
         TABLE l_refused.p SET LOGGED",
    ),
    (
        "CREATE TABLE o (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE p PARTITION OF o DEFAULT; \
         CREATE RULE r AS ON INSERT TO p DO INSTEAD NOTHING",
        "DROP RULE r ON l_refused.p",
    ),
    (
        "CREATE TABLE o (id int) PARTITION BY RANGE (id); \
         CREATE FOREIGN DATA WRAPPER l_refused_w; CREATE SERVER l_refused_s FOREIGN DATA WRAPPER \
         l_refused_w; CREATE FOREIGN TABLE p PARTITION OF o DEFAULT SERVER l_refused_s",
        "hint: ALTER TABLE l_refused.o DETACH PARTITION l_refused.p",
    ),
    (
        "CREATE FOREIGN DATA WRAPPER l_refused_w; CREATE SERVER l_refused_s FOREIGN DATA WRAPPER \
         l_refused_w; CREATE FOREIGN TABLE o (id int) SERVER l_refused_s",
        "is a foreign table",
    ),
    (
        "CREATE TABLE o (id int PRIMARY KEY); CREATE UNLOGGED TABLE c () INHERITS (o)",
        "ALTER TABLE l_refused.c SET LOGGED",
    ),
    ("CREATE VIEW o AS SELECT 1 AS id", "is a view"),
];

#[tokio::test]
async fn a_table_that_does_not_keep_its_rows_is_refused_and_the_mend_is_named() {
    let mut world = World::new("l_refused", "SELECT 1").await;
    for (tables, words) in REFUSED {
        world
            .run(
                "DROP FOREIGN DATA WRAPPER IF EXISTS l_refused_w CASCADE; \
                 DROP SCHEMA l_refused CASCADE; CREATE SCHEMA l_refused",
            )
            .await;
        world.run(tables).await;
        let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
        let error = sink.prepare("orders").await.unwrap_err();
        assert_eq!(error.class, Class::Halt, "{tables}: {error}");
        assert!(error.to_string().contains(words), "{tables}: {error}");
    }
    world
        .run("DROP FOREIGN DATA WRAPPER IF EXISTS l_refused_w CASCADE")
        .await;
}

#[tokio::test]
async fn a_temporary_table_is_refused() {
    let mut world = World::new("l_temp", "CREATE TEMPORARY TABLE l_temp_o (id int)").await;
    let schema = world
        .one("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()")
        .await;
    let mut settings = world.settings(Mode::Append, "o");
    settings.tables[0].settings.table = format!("{schema}.l_temp_o");
    let sink = world.sink(settings, "m").await;
    let error = sink.prepare("orders").await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert!(error.to_string().contains("is temporary"), "{error}");
}

#[tokio::test]
async fn a_rule_made_after_the_plan_stops_small_commits_and_moves_nothing() {
    let mut world = World::new("l_small_rule", "CREATE TABLE o (id int PRIMARY KEY)").await;
    for mode in [Mode::Append, Mode::Upsert] {
        let sink = world.sink(world.settings(mode, "o"), "m").await;
        let mut writer = Writer::claim(&sink, &member(1)).await;
        world
            .run("CREATE RULE swallow AS ON INSERT TO o DO INSTEAD NOTHING")
            .await;
        let error = writer
            .commit(&[put(0, vec![number("1")])])
            .await
            .unwrap_err();
        // The server refuses the statement itself.
        assert_eq!(error.class, Class::Suspect, "{error}");
        assert_eq!(
            sink.prepare("orders").await.unwrap_err().class,
            Class::Halt,
            "the table is refused when it is read again"
        );
        let next = "SELECT next_offset FROM l_small_rule_state.positions";
        assert_eq!(world.one(next).await, "0");
        world.run("DROP RULE swallow ON o").await;
    }
}

#[tokio::test]
async fn policies_that_hold_for_the_role_leave_copy_unused() {
    let mut world = World::new(
        "l_policy",
        "CREATE TABLE o (id int); ALTER TABLE o ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY p ON o WITH CHECK (id < 100)",
    )
    .await;
    let sink = world.sink(world.settings(Mode::Append, "o"), "m").await;
    let prepared = sink.prepare("orders").await.unwrap();
    assert!(prepared.plan.may_copy, "a superuser has no policies");
    drop(sink);
    world
        .run(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'l_policy_r') THEN \
             CREATE ROLE l_policy_r LOGIN PASSWORD 'l_policy_r'; END IF; END $$; \
             GRANT ALL ON SCHEMA l_policy, l_policy_state TO l_policy_r; \
             GRANT ALL ON ALL TABLES IN SCHEMA l_policy, l_policy_state TO l_policy_r",
        )
        .await;
    let mut settings = world.settings(Mode::Append, "o");
    let place = url().rsplit_once('@').map(|(_, place)| place.to_owned());
    let url = format!("postgres://l_policy_r:l_policy_r@{}", place.unwrap());
    settings.url = plimsoll_sink_api::Secret::new(url);
    let sink = crate::PostgresSink::open(settings, "m")
        .unwrap()
        .copying_above(0);
    let mut writer = Writer::claim(&sink, &member(1)).await;
    writer.commit(&[put(0, vec![number("1")])]).await.unwrap();
    assert_eq!(world.one("SELECT count(*) FROM o").await, "1");
    let error = writer
        .commit(&[put(1, vec![number("100")])])
        .await
        .unwrap_err();
    assert_eq!(
        error.detail.code.as_deref(),
        Some("42501"),
        "the policy judges each row: {error}"
    );
    // The hint is what mends it, and does not lead to another hint.
    let hint = error.detail.hint.unwrap_or_default();
    assert!(hint.starts_with("a policy of l_policy.o "), "{hint}");
    world.run("REVOKE INSERT ON o FROM l_policy_r").await;
    let error = writer
        .commit(&[put(1, vec![number("2")])])
        .await
        .unwrap_err();
    let said = error.detail.said.unwrap_or_default();
    assert_eq!(said, "permission denied for table o");
    let hint = error.detail.hint.unwrap_or_default();
    assert_eq!(hint, "GRANT INSERT ON TABLE l_policy.o TO l_policy_r");
}
