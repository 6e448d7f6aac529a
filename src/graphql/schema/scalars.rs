//! Custom scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};

use crate::domain::Timestamp;

/// An instant in UTC with milliseconds (RFC 3339), such as `2024-11-22T10:45:47.209Z`.
pub(super) struct DateTime(pub Timestamp);

/// An instant in UTC with milliseconds (RFC 3339), such as `2024-11-22T10:45:47.209Z`.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match instant(&value) {
            Some(instant) => Ok(Self(instant)),
            None => Err(InputValueError::custom("must be an RFC 3339 instant")),
        }
    }

    /// So that the validation rejects any other value, before anything is executed.
    fn is_valid(value: &Value) -> bool {
        instant(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(
            chrono::DateTime::<Utc>::from(self.0).to_rfc3339_opts(SecondsFormat::Millis, true),
        )
    }
}

/// Returns the instant that a value of an input names.
fn instant(value: &Value) -> Option<Timestamp> {
    let Value::String(text) = value else {
        return None;
    };
    let instant = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(instant.to_utc().into())
}
