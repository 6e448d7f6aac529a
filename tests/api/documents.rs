//! Unusual but valid documents, and the errors for texts that are not documents.

use serde_json::json;
use sessiond_test_support::{MOBILE, Socket, TestServer};

#[tokio::test]
async fn escape_sequences_of_a_document_mean_their_characters() {
    let server = TestServer::start().await;
    let create = async |mobile: &str, username: &str| {
        let query = format!(
            "mutation {{ createUser(input: {{ mobile: \"{mobile}\", username: {username} }}) \
             {{ user {{ username }} }} }}"
        );
        server.run(&query, json!({})).await
    };
    for (mobile, username, expected) in [
        ("9012345601", r#""a\ud83d\ude00""#, "a😀"),
        ("9012345602", r#""\u{1F600}""#, "😀"),
        ("9012345603", r#""\u{61}\u{22}\u{5c}""#, "a\"\\"),
        ("9012345604", r#""""a\u{61}""""#, "a\\u{61}"),
        ("9012345605", r#""""a \""" b""""#, "a \"\"\" b"),
    ] {
        let response = create(mobile, username).await;
        let found = response.data("/createUser/user/username");
        assert_eq!(found, expected, "{username}");
    }
    for username in [
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\u{110000}""#,
        r#""\u{}""#,
        r#""\u{D800}""#,
    ] {
        let response = create("9012345609", username).await;
        assert_eq!(response.error_code(), "BAD_REQUEST", "{username}");
    }
}

#[tokio::test]
async fn ignored_text_may_stand_between_any_two_tokens() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let uuid = "00000000-0000-4000-8000-000000000000";
    let variables = json!({ "ids": [uuid], "mobile": MOBILE, "yes": true });
    for query in [
        "query($ids: [ ID! ] !) { sessionsByKey(sessionKeys: $ids) { id } }",
        "query($ids: [ # ids\n ID ! ,] # list\r\n !) { sessionsByKey(sessionKeys: $ids) { id } }",
        "query($mobile: String !) { user(mobile: $mobile) { id } }",
        "query(\n\"A number.\" $mobile: String!) { user(mobile: $mobile) { id } }",
        "\u{FEFF}\"\"\"\nReads a user.\n\"\"\" query Q { __typename }",
        "{ ... on # a comment\n Query { __typename } }",
        "{ ...F } fragment F on#\rQuery{__typename}",
        "query Q($ yes : Boolean!) { currentSession @ include ( if : $ yes ) { id } }",
        ",,{,,__typename,,},,",
        "\u{FEFF}{\u{FEFF}__typename\u{FEFF}}\u{FEFF}",
        "{a:__typename...F...on Query{b:__typename}}fragment F on Query{c:__typename}",
    ] {
        let response = server.run(query, variables.clone()).await;
        assert!(!response.has_errors(), "{query} {}", response.0);
    }
}

#[tokio::test]
async fn an_error_has_the_position_in_the_text_that_the_client_sent() {
    let server = TestServer::start().await;
    for (query, line, column) in [
        ("{ nope }", 1, 3),
        ("# é\r{\r\n  nope }", 3, 3),
        ("\u{FEFF}{ a: __typename # }\n\n\tnope }", 3, 2),
        ("query($a: [ ID ] !) { nope }", 1, 23),
        ("{ node(id: \"\\u{1F600}\") { nope } }", 1, 27),
        ("{ node(id: \"\\u{}\") { id } }", 1, 12),
        ("{ a ? b }", 1, 5),
        ("{ __typename\r\r\n} }", 3, 3),
    ] {
        let response = server.run(query, json!({ "a": [] })).await;
        let location = &response.0["errors"][0]["locations"][0];
        let expected = json!({ "line": line, "column": column });
        assert_eq!(*location, expected, "{query:?} {}", response.0);
    }
}

#[tokio::test]
async fn a_directive_is_rejected_in_a_wrong_location_and_a_typename_may_be_skipped() {
    let server = TestServer::start().await;
    for (query, column) in [
        ("{ __typename @deprecated }", 14),
        ("{ __typename @nothing }", 14),
        ("{ __typename @skip(if: $nobody) }", 20),
        ("{ currentSession @deprecated { id } }", 18),
        ("{ ... @oneOf { __typename } }", 7),
        ("{ ...F @deprecated } fragment F on Query { __typename }", 8),
        (
            "{ ...F } fragment F on Query @skip(if: true) { a: __typename }",
            30,
        ),
        ("query @include(if: true) { __typename }", 7),
        ("query ($id: ID! @deprecated) { node(id: $id) { id } }", 17),
        ("{ __typename(a: 1) }", 3),
        ("{ __typename { a } }", 3),
    ] {
        let response = server.run(query, json!({ "id": "a" })).await;
        assert_eq!(response.error_code(), "BAD_REQUEST", "{query}");
        let error = &response.0["errors"][0];
        assert_eq!(error["locations"][0]["column"], column, "{query} {error}");
    }
    let query = "query ($yes: Boolean!) \
         { a: __typename @include(if: $yes) b: __typename @skip(if: $yes) }";
    for (yes, data) in [
        (true, json!({ "a": "Query" })),
        (false, json!({ "b": "Query" })),
    ] {
        let response = server.run(query, json!({ "yes": yes })).await;
        assert_eq!(response.0, json!({ "data": data }));
    }
}

#[tokio::test]
async fn a_socket_gets_an_error_message_for_a_document_that_is_not_a_text_of_tokens() {
    let server = TestServer::start().await;
    let mut socket: Socket = server.socket(None).await;
    for query in [
        "{ a(b: \"\\ud83d\") }",
        "{ a ? b }",
        "{ a(b: 01) }",
        "{ a(b: \"c) }",
    ] {
        socket.start("1", query).await;
        let message = socket.receive().await;
        assert_eq!(message["type"], "error", "{query}");
        let error = &message["payload"][0];
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{query}");
        let text = error["message"].as_str().unwrap();
        assert!(text.starts_with("Syntax error: "), "{query} {text}");
    }
}

#[tokio::test]
async fn a_document_that_gives_anything_twice_is_rejected() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let input = "mobile: \"9012345601\" username: \"A\"";
    for (query, column) in [
        ("{ users(first: 1, first: 1) { nodes { id } } }", 19),
        ("{ users(first: $n, first: $n) { nodes { id } } }", 20),
        ("{ __type(name: \"User\", name: \"User\") { name } }", 24),
        (
            "{ ...F } fragment F on Query { users(first: 1 first: 2) { nodes { id } } }",
            47,
        ),
        ("{ currentSession @skip(if: true, if: false) { id } }", 34),
        ("{ __typename @skip(if: true, if: true) }", 30),
        ("{ ... @include(if: true, if: true) { __typename } }", 26),
        (
            "{ currentSession @skip(if: true) @skip(if: true) { id } }",
            34,
        ),
        (
            &format!(
                "mutation {{ createUser(input: {{ {input} username: \"B\" }}) {{ message }} }}"
            ),
            67,
        ),
        (
            &format!(
                "mutation($i: CreateUserInput = {{ {input} mobile: \"B\" }}) {{ createUser(input: $i) {{ message }} }}"
            ),
            69,
        ),
        (
            "query($n: Int, $n: Int) { users(first: $n) { nodes { id } } }",
            16,
        ),
        ("query A { __typename } query A { __typename }", 24),
        ("query A { __typename } mutation A { __typename }", 24),
        ("{ __typename } { __typename }", 16),
        (
            "{ ...F } fragment F on Query { __typename } fragment F on Query { __typename }",
            45,
        ),
    ] {
        for _ in 0..2 {
            let response = server.run(query, json!({ "n": 1 })).await;
            let error = &response.0["errors"][0];
            assert_eq!(
                error["extensions"]["code"], "BAD_REQUEST",
                "{query} {}",
                response.0
            );
            assert_eq!(error["locations"][0]["column"], column, "{query} {error}");
        }
    }
    let users = server
        .run("{ users { nodes { mobile } } }", json!({}))
        .await;
    assert_eq!(users.data_array("/users/nodes").len(), 1);
}

#[tokio::test]
async fn an_argument_or_input_field_with_an_absent_variable_has_its_default() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let login = format!(
        "mutation($v: Boolean) {{ login(input: {{ mobile: \"{MOBILE}\", username: \"SavingsBank\", \
         cookie: $v }}) {{ outcome }} }}"
    );
    let reusable = "mutation($m: String!, $u: String!, $v: Boolean) { \
                    login(input: { mobile: $m, username: $u, cookie: $v }) { outcome } }";
    for query in [
        "query($v: Boolean) { __type(name: \"User\") { fields(includeDeprecated: $v) { name } } }",
        "query($v: Boolean, $name: String!) { __type(name: $name) { ...F } } \
         fragment F on __Type { enumValues(includeDeprecated: $v) { name } }",
        "query($v: Int) { users(first: $v) { nodes { id } } }",
        "query A($v: Boolean) { __schema { directives { args(includeDeprecated: $v) { name } } } }",
        &login,
        reusable,
    ] {
        let variables = json!({ "name": "SessionStatus", "m": MOBILE, "u": "SavingsBank" });
        for _ in 0..2 {
            let response = server.run(query, variables.clone()).await;
            assert!(!response.has_errors(), "{query} {}", response.0);
        }
        let is_nullable = query.contains("$v: Int");
        let mut null = variables.clone();
        null["v"] = json!(null);
        for _ in 0..2 {
            let response = server.run(query, null.clone()).await;
            assert_eq!(
                response.has_errors(),
                !is_nullable,
                "{query} {}",
                response.0
            );
        }
        let mut given = variables;
        given["v"] = if is_nullable { json!(1) } else { json!(false) };
        let response = server.run(query, given).await;
        assert!(!response.has_errors(), "{query} {}", response.0);
    }
}
