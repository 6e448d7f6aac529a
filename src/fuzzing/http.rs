//! The front door for HTTP.

use super::node::Node;

/// The bytes that a client sends on a connection.
///
/// # Panics
/// If the server does not respond in HTTP, or with an internal error.
pub fn http(data: &[u8]) {
    let received = Node::get().send(data);
    if received.is_empty() {
        return;
    }
    assert!(received.starts_with(b"HTTP/1."), "{}", shown(&received));
    check_text(&received);
}

/// Checks that the server sent no internal error and no status of one.
///
/// # Panics
/// If it did.
pub(super) fn check_text(received: &[u8]) {
    for failure in [&b"\"INTERNAL\""[..], b"HTTP/1.1 500", b"HTTP/1.1 502"] {
        let contains = received.windows(failure.len()).any(|part| part == failure);
        assert!(!contains, "{}", shown(received));
    }
}

/// Returns what the server sent, for a message.
pub(super) fn shown(received: &[u8]) -> String {
    received.escape_ascii().to_string()
}
