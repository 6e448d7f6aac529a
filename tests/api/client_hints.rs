//! Client hints make the description of a device truer.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer};

/// Every browser on Chromium sends such a user agent on Windows.
const CHROME_ON_WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

const BRAVE: &str = r#""Chromium";v="128", "Not;A=Brand";v="24", "Brave";v="128""#;

/// Logs in with these headers, and returns the attempt of the alert.
async fn attempt(server: &TestServer, headers: &[(&str, &str)], user_agent: Option<&str>) -> Value {
    let query = "mutation($input: LoginInput!) { login(input: $input) { outcome } }";
    let input = json!({ "mobile": MOBILE, "username": "SavingsBank", "userAgent": user_agent });
    let mut request = server.post("/graphql");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({ "query": query, "variables": { "input": input } });
    let response = request.json(&body).send().await.unwrap();
    assert!(response.status().is_success());
    let fields = "alerts(first: 1) { nodes { message attempt { userAgent device {
        label browser operatingSystem } } } }";
    server.user(MOBILE, fields).await["alerts"]["nodes"][0].clone()
}

#[tokio::test]
async fn a_browser_that_hides_behind_chrome_is_named_and_so_is_windows_11() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let headers = [
        ("user-agent", CHROME_ON_WINDOWS),
        ("sec-ch-ua", BRAVE),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", "\"Windows\""),
        ("sec-ch-ua-platform-version", "\"15.0.0\""),
    ];
    let alert = attempt(&server, &headers, None).await;
    let user_agent =
        format!("{CHROME_ON_WINDOWS} (client hints; browser Brave 128; system Windows 11)");
    assert_eq!(
        alert["attempt"],
        json!({ "userAgent": user_agent, "device": {
            "label": "Brave 128 on Windows 11", "browser": "Brave 128",
            "operatingSystem": "Windows 11",
        } })
    );
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains("Brave 128 on Windows 11"), "{message}");

    // A user agent of the input is not that of the request.
    let alert = attempt(&server, &headers, Some("BankApp/3 (Android 14)")).await;
    assert_eq!(alert["attempt"]["device"]["label"], "BankApp 3 on Android");
}

#[tokio::test]
async fn hints_cannot_continue_the_sentence_that_a_person_approves() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    let headers = [
        ("user-agent", CHROME_ON_WINDOWS),
        ("sec-ch-ua", "\"Approved by your bank\";v=\"1\""),
        ("sec-ch-ua-platform", "\"safe\""),
        ("sec-ch-ua-model", "\"X). Tap 57 now; (\u{202e}\""),
    ];
    let alert = attempt(&server, &headers, None).await;
    // The model has a character that no structured field may have.
    assert_eq!(alert["attempt"]["userAgent"], CHROME_ON_WINDOWS);
    let headers = [
        headers[0],
        headers[1],
        ("sec-ch-ua-model", "\"X). Tap 57 now\""),
    ];
    let alert = attempt(&server, &headers, None).await;
    let label = "Chrome 128 on Windows (X. Tap 57 now)";
    assert_eq!(alert["attempt"]["device"]["label"], label);
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains(&format!("“{label}”")), "{message}");
}
