//! The messages of the subprotocol `graphql-transport-ws`, and the codes of its close frames
//! (`PROTOCOL.md` of github.com/enisdenjo/graphql-ws; RFC 6455, section 7.4, for codes below 3000).

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Response, ServerError};
use axum::extract::ws::CloseFrame;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value, error::Category};

use crate::graphql::{UncheckedRequest, json_problem};

/// The name of the subprotocol in the handshake.
pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// The maximum length of an operation's id in bytes. The server holds the id while the operation
/// runs.
const MAX_ID_LENGTH: usize = 128;

/// The maximum length of a close frame's reason in bytes (RFC 6455, 5.5).
const MAX_REASON_LENGTH: usize = 123;

/// A message of the client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Pong {
        #[serde(default, rename = "payload")]
        _payload: Option<Map<String, Value>>,
    },
    Subscribe {
        id: OperationId,
        #[serde(deserialize_with = "from_object")]
        payload: UncheckedRequest,
    },
    Complete {
        id: OperationId,
    },
}

impl ClientMessage {
    /// Parses the text of a message.
    ///
    /// # Errors
    /// Returns the reason for the close frame if the text is not a message.
    pub(super) fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let message: Map<String, Value> = serde_json::from_str(text.trim_start_matches('\u{FEFF}'))
            .map_err(|error| match error.classify() {
                Category::Data => Cow::from("A message must be a JSON object"),
                Category::Io | Category::Syntax | Category::Eof => {
                    format!("The message is not valid JSON: {}", json_problem(&error)).into()
                }
            })?;
        serde_json::from_value(Value::Object(message))
            .map_err(|_| "Not a complete message of graphql-transport-ws".into())
    }
}

/// Deserializes only an object. A derived `Deserialize` would also accept a list of the fields.
fn from_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let object = Map::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)
}

/// The id that a client gives to one of its operations: 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct OperationId(Arc<str>);

impl TryFrom<String> for OperationId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.len() {
            1..=MAX_ID_LENGTH => Ok(Self(text.into())),
            _ => Err("an id must have 1 to 128 bytes"),
        }
    }
}

/// A message of the server.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Next {
        id: OperationId,
        payload: Box<Response>,
    },
    /// A `next` message whose payload is already JSON.
    #[serde(skip)]
    NextJson {
        id: OperationId,
        payload: String,
    },
    /// The operation was not executed. No message with its id follows.
    Error {
        id: OperationId,
        payload: Vec<ServerError>,
    },
    Complete {
        id: OperationId,
    },
}

impl ServerMessage {
    /// Returns the text of the message.
    ///
    /// # Errors
    /// Returns an error if a value has no form in JSON.
    pub(super) fn to_text(&self) -> serde_json::Result<String> {
        match self {
            Self::NextJson { id, payload } => {
                let id = serde_json::to_string(id)?;
                Ok(format!(
                    r#"{{"type":"next","id":{id},"payload":{payload}}}"#
                ))
            }
            message => serde_json::to_string(message),
        }
    }
}

/// The reason why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Close {
    /// 1001: the server is shutting down. The client can reconnect to another node, or to this one
    /// later.
    GoingAway,
    /// 1002: the client did not send a valid WebSocket frame.
    ProtocolError,
    /// 1007: a text message was not UTF-8.
    NotText,
    /// 1009: a message exceeded `--max-body`.
    TooLong,
    /// 1013: the store is unavailable, so the client cannot be authenticated.
    TryAgainLater,
    /// 1013: the node has so many sockets that it accepts only those of active sessions.
    TooManySockets,
    /// 4400: a message is not valid in the subprotocol. The text is the reason.
    BadRequest(Cow<'static, str>),
    /// 4401: the client started an operation before `connection_init`.
    Unauthorized,
    /// 4403: the credentials of `connection_init` are not valid.
    Forbidden,
    /// 4408: `connection_init` did not arrive in time.
    InitTimeout,
    /// 4409: an operation with this id is still running.
    DuplicateId(OperationId),
    /// 4429: the client sent a second `connection_init`.
    SecondInit,
    /// 4440 (specific to sessiond): the socket has too many running operations.
    TooManyOperations,
    /// 4441 (specific to sessiond): the client did not read its messages for too long. It can
    /// receive the missed alerts from the log with `after`.
    Stalled,
    /// 4442 (specific to sessiond): the service key of `connection_init` was removed, has expired,
    /// or has lost a scope.
    KeyRevoked,
}

impl Close {
    /// Returns the code of the close frame.
    pub(super) const fn code(&self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::NotText => 1007,
            Self::TooLong => 1009,
            Self::TryAgainLater | Self::TooManySockets => 1013,
            Self::BadRequest(_) => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden => 4403,
            Self::InitTimeout => 4408,
            Self::DuplicateId(_) => 4409,
            Self::SecondInit => 4429,
            Self::TooManyOperations => 4440,
            Self::Stalled => 4441,
            Self::KeyRevoked => 4442,
        }
    }

    fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::GoingAway => "The server is shutting down".into(),
            Self::ProtocolError => "Not a WebSocket frame".into(),
            Self::NotText => "A text message must be UTF-8".into(),
            Self::TooLong => "The message is too long".into(),
            Self::TryAgainLater => "The server is unavailable".into(),
            Self::TooManySockets => "The server has too many open WebSockets".into(),
            Self::BadRequest(problem) => problem.clone(),
            Self::Unauthorized => "Unauthorized".into(),
            Self::Forbidden => "Forbidden".into(),
            Self::InitTimeout => "Connection initialisation timeout".into(),
            Self::DuplicateId(OperationId(id)) => {
                format!("Subscriber for {id} already exists").into()
            }
            Self::SecondInit => "Too many initialisation requests".into(),
            Self::TooManyOperations => "Too many operations on one socket".into(),
            Self::Stalled => "Messages were not read for too long".into(),
            Self::KeyRevoked => "The service key is no longer valid".into(),
        }
    }

    /// Returns the close frame with the code and the reason.
    pub(super) fn frame(&self) -> CloseFrame {
        let reason = self.reason();
        let end = reason.floor_char_boundary(MAX_REASON_LENGTH);
        CloseFrame {
            code: self.code(),
            reason: reason[..end].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_named_as_the_problem() {
        let reason = ClientMessage::parse(r#"{"type":"ping","payload":{"a":"\ud83d"}}"#);
        assert_eq!(
            reason.unwrap_err(),
            "The message is not valid JSON: one half of a surrogate pair in a string at line 1 \
             column 38"
        );
    }

    /// A value of each variant.
    fn every_close() -> Vec<Close> {
        let id = OperationId::try_from("a".to_owned()).unwrap();
        let all = vec![
            Close::GoingAway,
            Close::ProtocolError,
            Close::NotText,
            Close::TooLong,
            Close::TryAgainLater,
            Close::TooManySockets,
            Close::BadRequest("a".into()),
            Close::Unauthorized,
            Close::Forbidden,
            Close::InitTimeout,
            Close::DuplicateId(id),
            Close::SecondInit,
            Close::TooManyOperations,
            Close::Stalled,
            Close::KeyRevoked,
        ];
        // A new variant does not compile here until the list above has it too.
        for close in &all {
            match close {
                Close::GoingAway
                | Close::ProtocolError
                | Close::NotText
                | Close::TooLong
                | Close::TryAgainLater
                | Close::TooManySockets
                | Close::BadRequest(_)
                | Close::Unauthorized
                | Close::Forbidden
                | Close::InitTimeout
                | Close::DuplicateId(_)
                | Close::SecondInit
                | Close::TooManyOperations
                | Close::Stalled
                | Close::KeyRevoked => {}
            }
        }
        all
    }

    #[test]
    fn the_page_of_errors_and_the_page_of_the_transport_list_each_close_code() {
        let mut codes: Vec<u16> = every_close().iter().map(Close::code).collect();
        // A row has all reasons of its code.
        codes.dedup();
        for page in [
            include_str!("../../../docs/errors.md"),
            include_str!("../../../docs/transport.md"),
        ] {
            let rows = page
                .lines()
                .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
            let listed: Vec<u16> = rows
                .flat_map(|cell| cell.split(", "))
                .filter_map(|code| code.parse().ok())
                .filter(|code| *code >= 1000)
                .collect();
            assert_eq!(listed, codes);
        }
    }

    #[test]
    fn a_long_reason_is_cut_to_fit_into_a_close_frame() {
        let id = OperationId::try_from(format!("a{}", "é".repeat(63))).unwrap();
        let frame = Close::DuplicateId(id).frame();
        assert_eq!((frame.code, frame.reason.len()), (4409, 122));
    }

    #[test]
    fn an_id_is_not_empty_and_has_at_most_128_bytes() {
        for (text, is_valid) in [
            (String::new(), false),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
        ] {
            assert_eq!(OperationId::try_from(text).is_ok(), is_valid);
        }
    }
}
