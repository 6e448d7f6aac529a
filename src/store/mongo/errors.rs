//! Classifies and describes the driver's errors. The descriptions never quote a document: a message
//! of the server may contain a mobile number (the value of a duplicate key) or a whole command.

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::store::{BoxError, StoreError};

/// The server's error code for a value that a unique index contains already.
pub(super) const DUPLICATE_KEY: i32 = 11000;

pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError::Unavailable(describe(error).into())
}

pub(super) fn damaged(record: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Damaged {
        record,
        source: source.into(),
    }
}

/// Describes the error in one line: its kind. For a server's message, only the code and its name.
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
            None => "the server rejected a write".to_owned(),
        },
        ErrorKind::Io(error) => format!("the connection failed: {error}"),
        ErrorKind::ServerSelection { message, .. } => {
            format!("no server is available: {}", selection_causes(message))
        }
        ErrorKind::ConnectionPoolCleared { .. } => "the connection was lost".to_owned(),
        ErrorKind::Authentication { .. } => "the server rejected the credentials".to_owned(),
        ErrorKind::InvalidTlsConfig { .. } => "the TLS settings are wrong".to_owned(),
        ErrorKind::Shutdown => "the store is closed".to_owned(),
        ErrorKind::DnsResolve { .. } => "the host name could not be resolved".to_owned(),
        // The descriptions that this store makes itself.
        ErrorKind::Custom(_) => error.to_string(),
        _ => "the driver failed".to_owned(),
    }
}

/// Returns the last error of each server without duplicates, and without the driver's dump of the
/// topology. The driver has no typed form of these errors: this depends on its wording, which the
/// test below compares.
fn selection_causes(message: &str) -> String {
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
        Some((summary, _)) => summary.to_owned(),
        None => message.to_owned(),
    }
}

fn server_error(code: i32, name: &str) -> String {
    if name.is_empty() {
        format!("the server returned error {code}")
    } else {
        format!("the server returned error {code} ({name})")
    }
}

/// Returns the server's error code.
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

/// Returns true if an index with this name and another definition exists: IndexOptionsConflict or
/// IndexKeySpecsConflict.
pub(super) fn is_index_conflict(error: &Error) -> bool {
    matches!(code(error), Some(85 | 86))
}

pub(super) fn is_server_selection(error: &Error) -> bool {
    matches!(*error.kind, ErrorKind::ServerSelection { .. })
}

/// Returns true if the server was not reached. The other errors come from the server.
pub(super) fn is_connection(error: &Error) -> bool {
    matches!(
        *error.kind,
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    ) || is_server_selection(error)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[tokio::test]
    async fn the_wording_of_mongodb_3_9_1_is_reduced_to_the_cause() {
        // The port is free after the listener is dropped, so that the connection is refused.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let uri = format!("mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200");
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        let error = client
            .database("admin")
            .run_command(doc! { "ping": 1 })
            .await
            .unwrap_err();
        let full = error.to_string();
        assert!(
            full.contains(". Topology:") && full.contains("Error: Kind: "),
            "{full}"
        );
        let description = describe(&error);
        assert!(
            description.starts_with("no server is available: ") && description.contains("refused"),
            "{description}"
        );
        assert!(
            !description.contains("Topology") && !description.contains("labels"),
            "{description}"
        );
    }
}
