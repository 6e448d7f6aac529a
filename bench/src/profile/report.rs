//! A profile in numbers and as text.

use std::{collections::HashMap, fmt::Write as _};

use serde::Serialize;

use super::{
    output::Counts,
    parts::{crate_of, part_of},
};
use crate::table::table;

/// The profile of an operation.
#[derive(Debug, Serialize)]
pub struct OperationProfile {
    /// The name of the server.
    pub server: String,
    /// The name of the operation.
    pub operation: String,
    /// The number of connections.
    pub connections: u32,
    /// The number of requests that were counted.
    pub requests: u32,
    /// The instructions of the server's process a request.
    pub instructions: f64,
    /// The system calls of the server's process a request, without those that read a clock.
    pub system_calls: f64,
    /// The same for each function of the C library that makes system calls.
    pub system_calls_by_function: Vec<Share>,
    /// The instructions a request of each part of the server: some crates that belong together.
    pub parts: Vec<Share>,
    /// The instructions a request of each crate, inlined code included.
    pub crates: Vec<Share>,
    /// The instructions a request of each source file, inlined code included.
    pub files: Vec<Share>,
    /// The instructions a request of each function itself, inlined code included.
    pub functions: Vec<Share>,
    /// The instructions a request of each function and of those that it calls.
    pub functions_inclusive: Vec<Share>,
}

/// A part of a profile.
#[derive(Debug, Clone, Serialize)]
pub struct Share {
    /// The name of the part.
    pub name: String,
    /// Instructions or calls a request.
    pub per_request: f64,
    /// The part of the whole in percent.
    pub percent: f64,
}

/// A part that is smaller than this, in percent, is not listed in JSON.
const SMALLEST_PERCENT: f64 = 0.05;

impl OperationProfile {
    /// The profile of this number of requests.
    pub(super) fn new(
        server: &str,
        operation: &str,
        connections: u32,
        requests: u32,
        counts: &Counts,
    ) -> Self {
        let instructions = |parts| shares(parts, counts.total, requests);
        let (mut own, mut inclusive) = (HashMap::new(), HashMap::new());
        let (mut crates, mut calls) = (HashMap::new(), HashMap::new());
        for (name, function) in &counts.functions {
            // callgrind adds `'2` to the name of a function that is called by itself. What it costs
            // is a part of the first call.
            let (first, is_nested) = match name.rsplit_once('\'') {
                Some((first, level)) if level.parse::<u32>().is_ok() => (first, true),
                _ => (name.as_str(), false),
            };
            *own.entry(first.to_owned()).or_default() += function.own;
            if !is_nested {
                inclusive.insert(first.to_owned(), function.inclusive);
            }
            // Without valgrind, a clock is read without a system call (vdso(7)).
            if function.is_system_call() && !first.starts_with("clock_gettime") {
                *calls.entry(first.to_owned()).or_default() += function.calls;
            }
        }
        let mut parts = HashMap::new();
        for (file, count) in &counts.files {
            let name = crate_of(file);
            *parts.entry(part_of(&name).to_owned()).or_default() += count;
            *crates.entry(name).or_default() += count;
        }
        let all_calls = calls.values().sum();
        Self {
            server: server.to_owned(),
            operation: operation.to_owned(),
            connections,
            requests,
            instructions: ratio(counts.total, requests),
            system_calls: ratio(all_calls, requests),
            system_calls_by_function: shares(calls, all_calls, requests),
            parts: instructions(parts),
            crates: instructions(crates),
            files: instructions(counts.files.clone()),
            functions: instructions(own),
            functions_inclusive: instructions(inclusive),
        }
    }
}

fn shares(parts: HashMap<String, u64>, total: u64, requests: u32) -> Vec<Share> {
    let mut shares: Vec<_> = parts
        .into_iter()
        .map(|(name, count)| Share {
            name,
            per_request: ratio(count, requests),
            percent: ratio(count * 100, total),
        })
        .filter(|share| share.percent >= SMALLEST_PERCENT)
        .collect();
    // Names break ties, so that equal profiles have equal texts.
    shares.sort_by(|a, b| {
        let by_size = b.per_request.total_cmp(&a.per_request);
        by_size.then_with(|| a.name.cmp(&b.name))
    });
    shares
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn ratio(count: u64, divisor: impl Into<u64>) -> f64 {
    count as f64 / divisor.into().max(1) as f64
}

/// The tables of these profiles, with this number of lines for each.
pub(super) fn render(profiles: &[OperationProfile], lines: usize) -> String {
    let mut text = summary(profiles);
    for profile in profiles {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n## {}: {}\n", profile.server, profile.operation);
        let parts = [
            ("system calls", &profile.system_calls_by_function, 2),
            ("part", &profile.parts, 0),
            ("crate", &profile.crates, 0),
            ("file", &profile.files, 0),
            ("function itself", &profile.functions, 0),
            (
                "function with those it calls",
                &profile.functions_inclusive,
                0,
            ),
        ];
        for (heading, shares, digits) in parts {
            let rows = shares.iter().take(lines).map(|share| {
                vec![
                    shorten(&share.name),
                    format!("{:.digits$}", share.per_request),
                    format!("{:.1} %", share.percent),
                ]
            });
            let rows: Vec<_> = rows.collect();
            text += &table(&[heading, "a request", "share"], &rows);
            text.push('\n');
        }
    }
    text
}

/// One line for each profile.
fn summary(profiles: &[OperationProfile]) -> String {
    let bare = profiles.iter().find(|profile| profile.operation == "GET /");
    let rows = profiles.iter().map(|profile| {
        let multiple = bare.map_or_else(String::new, |bare| {
            format!("{:.2}", profile.instructions / bare.instructions)
        });
        vec![
            profile.server.clone(),
            profile.operation.clone(),
            profile.connections.to_string(),
            format!("{:.0}", profile.instructions),
            multiple,
            format!("{:.2}", profile.system_calls),
        ]
    });
    let headings = [
        "server",
        "operation",
        "at once",
        "instructions",
        "× bare axum",
        "system calls",
    ];
    table(&headings, &rows.collect::<Vec<_>>())
}

/// The maximum number of characters of a name in a table.
const MAX_NAME: usize = 100;

/// Shortens the path of a file, and a name that is longer than a line.
fn shorten(name: &str) -> String {
    // After each of them comes an index or a hash.
    let long = ["/registry/src/", "/rustc/"];
    let path = long
        .iter()
        .find_map(|start| name.split_once(start)?.1.split_once('/'));
    let path = path.map_or(name, |(_, path)| path);
    if path.chars().count() <= MAX_NAME {
        return path.to_owned();
    }
    path.chars().take(MAX_NAME - 1).chain(['…']).collect()
}
