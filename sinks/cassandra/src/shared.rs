//! What instances share: what is wanted of the sink, commands, and what each says of itself.

use crate::claims::{applied, contended, execute, uuid_of};
use crate::error::{Failure, of_execution};
use crate::plan::halt;
use crate::positions::{age, rows};
use crate::retry::patiently;
use crate::sink::CassandraSink;
use crate::state::State;
use plimsoll_protocol::TopicPartition;
use plimsoll_sink_api::{
    Command, MOST_COMMANDS, Member, NewCommand, Reported, Shared, SinkError, SinkState, Verb,
    Wanted,
};
use scylla::statement::batch::{Batch, BatchType};
use scylla::value::{CqlTimestamp, MaybeUnset};

/// Others may give commands at the same time, each one or two; more than this is a fault.
const ROUNDS: usize = 20;

impl Shared for CassandraSink {
    async fn report(&self, member: &Member, report: &str) -> Result<Wanted, SinkError> {
        let state = self.state().await?;
        let values = (&state.sink, uuid_of(member.owner), &member.name, report);
        let noted = execute(state, &state.statements.report, &values).await;
        noted.map_err(|f| self.judged(f))?;
        let wanted = wanted(state).await.map_err(|f| self.judged(f))?;
        wanted.map(|(wanted, _)| wanted)
    }

    async fn farewell(&self, member: &Member) -> Result<(), SinkError> {
        let state = self.state().await?;
        let values = (&state.sink, uuid_of(member.owner));
        let gone = execute(state, &state.statements.farewell, &values).await;
        gone.map(|_| ()).map_err(|f| self.judged(f))
    }

    async fn wanted(&self) -> Result<Wanted, SinkError> {
        let wanted = wanted(self.state().await?).await;
        wanted
            .map_err(|f| self.judged(f))?
            .map(|(wanted, _)| wanted)
    }

    async fn reports(&self) -> Result<Vec<Reported>, SinkError> {
        let state = self.state().await?;
        let result = execute(state, &state.statements.reports, &(&state.sink,)).await;
        let found: Vec<(String, String, CqlTimestamp, CqlTimestamp)> =
            result.and_then(rows).map_err(|f| self.judged(f))?;
        let reported = |(name, report, seen, now)| Reported {
            name,
            report,
            age: age(seen, now),
        };
        let mut all: Vec<Reported> = found.into_iter().map(reported).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    async fn command(&self, command: &NewCommand) -> Result<Wanted, SinkError> {
        let state = self.state().await?;
        let _turn = state.turn.lock().await;
        for _ in 0..ROUNDS {
            let (before, last) = wanted(state).await.map_err(|f| self.judged(f))??;
            let given = Wanted {
                state: command.verb.state().unwrap_or(before.state),
                seq: before.seq + 1,
            };
            if give(state, last, given, command).await? {
                return Ok(given);
            }
        }
        Err(contended())
    }

    async fn commands(&self, after: i64) -> Result<Vec<Command>, SinkError> {
        let state = self.state().await?;
        let values = (&state.sink, after, MOST_COMMANDS as i32);
        let result = execute(state, &state.statements.commands, &values).await;
        let found: Vec<Selected> = result.and_then(rows).map_err(|f| self.judged(f))?;
        found.into_iter().rev().map(read).collect()
    }
}

/// What is wanted, and the stored number of the last command, where there was one.
async fn wanted(state: &State) -> Result<Result<(Wanted, Option<i64>), SinkError>, Failure> {
    let result = execute(state, &state.statements.wanted, &(&state.sink,)).await?;
    let found: Vec<(Option<String>, Option<i64>)> = rows(result)?;
    let Some((word, last)) = found.into_iter().next() else {
        return Ok(Ok((Wanted::default(), None)));
    };
    let read = word
        .as_deref()
        .map_or(Ok(SinkState::default()), SinkState::read);
    Ok(read
        .map(|state| {
            let seq = last.unwrap_or_default();
            (Wanted { state, seq }, last)
        })
        .map_err(|e| halt(e.to_string())))
}

/// The state and the command, in one transaction on the sink's partition; says whether
/// nobody was first.
async fn give(
    state: &State,
    last: Option<i64>,
    given: Wanted,
    command: &NewCommand,
) -> Result<bool, SinkError> {
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    batch.append_statement(state.statements.want.clone());
    batch.append_statement(state.statements.note_command.clone());
    let values = (
        (given.seq, given.state.as_str(), &state.sink, last),
        (
            &state.sink,
            given.seq,
            command.verb.as_str(),
            MaybeUnset::from_option(command.tp.as_ref().map(|tp| tp.topic.to_string())),
            MaybeUnset::from_option(command.tp.as_ref().map(|tp| tp.partition)),
            &command.by,
        ),
    );
    let result = patiently(state.call_timeout, async || {
        state
            .session
            .batch(&batch, &values)
            .await
            .map_err(|error| of_execution(&error))
    })
    .await?;
    applied(result)
}

/// As selected: number, verb, topic, partition, who, when, now.
type Selected = (
    i64,
    String,
    Option<String>,
    Option<i32>,
    String,
    CqlTimestamp,
    CqlTimestamp,
);

fn read(found: Selected) -> Result<Command, SinkError> {
    let (seq, verb, topic, partition, by, given, now) = found;
    Ok(Command {
        seq,
        command: NewCommand {
            verb: Verb::read(&verb).map_err(|e| halt(e.to_string()))?,
            tp: topic
                .zip(partition)
                .map(|(topic, partition)| TopicPartition::new(&topic, partition)),
            by,
        },
        age: age(given, now),
    })
}
