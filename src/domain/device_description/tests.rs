//! Descriptions of the user agents that real programs send.

use proptest::prelude::*;

use super::*;
use crate::domain::text::is_hidden;

fn describe(user_agent: &str) -> DeviceDescription {
    DeviceDescription::of(&UserAgent::parse(user_agent).unwrap())
}

/// The user agent of a browser on WebKit or Chromium.
fn web_kit(system: &str, products: &str) -> String {
    format!("Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) {products}")
}

const ANDROID: &str = "Linux; Android 14; Pixel 8";
const IPHONE: &str = "iPhone; CPU iPhone OS 17_5 like Mac OS X";
const MAC: &str = "Macintosh; Intel Mac OS X 10_15_7";
const WINDOWS: &str = "Windows NT 10.0; Win64; x64";

#[test]
fn a_browser_is_described_by_name_version_and_system() {
    for (user_agent, label) in [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
                .to_owned(),
            "Firefox 128 on Windows",
        ),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0".to_owned(),
            "Firefox 128 on Android",
        ),
        (
            web_kit(ANDROID, "Chrome/126.0.0.0 Mobile Safari/537.36"),
            "Chrome 126 on Android",
        ),
        (
            web_kit(
                "X11; CrOS x86_64 14541.0.0",
                "Chrome/126.0.0.0 Safari/537.36",
            ),
            "Chrome 126 on ChromeOS",
        ),
        (
            web_kit(WINDOWS, "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87"),
            "Edge 126 on Windows",
        ),
        (
            web_kit(WINDOWS, "Chrome/126.0.0.0 Safari/537.36 OPR/112.0.0.0"),
            "Opera 112 on Windows",
        ),
        (
            web_kit(
                ANDROID,
                "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
            ),
            "Samsung Internet 25 on Android",
        ),
        (
            web_kit(IPHONE, "Version/17.5 Mobile/15E148 Safari/604.1"),
            "Safari 17 on iPhone",
        ),
        (
            web_kit(IPHONE, "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1"),
            "Chrome 126 on iPhone",
        ),
        (
            web_kit(MAC, "Chrome/126.0.0.0 Safari/537.36"),
            "Chrome 126 on macOS",
        ),
        // An iPad sends the user agent of a Mac.
        (
            web_kit(MAC, "Version/17.5 Safari/605.1.15"),
            "Safari 17 on macOS or iPadOS",
        ),
        (
            web_kit(MAC, "Version/12.1 Safari/605.1.15"),
            "Safari 12 on macOS",
        ),
        (
            web_kit(MAC, "CriOS/126.0 Version/17.5 Safari/605.1.15"),
            "Chrome 126 on iPad",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko".to_owned(),
            "Internet Explorer 11 on Windows",
        ),
        (
            "Opera/9.80 (Windows NT 6.1; U; en) Presto/2.12.388 Version/12.16".to_owned(),
            "Opera 12 on Windows",
        ),
    ] {
        let description = describe(&user_agent);
        assert_eq!(description.label, label);
        let browser = description.browser.as_deref().unwrap();
        assert!(label.starts_with(browser), "{browser}");
        assert_eq!(description.in_sentence(), label);
    }
}

#[test]
fn an_app_or_a_library_keeps_its_own_name_and_nothing_is_added() {
    for (user_agent, label) in [
        ("BankApp/1 CFNetwork/1498 Darwin/23.6.0", "BankApp 1"),
        ("BankApp/3.2 (Android 14; Pixel 8)", "BankApp 3 on Android"),
        (
            "BankApp/3.2 (Linux; Android 14) okhttp/4.12.0",
            "BankApp 3 on Android",
        ),
        (
            "BankApp/3.2 (iPhone; iOS 17.5; Scale/3.00)",
            "BankApp 3 on iPhone",
        ),
        ("Überland/0.16 (iPhone; iOS 17.5)", "Überland 0 on iPhone"),
        ("curl/8.5.0", "curl 8"),
        ("Java/17", "Java 17"),
        ("Java/1.8.0_392", "Java 1"),
        ("okhttp/4.12.0", "okhttp 4"),
        (
            "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A)",
            "Dalvik 2 on Android",
        ),
        ("Dart/3.4 (dart:io)", "Dart 3"),
        ("PostmanRuntime/7.40.0", "PostmanRuntime 7"),
        ("python-requests/2.32.3", "python-requests 2"),
        ("axios/1.7.2", "axios 1"),
        ("node", "node"),
        ("Go-http-client/2.0", "Go-http-client 2"),
    ] {
        let description = describe(user_agent);
        assert_eq!(description.label, label);
        assert_eq!(description.browser, None, "{user_agent}");
        assert_eq!(description.in_sentence(), format!("“{label}”"));
    }
    let unknown = describe("unknown");
    assert_eq!(unknown.in_sentence(), "unknown");
    assert_eq!(unknown.label, "unknown");
}

#[test]
fn a_web_view_and_a_crawler_are_named_as_such() {
    for (user_agent, label) in [
        (
            web_kit(
                "Linux; Android 14; Pixel 8; wv",
                "Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36",
            ),
            "Android WebView 126",
        ),
        (
            web_kit(
                "Linux; Android 14; Pixel 8; wv",
                "Version/4.0 Chrome/126.0.6478.71 Mobile Safari/537.36 BankApp/3.2",
            ),
            "BankApp 3 on Android",
        ),
        (web_kit(IPHONE, "Mobile/15E148"), "iPhone"),
        (
            web_kit(IPHONE, "Mobile/15E148 [FBAN/FBIOS;FBAV/469.0]"),
            "iPhone",
        ),
        (
            web_kit(
                MAC,
                "Slack/4.38.125 Chrome/126.0.0.0 Electron/31.0.1 Safari/537.36",
            ),
            "Slack 4 on macOS",
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".to_owned(),
            "Googlebot 2",
        ),
        ("Mozilla/5.0".to_owned(), "Mozilla/5.0"),
    ] {
        assert_eq!(describe(&user_agent).label, label);
    }
}

#[test]
fn a_device_cannot_continue_the_sentence_that_names_it() {
    for (user_agent, in_sentence) in [
        ("Thunder Client", "“Thunder Client”"),
        ("Thunder Client (https://example.com)", "“Thunder Client”"),
        ("iOS Example/1.0 (build:1; iOS 13.0.0)", "“iOS Example 1”"),
        (
            "your iPhone at 198.51.100.99",
            "“your iPhone at 198.51.100.99”",
        ),
        ("a” at 198.51.100.99. “b", "“a' at 198.51.100.99. 'b”"),
        ("a＂ at 198.51.100.99. ❝b", "“a' at 198.51.100.99. 'b”"),
        ("a\u{13441}at\u{13442}b", "“aatb”"),
        ("It-is-you+tap-any-number", "“It-is-you+tap-any-number”"),
        (
            "Approved_by_your_bank/1 (iPhone)",
            "“Approved_by_your_bank 1 on iPhone”",
        ),
        ("Approved", "“Approved”"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Approved/1",
            "“Approved 1 on iPhone”",
        ),
        ("a'' at 198.51.100.99. ″b", "“a' at 198.51.100.99. 'b”"),
        (
            "\u{202e}99.001.15.891 ta enohPi ruoy",
            "“99.001.15.891 ta enohPi ruoy”",
        ),
        ("בנק", "\u{2068}“בנק”\u{2069}"),
        ("בנק שלי", "\u{2068}“בנק שלי”\u{2069}"),
        ("Bank%E2%80%AEApp/1 CFNetwork/1498", "“BankApp 1”"),
        ("Bank%E2%A0%80App/1 CFNetwork/1498", "“BankApp 1”"),
    ] {
        assert_eq!(describe(user_agent).in_sentence(), in_sentence);
    }
    let label = describe("בנק/3 (Android 14)").label;
    assert_eq!(label, "\u{2068}בנק 3\u{2069} on Android");
}

#[test]
fn a_long_label_is_truncated() {
    assert_eq!(describe(&"x".repeat(100)).label.chars().count(), 65);
    let label = describe(&format!("{}/1 (Android)", "ש".repeat(100))).label;
    assert!(label.starts_with('\u{2068}') && label.ends_with("…\u{2069} on Android"));
}

proptest! {
    #[test]
    fn every_label_is_short_visible_and_clean(user_agent in "(Mozilla/5.0 )?.{0,100}") {
        if let Ok(user_agent) = UserAgent::parse(&user_agent) {
            let DeviceDescription { label, .. } = DeviceDescription::of(&user_agent);
            prop_assert!(!label.is_empty());
            prop_assert!(label.chars().count() <= 65);
            let isolates = ['\u{2068}', '\u{2069}'];
            prop_assert!(!label.chars().any(|c| is_hidden(c) && !isolates.contains(&c)));
        }
    }
}
