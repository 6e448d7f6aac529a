//! An operation's document, from the cache and parsed, and the execution of the measured queries.
//! The store is SQLite, as everywhere, so the execution includes its reads.

use std::{cell::Cell, net::Ipv4Addr, sync::Arc};

use async_graphql::Variables;
use axum::http::HeaderMap;
use clap::Parser;
use criterion::{BatchSize, Criterion};
use serde_json::{Value, json};
use sessiond::{
    config::Cli,
    domain::UserAgent,
    graphql::{Api, DocumentSource, OperationRequest, Sender, SingleResponse},
    random::SystemRandom,
    request_id::RequestIds,
    service::Client,
    store::{Store, sqlite::SqliteStore},
};
use sessiond_test_support::{MOBILE, fixtures::service};
use tokio::runtime::Runtime;

const CREATE_USER: &str =
    "mutation($input: CreateUserInput!) { createUser(input: $input) { token } }";

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";

const CURRENT_SESSION: &str =
    "query { currentSession { sessionKey isValid status expiresAt user { id username } } }";

const USER: &str =
    "query($mobile: String!) { user(mobile: $mobile) { id username sessions(first: 2) { nodes {
    sessionKey status device { label } ipAddress createdAt lastSeenAt } } } }";

pub fn benchmark(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sessiond.db")).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let limits = Cli::parse_from(["sessiond"]).settings.operation_limits;
    let api = Api::new(Arc::new(service(&store)), limits, false);
    look_up(criterion, &api);
    execute(criterion, &api);
}

fn look_up(criterion: &mut Criterion, api: &Api) {
    let mut group = criterion.benchmark_group("document");
    group.bench_function("from the cache", |bencher| {
        bencher.iter_batched(
            || request(USER.to_owned(), json!({})),
            |request| api.prepare(request),
            BatchSize::SmallInput,
        );
    });
    let number = Cell::new(0_u64);
    group.bench_function("parsed", |bencher| {
        bencher.iter_batched(
            || request(numbered(USER, &number), json!({})),
            |request| api.prepare(request),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn execute(criterion: &mut Criterion, api: &Api) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let token = create_user(api, &runtime);
    let mut group = criterion.benchmark_group("execute");
    let number = Cell::new(0_u64);
    for (name, query, variables) in [
        ("currentSession", CURRENT_SESSION, json!({})),
        ("user, two sessions", USER, json!({ "mobile": MOBILE })),
    ] {
        group.bench_function(format!("{name}, known document"), |bencher| {
            bencher.iter_batched(
                || request(query.to_owned(), variables.clone()),
                |request| run(api, &runtime, request, Some(&token)),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("{name}, new document"), |bencher| {
            bencher.iter_batched(
                || request(numbered(query, &number), variables.clone()),
                |request| run(api, &runtime, request, Some(&token)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Creates a user with two sessions, and returns the token of the second one.
fn create_user(api: &Api, runtime: &Runtime) -> String {
    let input = json!({ "mobile": MOBILE, "username": "Ada" });
    let variables = json!({ "input": input });
    run(
        api,
        runtime,
        request(CREATE_USER.to_owned(), variables),
        None,
    );
    let input = json!({ "mobile": MOBILE, "username": "Ada", "onConflict": "TAKE_OVER" });
    let variables = json!({ "input": input });
    let login = request(LOGIN.to_owned(), variables);
    let SingleResponse::Resolved(response) = run(api, runtime, login, None) else {
        panic!("a mutation has a response of the resolvers")
    };
    let data = response.data.into_json().unwrap();
    data["login"]["token"].as_str().unwrap().to_owned()
}

fn run(
    api: &Api,
    runtime: &Runtime,
    request: OperationRequest,
    token: Option<&str>,
) -> SingleResponse {
    let sender = Sender {
        client: Client {
            user_agent: UserAgent::parse("Firefox/128.0").unwrap(),
            address: Ipv4Addr::LOCALHOST.into(),
        },
        credentials: token.map(ToOwned::to_owned),
        cookie: None,
        request_id: RequestIds::new(&SystemRandom).of(&HeaderMap::new()),
    };
    let response = runtime.block_on(api.execute(api.prepare(request), sender));
    if let SingleResponse::Resolved(response) = &response {
        assert!(response.is_ok(), "{:?}", response.errors);
    }
    response
}

fn request(text: String, variables: Value) -> OperationRequest {
    OperationRequest {
        document: DocumentSource::Text(text),
        variables: Variables::from_json(variables),
        ..OperationRequest::default()
    }
}

/// Returns a text that was not sent before.
fn numbered(text: &str, number: &Cell<u64>) -> String {
    number.set(number.get() + 1);
    format!("{text} # {}", number.get())
}
