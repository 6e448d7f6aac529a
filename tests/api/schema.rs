//! The schema as a client sees it.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer};

#[test]
fn the_printed_schema_equals_the_file_in_the_repository() {
    let printed = sessiond::graphql::sdl();
    assert!(
        printed == include_str!("../../schema.graphql"),
        "schema.graphql is out of date: renew it with `cargo run -- schema > schema.graphql`"
    );
}

#[tokio::test]
async fn every_type_field_argument_and_enum_value_has_a_description() {
    let server = TestServer::start().await;
    let query = "{ __schema { types { name description
        fields { name description args { name description } }
        inputFields { name description } enumValues { name description } } } }";
    let schema = server.run(query, json!({})).await;
    let mut undescribed = Vec::new();
    let mut check = |path: String, item: &Value| {
        if item["description"].as_str().is_none_or(str::is_empty) {
            undescribed.push(path);
        }
    };
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    // Types of the GraphQL language itself are left out.
    let types = schema.data_array("/__schema/types").iter();
    for of in types.filter(|of| !name(of).starts_with("__") && name(of) != "ID") {
        check(name(of), of);
        for list in ["fields", "inputFields", "enumValues"] {
            for item in of[list].as_array().into_iter().flatten() {
                let path = format!("{}.{}", name(of), name(item));
                for argument in item["args"].as_array().into_iter().flatten() {
                    check(format!("{path}({})", name(argument)), argument);
                }
                check(path, item);
            }
        }
    }
    assert_eq!(undescribed, [""; 0]);
}

/// The check of a variable's shape recognizes input objects by their names.
#[tokio::test]
async fn input_objects_and_no_other_types_have_names_that_end_with_input() {
    let server = TestServer::start().await;
    let query = "{ __schema { types { name kind } } }";
    let schema = server.run(query, json!({})).await;
    for of in schema.data_array("/__schema/types") {
        let has_name = of["name"].as_str().unwrap().ends_with("Input");
        assert_eq!(has_name, of["kind"] == "INPUT_OBJECT", "{of}");
    }
}

#[tokio::test]
async fn the_introspection_query_of_graphiql_is_within_the_limits() {
    let server = TestServer::start().await;
    let introspection = server
        .run(include_str!("introspection.graphql"), json!({}))
        .await;
    assert!(introspection.data("/__schema/types").is_array());
}

#[tokio::test]
async fn an_operation_of_excessive_size_is_rejected() {
    let server = TestServer::start().await;
    let deep = format!(
        "{{ currentSession {{ {} id {} }} }}",
        "user { activeSession {".repeat(20),
        "} }".repeat(20)
    );
    let aliases: Vec<_> = (0..40).map(|n| format!("a{n}: __typename")).collect();
    let wide = format!("{{ {} }}", aliases.join(" "));
    let complex = format!(
        r#"{{ user(mobile: "{MOBILE}") {{ sessions(first: 100) {{ nodes {{ user {{
            sessions(first: 100) {{ nodes {{ id }} }} }} }} }} }} }}"#
    );
    // Each fragment spreads the next one twice: a short text with four million fields.
    let fragments: Vec<_> = (0..22)
        .map(|n| {
            let next = n + 1;
            format!("fragment f{n} on Query {{ ...f{next} ...f{next} }}")
        })
        .collect();
    let exponential = format!(
        "{{ ...f0 }} {} fragment f22 on Query {{ __typename }}",
        fragments.join(" ")
    );
    let circular = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned();
    for query in [deep, wide, complex, exponential, circular] {
        let response = server.run(&query, json!({})).await;
        assert_eq!(response.error_code(), "BAD_REQUEST", "{query}");
    }
}
