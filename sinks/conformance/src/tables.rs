//! From a table and the config to what is written.

use super::world::{TABLE, TOPIC, World};
use super::{Harness, Kept, Record, Said, TableSpec, Tables, Type, column};
use plimsoll_protocol::Class;
use plimsoll_sink_api::{
    Cast, Filter, Literal, Mode, Naming, Pairs, Sink, SinkError, Source, TableRule, TableSettings,
    Take,
};

async fn world<H: Harness>() -> World<H> {
    let columns = [
        column("id", Type::Int).key(),
        column("amount", Type::Decimal),
    ];
    World::merging(TableSpec::merging(columns)).await
}

/// What is said of a table with changed settings.
async fn refusal<H: Harness>(
    world: &World<H>,
    change: impl FnOnce(&mut TableSettings),
) -> SinkError {
    let mut rule = world.spec.rule(world.harness.table(TABLE));
    change(&mut rule.settings);
    let sink = world.harness.open("refused", vec![rule]).await;
    sink.migrate().await.expect("migrate");
    let error = sink.prepare(TOPIC).await.expect_err("refused");
    assert_eq!(error.class, Class::Halt, "{error}");
    error
}

fn hint(error: &SinkError) -> &str {
    error.detail.hint.as_deref().unwrap_or_default()
}

pub async fn a_topic_that_no_table_takes_is_refused<H: Harness>() {
    let world = world::<H>().await;
    let rule = TableRule {
        topics: vec!["another topic".to_owned()],
        ..world.spec.rule(world.harness.table(TABLE))
    };
    let sink = world.harness.open("x", vec![rule]).await;
    sink.migrate().await.expect("migrate");
    let error = sink.prepare(TOPIC).await.unwrap_err();
    assert_eq!(error.class, Class::Halt);
    assert!(error.detail.condition.contains("topic \"t\""), "{error}");
    assert!(!hint(&error).is_empty(), "{error}");
}

pub async fn a_table_that_is_not_there_is_refused_and_not_made<H: Harness>() {
    let world = world::<H>().await;
    let table = world.harness.table("orders");
    let error = refusal(&world, |s| s.table = table).await;
    assert!(!hint(&error).is_empty(), "{error}");
    refusal(&world, |s| s.table = world.harness.table("orders")).await;
}

pub async fn a_name_that_is_not_in_the_table_is_told_with_the_nearest<H: Harness>() {
    let world = world::<H>().await;
    let named = |name: &str| (name.to_owned(), Source::Offset.into());
    let error = refusal(&world, |s| s.columns = vec![named("amuont")]).await;
    let said = error.to_string();
    assert!(said.contains("column \"amuont\" is not in"), "{said}");
    assert_eq!(hint(&error), "did you mean \"amount\"?");
    let error = refusal(&world, |s| s.columns = vec![named("zzz")]).await;
    assert_eq!(hint(&error), "it has \"id\", \"amount\"");
}

pub async fn columns_take_the_field_of_their_name_unless_the_config_says_otherwise<H: Harness>() {
    let columns = [
        column("id", Type::Int).key(),
        column("a", Type::Text).from("value.b"),
        column("b", Type::Text),
        column("c", Type::Text).from("headers.c"),
        column("full name", Type::Text).from("topic"),
    ];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let mut p = world.process(1).await;
    let mut found: Vec<_> = p
        .table
        .table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.take.to_string(), c.key))
        .collect();
    found.sort();
    let expected = [
        ("a", "value.b", false),
        ("b", "value.b", false),
        ("c", "headers.c", false),
        ("full name", "topic", false),
        ("id", "value.id", true),
    ];
    assert_eq!(
        found,
        expected.map(|(name, source, key)| (name, source.to_owned(), key))
    );
    let record = Record::put([
        ("id", Said::number("1")),
        ("a", Said::text("not taken")),
        ("b", Said::text("b")),
    ]);
    p.commit(&[record.header("c", Some(b"c"))]).await.unwrap();
    let text = Kept::text;
    let row = vec![
        Kept::number("1"),
        text("b"),
        text("b"),
        text("c"),
        text(TOPIC),
    ];
    world.assert_rows([row]).await;
}

pub async fn a_mapping_reaches_the_decoder_as_the_config_has_it<H: Harness>() {
    let columns = [
        column("id", Type::Int).key(),
        column("full_name", Type::Text),
        column("left_out", Type::Text),
    ];
    let world = World::<H>::merging(TableSpec::merging(columns)).await;
    let filter: Filter = "exists value.id".parse().expect("a filter");
    let mut id: Take = "value.no".parse().expect("a source");
    id.make.cast = Some(Cast::Number);
    let mut several = id.clone();
    several
        .otherwise
        .push(Source::Constant(Literal::Number("7".to_owned())));
    let mut rule = world.spec.rule(world.harness.table(TABLE));
    let settings = &mut rule.settings;
    settings.naming = Naming::SnakeCase;
    settings.pairs = Pairs::AllBut(vec!["left_out".to_owned()]);
    settings.filter = Some(filter.clone());
    settings.columns = vec![("id".to_owned(), id.clone())];
    let sink = world.harness.open("mapped", vec![rule.clone()]).await;
    sink.migrate().await.expect("migrate");
    let prepared = sink.prepare(TOPIC).await.expect("prepared");
    assert_eq!(prepared.table.filter, Some(filter));
    let spelled = Source::Spelled("full_name".to_owned());
    let mut found: Vec<_> = prepared
        .table
        .columns
        .iter()
        .map(|c| (c.name.as_str(), &c.take))
        .collect();
    found.sort_by_key(|(name, _)| *name);
    assert_eq!(found, [("full_name", &spelled.into()), ("id", &id)]);
    let error = refusal(&world, |s| {
        s.pairs = Pairs::Only(vec!["ful_name".to_owned()])
    })
    .await;
    assert_eq!(hint(&error), "did you mean \"full_name\"?");
    let error = refusal(&world, |s| s.columns = vec![("id".to_owned(), several)]).await;
    assert!(error.to_string().contains("one field"), "{error}");
    let error = refusal(&world, |s| s.pairs = Pairs::AllBut(vec!["id".to_owned()])).await;
    assert!(error.to_string().contains("key column \"id\""), "{error}");
}

pub async fn an_upsert_needs_a_key_of_its_table<H: Harness>() {
    if H::CAPABILITIES.tables != Tables::All {
        // Its tables have a key, always; another one cannot be had.
        let world = world::<H>().await;
        let error = refusal(&world, |s| s.key_columns = vec!["amount".to_owned()]).await;
        assert!(!hint(&error).is_empty(), "{error}");
        return;
    }
    let columns = [column("id", Type::Int), column("amount", Type::Decimal)];
    let world = World::<H>::new(TableSpec::append(columns)).await;
    let world = world.expect("every mode is possible");
    let error = refusal(&world, |s| s.mode = Mode::Upsert).await;
    assert!(error.to_string().contains("has no primary key"), "{error}");
    assert!(!hint(&error).is_empty(), "{error}");
    let error = refusal(&world, |s| {
        s.mode = Mode::Upsert;
        s.key_columns = vec!["id".to_owned()];
    })
    .await;
    let said = error.to_string();
    assert!(
        said.contains("no unique index over exactly (\"id\")"),
        "{said}"
    );
    let error = refusal(&world, |s| {
        s.mode = Mode::Upsert;
        s.key_columns = vec!["idd".to_owned()];
    })
    .await;
    assert_eq!(hint(&error), "did you mean \"id\"?");
}

pub async fn a_log_table_has_its_coordinates_and_what_the_config_adds<H: Harness>() {
    let columns = [
        column("kafka_topic", Type::Text),
        column("kafka_partition", Type::Int),
        column("kafka_offset", Type::Int),
        column("event_data", Type::Json),
        column("extra", Type::Text).from("key"),
        column("left_out", Type::Text).default(Kept::text("default")),
    ];
    let mut spec = TableSpec::append(columns);
    spec.mode = Mode::Log;
    for column in &mut spec.columns[..3] {
        column.key = true;
    }
    let Some(world) = World::<H>::new(spec).await else {
        return;
    };
    let mut p = world.process(1).await;
    p.commit(&[Record::event("{}").key(b"k")]).await.unwrap();
    let row = vec![
        Kept::text(TOPIC),
        Kept::number("0"),
        Kept::number("0"),
        Kept::json("{}"),
        Kept::text("k"),
        Kept::text("default"),
    ];
    world.assert_rows([row]).await;
    let elsewhere = ("kafka_offset".to_owned(), Source::Timestamp.into());
    let error = refusal(&world, |s| s.columns = vec![elsewhere]).await;
    assert!(
        error.to_string().contains("takes no other source"),
        "{error}"
    );
}

pub async fn a_table_without_the_coordinates_or_their_key_is_no_log<H: Harness>() {
    let columns = |names: &'static [&'static str]| {
        let typed = |name: &&'static str| match *name {
            "kafka_topic" => column(name, Type::Text),
            "event_data" => column(name, Type::Json),
            _ => column(name, Type::Int),
        };
        TableSpec {
            mode: Mode::Log,
            ..TableSpec::append(names.iter().map(typed))
        }
    };
    let all = &[
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "event_data",
    ];
    for (spec, said) in [
        (columns(&all[..3]), "has no column \"event_data\""),
        (columns(&all[1..]), "has no column \"kafka_topic\""),
        (columns(all), "has no primary key over kafka_topic"),
    ] {
        let world = World::<H>::without_table(spec).await;
        // As any table that is there.
        let mut plain = world.spec.clone();
        plain.mode = Mode::Append;
        if H::CAPABILITIES.tables != Tables::All {
            plain.columns[0].key = true;
        }
        world.harness.create(TABLE, &plain).await;
        let error = refusal(&world, |_| {}).await;
        if H::CAPABILITIES.tables == Tables::All {
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(!hint(&error).is_empty(), "{error}");
    }
}
