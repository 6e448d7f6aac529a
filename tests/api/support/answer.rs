use serde_json::Value;

/// A GraphQL response.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer(pub Value);

impl Answer {
    /// The value under a JSON pointer into `data`, where there were no errors.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        assert!(self.0.get("errors").is_none(), "{}", self.0);
        self.0["data"]
            .pointer(pointer)
            .unwrap_or_else(|| panic!("nothing at {pointer} in {}", self.0))
    }

    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.at(pointer);
        value
            .as_str()
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.0))
            .to_owned()
    }

    /// `extensions.code` of the only error.
    #[track_caller]
    pub fn code(&self) -> &str {
        let errors = self.0["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no error in {}", self.0));
        assert_eq!(errors.len(), 1, "{}", self.0);
        errors[0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {}", self.0))
    }

    /// `extensions.field` of the only error, which is INVALID_INPUT.
    #[track_caller]
    pub fn invalid_field(&self) -> &str {
        assert_eq!(self.code(), "INVALID_INPUT", "{}", self.0);
        self.0["errors"][0]["extensions"]["field"]
            .as_str()
            .expect("INVALID_INPUT names a field")
    }
}
