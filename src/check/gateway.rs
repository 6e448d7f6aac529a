//! Checks that a gateway asks `/verify`: sends it requests that it must reject.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
};

use super::CheckReport;
use crate::web_client::{self, WebError, WebUrl};

/// A token of the right form that opens no session.
const INVALID_TOKEN: &str =
    "Bearer sd1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Sends requests without a token and with an invalid one to a path that a gateway protects.
pub(super) async fn check_gateway(url: &WebUrl, report: &mut CheckReport) {
    for (request, authorization) in [
        ("without a token", None),
        (
            "with an invalid token",
            Some(HeaderValue::from_static(INVALID_TOKEN)),
        ),
    ] {
        match ask(url, authorization).await {
            Ok(status) => judge(request, url, status, report),
            Err(error) => {
                return report.fail(format!(
                    "the gateway at {url} cannot be asked: {error}; check its address, and that it \
                     runs"
                ));
            }
        }
    }
}

async fn ask(url: &WebUrl, authorization: Option<HeaderValue>) -> Result<StatusCode, WebError> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = url.uri().clone();
    if let Some(authorization) = authorization {
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization);
    }
    Ok(web_client::send(request).await?.status())
}

fn judge(request: &str, url: &WebUrl, status: StatusCode, report: &mut CheckReport) {
    let finding = format!("the gateway at {url} responds to a request {request} with {status}");
    if status == StatusCode::UNAUTHORIZED || status.is_redirection() {
        report.pass(format!(
            "The gateway rejects a request {request} ({status})."
        ));
    } else if status.is_success() {
        report.fail(format!(
            "{finding}: it must ask /verify first, or the URL is not one that it protects; see \
             deploy/gateways"
        ));
    } else if status.is_server_error() {
        report.fail(format!(
            "{finding}: it does not reach /verify; start sessiond, and check the address in the \
             gateway's configuration"
        ));
    } else {
        report.fail(format!(
            "{finding} instead of 401: name a path that it protects"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gateway_that_rejects_the_request_passes() {
        let url = "https://app.example/orders".parse().unwrap();
        for (status, problem) in [
            (401, None),
            (302, None),
            (200, Some("it must ask /verify first")),
            (502, Some("it does not reach /verify")),
            (404, Some("instead of 401")),
        ] {
            let mut report = CheckReport::default();
            let status = StatusCode::from_u16(status).unwrap();
            judge("without a token", &url, status, &mut report);
            match problem {
                None => assert_eq!((report.passed.len(), report.failed.len()), (1, 0)),
                Some(problem) => assert!(report.failed[0].contains(problem), "{report:?}"),
            }
        }
    }
}
