//! `docs/errors.md` and `llms.txt` name what exists, and leave out nothing.

use std::path::Path;

use serde_json::{Value, json};
use sessiond::graphql::ErrorCode;
use sessiond_test_support::{EventStream, GraphQlResponse, TestServer};

const ERRORS: &str = include_str!("../../docs/errors.md");
const LLMS: &str = include_str!("../../docs/llms.txt");
const SCHEMA: &str = include_str!("../../schema.graphql");

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a text is written like a value of an enum.
fn is_constant(text: &str) -> bool {
    text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn all_codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn the_page_of_errors_describes_each_code_once_and_no_other() {
    let rows = ERRORS.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut described: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    described.sort_unstable();
    assert_eq!(described, all_codes());
    for row in ERRORS.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()),
            "{row}"
        );
    }
}

#[test]
fn the_schema_lists_the_codes_of_fields_that_the_page_of_errors_describes() {
    let (_, page) = ERRORS.split_once("## Errors of a field").unwrap();
    let (page, _) = page.split_once("## Errors of a request").unwrap();
    let of_page = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut of_page: Vec<_> = of_page.filter_map(|row| row.split('`').next()).collect();
    let of_schema = SCHEMA.lines().filter_map(|line| line.strip_prefix("- `"));
    let mut of_schema: Vec<_> = of_schema
        .filter_map(|line| line.split_once("`: "))
        .map(|(code, _)| code)
        .collect();
    of_page.sort_unstable();
    of_schema.sort_unstable();
    assert_eq!(of_schema, of_page);
}

#[test]
fn every_constant_that_llms_txt_names_exists() {
    let codes = all_codes();
    let constants: Vec<_> = quoted(LLMS).filter(|text| is_constant(text)).collect();
    assert!(constants.len() > 20);
    for constant in constants {
        let of_schema = || SCHEMA.lines().any(|line| line.trim() == constant);
        let is_setting = constant == "SESSIOND_SERVICE_KEY";
        assert!(
            codes.contains(&constant) || of_schema() || is_setting,
            "{constant}"
        );
    }
}

#[test]
fn llms_txt_is_short_and_its_links_lead_to_files() {
    assert!(LLMS.len() < 10_000);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let links: Vec<_> = LLMS
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(docs.join(link).is_file(), "{link}");
    }
}

#[tokio::test]
async fn the_server_serves_llms_txt_and_every_path_that_it_names() {
    let server = TestServer::start().await;
    let response = server.get("/llms.txt").send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.text().await.unwrap(), LLMS);
    // `/` is the playground, which a build may lack.
    let paths = quoted(LLMS).filter(|text| text.starts_with('/') && text.len() > 1);
    for path in paths {
        assert_ne!(server.get_status(path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn every_operation_of_llms_txt_is_valid() {
    let server = TestServer::start().await;
    let user = json!({ "mobile": "+919012345678", "username": "Ada",
        "deviceId": "6f6b0a52-7d1c-4a5e-9d2b-0d6f3b1f7c11" });
    let attempt = json!({ "attemptId": "6f6b0a52-7d1c-4a5e-9d2b-0d6f3b1f7c11",
        "decision": "APPROVE", "matchNumber": 42 });
    let session = json!({ "sessionKey": "6f6b0a52-7d1c-4a5e-9d2b-0d6f3b1f7c11" });
    let mut operations = 0;
    for block in LLMS.split("```graphql\n").skip(1) {
        let (document, _) = block.split_once("```").unwrap();
        let lines = document.lines().filter(|line| !line.starts_with(' '));
        for line in lines.filter(|line| *line != "}") {
            let name = line.split([' ', '(']).nth(1).unwrap();
            let input = match name {
                "Register" | "Login" => &user,
                "Decide" => &attempt,
                "Logout" => &session,
                _ => &Value::Null,
            };
            let variables = json!({ "input": input, "keys": [] });
            let response = execute(&server, document, name, &variables).await;
            let codes = response.0["errors"].as_array().into_iter().flatten();
            for code in codes.map(|error| &error["extensions"]["code"]) {
                assert_ne!(code, "BAD_REQUEST", "{name}: {}", response.0);
            }
            operations += 1;
        }
    }
    assert_eq!(operations, 10);
}

/// The first response to an operation of a document.
async fn execute(
    server: &TestServer,
    document: &str,
    name: &str,
    variables: &Value,
) -> GraphQlResponse {
    let body = json!({ "query": document, "operationName": name, "variables": variables });
    let request = server
        .post("/graphql")
        .header("accept", "text/event-stream")
        .json(&body);
    let mut events = EventStream::new(request.send().await.unwrap());
    GraphQlResponse(events.next().await)
}
