//! The URLs of a server.

use reqwest::Url;

use crate::Error;

/// The URLs that this crate requests.
#[derive(Debug, Clone)]
pub struct Endpoints {
    pub graphql: Url,
    pub verify: Url,
}

impl Endpoints {
    /// Reads the address of a server, with or without `/graphql`.
    pub fn parse(address: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| {
            Error::Setting(format!(
                "`{address}` is not the address of a server, such as http://127.0.0.1:3000: {reason}"
            ))
        };
        let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it must not contain a name or a password"));
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let base = path.strip_suffix("/graphql").unwrap_or(path).to_owned();
        let at = |name: &str| {
            let mut url = url.clone();
            url.set_path(&format!("{base}/{name}"));
            url
        };
        Ok(Self {
            graphql: at("graphql"),
            verify: at("verify"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_may_end_with_graphql() {
        for (address, verify) in [
            ("http://localhost:3000", "http://localhost:3000/verify"),
            (
                "http://localhost:3000/graphql",
                "http://localhost:3000/verify",
            ),
            (
                "https://a.example/sessions/",
                "https://a.example/sessions/verify",
            ),
        ] {
            let endpoints = Endpoints::parse(address).unwrap();
            assert_eq!(endpoints.verify.as_str(), verify);
        }
    }

    #[test]
    fn an_address_that_is_not_http_is_rejected() {
        for address in [
            "",
            "localhost:3000",
            "ftp://a.example",
            "http://a:b@a.example",
        ] {
            let error = Endpoints::parse(address).unwrap_err();
            assert_eq!(error.code(), "INVALID_SETTING", "{address}");
        }
    }
}
