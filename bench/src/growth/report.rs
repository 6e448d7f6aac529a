//! Figures that grow, as numbers and as tables.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    machine::Machine,
    spread::Spread,
    table::{describe, spread, table, thousands},
};

/// The results of a growth run.
#[derive(Debug, Serialize, Deserialize)]
pub struct GrowthResults {
    /// The machine and the versions.
    pub machine: Machine,
    /// The number of rounds.
    pub rounds: u32,
    /// The number of users that send requests, in each file.
    pub active_users: u32,
    /// One table for each number that grows.
    pub tables: Vec<GrowthTable>,
}

/// How figures grow with one number.
#[derive(Debug, Serialize, Deserialize)]
pub struct GrowthTable {
    /// The number that grows.
    pub of: String,
    /// Its values.
    pub counts: Vec<u64>,
    /// The value that the others are compared with.
    pub reference: u64,
    /// The figures.
    pub rows: Vec<Row>,
}

/// A figure that grows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The unit.
    pub unit: String,
    /// The figure for each of the table's counts.
    pub cells: Vec<Cell>,
}

/// A figure for one count.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The figure.
    pub value: Spread,
    /// The figure as a multiple of that for the reference in the same round.
    pub ratio: Spread,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Bytes,
    Kilobytes,
    Megabytes,
    Milliseconds,
    CpuMicroseconds,
    PercentOfCore,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "bytes",
            Self::Kilobytes => "kB",
            Self::Megabytes => "MB",
            Self::Milliseconds => "ms",
            Self::CpuMicroseconds => "µs of CPU",
            Self::PercentOfCore => "% of a core",
        }
    }
}

/// Collects the figures of all rounds.
#[derive(Debug)]
pub(super) struct Collector {
    of: &'static str,
    counts: Vec<u64>,
    reference: u64,
    series: Vec<Series>,
}

/// The values of a figure, in the order of the rounds, for each count.
#[derive(Debug)]
struct Series {
    name: String,
    unit: Unit,
    values: Vec<Vec<f64>>,
}

impl Collector {
    /// A collector without a figure.
    pub(super) const fn new(of: &'static str, counts: Vec<u64>, reference: u64) -> Self {
        Self {
            of,
            counts,
            reference,
            series: Vec::new(),
        }
    }

    /// Adds a figure of the next round for the count with this index.
    pub(super) fn add(&mut self, index: usize, name: &str, unit: Unit, value: f64) {
        let known = self.series.iter().position(|series| series.name == name);
        let position = known.unwrap_or_else(|| {
            self.series.push(Series {
                name: name.to_owned(),
                unit,
                values: vec![Vec::new(); self.counts.len()],
            });
            self.series.len() - 1
        });
        self.series[position].values[index].push(value);
    }

    /// Combines the rounds.
    pub(super) fn finish(self) -> Result<GrowthTable> {
        let reference = self
            .counts
            .iter()
            .position(|count| *count == self.reference)
            .context("the reference was not measured")?;
        let rows = self.series.into_iter().map(|series| {
            let cells = series.values.iter().map(|values| {
                let ratios = values
                    .iter()
                    .zip(&series.values[reference])
                    .map(|(value, reference)| value / reference);
                Some(Cell {
                    value: Spread::of(values.iter().copied())?,
                    ratio: Spread::of(ratios)?,
                })
            });
            Some(Row {
                cells: cells.collect::<Option<_>>()?,
                name: series.name,
                unit: series.unit.name().to_owned(),
            })
        });
        Ok(GrowthTable {
            of: self.of.to_owned(),
            counts: self.counts,
            reference: self.reference,
            rows: rows.collect::<Option<_>>().context("a figure is missing")?,
        })
    }
}

/// The machine, the versions, and the tables.
pub(super) fn render(results: &GrowthResults) -> String {
    let mut text = format!(
        "{}\n{} rounds, median (lowest–highest) as a multiple of the reference\n\
         {} users send requests\n",
        describe(&results.machine),
        results.rounds,
        results.active_users
    );
    for growth in &results.tables {
        let mut headings = vec![growth.of.clone()];
        headings.extend(growth.counts.iter().map(|count| thousands(*count)));
        let rows = growth.rows.iter().map(|row| {
            let mut name = row.name.clone();
            if !row.unit.is_empty() {
                name = format!("{name}, {}", row.unit);
            }
            let mut cells = vec![name];
            cells.extend(row.cells.iter().map(|cell| {
                let value = if row.unit.is_empty() {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a count"
                    )]
                    thousands(cell.value.median as u64)
                } else {
                    let digits = if cell.value.median < 10.0 { 2 } else { 1 };
                    format!("{:.digits$}", cell.value.median)
                };
                format!("{value} · {} ×", spread(cell.ratio, 2))
            }));
            cells
        });
        let rows: Vec<_> = rows.collect();
        let headings: Vec<_> = headings.iter().map(String::as_str).collect();
        text.push('\n');
        text += &table(&headings, &rows);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_compared_with_the_reference_of_the_same_round() {
        let mut collector = Collector::new("users", vec![10, 100], 100);
        for (small, large) in [(1.0, 2.0), (4.0, 4.0), (9.0, 3.0)] {
            collector.add(0, "cost", Unit::CpuMicroseconds, small);
            collector.add(1, "cost", Unit::CpuMicroseconds, large);
        }

        let table = collector.finish().unwrap();

        let [small, large] = &table.rows[0].cells[..] else {
            panic!("{table:?}")
        };
        assert_eq!(
            (small.value.min, small.value.median, small.value.max),
            (1.0, 4.0, 9.0)
        );
        assert_eq!(
            (small.ratio.min, small.ratio.median, small.ratio.max),
            (0.5, 1.0, 3.0)
        );
        assert_eq!((large.ratio.min, large.ratio.max), (1.0, 1.0));
    }
}
