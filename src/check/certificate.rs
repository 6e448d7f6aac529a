//! Checks the certificate of the server: its key, and the dates between which it is valid.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::CheckReport;
use crate::{
    app::load_tls, config::Settings, domain::Timestamp, http::first_certificate, reload::Reload,
};

/// A certificate that ends within this number of days should be renewed. Let's Encrypt recommends to
/// renew a certificate of 90 days when 30 are left.
const RENEWAL_DAYS: i64 = 14;

/// Checks the certificate, if the settings name one.
pub(super) fn check_certificate(settings: &Settings, now: Timestamp, report: &mut CheckReport) {
    match load_tls(settings, &mut Reload::default()) {
        Ok(None) => return,
        Ok(Some(_)) => report.pass("The certificate and its key can be used."),
        Err(error) => return report.fail(error.to_string()),
    }
    let certificate = settings.tls_cert.as_deref().map(first_certificate);
    let Some(Ok(certificate)) = certificate else {
        return;
    };
    match validity(&certificate) {
        Some(validity) => judge(&validity, now.into(), report),
        None => report.warn(
            "the dates of the certificate cannot be read: look at them with `openssl x509 -dates`",
        ),
    }
}

/// The time in which a certificate is valid.
#[derive(Debug, PartialEq, Eq)]
struct Validity {
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
}

fn judge(validity: &Validity, now: DateTime<Utc>, report: &mut CheckReport) {
    let Validity { begins, ends } = validity;
    if now < *begins {
        report.fail(format!(
            "the certificate is not valid before {begins}: use one that is valid, or correct the \
             clock"
        ));
    } else if now > *ends {
        report.fail(format!(
            "the certificate has been invalid since {ends}: renew it, and send SIGHUP to the server"
        ));
    } else {
        let days = (*ends - now).num_days();
        let finding = format!("the certificate is valid until {ends} ({days} days)");
        if days < RENEWAL_DAYS {
            report.warn(format!(
                "{finding}: renew it, and send SIGHUP to the server"
            ));
        } else {
            report.pass(format!(
                "The certificate is valid until {ends} ({days} days)."
            ));
        }
    }
}

/// The tags of DER (X.690) that lead to the dates of a certificate (RFC 5280, section 4.1).
mod tag {
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const VERSION: u8 = 0xa0;
}

/// Reads the dates of a certificate in DER. Returns `None` if it has another form.
fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(certificate, tag::SEQUENCE)?;
    let (mut fields, _) = element(certificate, tag::SEQUENCE)?;
    if fields.first() == Some(&tag::VERSION) {
        fields = skip(fields)?;
    }
    // The serial number, the signature's algorithm and the issuer.
    for _ in 0..3 {
        fields = skip(fields)?;
    }
    let (dates, _) = element(fields, tag::SEQUENCE)?;
    let (begins, dates) = time(dates)?;
    let (ends, _) = time(dates)?;
    Some(Validity { begins, ends })
}

/// Reads an element of DER. Returns its content and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        // The number of bytes of the length.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let value = length
                .iter()
                .fold(0, |value, byte| (value << 8) | usize::from(*byte));
            (value, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*first == tag).then_some((content, rest))
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes, *bytes.first()?).map(|(_, rest)| rest)
}

/// Reads a time. One with two digits for the year is between 1950 and 2049.
fn time(bytes: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let kind = *bytes.first()?;
    let (text, rest) = element(bytes, kind)?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match kind {
        tag::GENERALIZED_TIME => text.to_owned(),
        tag::UTC_TIME if text < "50" => format!("20{text}"),
        tag::UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some((time.and_utc(), rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(begins: i32, ends: i32) -> Vec<u8> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(begins, 2, 3);
        parameters.not_after = date_time_ymd(ends, 2, 3);
        let key = KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    fn date(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_dates_of_a_certificate_are_read() {
        for (begins, ends) in [(1975, 2049), (2026, 2050), (2000, 9999)] {
            let expected = Validity {
                begins: date(&format!("{begins}-02-03T00:00:00Z")),
                ends: date(&format!("{ends}-02-03T00:00:00Z")),
            };
            assert_eq!(validity(&certificate(begins, ends)), Some(expected));
        }
    }

    #[test]
    fn a_damaged_certificate_has_no_dates_and_causes_no_panic() {
        let whole = certificate(2020, 2030);
        for length in 0..whole.len().min(200) {
            let _ = validity(&whole[..length]);
            let mut damaged = whole.clone();
            damaged[length] ^= 0xff;
            let _ = validity(&damaged);
        }
        assert_eq!(validity(&[]), None);
    }

    #[test]
    fn a_certificate_outside_its_dates_fails_the_check_and_one_that_ends_soon_is_a_warning() {
        let validity = Validity {
            begins: date("2026-01-01T00:00:00Z"),
            ends: date("2026-04-01T00:00:00Z"),
        };
        for (now, failed, text) in [
            (
                "2025-12-31T00:00:00Z",
                true,
                "the certificate is not valid before",
            ),
            (
                "2026-01-02T00:00:00Z",
                false,
                "The certificate is valid until",
            ),
            (
                "2026-03-25T00:00:00Z",
                false,
                "Warning: the certificate is valid until",
            ),
            (
                "2026-04-02T00:00:00Z",
                true,
                "the certificate has been invalid since",
            ),
        ] {
            let mut report = CheckReport::default();
            judge(&validity, date(now), &mut report);
            let lines = if failed { report.failed } else { report.passed };
            assert!(lines[0].starts_with(text), "{lines:?}");
        }
    }
}
