//! The secrets of webhooks, and the signatures that they make.

use std::fmt::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The beginning of each secret.
const PREFIX: &str = "whsec_";

/// The bytes of a secret that the specification permits.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The maximum number of secrets: a message carries a signature of each.
const MAX_SECRETS: usize = 8;

/// The reason why a text does not contain secrets. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretsError {
    /// There is no secret.
    #[error("has no secret")]
    Empty,
    /// A secret has another form.
    #[error(
        "has a secret that is not `whsec_` and the base64 of 24 to 64 random bytes: try \
         `echo whsec_$(openssl rand -base64 32)`"
    )]
    Form,
    /// There are too many secrets.
    #[error("has more than {MAX_SECRETS} secrets: remove the old ones")]
    TooMany,
}

/// The secrets that sign each message: one, or several while receivers change from one to another.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Hmac<Sha256>>);

impl WebhookSecrets {
    /// Parses secrets that are separated by spaces, commas or line ends.
    ///
    /// # Errors
    /// [`SecretsError`] if there is none, or one of them has another form.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let texts = text.split(|c: char| c.is_whitespace() || c == ',');
        let secrets: Vec<_> = texts
            .filter(|text| !text.is_empty())
            .map(parse_one)
            .collect::<Result<_, _>>()?;
        match secrets.len() {
            0 => Err(SecretsError::Empty),
            1..=MAX_SECRETS => Ok(Self(secrets)),
            _ => Err(SecretsError::TooMany),
        }
    }

    /// Returns the value of the header `webhook-signature`: one signature for each secret.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut header = String::new();
        for secret in &self.0 {
            let mut mac = secret.clone();
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            let separator = if header.is_empty() { "" } else { " " };
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            let _ = write!(header, "{separator}v1,{signature}");
        }
        header
    }
}

fn parse_one(text: &str) -> Result<Hmac<Sha256>, SecretsError> {
    let encoded = text.strip_prefix(PREFIX).ok_or(SecretsError::Form)?;
    let key = STANDARD.decode(encoded).map_err(|_| SecretsError::Form)?;
    if !LENGTHS.contains(&key.len()) {
        return Err(SecretsError::Form);
    }
    Hmac::new_from_slice(&key).map_err(|_| SecretsError::Form)
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} webhook secrets]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(secrets: &str) -> String {
        let secrets = WebhookSecrets::parse(secrets).unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        secrets.sign(id, 1_614_265_330, br#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_example_of_the_specification_has_its_signature() {
        assert_eq!(sign(SECRET), SIGNATURE);
    }

    #[test]
    fn a_message_has_a_signature_of_each_secret_in_their_order() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = sign(&format!("{SECRET}\n{other}\n"));
        assert_eq!(both, format!("{SIGNATURE} {}", sign(&other)));
        assert_eq!(sign(&format!("{SECRET}, {other}")), both);
    }

    #[test]
    fn a_text_that_is_no_secret_is_rejected_and_not_quoted() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        let many = format!("{SECRET} ").repeat(9);
        for (text, expected) in [
            ("", SecretsError::Empty),
            (" \n", SecretsError::Empty),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretsError::Form),
            ("whsec_not base64!", SecretsError::Form),
            (&short, SecretsError::Form),
            (&long, SecretsError::Form),
            (&many, SecretsError::TooMany),
        ] {
            let error = WebhookSecrets::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
        }
        let secrets = WebhookSecrets::parse(SECRET).unwrap();
        assert_eq!(format!("{secrets:?}"), "[1 webhook secrets]");
    }
}
