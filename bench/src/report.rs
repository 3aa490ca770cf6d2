//! What was found: a table for people, JSON for other runs, a plot for the docs.

use crate::compare::Comparison;
use crate::consume::Consuming;
use crate::growth::Curve;
use crate::idle::Idle;
use crate::latency::Latency;
use crate::service::Seen;
use crate::stats::Series;
use crate::thin::Thin;
use crate::wide::Wide;
use crate::{Failed, Result};
use plotters::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// Everything of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it ran.
    pub machine: Machine,
    /// How the server was set.
    pub postgres: Vec<(String, String)>,
    /// The service beside its baselines.
    pub comparisons: Vec<Comparison>,
    /// Without a database.
    pub consuming: Option<Consuming>,
    /// Over a backlog that is far larger than memory.
    pub backlog: Option<Seen>,
    /// At a low rate.
    pub latency: Option<Latency>,
    /// How the cost grows.
    pub curves: Vec<Curve>,
    /// At a steady rate over many partitions.
    pub thin: Vec<Thin>,
    /// A backlog over few and many partitions.
    pub wide: Vec<Wide>,
    /// With nothing to do.
    pub idle: Vec<Idle>,
}

/// What the plot takes from another run.
#[derive(Deserialize)]
struct Earlier {
    comparisons: Vec<Comparison>,
}

/// Where it ran.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// As the kernel names it.
    pub processor: String,
    /// How many of them this process may use.
    pub cores: usize,
    /// In all.
    pub memory_mib: u64,
    /// Of the kernel.
    pub system: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let line = |text: &str, name: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(name))
                .map(|l| l.trim_start_matches([' ', '\t', ':']).trim().to_owned())
                .unwrap_or_default()
        };
        let memory = line(&read("/proc/meminfo"), "MemTotal");
        Self {
            processor: line(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_mib: memory
                .trim_end_matches(" kB")
                .parse::<u64>()
                .unwrap_or_default()
                / 1024,
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        }
    }
}

fn spread(series: &Series, digits: usize) -> String {
    format!(
        "{:.digits$} ({:.digits$} to {:.digits$})",
        series.median, series.min, series.max
    )
}

fn table(text: &mut String, head: &str, rows: impl Iterator<Item = String>) {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        let _ = writeln!(text, "\n{head}");
    }
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
}

impl Report {
    /// As Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let m = &self.machine;
        let _ = writeln!(
            text,
            "{} cores, {}, {} MiB, {}. Median of all rounds, in brackets the smallest and the largest.\n",
            m.cores, m.processor, m.memory_mib, m.system
        );
        if !self.comparisons.is_empty() {
            let _ = writeln!(
                text,
                "| case | records/s | baseline | ratio | processor s per million | peak MiB | first commit ms |\n\
                 | --- | --- | --- | --- | --- | --- | --- |"
            );
        }
        for c in &self.comparisons {
            let _ = writeln!(
                text,
                "| {} | {:.0} | {:.0} | {} | {} | {} | {:.0} |",
                c.name,
                c.service.median,
                c.baseline.median,
                spread(&c.ratio, 2),
                spread(&c.processor, 2),
                spread(&c.peak_mib, 0),
                c.first_commit_ms.median
            );
        }
        if let Some(c) = &self.consuming {
            let _ = writeln!(
                text,
                "\nReading and decoding without a database: {:.0} records/s; a bare loop over librdkafka: {:.0}; ratio {}",
                c.service.median,
                c.bare.median,
                spread(&c.ratio, 2)
            );
        }
        if let Some(b) = &self.backlog {
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let _ = writeln!(
                text,
                "\nA long backlog, append: {:.0} records/s; at most {:.0} MiB up to its half, {:.0} MiB up to its end",
                b.records_per_s,
                mib(b.peak_bytes_at_half),
                mib(b.peak_bytes)
            );
        }
        if let Some(l) = &self.latency {
            let _ = writeln!(
                text,
                "\nFrom produce to committed, 1,000 records/s, linger 5 ms: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
                l.p50, l.p99, l.max
            );
        }
        for curve in &self.curves {
            let _ = writeln!(
                text,
                "\n| {} ({}) | records/s | processor s per million | peak MiB | round trips per 1,000 |\n\
                 | --- | --- | --- | --- | --- |",
                curve.name, curve.unit
            );
            for p in &curve.points {
                let trips = p
                    .round_trips
                    .map_or_else(String::new, |n| format!("{n:.2}"));
                let _ = writeln!(
                    text,
                    "| {} | {} | {:.2} | {:.0} | {trips} |",
                    p.x,
                    spread(&p.records_per_s, 0),
                    p.processor.median,
                    p.peak_mib.median
                );
            }
        }
        table(&mut text, Thin::HEAD, self.thin.iter().map(Thin::row));
        let wide = self.wide.iter().map(|wide| wide.row(&self.wide));
        table(&mut text, Wide::HEAD, wide);
        table(&mut text, Idle::HEAD, self.idle.iter().map(Idle::row));
        text
    }

    /// The ratios as a plot, behind those of an earlier run.
    pub fn plot(&self, file: &Path, with: Option<&Path>) -> Result<()> {
        let mut all = match with {
            Some(earlier) => {
                serde_json::from_slice::<Earlier>(&std::fs::read(earlier)?)?.comparisons
            }
            None => Vec::new(),
        };
        all.extend_from_slice(&self.comparisons);
        draw(&all, file).map_err(|e| Failed::new(e.to_string()))
    }
}

fn draw(
    comparisons: &[Comparison],
    file: &Path,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(file, (760, 60 + 60 * comparisons.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = comparisons
        .iter()
        .map(|c| c.ratio.max)
        .fold(1.2_f64, f64::max);
    let rows = comparisons.len();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .caption(
            "records/s, divided by the baseline of the same run",
            ("sans-serif", 16),
        )
        .x_label_area_size(28)
        .y_label_area_size(110)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..rows as f64)?;
    let name = |y: &f64| {
        let at = rows.checked_sub(1 + y.floor() as usize);
        match at.and_then(|at| comparisons.get(at)) {
            Some(c) if y.fract() == 0.0 => c.name.clone(),
            _ => String::new(),
        }
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows + 1)
        .y_label_formatter(&name)
        .y_label_offset(-18)
        .draw()?;
    for (i, c) in comparisons.iter().rev().enumerate() {
        let (low, high) = (i as f64 + 0.3, i as f64 + 0.7);
        let bar = RGBColor(31, 92, 140);
        chart.draw_series([Rectangle::new(
            [(0.0, low), (c.ratio.median, high)],
            bar.filled(),
        )])?;
        let middle = i as f64 + 0.5;
        chart.draw_series([PathElement::new(
            vec![(c.ratio.min, middle), (c.ratio.max, middle)],
            BLACK.stroke_width(2),
        )])?;
    }
    // The baseline itself.
    chart.draw_series([PathElement::new(
        vec![(1.0, 0.0), (1.0, rows as f64)],
        RED.stroke_width(1),
    )])?;
    area.present()?;
    Ok(())
}
