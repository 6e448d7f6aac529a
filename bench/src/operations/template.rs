//! The text of a request, with gaps for the values of its sender.

use std::net::SocketAddr;

use crate::data;

/// The sender of a request: a user, and the values that differ between requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    /// The user's number.
    pub(crate) user: u32,
    /// The token or the cookie.
    pub(crate) credential: &'a str,
    /// A number that no other request of the run has.
    pub(crate) number: u64,
}

/// A piece of a request.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Credential,
    Mobile,
    Number,
}

impl Part {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The length of the values that a body may contain. It does not depend on the value.
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Mobile => data::mobile(0).len(),
            Self::Number => NUMBER_LENGTH,
            // Only headers contain a credential.
            Self::Credential => 0,
        }
    }
}

/// The number of digits of [`Sender::number`].
const NUMBER_LENGTH: usize = 20;

/// A request with gaps for the values of its sender.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    pub(super) fn get(server: SocketAddr, path: &str, headers: &[Part]) -> Self {
        let mut parts = vec![Part::Text(format!(
            "GET {path} HTTP/1.1\r\nhost: {server}\r\n"
        ))];
        parts.extend_from_slice(headers);
        parts.push(Part::text("\r\n"));
        Self(parts)
    }

    pub(super) fn post(server: SocketAddr, headers: &[Part], body: Vec<Part>) -> Self {
        let length: usize = body.iter().map(Part::len).sum();
        let mut parts = vec![Part::Text(format!(
            "POST /graphql HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n"
        ))];
        parts.extend_from_slice(headers);
        parts.push(Part::text("\r\n"));
        parts.extend(body);
        Self(parts)
    }

    /// Replaces the contents of `request` by the request of this sender.
    pub(crate) fn fill(&self, sender: Sender<'_>, request: &mut Vec<u8>) {
        request.clear();
        for part in &self.0 {
            match part {
                Part::Text(text) => request.extend_from_slice(text.as_bytes()),
                Part::Credential => request.extend_from_slice(sender.credential.as_bytes()),
                Part::Mobile => request.extend_from_slice(data::mobile(sender.user).as_bytes()),
                Part::Number => {
                    let number = format!("{:0width$}", sender.number, width = NUMBER_LENGTH);
                    request.extend_from_slice(number.as_bytes());
                }
            }
        }
    }
}

/// Splits a body at the words `MOBILE` and `NUMBER`, each of which it has at most once.
pub(super) fn split(body: &str) -> Vec<Part> {
    let mut parts = vec![Part::text(body)];
    for (word, value) in [("\"MOBILE\"", Part::Mobile), ("\"NUMBER\"", Part::Number)] {
        parts = parts
            .into_iter()
            .flat_map(|part| match &part {
                Part::Text(text) => match text.split_once(word) {
                    Some((before, after)) => vec![
                        Part::Text(format!("{before}\"")),
                        value.clone(),
                        Part::Text(format!("\"{after}")),
                    ],
                    None => vec![part],
                },
                _ => vec![part],
            })
            .collect();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Operation;

    #[test]
    fn the_content_length_is_that_of_the_body_of_every_sender() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut request = Vec::new();
        for operation in [
            Operation::CurrentSession,
            Operation::User,
            Operation::NewestAlert,
            Operation::Login,
        ] {
            for (user, number) in [(0, 0), (99_999, u64::MAX)] {
                let sender = Sender {
                    user,
                    credential: "sd1_token",
                    number,
                };
                operation.template(server).fill(sender, &mut request);
                let text = String::from_utf8(request.clone()).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                let length = format!("\r\ncontent-length: {}\r\n", body.len());
                assert!(head.contains(&length), "{text}");
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
            }
        }
    }
}
