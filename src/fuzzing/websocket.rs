//! The front door for WebSockets.

use serde_json::Value;

use super::{
    http::{check_text, shown},
    node::Node,
};

const HANDSHAKE: &[u8] = b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";

const INIT: &[u8] = br#"{"type":"connection_init"}"#;

/// Marks the payload of a frame as masked.
const MASKED: u8 = 0x80;

/// A length that does not fit into seven bits: it follows in 16 or in 64 bits (RFC 6455, section 5.2).
const LENGTH_IN_16_BITS: u8 = 0x7E;
const LENGTH_IN_64_BITS: u8 = 0x7F;

/// The types of the messages that a server sends in `graphql-transport-ws`.
const TYPES: [&str; 6] = [
    "connection_ack",
    "ping",
    "pong",
    "next",
    "error",
    "complete",
];

/// What a client sends after the handshake. If the first byte is odd, the client opens the
/// connection first. If its second bit is set, the rest are frames as they are, and otherwise each
/// line is a text message.
///
/// # Panics
/// If the server sends a frame or a message that the protocols do not allow, or an internal error.
pub fn websocket(data: &[u8]) {
    let Some((mode, content)) = data.split_first() else {
        return;
    };
    let node = Node::get();
    let content = node.with_token(content);
    let mut input = HANDSHAKE.to_vec();
    if mode & 1 == 1 {
        push_text(&mut input, INIT);
    }
    if mode & 2 == 2 {
        input.extend_from_slice(&content);
    } else {
        let lines = content.split(|byte| *byte == b'\n');
        lines.for_each(|line| push_text(&mut input, line));
    }
    let received = node.send(&input);
    if received.is_empty() {
        return;
    }
    check_text(&received);
    let end = received.windows(4).position(|part| part == b"\r\n\r\n");
    assert!(
        received.starts_with(b"HTTP/1.1 101"),
        "{}",
        shown(&received)
    );
    if let Some(end) = end {
        check_frames(&received[end + 4..]);
    }
}

/// Writes a text message as a client does. Its mask is zero, so a fuzzer can read and change it.
fn push_text(output: &mut Vec<u8>, text: &[u8]) {
    output.push(0x81);
    let length = text.len();
    if let Ok(length @ ..126) = u8::try_from(length) {
        output.push(MASKED | length);
    } else if let Ok(length) = u16::try_from(length) {
        output.push(MASKED | LENGTH_IN_16_BITS);
        output.extend(length.to_be_bytes());
    } else {
        output.push(MASKED | LENGTH_IN_64_BITS);
        output.extend(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }
    output.extend([0; 4]);
    output.extend_from_slice(text);
}

/// Checks the frames of the server: whole, not masked, and nothing after a close frame. The last one
/// may be cut off, because the client hangs up.
fn check_frames(mut rest: &[u8]) {
    let mut is_closed = false;
    while let Some((opcode, payload, after)) = frame(rest) {
        assert!(!is_closed, "a frame after the close frame: {}", shown(rest));
        match opcode {
            0x1 => check_message(payload),
            0x8 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let is_valid = code.is_none_or(
                    |code| matches!(code, 1000..=1003 | 1007..=1010 | 1012..=1014 | 4000..=4999),
                );
                assert!(is_valid, "close code {code:?}");
                assert!(payload.len() <= 125, "{}", shown(payload));
                is_closed = true;
            }
            0x9 | 0xA => assert!(payload.len() <= 125, "{}", shown(payload)),
            _ => panic!("opcode {opcode}: {}", shown(rest)),
        }
        rest = after;
    }
}

/// Splits off a frame: its opcode, its payload and the rest. `None` if it is cut off.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    assert_eq!(
        head[0] & 0xF0,
        0x80,
        "a fragment or a reserved bit: {}",
        shown(bytes)
    );
    assert_eq!(head[1] & 0x80, 0, "a masked frame: {}", shown(bytes));
    let (length, rest) = match head[1] {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        length => (usize::from(length), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((head[0] & 0x0F, payload, rest))
}

fn check_message(payload: &[u8]) {
    let message: Result<Value, _> = serde_json::from_slice(payload);
    let kind = message
        .as_ref()
        .ok()
        .and_then(|message| message["type"].as_str());
    assert!(
        kind.is_some_and(|kind| TYPES.contains(&kind)),
        "{}",
        shown(payload)
    );
}
