//! The recipes in `deploy/gateways`, with the real programs. `make gateways` installs the programs
//! and runs these tests.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test awaits or aborts the tasks that it spawns"
)]

mod application;
mod cases;
mod gateway;
mod program;

use self::{gateway::Gateway, program::Program};

/// Defines the tests of each gateway: every case, and those that are named beside the gateway, in a
/// module with its name.
macro_rules! gateways {
    ($($gateway:ident: $program:expr $(, $own:ident)*;)*) => { $( mod $gateway {
        use super::{Gateway, Program, cases};

        gateways! { @cases $program;
            a_valid_token_passes_with_any_method,
            a_valid_cookie_passes_and_another_one_does_not,
            the_application_sees_the_user_and_the_whole_request,
            a_client_cannot_forge_the_headers_of_a_session,
            a_client_cannot_remove_the_headers_of_a_session,
            nothing_but_a_websocket_is_upgraded,
            a_replaced_token_is_rejected_on_the_next_request,
            a_request_without_a_valid_token_gets_401_and_does_not_pass,
            two_authorization_headers_do_not_pass,
            a_post_from_another_origin_passes_with_its_whole_body,
            a_preflight_request_passes_without_a_user_and_any_other_options_request_does_not,
            a_websocket_passes_with_a_token_only,
            nothing_passes_while_sessiond_is_down,
            the_api_is_reachable_and_sees_the_address_of_the_client,
            websockets_and_event_streams_of_the_api_are_not_buffered,
            $($own,)*
        }
    } )* };
    (@cases $program:expr; $($case:ident,)*) => { $(
        #[tokio::test]
        #[ignore = "needs the gateway's program: run `make gateways`"]
        async fn $case() {
            cases::$case(&Gateway::start($program).await).await;
        }
    )* };
}

gateways! {
    nginx: Program::Nginx, the_application_does_not_get_the_cookie_of_the_session;
    caddy: Program::Caddy, the_application_does_not_get_the_cookie_of_the_session;
    haproxy: Program::Haproxy, the_application_does_not_get_the_cookie_of_the_session;
    envoy: Program::Envoy;
}
