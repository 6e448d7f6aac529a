//! The requests that clients send, and the sentence for each problem.

use super::*;

fn sentence(body: &[u8]) -> String {
    OperationRequest::from_body(body).unwrap_err().to_string()
}

/// The wording of the reasons is that of serde_json 1.
#[test]
fn each_problem_of_a_body_has_its_own_sentence() {
    for (body, expected) in [
        ("", "The body is empty."),
        (" \n", "The body is empty."),
        (
            "[]",
            "Batches are not supported. Send one operation in each request.",
        ),
        (
            r#"[{"query":"{ a }"}]"#,
            "Batches are not supported. Send one operation in each request.",
        ),
        ("7", "The body must be a JSON object."),
        (r#""{ a }""#, "The body must be a JSON object."),
        ("null", "The body must be a JSON object."),
        (
            "query={a}",
            "The body is not valid JSON: expected value at line 1 column 1.",
        ),
        (
            "{",
            "The body is not valid JSON: EOF while parsing an object at line 1 column 1.",
        ),
        (
            r#"{"query":"{ a }"} x"#,
            "The body is not valid JSON: trailing characters at line 1 column 19.",
        ),
        (
            r#"{"query":"{ a }","variables":{"b":"\ud83d"}}"#,
            "The body is not valid JSON: one half of a surrogate pair in a string at line 1 \
             column 42.",
        ),
        (
            r#"{"query":"{ a }","variables":{"b":"\ude00"}}"#,
            "The body is not valid JSON: one half of a surrogate pair in a string at line 1 \
             column 41.",
        ),
        (
            r#"{"query":"{ a }","query":"{ b }"}"#,
            "Send each of `query`, `operationName`, `variables` and `extensions` only once.",
        ),
        ("{}", "The request has no `query`."),
        (r#"{"query":null}"#, "The request has no `query`."),
        (
            r#"{"extensions":{"persistedQuery":null}}"#,
            "The request has no `query`.",
        ),
        (r#"{"query":""}"#, "`query` must not be empty."),
        (r#"{"query":" \n"}"#, "`query` must not be empty."),
        (
            r#"{"query":1}"#,
            "`query` must be a string, but you sent a number.",
        ),
        (
            r#"{"query":"{ a }","operationName":1}"#,
            "`operationName` must be a string, but you sent a number.",
        ),
        (
            r#"{"query":"{ a }","variables":"{}"}"#,
            "`variables` must be an object, but you sent a string.",
        ),
        (
            r#"{"query":"{ a }","variables":[]}"#,
            "`variables` must be an object, but you sent a list.",
        ),
        (
            r#"{"query":"{ a }","extensions":true}"#,
            "`extensions` must be an object, but you sent a boolean.",
        ),
    ] {
        assert_eq!(sentence(body.as_bytes()), expected, "{body}");
    }
    assert_eq!(sentence(b"{\"query\":\"\xFF\"}"), "The body is not UTF-8.");
    let nested = format!(
        r#"{{"query":"{{ a }}","variables":{{"a":{}"#,
        "[".repeat(200)
    );
    assert_eq!(
        sentence(nested.as_bytes()),
        "The body is not valid JSON: recursion limit exceeded at line 1 column 160."
    );
}

#[test]
fn odd_bodies_are_decoded() {
    for (body, query) in [
        ("\u{FEFF} {\"query\":\"{ a }\"}\n", Some("{ a }")),
        (
            r#"{"query":"{ a }","variables":null,"operationName":null}"#,
            Some("{ a }"),
        ),
        (
            r#"{"query":"{ a }","operationName":"","extensions":{"x":[1]}}"#,
            Some("{ a }"),
        ),
        (r#"{"query":"{ a }","more":"is ignored"}"#, Some("{ a }")),
        (r#"{"extensions":{"persistedQuery":{"version":1}}}"#, None),
        (r#"{"query":"","extensions":{"persistedQuery":{}}}"#, None),
        (
            r#"{"query":"{ a }","extensions":{"persistedQuery":{}}}"#,
            Some("{ a }"),
        ),
    ] {
        let request = OperationRequest::from_body(body.as_bytes()).unwrap();
        assert_eq!(request.document.text(), query, "{body}");
        assert_eq!(request.operation_name, None, "{body}");
    }
}

#[test]
fn an_empty_parameter_is_an_absent_one() {
    let some = |text: &str| Some(text.to_owned());
    let request = OperationRequest::from_parameters(Parameters {
        query: some("{ a }"),
        operation_name: some(""),
        variables: some(""),
        extensions: some(""),
    });
    let request = request.unwrap();
    assert_eq!(request.document.text(), Some("{ a }"));
    assert_eq!(request.operation_name, None);

    let empty = Parameters {
        query: some(""),
        ..Parameters::default()
    };
    let error = OperationRequest::from_parameters(empty).unwrap_err();
    assert_eq!(error, DecodeError::MissingQuery);
    for (text, sentence) in [
        ("7", "`variables` must be an object, but you sent a number."),
        (
            "{",
            "The parameter `variables` is not valid JSON: EOF while parsing an object at line \
             1 column 1.",
        ),
    ] {
        let parameters = Parameters {
            query: some("{ a }"),
            variables: some(text),
            ..Parameters::default()
        };
        let error = OperationRequest::from_parameters(parameters).unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
}
