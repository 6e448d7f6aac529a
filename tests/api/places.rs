//! Where a login came from, and whether it came from somewhere else.

use serde_json::{Value, json};
use sessiond_test_support::{MOBILE, TestServer, mmdb_file};

const GERMANY: &str = "192.0.2.1";
const FRANCE: &str = "2001:db8:33::1";
const UNKNOWN: &str = "10.0.0.1";

fn places(city: &str) -> Vec<u8> {
    let country = |code: &str, name: &str| json!({ "iso_code": code, "names": { "en": name } });
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
async fn without_a_file_every_place_is_unknown() {
    let server = TestServer::start().await;
    server.create_user(MOBILE).await;
    assert_eq!(
        alert_of(&server, GERMANY, Some("tablet")).await,
        json!({ "isNewPlace": null, "isNewDevice": true, "place": null })
    );
}
