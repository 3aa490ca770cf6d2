//! Searches every model and prints what was found: `make model`.

use plimsoll_model::report::{Bounded, HEADING, Report, search};
use plimsoll_model::{cassandra, fetches, lives, postgres, starts};
use std::fmt::Debug;
use std::hash::Hash;
use std::process::ExitCode;

/// Set to anything but 0: the longer searches, too. They take minutes, and up to
/// some GiB.
const DEEPER: &str = "MODEL_DEPTH";

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn run<M>(models: Vec<M>, threads: usize) -> bool
where
    M: Bounded + Send + Sync + 'static,
    M::State: Hash + Clone + PartialEq + Debug + Send + Sync + 'static,
    M::Action: Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let mut all = true;
    for model in models {
        let report: Report = search(model, threads);
        println!("{report}");
        print!("{}", report.faults());
        all &= report.holds();
    }
    all
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn main() -> ExitCode {
    let deeper = std::env::var(DEEPER).is_ok_and(|depth| depth != "0");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{HEADING}");
    let mut all = run(starts::configurations(), threads);
    all &= run(lives::configurations(), threads);
    all &= run(fetches::configurations(), threads);
    all &= run(postgres::configurations(), threads);
    all &= run(cassandra::configurations(), threads);
    if deeper {
        all &= run(postgres::deeper(), threads);
        all &= run(cassandra::deeper(), threads);
    }
    if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
