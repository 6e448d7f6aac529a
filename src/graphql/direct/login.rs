//! Carries out a login, and writes its payload.

use async_graphql::{InputType, Name};

use super::{
    super::{
        messages,
        schema::{CompletedLogin, LoginInput, LoginOutcome, entering},
    },
    json::Json,
    plan::{Fields, LoginField, Plan},
    write::{Request, Written},
};
use crate::{
    access::Scope,
    domain::UserState,
    service::{self, Login, LoginResult, NewSession},
};

impl Plan {
    /// Carries out a login. Writes its payload if it has succeeded.
    pub(super) async fn write_login(
        &self,
        input: &Name,
        fields: &Fields<LoginField>,
        request: Request<'_>,
    ) -> Written {
        let Some(login) = login(input, request) else {
            return Written::Not(None);
        };
        let Request {
            service,
            client,
            caller,
            cookie,
            ..
        } = request;
        let caller = entering(caller, service, cookie);
        match service.login(&caller, client, login).await {
            Ok(LoginResult {
                outcome: service::LoginOutcome::LoggedIn(opened),
                user,
            }) => {
                let mut json = self.begin(service);
                json.login(fields, &opened, &user);
                json.raw("}}");
                Written::Json(json.body)
            }
            result => Written::Not(Some(Box::new(CompletedLogin::new(result)))),
        }
    }
}

/// Returns the login of a request. Returns `None` if the resolver must reject it, or if it sets a
/// cookie.
fn login(input: &Name, request: Request<'_>) -> Option<Login> {
    let caller = request.caller;
    if caller.is_service() && !caller.has_scope(Scope::Login) {
        return None;
    }
    let input = request.variables.get(input)?.clone();
    let input = LoginInput::parse(Some(input)).ok()?;
    if input.cookie {
        return None;
    }
    input.into_login().ok()
}

impl Json {
    /// Writes the payload of a login that has succeeded. Its caller may see all of the user.
    fn login(&mut self, fields: &Fields<LoginField>, opened: &NewSession, user: &UserState) {
        self.object(fields, "LoginPayload", |json, field| match field {
            LoginField::Outcome => json.name(LoginOutcome::LoggedIn),
            LoginField::Message => json.string(messages::LOGGED_IN),
            LoginField::User(fields) => {
                json.object(fields, "User", |json, field| json.state(field, user));
            }
            LoginField::Session(fields) => json.session(fields, &opened.session),
            LoginField::Token => json.plain(&opened.token.reveal()),
            LoginField::Null => json.null(),
        });
    }
}
