//! The results as text: a Markdown table that is also readable as it is.

use std::fmt::Write as _;

use crate::{
    results::{Machine, RequestRow, Results, Spread},
    sizing,
};

/// The headings of the requests.
const REQUESTS: [&str; 8] = [
    "server",
    "operation",
    "at once",
    "CPU, µs",
    "× bare axum",
    "requests/s",
    "p50 / p99, ms",
    "generator",
];

/// The headings of the comparison with the peers.
const BESIDE: [&str; 3] = ["sessiond", "peer", "CPU time of the peer"];

/// Returns the machine, the versions, and the tables.
pub(crate) fn render(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "{}\n{} users; {} of {} s for each operation\n\n",
        describe(machine),
        results.users,
        match results.rounds {
            1 => "one round".to_owned(),
            rounds => format!("{rounds} rounds, median (lowest–highest),"),
        },
        results.window_seconds,
    );
    text += &table(
        &REQUESTS,
        &results.requests.iter().map(request).collect::<Vec<_>>(),
    );
    let beside = results.beside.iter().map(|row| {
        vec![
            row.operation.clone(),
            format!("{}, {}", row.peer, row.peer_operation),
            format!("{} ×", spread(row.times, 1)),
        ]
    });
    let beside: Vec<_> = beside.collect();
    if !beside.is_empty() {
        text.push('\n');
        text += &table(&BESIDE, &beside);
    }
    for (heading, rows) in [
        ("logins", &results.logins),
        ("subscribers", &results.subscribers),
    ] {
        let rows = rows.iter().map(|row| {
            let digits = if row.value.median < 10.0 { 2 } else { 1 };
            vec![
                row.name.clone(),
                spread(row.value, digits),
                row.unit.clone(),
            ]
        });
        text.push('\n');
        text += &table(&[heading, "value", "unit"], &rows.collect::<Vec<_>>());
    }
    text.push('\n');
    text + &sizing::render(results)
}

/// The machine and the versions, in four lines.
pub(crate) fn describe(machine: &Machine) -> String {
    format!(
        "{}, {} cores of {}, {} GiB, Linux {}\nfiles on {}\nload average before: {}, after: {}\n{}",
        machine.date,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.file_system,
        machine.load_before,
        machine.load_after,
        machine.versions.join(", "),
    )
}

fn request(row: &RequestRow) -> Vec<String> {
    vec![
        row.server.clone(),
        row.operation.clone(),
        row.connections.to_string(),
        spread(row.cpu_microseconds, 1),
        spread(row.cpu_ratio, 1),
        spread(row.per_second, 0),
        format!(
            "{:.2} / {:.2}",
            row.p50_milliseconds.median, row.p99_milliseconds.median
        ),
        format!("{:.0} %", row.generator_cpu_percent.median),
    ]
}

/// The median with the extremes, or one value if all are equal.
pub(crate) fn spread(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    let text = format!("{median:.digits$}");
    let [min, max] = [min, max].map(|value| format!("{value:.digits$}"));
    if min == max {
        text
    } else {
        format!("{text} ({min}–{max})")
    }
}

/// A table whose columns are padded to the same width.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or_default().max(heading.chars().count())
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for (cell, &width) in cells.zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, " {cell:<width$} |");
        }
        line + "\n"
    };
    let mut text = line(&mut headings.iter().copied());
    let rules: Vec<_> = widths.iter().map(|&width| "-".repeat(width)).collect();
    text += &line(&mut rules.iter().map(String::as_str));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// A number with a comma before each group of three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1 µs".to_owned()]];
        assert_eq!(
            table(&["name", "b"], &rows),
            "| name | b    |\n| ---- | ---- |\n| a    | 1 µs |\n"
        );
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let numbers = [1, 12, 123, 1_234, 123_456, 1_234_567];
        assert_eq!(
            numbers.map(thousands),
            ["1", "12", "123", "1,234", "123,456", "1,234,567"]
        );
    }
}
