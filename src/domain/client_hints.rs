//! Client hints: what a browser says about itself beside its user agent.

/// The values of the user-agent client hints (<https://wicg.github.io/ua-client-hints/>) that a
/// request has. Only browsers on Chromium send them. They are as easy to forge as a user agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHints {
    /// `Sec-CH-UA`: the brands of the browser, each with its major version.
    pub brands: Vec<(String, String)>,
    /// `Sec-CH-UA-Platform`: the name of the operating system.
    pub platform: Option<String>,
    /// `Sec-CH-UA-Platform-Version`: its version, which user agents no longer contain.
    pub platform_version: Option<String>,
    /// `Sec-CH-UA-Model`: the model of a phone or tablet, which user agents no longer contain.
    pub model: Option<String>,
}
