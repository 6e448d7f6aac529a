//! Large databases. The store writes the first users, and the others are copies of the first one
//! with ids, tokens and numbers of their own, written by SQL.
//!
//! All that is known about the layout is here. Copies need no column names: whatever value contains
//! an id of the first user gets that of the copy in its place.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, params_from_iter, types::Value};

use crate::data::known_values;

/// The user whose rows are copied.
const TEMPLATE: u32 = 0;

/// The number of user copies between two lines of progress.
const PROGRESS: u32 = 1_000_000;

/// Adds copies until the file has this number of users, of which it has `present`.
pub(super) fn add_users(database: &Path, present: u32, users: u32) -> Result<()> {
    let connection = Connection::open(database)?;
    // Nobody else reads the file, and a file that is left incomplete is never used.
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN;",
    )?;
    let tables: Vec<_> = table_names(&connection)?
        .iter()
        .map(|table| Table::read(&connection, table))
        .collect::<Result<_>>()?;
    ensure!(
        tables.iter().any(|table| !table.rows.is_empty()),
        "no row of the first user was found"
    );
    let mut statements = Vec::new();
    for table in &tables {
        statements.push(connection.prepare(&table.insert)?);
    }
    for number in present..users {
        let values = known_values(number);
        for (table, insert) in tables.iter().zip(&mut statements) {
            for row in &table.rows {
                insert.execute(params_from_iter(row.iter().map(|cell| cell.fill(&values))))?;
            }
        }
        if (number + 1) % PROGRESS == 0 {
            eprintln!("  {} users", number + 1);
        }
    }
    drop(statements);
    connection.execute_batch("COMMIT; PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL;")?;
    // As fsync does, so that later measurements do not pay for it.
    fs::File::open(database)?.sync_all()?;
    Ok(())
}

/// Gives a user a log of this many alerts: copies of the first one.
pub(super) fn extend_log(connection: &Connection, user: u32, alerts: u32) -> Result<()> {
    let id = &known_values(user)[0];
    let columns = columns(connection, "records")?;
    ensure!(
        columns.iter().any(|column| column == "number"),
        "the alerts have another layout"
    );
    let list = |replaced: &str| {
        let columns = columns.iter().map(|column| match column.as_str() {
            "number" => replaced,
            other => other,
        });
        columns.collect::<Vec<_>>().join(", ")
    };
    connection.execute(
        &format!(
            "WITH RECURSIVE copies (copy) AS
                 (SELECT 2 UNION ALL SELECT copy + 1 FROM copies WHERE copy < ?2)
             INSERT INTO records ({})
             SELECT {} FROM records JOIN copies
             WHERE user = ?1 AND part = 2 AND number = 1 AND ?2 > 1",
            list("number"),
            list("copy")
        ),
        (id, alerts),
    )?;
    let changed = connection.execute(
        "UPDATE records SET last_alert = ?2 WHERE user = ?1 AND part = 0",
        (id, alerts),
    )?;
    ensure!(changed == 1, "user {user} is missing");
    Ok(())
}

/// Fails if the file system of this folder has less space than this.
pub(super) fn ensure_space(folder: &Path, bytes: u64) -> Result<()> {
    let output = Command::new("df")
        .args(["--output=avail", "--block-size=1"])
        .arg(folder)
        .output()
        .context("cannot run df")?;
    let text = String::from_utf8(output.stdout)?;
    let available = text.lines().nth(1).unwrap_or_default().trim();
    let available: u64 = available.parse().context("the free space is unknown")?;
    ensure!(
        available > bytes,
        "the files need {} MB, and {} has {} MB free",
        bytes / 1_000_000,
        folder.display(),
        available / 1_000_000
    );
    Ok(())
}

fn table_names(connection: &Connection) -> Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let names = names.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// Returns the columns of a table, without a number that SQLite assigns to each row.
fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut columns = connection.prepare(
        "SELECT name FROM pragma_table_info(?1) WHERE NOT (pk = 1 AND type = 'INTEGER'
             AND (SELECT max(pk) FROM pragma_table_info(?1)) = 1)",
    )?;
    let columns = columns.query_map([table], |row| row.get(0))?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

/// A table, and the rows of the template user in it.
struct Table {
    insert: String,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    fn read(connection: &Connection, name: &str) -> Result<Self> {
        let known = known_values(TEMPLATE);
        let columns = columns(connection, name)?;
        let mut select =
            connection.prepare(&format!("SELECT {} FROM {name}", columns.join(", ")))?;
        let mut rows = Vec::new();
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let cells: Vec<_> = (0..columns.len())
                .map(|column| Ok(Cell::new(row.get(column)?, &known)))
                .collect::<Result<_>>()?;
            if cells.iter().any(|cell| !cell.places.is_empty()) {
                rows.push(cells);
            }
        }
        let gaps: Vec<_> = (1..=columns.len())
            .map(|column| format!("?{column}"))
            .collect();
        let (columns, gaps) = (columns.join(", "), gaps.join(", "));
        Ok(Self {
            insert: format!("INSERT INTO {name} ({columns}) VALUES ({gaps})"),
            rows,
        })
    }
}

/// A value of the template, and where the values of its user are in it.
#[derive(Debug, PartialEq)]
struct Cell {
    value: Value,
    /// A place in the bytes, and the index of the known value that begins there.
    places: Vec<(usize, usize)>,
}

impl Cell {
    fn new(value: Value, known: &[Vec<u8>]) -> Self {
        let bytes = match &value {
            Value::Text(text) => text.as_bytes(),
            Value::Blob(bytes) => bytes,
            _ => &[],
        };
        let mut places = Vec::new();
        for start in 0..bytes.len() {
            let found = known
                .iter()
                .position(|known| bytes[start..].starts_with(known));
            places.extend(found.map(|index| (start, index)));
        }
        Self { value, places }
    }

    /// The value of the user with these values.
    fn fill(&self, values: &[Vec<u8>]) -> Value {
        let replaced = |mut bytes: Vec<u8>| {
            for &(start, index) in &self.places {
                let value = &values[index];
                bytes[start..start + value.len()].copy_from_slice(value);
            }
            bytes
        };
        match &self.value {
            Value::Blob(bytes) => Value::Blob(replaced(bytes.clone())),
            Value::Text(text) if !self.places.is_empty() => {
                let bytes = replaced(text.clone().into_bytes());
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_own_values_wherever_the_template_has_its_values() {
        let known = [b"template".to_vec(), b"+49".to_vec()];
        let own = [b"the copy".to_vec(), b"+43".to_vec()];
        let copy = |value| Cell::new(value, &known).fill(&own);
        assert_eq!(
            copy(Value::Blob(b"<template, +49, template>".to_vec())),
            Value::Blob(b"<the copy, +43, the copy>".to_vec())
        );
        assert_eq!(
            copy(Value::Text("+49 1".to_owned())),
            Value::Text("+43 1".to_owned())
        );
        for value in [Value::Integer(7), Value::Null, Value::Text("x".to_owned())] {
            assert_eq!(copy(value.clone()), value);
        }
    }
}
