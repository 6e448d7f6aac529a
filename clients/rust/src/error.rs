//! The error of this crate.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

/// Why a call failed. A token that opens no session is not an error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of a builder is wrong.
    #[error("{0}")]
    Setting(String),
    /// No response arrived.
    #[error("the server cannot be reached")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A connection was silent for too long.
    #[error("the server has stopped responding")]
    Silent,
    /// The server cannot respond now: status 503 or 429.
    #[error("the server returned status {status}")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// The time to wait, if the server gave one.
        retry_after: Option<Duration>,
    },
    /// The response did not come from sessiond, but for example from a proxy.
    #[error("{0}")]
    BadResponse(String),
    /// The server refused the operation.
    #[error("{message}")]
    Api {
        /// The stable code of the error, such as `FORBIDDEN`.
        code: String,
        /// One sentence in English for a person.
        message: String,
        /// The time to wait, if the server gave one.
        retry_after: Option<Duration>,
    },
}

impl Error {
    /// A stable code: that of the server, or `INVALID_SETTING`, `UNREACHABLE`, `UNAVAILABLE`,
    /// `RATE_LIMITED` or `BAD_RESPONSE`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Setting(_) => "INVALID_SETTING",
            Self::Unreachable(_) | Self::Silent => "UNREACHABLE",
            Self::Busy { status: 429, .. } => "RATE_LIMITED",
            Self::Busy { .. } => "UNAVAILABLE",
            Self::BadResponse(_) => "BAD_RESPONSE",
            Self::Api { code, .. } => code,
        }
    }

    /// Whether the same request may succeed later without a change of its input.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Setting(_) => false,
            Self::Unreachable(_) | Self::Silent | Self::Busy { .. } | Self::BadResponse(_) => true,
            Self::Api { code, .. } => {
                matches!(code.as_str(), "UNAVAILABLE" | "INTERNAL" | "RATE_LIMITED")
            }
        }
    }

    /// The time to wait before the next attempt, if the server gave one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } | Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn unreachable(error: reqwest::Error) -> Self {
        Self::Unreachable(Arc::new(error))
    }

    /// The first error of a GraphQL response. The others follow from it.
    pub(crate) fn from_graphql(errors: &Value) -> Self {
        let error = &errors[0];
        let text = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
        let extensions = &error["extensions"];
        Self::Api {
            code: text(&extensions["code"], "BAD_RESPONSE"),
            message: text(
                &error["message"],
                "the response has an error without a message",
            ),
            retry_after: extensions["retryAfterSeconds"]
                .as_u64()
                .map(Duration::from_secs),
        }
    }
}
