//! What the driver's errors mean, in words that quote no document: a server's message may hold a mobile number
//! (a duplicate key's value) or a whole command.

use mongodb::error::{
    Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};

use crate::store::{BoxError, StoreError};

/// The server says so where an index that is unique has the value already.
const DUPLICATE_KEY: i32 = 11000;

pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError::Unavailable(describe(error).into())
}

pub(super) fn damaged(what: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Damaged {
        what,
        source: source.into(),
    }
}

/// The error in one line: its kind, and of what the server said the code and its name only.
pub(super) fn describe(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Command(failure) => server_error(failure.code, &failure.code_name),
        ErrorKind::Write(WriteFailure::WriteError(failure)) => server_error(
            failure.code,
            failure.code_name.as_deref().unwrap_or_default(),
        ),
        ErrorKind::Write(WriteFailure::WriteConcernError(failure)) => {
            server_error(failure.code, &failure.code_name)
        }
        ErrorKind::InsertMany(_) | ErrorKind::BulkWrite(_) => match code(error) {
            Some(code) => server_error(code, ""),
            None => "the server refused a write".to_owned(),
        },
        ErrorKind::Io(error) => format!("the connection failed: {error}"),
        ErrorKind::ServerSelection { message, .. } => {
            format!("no server can be used: {}", selection(message))
        }
        ErrorKind::ConnectionPoolCleared { .. } => "the connection was lost".to_owned(),
        ErrorKind::Authentication { .. } => "the server refused the credentials".to_owned(),
        ErrorKind::InvalidTlsConfig { .. } => "the TLS settings are wrong".to_owned(),
        ErrorKind::Shutdown => "the store is closed".to_owned(),
        ErrorKind::Transaction { message, .. } => format!("transaction error: {message}"),
        ErrorKind::DnsResolve { .. } => "the host name cannot be looked up".to_owned(),
        _ => "the driver could not carry it out".to_owned(),
    }
}

/// Why no server was found, without the driver's drawing of all of them: what each said last, once.
fn selection(message: &str) -> String {
    let mut causes: Vec<_> = message
        .split("Error: Kind: ")
        .skip(1)
        .filter_map(|cause| cause.split_once(", labels:"))
        .map(|(cause, _)| cause)
        .collect();
    causes.sort_unstable();
    causes.dedup();
    match message.split_once(". Topology:") {
        Some(_) if !causes.is_empty() => causes.join("; "),
        Some((said, _)) => said.to_owned(),
        None => message.to_owned(),
    }
}

fn server_error(code: i32, name: &str) -> String {
    if name.is_empty() {
        format!("the server answered error {code}")
    } else {
        format!("the server answered error {code} ({name})")
    }
}

/// The server's code for what it refused.
pub(super) fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(failure) => Some(failure.code),
        ErrorKind::Write(WriteFailure::WriteError(failure)) => Some(failure.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(failure)) => Some(failure.code),
        ErrorKind::InsertMany(failures) => failures
            .write_errors
            .as_ref()
            .and_then(|errors| errors.first())
            .map(|failure| failure.code),
        _ => None,
    }
}

pub(super) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// An index of that name differs: IndexOptionsConflict, IndexKeySpecsConflict.
pub(super) fn is_index_conflict(error: &Error) -> bool {
    matches!(code(error), Some(85 | 86))
}

pub(super) fn is_server_selection(error: &Error) -> bool {
    matches!(*error.kind, ErrorKind::ServerSelection { .. })
}

/// The server was not reached, rather than it refused.
pub(super) fn is_connection(error: &Error) -> bool {
    matches!(
        *error.kind,
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    ) || is_server_selection(error)
}

/// Nothing of the transaction stands, and another attempt may succeed.
pub(super) fn is_transient(error: &Error) -> bool {
    error.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

/// The transaction may stand, or not.
pub(super) fn is_unknown(error: &Error) -> bool {
    error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
}
