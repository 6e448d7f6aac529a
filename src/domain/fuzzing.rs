//! Checks of the types that hold the texts of clients, for any bytes.

use super::{
    AlertId, AttemptId, DeviceDescription, Mobile, Password, SessionKey, Token, TypedMobile,
    TypedUsername, UserAgent, Username,
    text::{has_visible, is_hidden},
};

/// The longest label of a device: 64 characters and an ellipsis.
const MAX_LABEL_LENGTH: usize = 65;

/// Checks tokens and ids: a text that is accepted is the one form of its value.
///
/// # Panics
/// If a check fails.
pub(crate) fn check_tokens(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(token) = Token::parse(&text) {
        assert_eq!(token.reveal(), text, "a token has one form");
        assert_eq!(format!("{token:?}"), "[token]");
    }
    if let Some(key) = SessionKey::parse(&text) {
        assert!(key.to_string().eq_ignore_ascii_case(&text));
        assert!(
            key.possible_users()
                .is_none_or(|users| users.start() <= users.end())
        );
    }
    if let Some(id) = AttemptId::parse(&text) {
        assert_eq!(id.to_string(), text, "an attempt's id has one form");
    }
    if let Some(id) = AlertId::parse(&text) {
        assert_eq!(id.to_string(), text, "an alert's id has one form");
    }
}

/// Checks user agents and the descriptions of devices that are made from them.
///
/// # Panics
/// If a check fails.
pub(crate) fn check_user_agents(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let user_agents = [
        Some(UserAgent::from_header(Some(data))),
        UserAgent::parse(&text).ok(),
        UserAgent::from_stored(&text).ok(),
    ];
    for user_agent in user_agents.into_iter().flatten() {
        let shown = user_agent.as_str();
        assert!(
            has_visible(shown) && !shown.chars().any(is_hidden),
            "{shown:?}"
        );
        assert!((1..=512).contains(&shown.chars().count()), "{shown:?}");
        let stored = UserAgent::from_stored(shown);
        assert_eq!(
            stored.as_ref(),
            Ok(&user_agent),
            "a stored user agent stays as it is"
        );
        let description = DeviceDescription::of(&user_agent);
        check_label(&description.label);
        let sentence = description.in_sentence();
        assert!(sentence.contains(|c: char| !c.is_whitespace()), "{shown:?}");
    }
}

fn check_label(label: &str) {
    let isolates = ['\u{2068}', '\u{2069}'];
    assert!(
        (1..=MAX_LABEL_LENGTH).contains(&label.chars().count()),
        "{label:?}"
    );
    assert!(
        !label
            .chars()
            .any(|c| is_hidden(c) && !isolates.contains(&c)),
        "{label:?}"
    );
    let count = |isolate| label.matches(isolate).count();
    assert_eq!(
        count(isolates[0]),
        count(isolates[1]),
        "an isolate is open in {label:?}"
    );
}

/// Checks mobile numbers, names of users and passwords: what is stored is accepted again and stays
/// as it is.
///
/// # Panics
/// If a check fails.
pub(crate) fn check_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(mobile) = Mobile::parse(&text) {
        assert_eq!(Mobile::parse(mobile.as_str()).as_ref(), Ok(&mobile));
        assert_eq!(Mobile::from_stored(mobile.as_str()).as_ref(), Ok(&mobile));
        assert!(
            !mobile.masked().contains(mobile.as_str()),
            "the whole number is shown"
        );
        let typed = TypedMobile::parse(&text);
        assert!(
            typed.is_ok_and(|typed| typed.matches(&mobile)),
            "a user must find the number"
        );
    }
    if let Ok(username) = Username::parse(&text) {
        assert_eq!(Username::parse(username.as_str()).as_ref(), Ok(&username));
        assert_eq!(
            Username::from_stored(username.as_str()).as_ref(),
            Ok(&username)
        );
        let typed = TypedUsername::parse(&text);
        assert!(
            typed.is_ok_and(|typed| typed.matches(&username)),
            "a user must find the name"
        );
    }
    if let Ok(password) = Password::parse("password", text.clone().into_owned()) {
        let typed = Password::for_verification("password", text.into_owned());
        let matches = typed.is_ok_and(|typed| typed.candidates().any(|c| c == password.as_bytes()));
        assert!(matches, "a password that was set must be accepted");
    }
}
