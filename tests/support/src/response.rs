//! GraphQL responses, with the accessors that assertions need.

use serde_json::Value;

/// A GraphQL response.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphQlResponse(pub Value);

impl GraphQlResponse {
    /// The value at a JSON pointer into `data`. Panics if the response has errors.
    #[track_caller]
    pub fn data(&self, pointer: &str) -> &Value {
        assert!(!self.has_errors(), "{}", self.0);
        self.0["data"]
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no value at {pointer} in {}", self.0))
    }

    /// The string at a JSON pointer into `data`.
    #[track_caller]
    pub fn data_str(&self, pointer: &str) -> String {
        let value = self.data(pointer);
        value
            .as_str()
            .unwrap_or_else(|| panic!("no string at {pointer} in {}", self.0))
            .to_owned()
    }

    /// The array at a JSON pointer into `data`.
    #[track_caller]
    pub fn data_array(&self, pointer: &str) -> &[Value] {
        self.data(pointer)
            .as_array()
            .unwrap_or_else(|| panic!("no array at {pointer} in {}", self.0))
    }

    /// True if the response has errors.
    pub fn has_errors(&self) -> bool {
        self.0.get("errors").is_some()
    }

    /// The only error of the response.
    #[track_caller]
    pub fn error(&self) -> &Value {
        match self.0["errors"].as_array().map(Vec::as_slice) {
            Some([error]) => error,
            _ => panic!("expected one error in {}", self.0),
        }
    }

    /// `message` of the only error.
    #[track_caller]
    pub fn error_message(&self) -> &str {
        self.error()["message"]
            .as_str()
            .unwrap_or_else(|| panic!("no message in {}", self.0))
    }

    /// `extensions.code` of the only error.
    #[track_caller]
    pub fn error_code(&self) -> &str {
        self.error()["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {}", self.0))
    }

    /// `extensions.field` of the only error, which must be INVALID_INPUT.
    #[track_caller]
    pub fn invalid_field(&self) -> &str {
        assert_eq!(self.error_code(), "INVALID_INPUT", "{}", self.0);
        self.error()["extensions"]["field"]
            .as_str()
            .expect("INVALID_INPUT names a field")
    }

    /// True if the only error is UNAVAILABLE: the server was too busy or has lost its database, and
    /// the caller should retry.
    pub fn is_unavailable(&self) -> bool {
        self.0["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    }
}
