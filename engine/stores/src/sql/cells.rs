//! Cells of a row, read into the words of the factory; one that cannot be read is named by table, column and key.

use std::fmt::Display;
use std::str::FromStr;

use engine_ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vocab::Timestamp;

use crate::dialect::{Cell, Row};

/// A table, for messages: its name and the columns that make its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
}

/// A row of a table.
pub(crate) struct Cells<'r> {
    table: Table,
    row: &'r Row,
}

impl Table {
    pub(crate) const fn cells(self, row: &Row) -> Cells<'_> {
        Cells { table: self, row }
    }
}

impl<'r> Cells<'r> {
    /// The cell as the database has it.
    pub(crate) fn get<T: Cell<'r>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|error| self.damaged(column, error))
    }

    /// A number that may not be negative, or only of a certain size.
    pub(crate) fn number<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.get::<i64>(column)?).map_err(|error| self.damaged(column, error))
    }

    /// A truth value, kept as 0 or 1.
    pub(crate) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        match self.get::<i64>(column)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(column, format!("{other} is neither 0 nor 1"))),
        }
    }

    /// A moment.
    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.get(column).map(Timestamp::from_millis)
    }

    /// A moment that may be absent.
    pub(crate) fn some_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A text that has a form: an id, a digest, a state.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.get::<&str>(column)?.parse().map_err(|error| self.damaged(column, error))
    }

    /// A text with a form that may be absent.
    pub(crate) fn some_parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(str::parse).transpose().map_err(|error| self.damaged(column, error))
    }

    /// A structured value.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(column)?).map_err(|error| self.damaged(column, error))
    }

    /// A structured value that may be absent.
    pub(crate) fn some_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<&str>>(column)?;
        text.map(serde_json::from_str).transpose().map_err(|error| self.damaged(column, error))
    }

    fn damaged(&self, column: &str, reason: impl Display) -> StoreError {
        let part = |key: &&str| {
            let text = self.row.try_get::<String>(key).ok();
            let number = || self.row.try_get::<i64>(key).ok().map(|number| number.to_string());
            text.or_else(number).unwrap_or_else(|| "?".to_owned())
        };
        let key: Vec<_> = self.table.key.iter().map(part).collect();
        StoreError::Damaged {
            row: format!("{}.{column} of `{}`", self.table.name, key.join("`, `")),
            reason: reason.to_string(),
        }
    }
}

/// A number for a BIGINT column.
pub(crate) fn bigint(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Malformed {
        what: format!("number {number}"),
        reason: "it does not fit into 63 bits".to_owned(),
    })
}

/// A structured value for a TEXT column.
pub(crate) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Malformed { what: "value".to_owned(), reason: error.to_string() })
}
