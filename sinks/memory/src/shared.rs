//! What instances share.

use super::MemorySink;
use super::state::State;
use plimsoll_sink_api::{
    Command, FORGOTTEN_AFTER, MOST_COMMANDS, Member, NewCommand, Reported, Shared, SinkError,
    Wanted,
};
use std::time::Instant;

impl Shared for MemorySink {
    async fn report(&self, member: &Member, report: &str) -> Result<Wanted, SinkError> {
        let said = (member.name.clone(), report.to_owned(), Instant::now());
        self.asked(|s| {
            s.reports.insert(member.owner.0, said);
            wanted(s)
        })
    }

    async fn farewell(&self, member: &Member) -> Result<(), SinkError> {
        self.asked(|s| {
            s.reports.remove(&member.owner.0);
        })
    }

    async fn wanted(&self) -> Result<Wanted, SinkError> {
        self.asked(|s| wanted(s))
    }

    async fn reports(&self) -> Result<Vec<Reported>, SinkError> {
        self.asked(|s| {
            s.reports
                .retain(|_, said| said.2.elapsed() < FORGOTTEN_AFTER);
            let reported = |(name, report, at): &(String, String, Instant)| Reported {
                name: name.clone(),
                report: report.clone(),
                age: at.elapsed(),
            };
            let mut all: Vec<Reported> = s.reports.values().map(reported).collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all
        })
    }

    async fn command(&self, command: &NewCommand) -> Result<Wanted, SinkError> {
        self.asked(|s| {
            s.commands.push((command.clone(), Instant::now()));
            wanted(s)
        })
    }

    async fn commands(&self, after: i64) -> Result<Vec<Command>, SinkError> {
        self.asked(|s| {
            let numbered = (1..).zip(&s.commands).filter(|(seq, _)| *seq > after);
            let all = numbered.map(|(seq, (command, at))| Command {
                seq,
                command: command.clone(),
                age: at.elapsed(),
            });
            let all: Vec<Command> = all.collect();
            all[all.len().saturating_sub(MOST_COMMANDS)..].to_vec()
        })
    }
}

fn wanted(state: &State) -> Wanted {
    let states = state.commands.iter().rev();
    let mut asked = states.filter_map(|(command, _)| command.verb.state());
    Wanted {
        state: asked.next().unwrap_or_default(),
        seq: i64::try_from(state.commands.len()).unwrap_or(i64::MAX),
    }
}
