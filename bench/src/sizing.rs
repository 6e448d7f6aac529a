//! What a machine can carry, computed from the figures of a run.

use crate::{
    commits::BATCH,
    operations::Operation,
    results::{FigureRow, RequestRow, Results},
    servers::ServerKind,
    table::{table, thousands},
};

/// The headings.
const HEADINGS: [&str; 3] = ["capacity", "value", "computed from the medians"];

/// Returns the table. A line whose figures were not measured is left out.
pub(crate) fn render(results: &Results) -> String {
    let request = |operation: Operation, connections: Option<u32>| {
        results.requests.iter().find(|row| {
            row.server == ServerKind::Sessiond.name()
                && row.operation == operation.name()
                && connections.is_none_or(|number| row.connections == number)
        })
    };
    let subscribers = |start: &str| {
        let mut rows = results.subscribers.iter();
        rows.find(|row| row.name.starts_with(start))
    };
    let mut rows = Vec::new();
    for (name, row) in [
        (
            "`/verify` a second and core",
            request(Operation::Verify, None),
        ),
        (
            "`currentSession` a second and core",
            request(Operation::CurrentSession, None),
        ),
        (
            "`user` with two sessions a second and core",
            request(Operation::User, None),
        ),
        (
            "durable logins a second and core, many at once",
            request(Operation::Login, Some(BATCH)),
        ),
        (
            "durable logins a second and core, one at a time",
            request(Operation::Login, Some(1)),
        ),
    ] {
        rows.extend(row.map(|row| per_core(name, row.cpu_microseconds.median)));
    }
    rows.extend(request(Operation::Login, Some(1)).map(one_writer));
    rows.extend(
        subscribers("CPU time of a login with its alert, 100")
            .map(|row| per_core("logins with an alert a second and core", row.value.median)),
    );
    rows.extend(subscribers("resident memory").map(per_gibibyte));
    rows.push([
        "file for a million sessions, with their alerts".to_owned(),
        format!("{} MB", results.bytes_per_session),
        format!("10⁶ × {} bytes", results.bytes_per_session),
    ]);
    let rows: Vec<_> = rows.into_iter().map(Vec::from).collect();
    table(&HEADINGS, &rows)
}

fn per_core(name: &str, microseconds: f64) -> [String; 3] {
    [
        name.to_owned(),
        count(1e6 / microseconds),
        format!("10⁶ µs ÷ {microseconds:.1} µs of CPU"),
    ]
}

/// One client that waits for each of its logins.
fn one_writer(row: &RequestRow) -> [String; 3] {
    let measured = row.per_second.median;
    [
        "logins a second of one client, which waits for each".to_owned(),
        count(measured),
        "measured".to_owned(),
    ]
}

fn per_gibibyte(row: &FigureRow) -> [String; 3] {
    let kilobytes = row.value.median;
    [
        "idle subscribers a GiB".to_owned(),
        count(1024.0 * 1024.0 * 1.024 / kilobytes),
        format!("2³⁰ bytes ÷ {kilobytes:.1} kB"),
    ]
}

/// A number with three significant digits, because the others are noise.
fn count(number: f64) -> String {
    let unit = 10_f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number to print"
    )]
    thousands(((number / unit).floor() * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_have_three_significant_digits_and_are_never_rounded_up() {
        for (number, expected) in [
            (39_999.9, "39,900"),
            (3_378.4, "3,370"),
            (52.9, "52"),
            (1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn a_core_serves_as_many_requests_as_fit_in_a_second() {
        let [_, value, formula] = per_core("checks", 25.0);
        assert_eq!(
            (value.as_str(), formula.as_str()),
            ("40,000", "10⁶ µs ÷ 25.0 µs of CPU")
        );
    }
}
