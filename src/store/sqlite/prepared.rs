//! The statements of the writer. rusqlite's cache finds a statement by its text, which takes 1,500
//! instructions for one that names many columns. The writer holds its statements instead.

use std::{cell::RefCell, fmt, ptr};

use rusqlite::{Connection, Params, Statement};

/// The writer's connection, and its prepared statements.
pub(super) struct Prepared<'c> {
    pub connection: &'c Connection,
    /// One for each place in the code that executes a statement, in the order of their first use.
    statements: RefCell<Vec<Held<'c>>>,
}

struct Held<'c> {
    sql: &'static str,
    statement: Statement<'c>,
}

impl<'c> Prepared<'c> {
    pub(super) const fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            statements: RefCell::new(Vec::new()),
        }
    }

    /// Executes a statement that returns no rows. Returns the number of rows that it has changed.
    pub(super) fn execute(
        &self,
        sql: &'static str,
        params: impl Params,
    ) -> rusqlite::Result<usize> {
        let mut statements = self.statements.borrow_mut();
        // The same text at the same address: each place has one text.
        let held = statements.iter().position(|held| ptr::eq(held.sql, sql));
        let index = if let Some(index) = held {
            index
        } else {
            let statement = self.connection.prepare(sql)?;
            statements.push(Held { sql, statement });
            statements.len() - 1
        };
        statements[index].statement.execute(params)
    }

    /// Begins a transaction that may write.
    pub(super) fn begin(&self) -> rusqlite::Result<Transaction<'_, 'c>> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        self.execute(BEGIN, [])?;
        Ok(Transaction { statements: self })
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

/// A transaction, which is rolled back unless it is committed.
#[derive(Debug)]
pub(super) struct Transaction<'a, 'c> {
    statements: &'a Prepared<'c>,
}

impl Transaction<'_, '_> {
    pub(super) fn commit(self) -> rusqlite::Result<()> {
        const COMMIT: &str = "COMMIT";
        self.statements.execute(COMMIT, []).map(drop)
    }
}

impl Drop for Transaction<'_, '_> {
    fn drop(&mut self) {
        // SQLite rolls back some failed transactions itself.
        if !self.statements.connection.is_autocommit() {
            let _ = self.statements.connection.execute_batch("ROLLBACK");
        }
    }
}
