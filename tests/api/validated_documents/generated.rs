//! Documents of each kind, and generated values of their variables.

use proptest::{
    collection::{hash_map, vec},
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};
use serde_json::{Map, Value, json};
use sessiond_test_support::MOBILE;

use super::{Document, document};

/// Documents of each kind that the server executes in a way of its own.
pub(super) fn documents() -> Vec<Document> {
    let mobile = json!({ "mobile": MOBILE });
    let page = json!({ "mobile": MOBILE, "first": 1 });
    vec![
        document("{ currentSession { id } __typename }", json!({})),
        document("{ currentSession { id status } }", json!({})),
        // Written without the resolvers, unless the number is malformed.
        document(
            "query($mobile: String!) { user(mobile: $mobile) { id activeSession { status } \
             sessions(first: 2) { totalCount nodes { sessionKey endReason } } } }",
            mobile.clone(),
        ),
        document(
            "query User($mobile: String!) { a: user(mobile: $mobile) { __typename id username } \
             user(mobile: $mobile) { sessions(first: 2) { edges { cursor node { status } } } } }",
            mobile.clone(),
        ),
        document(
            "query($mobile: String!) { user(mobile: $mobile) { ...U sessions(first: 1) { \
             nodes { user { ...U } ...S } } } } fragment U on User { id username ...N } \
             fragment N on Node { id } \
             fragment S on Session { sessionKey ... on Session { status } ... { isValid } }",
            mobile.clone(),
        ),
        document(
            "query($mobile: String!, $first: Int) { user(mobile: $mobile) { \
             sessions(first: $first) { nodes { status } pageInfo { hasNextPage } } \
             alerts(first: $first) { nodes { kind sequence } } } }",
            page.clone(),
        ),
        document(
            "query($mobile: String!, $first: Int = 2) { user(mobile: $mobile) { \
             sessions(first: $first) { nodes { status } } } }",
            page,
        ),
        document(
            "query($keys: [ID!]!) { sessionsByKey(sessionKeys: $keys) { status } }",
            json!({ "keys": ["00000000-0000-4000-8000-000000000000"] }),
        ),
        // async-graphql accepts a variable of another type than that of the argument.
        document(
            "query($keys: [ID!]) { sessionsByKey(sessionKeys: $keys) { status } }",
            json!({ "keys": [] }),
        ),
        document(
            "query($mobile: ID, $yes: String!) { user(mobile: $mobile) { \
             id @include(if: $yes) username } }",
            json!({ "mobile": MOBILE, "yes": true }),
        ),
        document(
            "query($id: ID!) { node(id: $id) { id ... on User { username } ... on Session { \
             status } } }",
            json!({ "id": "00000000-0000-4000-8000-000000000000" }),
        ),
        document(
            "query($mobile: String!, $yes: Boolean!) { __typename user(mobile: $mobile) { id @skip(if: $yes) \
             ... @include(if: $yes) { username } } }",
            json!({ "mobile": MOBILE, "yes": true }),
        ),
        document(
            "query($mobile: String!, $yes: Boolean = true) { user(mobile: $mobile) { \
             id username @include(if: $yes) } }",
            mobile,
        ),
        document(
            "mutation($input: DecideLoginInput!) { decideLogin(input: $input) { message } }",
            json!({ "input": { "attemptId": "1", "decision": "DENY" } }),
        ),
        document(
            "mutation($key: ID!) { a: invalidateSession(input: { sessionKey: $key }) { message } }",
            json!({ "key": "1" }),
        ),
        document(
            "query($name: String!) { __type(name: $name) { name kind } }",
            json!({ "name": "User" }),
        ),
        Document {
            text: "query A($mobile: String!) { user(mobile: $mobile) { id } } \
                   query B($mobile: String!) { user(mobile: $mobile) { username } }",
            operation: Some("B"),
            valid: json!({ "mobile": MOBILE }),
        },
        Document {
            text: "query A($mobile: String!, $first: Int) { user(mobile: $mobile) { ...U } } \
                   query B($mobile: [ID!]!) { sessionsByKey(sessionKeys: $mobile) { id } } \
                   fragment U on User { sessions(first: $first) { nodes { status } } }",
            operation: Some("A"),
            valid: json!({ "mobile": MOBILE, "first": 1 }),
        },
    ]
}

/// Values that are right, nearly right and wrong, for variables of each type.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(100),
            json!(101),
            json!(-1),
            json!(2_147_483_647),
            json!(2_147_483_648_i64),
            json!(u64::MAX),
            json!(1.0),
            json!(1.5),
            json!(""),
            json!(MOBILE),
            json!("true"),
            json!("1"),
            json!("User"),
            json!("DENY"),
            json!("deny"),
        ]),
        any::<i32>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(|text| json!(text)),
    ];
    let input = (
        prop_oneof![Just(None), leaf.clone().prop_map(Some)],
        prop_oneof![Just(None), leaf.clone().prop_map(Some)],
        prop_oneof![3 => Just(None), 1 => leaf.clone().prop_map(Some)],
    )
        .prop_map(|(attempt, decision, more)| {
            let entries = [
                ("attemptId", attempt),
                ("decision", decision),
                ("more", more),
            ];
            let entries = entries.into_iter();
            let entries = entries.filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(entries.collect::<Map<_, _>>())
        });
    prop_oneof![
        4 => leaf.clone(),
        1 => vec(leaf.clone(), 0..3).prop_map(Value::Array),
        1 => input,
        1 => hash_map("[a-z]{1,3}", leaf, 0..2)
            .prop_map(|entries| Value::Object(entries.into_iter().collect())),
    ]
}
