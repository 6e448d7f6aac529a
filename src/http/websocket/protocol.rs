//! The messages of the subprotocol `graphql-transport-ws`, and the codes that the server closes a socket with
//! (`PROTOCOL.md` of github.com/enisdenjo/graphql-ws; RFC 6455, section 7.4, for those under 3000).

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Request, Response, ServerError, Variables};
use axum::extract::ws::CloseFrame;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// The longest id of an operation, in bytes: the server keeps it for as long as the operation runs.
const ID: usize = 128;

/// A close frame's reason may be 123 bytes long.
const REASON: usize = 123;

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
        payload: Payload,
    },
    Complete {
        id: OperationId,
    },
}

impl ClientMessage {
    /// # Errors
    /// What is wrong with the text, as the reason of a close frame.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let message: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "A message must be a JSON object")?;
        serde_json::from_value(Value::Object(message))
            .map_err(|_| "Not a message of graphql-transport-ws, or one that lacks a part of it")
    }
}

/// Of an object only: a derived `Deserialize` takes a list of the fields as well.
fn from_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let object = Map::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(object)).map_err(D::Error::custom)
}

/// The client's name for one of its operations: 1 to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct OperationId(Arc<str>);

impl TryFrom<String> for OperationId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.len() {
            1..=ID => Ok(Self(text.into())),
            _ => Err("an id has 1 to 128 bytes"),
        }
    }
}

/// The operation of a `subscribe`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

impl From<Payload> for Request {
    fn from(payload: Payload) -> Self {
        let mut request = Self::new(payload.query);
        request.operation_name = payload.operation_name;
        request.variables(Variables::from_json(Value::Object(
            payload.variables.unwrap_or_default(),
        )))
    }
}

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
        payload: Response,
    },
    /// The operation was not executed. Nothing follows with its id.
    Error {
        id: OperationId,
        payload: Vec<ServerError>,
    },
    Complete {
        id: OperationId,
    },
}

/// Why the server closes a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Close {
    /// 1001: the server is shutting down. Another node, or this one in a moment, goes on.
    GoingAway,
    /// 1002: what came is no WebSocket frame.
    ProtocolError,
    /// 1007: a text message was not UTF-8.
    NotText,
    /// 1009: a message was longer than the server takes.
    TooLong,
    /// 1013: the store does not answer, so nobody can be told apart.
    TryAgainLater,
    /// 4400: a message that the subprotocol does not know, and why.
    BadRequest(&'static str),
    /// 4401: an operation came before `connection_init`.
    Unauthorized,
    /// 4403: `connection_init` came with credentials that open nothing.
    Forbidden,
    /// 4408: no `connection_init` came in time.
    InitTimeout,
    /// 4409: the id belongs to an operation that still runs.
    DuplicateId(OperationId),
    /// 4429: a second `connection_init` came.
    SecondInit,
    /// 4440 (sessiond's own): more operations at once than a socket may run.
    TooManyOperations,
    /// 4441 (sessiond's own): the client left what it was sent unread for too long. Alerts that it missed are in the
    /// log, behind `after`.
    Stalled,
}

impl Close {
    const fn code(&self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::NotText => 1007,
            Self::TooLong => 1009,
            Self::TryAgainLater => 1013,
            Self::BadRequest(_) => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden => 4403,
            Self::InitTimeout => 4408,
            Self::DuplicateId(_) => 4409,
            Self::SecondInit => 4429,
            Self::TooManyOperations => 4440,
            Self::Stalled => 4441,
        }
    }

    fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::GoingAway => "The server is shutting down".into(),
            Self::ProtocolError => "Not a WebSocket frame".into(),
            Self::NotText => "A text message must be UTF-8".into(),
            Self::TooLong => "The message is too long".into(),
            Self::TryAgainLater => "The server cannot answer now".into(),
            Self::BadRequest(problem) => (*problem).into(),
            Self::Unauthorized => "Unauthorized".into(),
            Self::Forbidden => "Forbidden".into(),
            Self::InitTimeout => "Connection initialisation timeout".into(),
            Self::DuplicateId(OperationId(id)) => {
                format!("Subscriber for {id} already exists").into()
            }
            Self::SecondInit => "Too many initialisation requests".into(),
            Self::TooManyOperations => "Too many operations on one socket".into(),
            Self::Stalled => "Messages were left unread for too long".into(),
        }
    }

    pub(super) fn frame(&self) -> CloseFrame {
        let reason = self.reason();
        let end = reason.floor_char_boundary(REASON);
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
    fn a_reason_fits_into_a_close_frame() {
        let id = OperationId::try_from(format!("a{}", "é".repeat(63))).unwrap();
        let frame = Close::DuplicateId(id).frame();
        assert_eq!((frame.code, frame.reason.len()), (4409, 122));
    }

    #[test]
    fn an_id_is_neither_empty_nor_long() {
        for (text, is_id) in [
            (String::new(), false),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
        ] {
            assert_eq!(OperationId::try_from(text).is_ok(), is_id);
        }
    }
}
