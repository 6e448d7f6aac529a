//! Every field's bad input is answered with INVALID_INPUT, which names the field.

use serde_json::{Map, Value, json};

use crate::support::{Answer, Server, Users};

const CREATE: &str = "mutation($input: CreateUserInput!) { createUser(input: $input) { message } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
const SET_PASSWORD: &str =
    "mutation($input: SetPasswordInput!) { setPassword(input: $input) { message } }";
const DELETE: &str = "mutation($input: DeleteUserInput!) { deleteUser(input: $input) { message } }";

fn long(characters: usize) -> Value {
    "x".repeat(characters).into()
}

async fn refused(server: &Server, query: &str, good: &Value, field: &str, bad: &Value) -> Answer {
    let mut input: Map<String, Value> = good.as_object().unwrap().clone();
    input.insert(field.to_owned(), bad.clone());
    server.run(query, json!({ "input": input })).await
}

#[tokio::test]
async fn a_bad_field_of_an_input_is_named() {
    let server = Server::start().await;
    server.register("9012345678").await;
    let known = json!({ "mobile": "9012345678", "username": "SavingsBank" });
    let mobiles = [
        json!(""),
        json!("123456"),
        json!("1234567890123456"),
        json!("90123a45678"),
        long(5000),
    ];
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
    for (query, field, bad) in [
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
        for bad in bad {
            let answer = refused(&server, query, &known, field, bad).await;
            assert_eq!(answer.invalid_field(), field, "{query} {bad}");
        }
    }
    let password = json!({ "mobile": "9012345678", "newPassword": "correct horse" });
    for bad in mobiles {
        assert_eq!(
            refused(&server, SET_PASSWORD, &password, "mobile", &bad)
                .await
                .invalid_field(),
            "mobile"
        );
        assert_eq!(
            refused(&server, DELETE, &json!({}), "mobile", &bad)
                .await
                .invalid_field(),
            "mobile"
        );
        let answer = server
            .run(
                "query($m: String!) { user(mobile: $m) { id } }",
                json!({ "m": bad }),
            )
            .await;
        assert_eq!(answer.invalid_field(), "mobile");
    }
    for bad in [json!("seven77"), long(257)] {
        let answer = refused(&server, SET_PASSWORD, &password, "newPassword", &bad).await;
        assert_eq!(answer.invalid_field(), "newPassword");
    }
    let decide =
        "mutation($id: ID!) { decideLogin(input: { attemptId: $id, decision: DENY }) { message } }";
    let end = "mutation($id: ID!) { invalidateSession(input: { sessionKey: $id }) { message } }";
    for bad in [json!(""), json!("nonsense"), json!(7), long(5000)] {
        assert_eq!(
            server
                .run(decide, json!({ "id": bad }))
                .await
                .invalid_field(),
            "attemptId"
        );
        assert_eq!(
            server.run(end, json!({ "id": bad })).await.invalid_field(),
            "sessionKey"
        );
    }
    // None of it changed anything.
    let user = server.run(
        "{ user(mobile: \"9012345678\") { sessions { totalCount } alerts { nodes { id } } } }",
        json!({}),
    );
    assert_eq!(
        *user.await.at("/user"),
        json!({ "sessions": { "totalCount": 1 }, "alerts": { "nodes": [] } })
    );
}

#[tokio::test]
async fn a_page_is_from_0_to_100_long_and_starts_at_a_cursor() {
    let server = Server::start().await;
    server.register("9012345678").await;
    for list in ["sessions", "alerts"] {
        for (field, bad) in [
            ("first", json!(-1)),
            ("first", json!(101)),
            ("first", json!(i32::MIN)),
            ("after", json!("")),
            ("after", json!("nonsense")),
            ("after", long(5000)),
        ] {
            let query = format!(
                "query($first: Int, $after: String) {{ user(mobile: \"9012345678\") \
                 {{ {list}(first: $first, after: $after) {{ nodes {{ id }} }} }} }}"
            );
            assert_eq!(
                server
                    .run(&query, json!({ field: bad }))
                    .await
                    .invalid_field(),
                field,
                "{list} {bad}"
            );
        }
    }
}

#[tokio::test]
async fn pages_join_without_a_gap_or_a_double() {
    let server = Server::start().await;
    let user = server.register("9012345678").await;
    for _ in 0..6 {
        server
            .login(&user.mobile, json!({ "onConflict": "TAKE_OVER" }))
            .await
            .text("/login/token");
    }
    let query = "query($first: Int!, $after: String) { user(mobile: \"9012345678\") { sessions(first: $first, after: $after) \
         { totalCount edges { cursor node { sessionKey } } nodes { sessionKey } \
         pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }";
    let all = server.run(query, json!({ "first": 100 })).await;
    assert_eq!(all.at("/user/sessions/totalCount"), 7);
    let mut joined = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = server
            .run(query, json!({ "first": 3, "after": after }))
            .await;
        let page = page.at("/user/sessions").clone();
        assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
        joined.extend(page["nodes"].as_array().unwrap().clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(*all.at("/user/sessions/nodes"), Value::Array(joined));
    let empty = server.run(query, json!({ "first": 0 })).await;
    assert_eq!(empty.at("/user/sessions/pageInfo/hasNextPage"), true);
    assert_eq!(empty.at("/user/sessions/pageInfo/endCursor"), &Value::Null);
}

#[tokio::test]
async fn a_number_is_registered_once_however_often_it_is_sent() {
    let server = Server::start().await;
    let create = |mobile: &str| {
        let input = json!({ "input": { "mobile": mobile, "username": "SavingsBank" } });
        server.run(CREATE, input)
    };
    let at_once = futures_util::future::join_all((0..32).map(|_| create("9012345678"))).await;
    let (made, taken): (Vec<_>, Vec<_>) = at_once
        .iter()
        .partition(|answer| answer.0.get("errors").is_none());
    assert_eq!(made.len(), 1);
    assert!(taken.iter().all(|answer| answer.code() == "MOBILE_TAKEN"));
    // Punctuation makes no other number.
    assert_eq!(create("901 234-56.78").await.code(), "MOBILE_TAKEN");
}

#[tokio::test]
async fn names_of_any_script_are_kept_as_they_are() {
    let server = Server::start().await;
    for (mobile, name) in [
        ("9012345670", "राजेश कुमार"),
        ("9012345671", "Zoë 🦀"),
        ("9012345672", "'; DROP TABLE users; --"),
    ] {
        let input = json!({ "input": { "mobile": mobile, "username": name } });
        server.run(CREATE, input).await.text("/createUser/message");
        let user = server
            .run(
                "query($m: String!) { user(mobile: $m) { username } }",
                json!({ "m": mobile }),
            )
            .await;
        assert_eq!(user.text("/user/username"), name);
    }
}
