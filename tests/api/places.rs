//! Where a login came from, and whether it came from somewhere else.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer, mmdb_file};

const GERMANY: &str = "192.0.2.1";
const FRANCE: &str = "2001:db8:33::1";
const UNKNOWN: &str = "10.0.0.1";

fn country(code: &str, name: &str) -> Value {
    json!({ "iso_code": code, "names": { "en": name } })
}

fn places(city: &str) -> Vec<u8> {
    mmdb_file(&[
        (
            "192.0.2.0/24",
            json!({
                "country": country("DE", "Germany"),
                "city": { "names": { "en": city, "de": "Köln" } },
                "traits": { "autonomous_system_organization": "Example Net" },
            }),
        ),
        (
            "2001:db8:33::/48",
            json!({ "country": country("FR", "France") }),
        ),
    ])
}

async fn alert_of(server: &TestServer, address: &str, device: Option<&str>) -> Value {
    let input = json!({ "ipAddress": address, "deviceId": device, "userAgent": address });
    server.login(MOBILE, input).await;
    let fields = "alerts(first: 1) { nodes { attempt {
        isNewPlace isNewDevice place { countryCode country city network } } } }";
    server.user(MOBILE, fields).await["alerts"]["nodes"][0]["attempt"].clone()
}

#[tokio::test]
async fn a_login_shows_its_place_and_whether_place_and_device_are_new() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.mmdb");
    std::fs::write(&file, places("Cologne")).unwrap();
    let flag = format!("--geoip-file={}", file.display());
    let server = TestServer::with_flags(&[&flag]).await;
    let user = server.create_user(MOBILE).await;
    server.invalidate_session(&user.session).await;
    let phone = json!({ "ipAddress": GERMANY, "deviceId": "phone" });
    let logged_in = server.login(MOBILE, phone).await;
    assert_eq!(logged_in.data("/login/outcome"), "LOGGED_IN");

    assert_eq!(
        alert_of(&server, "192.0.2.99", Some("tablet")).await,
        json!({ "isNewPlace": false, "isNewDevice": true, "place": {
            "countryCode": "DE", "country": "Germany", "city": "Cologne", "network": "Example Net",
        } })
    );
    assert_eq!(
        alert_of(&server, FRANCE, None).await,
        json!({ "isNewPlace": true, "isNewDevice": null, "place": {
            "countryCode": "FR", "country": "France", "city": null, "network": null,
        } })
    );
    assert_eq!(
        alert_of(&server, UNKNOWN, Some("laptop")).await,
        json!({ "isNewPlace": null, "isNewDevice": true, "place": null })
    );

    // A device that once had the session is not new.
    let take_over =
        json!({ "deviceId": "tablet", "onConflict": "TAKE_OVER", "ipAddress": GERMANY });
    server
        .login(MOBILE, take_over)
        .await
        .data_str("/login/token");
    let returning = alert_of(&server, GERMANY, Some("phone")).await;
    assert_eq!(returning["isNewDevice"], false);
    let fields = "activeSession { place { city } }";
    assert_eq!(
        server.user(MOBILE, fields).await["activeSession"]["place"]["city"],
        "Cologne"
    );

    std::fs::write(&file, b"not a database").unwrap();
    server.reload();
    let kept = server.user(MOBILE, fields).await;
    assert_eq!(kept["activeSession"]["place"]["city"], "Cologne");
    std::fs::write(&file, places("Bonn")).unwrap();
    server.reload();
    let renewed = server.user(MOBILE, fields).await;
    assert_eq!(renewed["activeSession"]["place"]["city"], "Bonn");
}

#[tokio::test]
async fn a_waiting_login_that_is_renewed_elsewhere_is_marked_and_alerted_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("places.mmdb");
    std::fs::write(&file, places("Cologne")).unwrap();
    let flag = format!("--geoip-file={}", file.display());
    let server = TestServer::with_flags(&[&flag, "--on-conflict=ask"]).await;
    let user = server.create_user(MOBILE).await;
    server.invalidate_session(&user.session).await;
    server
        .login(MOBILE, json!({ "ipAddress": GERMANY, "deviceId": "phone" }))
        .await;
    // Each row: the address from which the device asks, the number of alerts so far, and the mark of all of them.
    for (address, count, is_new) in [
        ("192.0.2.99", 1, json!(false)),
        ("192.0.2.98", 1, json!(false)),
        (FRANCE, 2, json!(true)),
        (FRANCE, 2, json!(true)),
        (UNKNOWN, 3, Value::Null),
        (GERMANY, 4, json!(false)),
    ] {
        let input = json!({ "ipAddress": address, "deviceId": "tablet", "userAgent": "App/1" });
        let asked = server.login(MOBILE, input).await;
        assert_eq!(asked.data("/login/outcome"), "AWAITING_APPROVAL");
        let fields = "alerts(first: 10) { nodes { kind attempt { id ipAddress isNewPlace } } }";
        let alerts = server.user(MOBILE, fields).await["alerts"]["nodes"].clone();
        let pending = alerts.as_array().unwrap().iter();
        let pending: Vec<_> = pending.filter(|a| a["kind"] == "LOGIN_PENDING").collect();
        assert_eq!(pending.len(), count, "{address}");
        for alert in pending {
            let attempt = &alert["attempt"];
            assert_eq!(attempt["ipAddress"], address);
            assert_eq!(attempt["isNewPlace"], is_new, "{address}");
            assert_eq!(attempt["id"], alerts[0]["attempt"]["id"]);
        }
    }
}

#[tokio::test]
async fn without_a_file_every_place_is_unknown() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    assert_eq!(
        alert_of(&server, GERMANY, Some("tablet")).await,
        json!({ "isNewPlace": null, "isNewDevice": true, "place": null })
    );
}

/// The file of `playground/e2e/places.test.ts`, with the networks of `playground/src/demo/devices.ts`.
#[test]
fn the_browser_tests_have_a_place_for_each_network_of_the_playground() {
    const FILE: &str = "playground/e2e/places.mmdb";
    let place = |code: &str, name: &str, city: &str| {
        json!({
            "country": country(code, name),
            "city": { "names": { "en": city } },
            "traits": { "autonomous_system_organization": "Example Net" },
        })
    };
    let expected = mmdb_file(&[
        ("203.0.113.0/24", place("PT", "Portugal", "Lisbon")),
        ("198.51.100.0/24", place("PT", "Portugal", "Porto")),
        ("192.0.2.0/24", place("BR", "Brazil", "São Paulo")),
    ]);
    if std::env::var_os("RENEW_PLACES").is_some() {
        std::fs::write(FILE, &expected).unwrap();
    }
    let file = std::fs::read(FILE).unwrap();
    assert!(file == expected, "renew {FILE} with RENEW_PLACES=1");
}
