use std::net::IpAddr;

use woothee::parser::Parser;

use super::{DeviceId, UserAgent};

/// Where a login comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The name that the device made up for itself, where it gives one.
    pub id: Option<DeviceId>,
    pub user_agent: UserAgent,
    pub address: IpAddr,
}

/// What a user agent says of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDescription {
    /// One line to show a person, such as `Firefox 128 on Windows`.
    pub label: String,
    /// Name and major version, such as `Firefox 128`.
    pub browser: Option<String>,
    pub operating_system: Option<String>,
}

impl DeviceDescription {
    #[must_use]
    pub fn of(user_agent: &UserAgent) -> Self {
        let parsed = Parser::new().parse(user_agent.as_str());
        let browser = parsed.as_ref().and_then(|found| {
            let major = found.version.split('.').next().and_then(known);
            Some(match (known(found.name)?, major) {
                (name, Some(major)) => format!("{name} {major}"),
                (name, None) => name.to_owned(),
            })
        });
        let operating_system = parsed.as_ref().and_then(|found| known(found.os)).map(|os| {
            // Windows 11 says that it is 10, so no user agent tells the version.
            let os = if os.starts_with("Windows ") && !os.contains("Phone") {
                "Windows"
            } else {
                os
            };
            os.to_owned()
        });
        let label = match (&browser, &operating_system) {
            (Some(browser), Some(os)) => format!("{browser} on {os}"),
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => shortened(user_agent.as_str()),
        };
        Self {
            label,
            browser,
            operating_system,
        }
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "UNKNOWN").then_some(text)
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 64;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(user_agent: &str) -> String {
        DeviceDescription::of(&UserAgent::parse(user_agent).unwrap()).label
    }

    #[test]
    fn a_browser_is_described_by_name_version_and_system() {
        assert_eq!(
            label(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
            ),
            "Firefox 128 on Windows"
        );
        assert_eq!(
            label(
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome 126 on Android"
        );
    }

    #[test]
    fn a_user_agent_that_says_nothing_stands_for_itself() {
        assert_eq!(label("Thunder Client"), "Thunder Client");
        assert_eq!(label(&"x".repeat(100)).chars().count(), 65);
    }
}
