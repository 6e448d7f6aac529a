//! The CPU time of a request as a bar chart in SVG.

use std::fmt::Write as _;

use crate::{
    operations::Operation,
    results::{RequestRow, Results},
    servers::ServerKind,
};

/// The width of the image in pixels.
const WIDTH: f64 = 760.0;

/// The left end of the bars. The names are left of it.
const LEFT: f64 = 376.0;

/// The length of the longest bar. Its value is right of it.
const LONGEST: f64 = 314.0;

/// The height of a line.
const LINE: f64 = 22.0;

/// The height of a bar.
const BAR: f64 = 14.0;

/// A bar that is more than this many times as long as the longest one of sessiond is cut, and a gap
/// shows that it is.
const MAX_MULTIPLE: f64 = 5.0;

/// The groups: a heading, and the operations whose bars it has.
const GROUPS: [(&str, &[Operation]); 3] = [
    (
        "Is the session valid?",
        &[
            Operation::Verify,
            Operation::CurrentSession,
            Operation::GetSession,
        ],
    ),
    ("A user with two sessions", &[Operation::User]),
    ("Nothing", &[Operation::Nothing, Operation::Health]),
];

/// Colors that are readable on a light and on a dark page.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#57606a}\
     .heading{font-weight:600}.own{fill:#1f883d}.other{fill:#8c959f}\
     @media(prefers-color-scheme:dark){text{fill:#9198a1}.own{fill:#3fb950}.other{fill:#656c76}}";

/// Returns the image.
pub(crate) fn render(results: &Results) -> String {
    let own = |row: &&RequestRow| row.server == ServerKind::Sessiond.name();
    let bars = || {
        results.requests.iter().filter(|row| {
            GROUPS
                .iter()
                .flat_map(|(_, operations)| *operations)
                .any(|operation| operation.name() == row.operation)
        })
    };
    let longest_own = bars().filter(own).map(value).fold(0.0, f64::max);
    let longest = bars().map(value).fold(0.0, f64::max);
    let scale = LONGEST
        / longest
            .min(longest_own * MAX_MULTIPLE)
            .max(f64::MIN_POSITIVE);
    let mut body = String::new();
    let mut y = LINE;
    for (heading, operations) in GROUPS {
        text(&mut body, 0.0, y, "heading", heading);
        y += LINE;
        let mut rows: Vec<_> = bars()
            .filter(|row| {
                operations
                    .iter()
                    .any(|operation| operation.name() == row.operation)
            })
            .collect();
        rows.sort_by(|a, b| value(a).total_cmp(&value(b)));
        for row in rows {
            let name = match operations {
                [_] => row.server.clone(),
                _ => format!("{}: {}", row.server, row.operation),
            };
            text(&mut body, 12.0, y, "", &name);
            bar(&mut body, y, row, scale);
            y += LINE;
        }
        y += LINE / 2.0;
    }
    let note = format!(
        "CPU time of a request as a multiple of bare axum; rounds: {}. The longest bars are cut.",
        results.rounds
    );
    text(&mut body, 0.0, y, "", &note);
    let height = y + LINE / 2.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{note}</title>\n\
         <style>{STYLE}</style>\n{body}</svg>"
    )
}

fn value(row: &RequestRow) -> f64 {
    row.cpu_ratio.median
}

fn bar(body: &mut String, y: f64, row: &RequestRow, scale: f64) {
    let length = value(row) * scale;
    let class = if row.server == ServerKind::Sessiond.name() {
        "own"
    } else {
        "other"
    };
    let top = y - BAR + 2.0;
    let mut rectangle = |x: f64, width: f64| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" \
             height=\"{BAR}\" rx=\"2\"/>"
        );
    };
    let is_cut = length > LONGEST + 0.5;
    if is_cut {
        rectangle(LEFT, LONGEST - 24.0);
        rectangle(LEFT + LONGEST - 16.0, 16.0);
    } else {
        rectangle(LEFT, length);
    }
    let end = LEFT + length.min(LONGEST) + 8.0;
    text(body, end, y, "", &format!("{:.1} ×", value(row)));
}

fn text(body: &mut String, x: f64, y: f64, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    // Writing to a string cannot fail.
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y}\">{content}</text>"
    );
}
