//! What is seen while the demo plays: a bar on a terminal, lines elsewhere.

use super::report::thousands;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};

/// The bar. It draws on stderr.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    events: u64,
    kills: u32,
}

impl Progress {
    /// For so many events and kills.
    pub(super) fn new(events: u64, kills: u32) -> Self {
        let bar = ProgressBar::with_draw_target(Some(events), ProgressDrawTarget::stderr());
        let style = "{spinner} [{elapsed}] {wide_bar} {human_pos}/{human_len} {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_message("starting the writer");
        let it = Self { bar, events, kills };
        it.line(&format!("events: {}, kills: {kills}", thousands(events)));
        it
    }

    /// Both sinks have passed so many events.
    pub(super) fn at(&self, passed: i64) {
        let passed = u64::try_from(passed).unwrap_or(0);
        if passed > self.bar.position() {
            self.bar.set_message("");
        }
        self.bar.set_position(passed);
        self.bar.tick();
    }

    /// The writer was killed.
    pub(super) fn killed(&self, passed: i64, kill: u32) {
        let passed = thousands(u64::try_from(passed).unwrap_or(0));
        let (events, kills) = (thousands(self.events), self.kills);
        self.line(&format!(
            "kill {kill} of {kills}: SIGKILL at {passed} of {events}, started again"
        ));
        self.bar.set_message("recovering");
    }

    /// All is written.
    pub(super) fn comparing(&self) {
        self.bar.set_message("comparing");
        self.bar.tick();
    }

    /// Nothing more to show.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        // A hidden bar prints nothing at all; a stderr that is gone hears
        // nothing.
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }
}
