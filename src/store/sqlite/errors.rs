//! Converts SQLite's errors to those of the store.

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Returns a function that converts an error of a query of `record`: a record of this kind is
/// damaged, or the store is unavailable.
pub(super) fn classify(record: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged {
            record,
            source: error.into(),
        },
        error => unavailable(&error),
    }
}

/// Converts an error to [`StoreError::Unavailable`]. Names the cause of a lock error, because
/// SQLite reports only that the file is locked.
pub(super) fn unavailable(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds the file locked ({error})").into()
        }
        _ => error.to_string().into(),
    })
}
