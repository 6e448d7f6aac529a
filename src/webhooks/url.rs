//! The URL of a receiver.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::http::{Uri, uri::Scheme};

use crate::{store::ReceiverId, web_client::WebUrl};

/// The URL of a receiver: HTTPS, or HTTP to this machine. Its path and query may contain a secret, so
/// it is shown without them.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(WebUrl);

impl FromStr for WebhookUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PROBLEM: &str = "must be a URL that begins with https://, or with http:// for this \
             machine (127.0.0.1, [::1] or localhost), without a user name or a password";
        let url: WebUrl = text.parse().map_err(|_| PROBLEM)?;
        let uri = url.uri();
        if uri.scheme() == Some(&Scheme::HTTPS) || is_loopback(uri) {
            Ok(Self(url))
        } else {
            Err(PROBLEM)
        }
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

impl WebhookUrl {
    /// Returns the URL as its type of the HTTP library.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// Returns the id of this receiver in the store.
    #[must_use]
    pub fn receiver(&self) -> ReceiverId {
        ReceiverId::of_url(&self.0.to_string())
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.uri();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}", uri.scheme_str().unwrap_or_default())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_reached_over_https_or_on_this_machine() {
        for text in [
            "https://a.example/hooks?key=1",
            "http://127.0.0.1:9000/",
            "http://127.1.2.3",
            "http://[::1]:9000/hooks",
            "http://LOCALHOST:9000",
        ] {
            assert!(text.parse::<WebhookUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "a.example",
            "http://a.example/hooks",
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "ftp://127.0.0.1/",
            "https://user:password@a.example/",
        ] {
            assert!(text.parse::<WebhookUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_path_and_its_query() {
        let url: WebhookUrl = "https://a.example:8443/secret?key=secret".parse().unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "https://a.example:8443 https://a.example:8443"
        );
    }
}
