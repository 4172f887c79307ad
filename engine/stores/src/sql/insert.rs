//! Many rows in one statement: each statement is a trip to the database's thread and back, and the one writer
//! makes the trips of everybody.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use crate::dialect::Connection;

/// Rows that one statement may write. A full statement stays far below the databases' bounds on parameters, and
/// the connection keeps one prepared for each number of rows.
pub(super) const ROWS: usize = 32;

/// An `INSERT` for any number of rows.
pub(super) struct Insert {
    /// Up to the list of columns.
    pub(super) head: &'static str,
    /// How many columns that are.
    pub(super) columns: usize,
    /// What follows the values.
    pub(super) tail: &'static str,
}

impl Insert {
    /// The statement for `rows` rows on `connection`: parameters count on from row to row.
    pub(super) fn sql(&self, rows: usize, connection: &Connection<'_>) -> AssertSqlSafe<String> {
        self.written(rows, |number| connection.parameter(number))
    }

    fn written(&self, rows: usize, parameter: impl Fn(usize) -> Cow<'static, str>) -> AssertSqlSafe<String> {
        let row = |row: usize| {
            let cells: Vec<_> = (1..=self.columns).map(|cell| parameter(row * self.columns + cell)).collect();
            format!("({})", cells.join(", "))
        };
        let values: Vec<_> = (0..rows).map(row).collect();
        // Only constants and numbers of parameters went into it.
        AssertSqlSafe(format!("{} VALUES {} {}", self.head, values.join(", "), self.tail))
    }
}

/// The last row of each key, in the order of the keys: PostgreSQL writes over a row only once in a statement.
pub(super) fn last_of_each<'r, T, K: Ord>(rows: &'r [T], key: impl Fn(&'r T) -> K) -> Vec<&'r T> {
    rows.iter().map(|row| (key(row), row)).collect::<BTreeMap<_, _>>().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_count_on_from_row_to_row() {
        let insert = Insert { head: "INSERT INTO t (a, b)", columns: 2, tail: "ON CONFLICT DO NOTHING" };
        let numbered = insert.written(2, |number| format!("${number}").into());
        assert_eq!(numbered.0, "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
    }
}
