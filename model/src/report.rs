//! Runs a model to its end and says what was seen.

use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

/// A model that is more than this is not finite, or does not fit the memory
/// that the tests may take (a state in the queue takes about half a KiB).
pub const MOST_STATES: usize = 40_000_000;

/// The head of the table that reports are rows of.
pub const HEADING: &str = "\
| model | bounds | steps | states | depth | time |
| --- | --- | ---: | ---: | ---: | ---: |";

/// A model with its bounds in words.
pub trait Bounded: Model {
    /// Which one.
    fn name(&self) -> &str;
    /// What is bounded, and how.
    fn bounds(&self) -> &str;
    /// What can happen without any further fault.
    fn goes_on(&self, state: &Self::State) -> Vec<Self::Action>;
}

/// What a search found.
#[derive(Debug)]
pub struct Report {
    /// The model's name.
    pub name: String,
    /// Its bounds.
    pub bounds: String,
    /// Transitions taken.
    pub states: usize,
    /// Different states.
    pub unique: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Properties that do not hold, each with a way that shows it.
    pub broken: Vec<(String, Vec<String>)>,
    /// `sometimes` properties that no state fulfils.
    pub never_seen: Vec<String>,
    /// The search ended before it had seen all.
    pub cut_off: bool,
}

impl Report {
    /// Whether all properties hold and all faults were seen.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.never_seen.is_empty() && !self.cut_off
    }

    /// What is wrong, in lines.
    #[must_use]
    pub fn faults(&self) -> String {
        let mut text = String::new();
        for (property, way) in &self.broken {
            text += &format!("BROKEN {}: {property}\n", self.name);
            for step in way {
                text += &format!("    {step}\n");
            }
        }
        for property in &self.never_seen {
            text += &format!("NEVER SEEN {}: {property}\n", self.name);
        }
        if self.cut_off {
            text += &format!("CUT OFF {}: more than {MOST_STATES} states\n", self.name);
        }
        text
    }
}

/// Searches all of it; stops at the first property that does not hold.
pub fn search<M>(model: M, threads: usize) -> Report
where
    M: Bounded + Send + Sync + 'static,
    M::State: Hash + Clone + PartialEq + Debug + Send + Sync + 'static,
    M::Action: Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let (name, bounds) = (model.name().to_owned(), model.bounds().to_owned());
    let began = Instant::now();
    let checker = model
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(MOST_STATES)
        .spawn_bfs()
        .join();
    let took = began.elapsed();
    let found = checker.discoveries();
    let mut broken = Vec::new();
    let mut never_seen = Vec::new();
    for property in checker.model().properties() {
        match (property.expectation, found.get(property.name)) {
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                let way = path.clone().into_actions();
                let way = way.iter().map(|a| format!("{a:?}")).collect();
                broken.push((property.name.to_owned(), way));
            }
            (Expectation::Sometimes, None) => never_seen.push(property.name.to_owned()),
            (Expectation::Always | Expectation::Eventually, None)
            | (Expectation::Sometimes, Some(_)) => {}
        }
    }
    // A search that was ended by a finding has not looked for the rest.
    if !broken.is_empty() {
        never_seen.clear();
    }
    Report {
        name,
        bounds,
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
        took,
        cut_off: broken.is_empty() && checker.state_count() >= MOST_STATES,
        broken,
        never_seen,
    }
}

/// Whether faults that end let everything come to rest: without further faults
/// no state is ever met twice on one way. Together with "at rest there is no
/// lag" this is liveness: every history whose faults end, ends without lag.
///
/// Returns the number of states, or a way that leads back to where it began.
///
/// # Errors
/// The actions of a cycle.
pub fn comes_to_rest<M>(model: &M) -> Result<usize, Vec<String>>
where
    M: Bounded,
    M::State: Hash + Clone,
    M::Action: Clone + Debug,
{
    let hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
    let id = |state: &M::State| hasher.hash_one(state);
    // Found, and whether every way on from it has been walked to its end.
    let mut met: HashMap<u64, bool> = HashMap::new();
    let mut starts = model.init_states();
    // All states, faults included, are starting points.
    let mut all: HashMap<u64, ()> = starts.iter().map(|s| (id(s), ())).collect();
    let mut actions = Vec::new();
    while let Some(start) = starts.pop() {
        model.actions(&start, &mut actions);
        for action in actions.drain(..) {
            if let Some(next) = model.next_state(&start, action)
                && all.insert(id(&next), ()).is_none()
            {
                starts.push(next);
            }
        }
        if met.contains_key(&id(&start)) {
            continue;
        }
        met.insert(id(&start), false);
        let mut way = vec![(start.clone(), model.goes_on(&start), String::new())];
        while let Some((state, todo, _)) = way.last_mut() {
            let Some(action) = todo.pop() else {
                met.insert(id(state), true);
                way.pop();
                continue;
            };
            let said = format!("{action:?}");
            let Some(next) = model.next_state(state, action) else {
                continue;
            };
            match met.get(&id(&next)) {
                Some(true) => {}
                Some(false) => return Err(way.into_iter().map(|(_, _, a)| a).collect()),
                None => {
                    met.insert(id(&next), false);
                    let todo = model.goes_on(&next);
                    way.push((next, todo, said));
                }
            }
        }
    }
    Ok(all.len())
}

impl std::fmt::Display for Report {
    /// A row of the table that [`HEADING`] begins.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "| {} | {} | {} | {} | {} | {:.1} s |",
            self.name,
            self.bounds,
            self.states,
            self.unique,
            self.depth,
            self.took.as_secs_f64()
        )
    }
}
