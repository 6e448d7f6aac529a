//! The schema as a client sees it.

use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn the_printed_schema_is_the_one_in_the_repository() {
    let printed = sessiond::graphql::sdl();
    assert!(
        printed == include_str!("../../schema.graphql"),
        "schema.graphql is out of date: renew it with `cargo run -- schema > schema.graphql`"
    );
}

#[tokio::test]
async fn everything_has_a_description() {
    let server = Server::start().await;
    let query = "{ __schema { types { name description \
         fields { name description args { name description } } \
         inputFields { name description } enumValues { name description } } } }";
    let schema = server.run(query, json!({})).await;
    let mut bare = Vec::new();
    let mut look = |path: String, item: &Value| {
        if item["description"].as_str().is_none_or(str::is_empty) {
            bare.push(path);
        }
    };
    for of in schema.at("/__schema/types").as_array().unwrap() {
        let name = of["name"].as_str().unwrap();
        // The language's own.
        if name.starts_with("__") || name == "ID" {
            continue;
        }
        look(name.to_owned(), of);
        for list in ["fields", "inputFields", "enumValues"] {
            for item in of[list].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", item["name"].as_str().unwrap());
                for argument in item["args"].as_array().into_iter().flatten() {
                    look(
                        format!("{path}({})", argument["name"].as_str().unwrap()),
                        argument,
                    );
                }
                look(path, item);
            }
        }
    }
    assert_eq!(bare, [""; 0]);
}

#[tokio::test]
async fn the_introspection_of_graphiql_fits_the_limits_and_an_absurd_operation_does_not() {
    let server = Server::start().await;
    let introspection = server
        .run(include_str!("introspection.graphql"), json!({}))
        .await;
    assert!(introspection.at("/__schema/types").is_array());
    let deep = format!(
        "{{ currentSession {{ {} id {} }} }}",
        "user { activeSession {".repeat(20),
        "} }".repeat(20)
    );
    let wide = format!(
        "{{ {} }}",
        (0..40)
            .map(|n| format!("a{n}: __typename"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    let dear = "{ user(mobile: \"9012345678\") { sessions(first: 100) { nodes { user { sessions(first: 100) { nodes { id } } } } } } }";
    // Each fragment spreads the next one twice: a short text, and four million fields.
    let doubled = (0..22).map(|n| {
        format!(
            "fragment f{n} on Query {{ ...f{next} ...f{next} }}",
            next = n + 1
        )
    });
    let doubled = doubled.collect::<Vec<_>>().join(" ");
    let exponential = format!("{{ ...f0 }} {doubled} fragment f22 on Query {{ __typename }}");
    let circular = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }";
    for query in [&deep, &wide, dear, &exponential, circular] {
        assert_eq!(server.run(query, json!({})).await.code(), "BAD_REQUEST");
    }
}
