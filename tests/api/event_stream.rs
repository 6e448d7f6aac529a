//! Operations whose response is a stream of server-sent events.

use serde_json::json;
use sessiond_test_support::{EVENT_STREAM, EventStream, MOBILE, SERVICE_KEY, TestServer};

#[tokio::test]
async fn a_subscription_is_streamed_and_completes_when_its_session_ends() {
    let server = TestServer::with_service_key().await;
    let user = server.create_user(MOBILE).await;
    let query = "subscription($after: ID) {
        sessionAlerts(after: $after) { id kind attempt { userAgent } } }";
    let open = async |after| {
        let variables = json!({ "after": after });
        EventStream::open(&server, Some(&user.token), query, variables).await
    };
    let cursor = server.alert_cursor(MOBILE).await;
    let mut events = open(json!(cursor)).await;

    server.raise_alerts(MOBILE, 1).await;
    let first = events.next().await["data"]["sessionAlerts"].clone();
    assert_eq!(first["kind"], "LOGIN_REFUSED");
    drop(events);

    server.raise_alert(MOBILE, "while disconnected").await;
    let mut events = open(first["id"].clone()).await;
    let missed = events.next().await["data"]["sessionAlerts"].clone();
    assert_eq!(missed["attempt"]["userAgent"], "while disconnected");

    server
        .login(MOBILE, json!({ "onConflict": "TAKE_OVER" }))
        .await;
    let last = events.next().await;
    assert_eq!(last["data"]["sessionAlerts"]["kind"], "SESSION_REPLACED");
    events.assert_completed().await;
}

#[tokio::test]
async fn a_query_is_one_event_and_an_error_is_an_event_too() {
    let server = TestServer::with_service_key().await;
    let open = async |bearer, query| EventStream::open(&server, bearer, query, json!({})).await;
    let mut events = open(Some(SERVICE_KEY), "{ __typename }").await;
    assert_eq!(
        events.next().await,
        json!({ "data": { "__typename": "Query" } })
    );
    events.assert_completed().await;

    let subscription = "subscription { sessionAlerts { id } }";
    for (bearer, query, code, is_executed) in [
        (None, "{ nope }", "BAD_REQUEST", false),
        (None, subscription, "UNAUTHENTICATED", true),
        (Some("sd1_nonsense"), subscription, "UNAUTHENTICATED", true),
    ] {
        let mut events = open(bearer, query).await;
        let response = events.next().await;
        assert_eq!(response["errors"][0]["extensions"]["code"], code);
        assert_eq!(response.get("data").is_some(), is_executed, "{response}");
        events.assert_completed().await;
    }

    // A body that is not a GraphQL request gets the same status as without an event stream.
    let request = server
        .post("/graphql")
        .header("accept", EVENT_STREAM)
        .json(&json!({ "query": "" }));
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_get_streams_subscriptions_and_executes_no_mutation() {
    let server = TestServer::start().await;
    let variables = json!({ "mobile": MOBILE }).to_string();
    let get = |query: &str| {
        let parameters = [("query", query), ("variables", &variables)];
        let request = server.get("/graphql").header("accept", EVENT_STREAM);
        request.query(&parameters).send()
    };
    let subscription =
        get("subscription($mobile: String) { sessionAlerts(mobile: $mobile) { id } }").await;
    let mut events = EventStream::new(subscription.unwrap());
    let response = events.next().await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "NOT_FOUND");
    events.assert_completed().await;

    let mutation =
        "mutation($mobile: String!) { deleteUser(input: { mobile: $mobile }) { message } }";
    assert_eq!(get(mutation).await.unwrap().status(), 405);
}

#[tokio::test]
async fn an_idle_stream_sends_comments_and_a_shutdown_ends_it_without_a_complete() {
    let mut server = TestServer::with_flags(&["--keep-alive=1s"]).await;
    server.create_user(MOBILE).await;
    let query = "subscription($mobile: String) { sessionAlerts(mobile: $mobile) { kind } }";
    let mut events = EventStream::open(&server, None, query, json!({ "mobile": MOBILE })).await;
    for _ in 0..2 {
        assert_eq!(events.next_block().await.as_deref(), Some(":"));
    }
    server.stop().await;
    while let Some(block) = events.next_block().await {
        assert_eq!(block, ":");
    }
}
