//! What instances share: commands, and what each says of itself.

use super::world::{World, tp};
use super::{Harness, TableSpec, Type, column};
use plimsoll_protocol::Owner;
use plimsoll_sink_api::{Member, NewCommand, Shared, SinkState, Verb, Wanted};

async fn world<H: Harness>() -> World<H> {
    World::merging(TableSpec::merging([column("id", Type::Int).key()])).await
}

fn member(number: u128) -> Member {
    Member {
        owner: Owner(number),
        name: format!("host-{number}"),
    }
}

fn command(verb: Verb) -> NewCommand {
    NewCommand {
        verb,
        tp: None,
        by: "somebody's \"name\"".to_owned(),
    }
}

pub async fn without_a_command_a_sink_is_to_run<H: Harness>() {
    let world = world::<H>().await;
    let sink = world.open("x").await;
    assert_eq!(sink.wanted().await.unwrap(), Wanted::default());
    assert_eq!(sink.wanted().await.unwrap().state, SinkState::Running);
    assert_eq!(sink.commands(0).await.unwrap(), []);
    assert_eq!(sink.reports().await.unwrap(), []);
}

pub async fn what_is_wanted_is_the_last_state_that_was_asked_for<H: Harness>() {
    let world = world::<H>().await;
    let (one, other) = (world.open("x").await, world.open("y").await);
    for (number, (verb, state)) in [
        (Verb::Retry, SinkState::Running),
        (Verb::Pause, SinkState::Paused),
        (Verb::Restart, SinkState::Paused),
        (Verb::Stop, SinkState::Stopped),
        (Verb::Retry, SinkState::Stopped),
        (Verb::Resume, SinkState::Running),
    ]
    .into_iter()
    .enumerate()
    {
        let seq = i64::try_from(number).unwrap() + 1;
        let wanted = Wanted { state, seq };
        assert_eq!(one.command(&command(verb)).await.unwrap(), wanted);
        assert_eq!(other.wanted().await.unwrap(), wanted, "{verb:?}");
        assert_eq!(other.report(&member(1), "{}").await.unwrap(), wanted);
    }
}

pub async fn commands_are_handed_out_in_their_order_behind_a_number<H: Harness>() {
    let world = world::<H>().await;
    let sink = world.open("x").await;
    let of_one = NewCommand {
        tp: Some(tp(3)),
        ..command(Verb::Restart)
    };
    let given = [command(Verb::Pause), of_one, command(Verb::Resume)];
    for command in &given {
        sink.command(command).await.unwrap();
    }
    let found = sink.commands(0).await.unwrap();
    let seqs: Vec<i64> = found.iter().map(|c| c.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let found: Vec<_> = found.into_iter().map(|c| c.command).collect();
    assert_eq!(found, given);
    let behind = sink.commands(2).await.unwrap();
    assert_eq!(behind.len(), 1);
    assert_eq!(behind[0].command.verb, Verb::Resume);
    assert_eq!(sink.commands(3).await.unwrap(), []);
}

pub async fn commands_of_many_at_once_are_all_there<H: Harness>() {
    let world = world::<H>().await;
    let (one, other) = (world.open("x").await, world.open("y").await);
    for _ in 0..4 {
        let (pause, resume) = (command(Verb::Pause), command(Verb::Resume));
        let (a, b) = tokio::join!(one.command(&pause), other.command(&resume));
        a.unwrap();
        b.unwrap();
    }
    let all = one.commands(0).await.unwrap();
    let seqs: Vec<i64> = all.iter().map(|c| c.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
    let last = all.last().map(|c| c.command.verb);
    let wanted = one.wanted().await.unwrap();
    assert_eq!(last.and_then(Verb::state), Some(wanted.state));
}

pub async fn each_instance_is_shown_with_what_it_said_last<H: Harness>() {
    let world = world::<H>().await;
    let (one, other) = (world.open("x").await, world.open("y").await);
    other.report(&member(2), "{\"b\": 1}").await.unwrap();
    one.report(&member(1), "{\"a\": 1}").await.unwrap();
    one.report(&member(1), "{\"a\": 'ö'}").await.unwrap();
    let shown = async || {
        let all = one.reports().await.unwrap().into_iter();
        all.map(|r| (r.name, r.report)).collect::<Vec<_>>()
    };
    let of = |name: &str, report: &str| (name.to_owned(), report.to_owned());
    let second = of("host-2", "{\"b\": 1}");
    assert_eq!(
        shown().await,
        [of("host-1", "{\"a\": 'ö'}"), second.clone()]
    );
    one.farewell(&member(1)).await.unwrap();
    assert_eq!(shown().await, std::slice::from_ref(&second));
    // One that comes afterwards takes nothing from the others.
    one.report(&member(3), "{}").await.unwrap();
    assert_eq!(shown().await, [second, of("host-3", "{}")]);
}
