//! Validation of inputs and pages. INVALID_INPUT names the invalid field.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer, merge, within_deadline};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { message } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
const SET_PASSWORD: &str =
    "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
const DELETE: &str = "mutation($input: DeleteUserInput!) { deleteUser(input: $input) { message } }";

fn long(characters: usize) -> Value {
    "x".repeat(characters).into()
}

/// The field that INVALID_INPUT names if `field` of a valid input has the value `invalid`.
async fn invalid_field(
    server: &TestServer,
    query: &str,
    valid_input: &Value,
    (field, invalid): (&str, &Value),
) -> String {
    let mut input = valid_input.clone();
    merge(&mut input, json!({ field: invalid }));
    let response = server.run(query, json!({ "input": input })).await;
    response.invalid_field().to_owned()
}

/// Panics if an invalid input has changed the only user.
async fn assert_user_unchanged(server: &TestServer) {
    let fields = "sessions { totalCount } alerts { nodes { id } }";
    assert_eq!(
        server.user(MOBILE, fields).await,
        json!({ "sessions": { "totalCount": 1 }, "alerts": { "nodes": [] } })
    );
}

fn invalid_mobiles() -> [Value; 5] {
    [
        json!(""),
        json!("123456"),
        json!("1234567890123456"),
        json!("90123a45678"),
        long(5000),
    ]
}

#[tokio::test]
async fn an_invalid_field_of_a_registration_or_a_login_is_named() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let valid = json!({ "mobile": MOBILE, "username": "SavingsBank" });
    let mobiles = invalid_mobiles();
    let names = [
        json!(""),
        json!("  "),
        json!("a\u{0}b"),
        long(65),
        long(5000),
    ];
    let agents = [json!(""), json!("a\nb"), long(513)];
    let addresses = [
        json!(""),
        json!("localhost"),
        json!("1.2.3"),
        json!("127.0.0.1:80"),
        long(5000),
    ];
    for (query, field, invalid) in [
        (CREATE, "mobile", &mobiles[..]),
        (LOGIN, "mobile", &mobiles),
        (CREATE, "username", &names),
        (LOGIN, "username", &names),
        (CREATE, "userAgent", &agents),
        (LOGIN, "userAgent", &agents),
        (CREATE, "ipAddress", &addresses),
        (LOGIN, "ipAddress", &addresses),
        (CREATE, "password", &[json!("seven77"), long(257)]),
        (LOGIN, "password", &[long(257)]),
        (LOGIN, "deviceId", &[json!(""), json!("a\tb"), long(129)]),
    ] {
        for invalid in invalid {
            assert_eq!(
                invalid_field(&server, query, &valid, (field, invalid)).await,
                field,
                "{query} {invalid}"
            );
        }
    }
    assert_user_unchanged(&server).await;
}

#[tokio::test]
async fn an_invalid_mobile_number_is_named_by_every_other_operation() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let valid = json!({ "mobile": MOBILE, "newPassword": "correct horse" });
    let query = "query($mobile: String!) { user(mobile: $mobile) { id } }";
    for invalid in &invalid_mobiles() {
        let mobile = ("mobile", invalid);
        for (mutation, valid) in [(SET_PASSWORD, &valid), (DELETE, &json!({}))] {
            assert_eq!(
                invalid_field(&server, mutation, valid, mobile).await,
                "mobile"
            );
        }
        let response = server.run(query, json!({ "mobile": invalid })).await;
        assert_eq!(response.invalid_field(), "mobile");
    }
    assert_user_unchanged(&server).await;
}

#[tokio::test]
async fn an_invalid_new_password_is_named() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let valid = json!({ "mobile": MOBILE, "newPassword": "correct horse" });
    for invalid in [json!("seven77"), long(257)] {
        assert_eq!(
            invalid_field(&server, SET_PASSWORD, &valid, ("newPassword", &invalid)).await,
            "newPassword"
        );
    }
}

#[tokio::test]
async fn an_invalid_id_is_named() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let decide =
        "mutation($id: ID!) { decideLogin(input: { attemptId: $id, decision: DENY }) { message } }";
    let invalidate =
        "mutation($id: ID!) { invalidateSession(input: { sessionKey: $id }) { message } }";
    for invalid in [json!(""), json!("nonsense"), json!(7), long(5000)] {
        for (query, field) in [(decide, "attemptId"), (invalidate, "sessionKey")] {
            let response = server.run(query, json!({ "id": invalid })).await;
            assert_eq!(response.invalid_field(), field);
        }
    }
    assert_user_unchanged(&server).await;
}

#[tokio::test]
async fn a_page_has_0_to_100_nodes_and_starts_after_a_cursor() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    for list in ["sessions", "alerts"] {
        let query = format!(
            "query($mobile: String!, $first: Int, $after: String) {{ user(mobile: $mobile) {{
            {list}(first: $first, after: $after) {{ nodes {{ id }} }} }} }}"
        );
        for (field, invalid) in [
            ("first", json!(-1)),
            ("first", json!(101)),
            ("first", json!(i32::MIN)),
            ("after", json!("")),
            ("after", json!("nonsense")),
            ("after", long(5000)),
        ] {
            let variables = json!({ "mobile": MOBILE, field: invalid });
            let response = server.run(&query, variables).await;
            assert_eq!(response.invalid_field(), field, "{list} {invalid}");
        }
    }
}

#[tokio::test]
async fn consecutive_pages_have_no_gap_and_no_duplicate() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    for _ in 0..6 {
        server
            .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
            .await
            .data_str("/login/token");
    }
    let query = "query($mobile: String!, $first: Int!, $after: String) { user(mobile: $mobile) {
        sessions(first: $first, after: $after) {
        totalCount edges { cursor node { sessionKey } } nodes { sessionKey }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let page = async |first, after: &Value| {
        let variables = json!({ "mobile": MOBILE, "first": first, "after": after });
        let response = server.run(query, variables).await;
        response.data("/user/sessions").clone()
    };

    let all = page(100, &Value::Null).await;
    assert_eq!(all["totalCount"], 7);
    let (mut joined, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = page(3, &after).await;
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
        joined.extend(page["nodes"].as_array().unwrap().clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(all["nodes"], Value::Array(joined));

    let empty = page(0, &Value::Null).await;
    assert_eq!(empty["pageInfo"]["hasNextPage"], true);
    assert_eq!(empty["pageInfo"]["endCursor"], Value::Null);
}

#[tokio::test]
async fn of_32_concurrent_registrations_of_one_number_exactly_one_succeeds() {
    let server = TestServer::start().await;
    let create = |mobile: &str| {
        let input = json!({ "mobile": mobile, "username": "SavingsBank" });
        server.run(CREATE, json!({ "input": input }))
    };
    let responses = futures_util::future::join_all((0..32).map(|_| create(MOBILE))).await;
    let (failed, created): (Vec<_>, Vec<_>) =
        responses.iter().partition(|response| response.has_errors());
    assert_eq!(created.len(), 1);
    for response in failed {
        assert_eq!(response.error_code(), "MOBILE_TAKEN");
    }
    // Punctuation does not make it another number.
    assert_eq!(create("901 234-56.78").await.error_code(), "MOBILE_TAKEN");
}

#[tokio::test]
async fn names_of_any_script_are_stored_unchanged() {
    let server = TestServer::start().await;
    for (mobile, name) in [
        ("9012345670", "राजेश कुमार"),
        ("9012345671", "Zoë 🦀"),
        ("9012345672", "'; DROP TABLE users; --"),
    ] {
        let input = json!({ "mobile": mobile, "username": name });
        server
            .run(CREATE, json!({ "input": input }))
            .await
            .data_str("/createUser/message");
        assert_eq!(server.user(mobile, "username").await["username"], name);
    }
}

/// Sends a mutation whose field `b` has a value that is not of its type. Returns the status.
async fn status_of(server: &TestServer, query: &str, variables: Value) -> u16 {
    let body = json!({ "query": query, "variables": variables });
    let request = server
        .post("/graphql")
        .header("accept", "application/graphql-response+json")
        .json(&body);
    let response = within_deadline(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let body: Value = within_deadline(response.json()).await.unwrap();
    assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    assert_eq!(body["errors"][0].get("path"), None, "{body}");
    status
}

#[tokio::test]
async fn a_value_that_is_not_of_its_type_is_rejected_before_anything_is_executed() {
    let server = TestServer::start().await;
    let user = server.create_user(MOBILE).await;
    server.login(MOBILE, json!({ "onConflict": "ASK" })).await;
    let attempt = server.last_attempt_id(MOBILE).await;
    let with_variables = |types: &str, field: &str| {
        format!(
            "mutation($key: ID!{types}) {{
                a: invalidateSession(input: {{ sessionKey: $key }}) {{ message }}
                b: {field} {{ message }} }}"
        )
    };
    let decide = |number: &str| {
        format!(
            "decideLogin(input: {{ attemptId: \"{attempt}\", decision: APPROVE, matchNumber: {number} }})"
        )
    };
    let freeze =
        |until: &str| format!("freezeUser(input: {{ mobile: \"{MOBILE}\", until: {until} }})");
    let input = |fields: Value| json!({ "input": fields });
    let large = 3_000_000_000_i64;
    for (types, field, values) in [
        ("", decide("3000000000"), json!({})),
        ("", decide("-3000000000"), json!({})),
        ("", decide("\"57\""), json!({})),
        (", $n: Int", decide("$n"), json!({ "n": large })),
        (", $n: Int = 3000000000", decide("$n"), json!({})),
        (
            ", $input: DecideLoginInput!",
            "decideLogin(input: $input)".to_owned(),
            input(json!({ "attemptId": attempt, "decision": "DENY", "matchNumber": large })),
        ),
        ("", freeze("\"tomorrow\""), json!({})),
        ("", freeze("5"), json!({})),
        (", $t: DateTime", freeze("$t"), json!({ "t": "tomorrow" })),
        (
            ", $input: FreezeUserInput!",
            "freezeUser(input: $input)".to_owned(),
            input(json!({ "mobile": MOBILE, "until": "2030-02-30T00:00:00Z" })),
        ),
        ("", "freezeUser(input: 5)".to_owned(), json!({})),
        ("", "freezeUser(input: [{}])".to_owned(), json!({})),
        (
            "",
            "invalidateSession(input: { sessionKey: 5.5 })".to_owned(),
            json!({}),
        ),
    ] {
        let mut variables = json!({ "key": user.session });
        merge(&mut variables, values);
        let query = with_variables(types, &field);
        assert_eq!(status_of(&server, &query, variables).await, 400, "{field}");
        assert_eq!(server.session_status(&user.token).await, "ACTIVE");
    }
    assert_eq!(server.last_attempt_id(MOBILE).await, attempt);
}
