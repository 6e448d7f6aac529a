//! The figures of subscribers.

use super::FigureRow;
use crate::round::{Round, SubscriberFigures};

pub(super) fn rows(rounds: &[Round]) -> Vec<FigureRow> {
    let figures = || rounds.iter().filter_map(|round| round.subscribers.as_ref());
    let Some(SubscriberFigures { few, many, .. }) = figures().next() else {
        return Vec::new();
    };
    let row = |name: String, unit, value: fn(&SubscriberFigures) -> f64| {
        FigureRow::of(name, unit, figures().map(value))
    };
    [
        row(
            format!("resident memory of one of {many} idle subscribers"),
            "kB",
            |figures| figures.bytes / 1e3,
        ),
        row(
            format!("CPU time for {many} idle subscribers"),
            "% of a core",
            |figures| figures.idle_cpu_percent,
        ),
        row(
            format!("CPU time of a login with its alert, {few} other subscribers"),
            "µs",
            |figures| figures.alert_with_few,
        ),
        row(
            format!("CPU time of a login with its alert, {many} other subscribers"),
            "µs",
            |figures| figures.alert_with_many,
        ),
        row("their ratio".to_owned(), "×", |figures| {
            figures.alert_with_many / figures.alert_with_few
        }),
        row(
            format!("CPU time of a login without its alert, {many} other subscribers"),
            "µs",
            |figures| figures.login_without_alert,
        ),
        row(
            "alerts while their delay was measured".to_owned(),
            "a second",
            |figures| figures.alerts_per_second,
        ),
        row(
            "from a login's response to its alert, median".to_owned(),
            "ms",
            |figures| figures.delay_p50,
        ),
        row(
            "from a login's response to its alert, 99th percentile".to_owned(),
            "ms",
            |figures| figures.delay_p99,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
